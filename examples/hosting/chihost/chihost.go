// Package chihost is a host on chi: the handler of package httphost, Okta's API
// beside it, and a limit for each client.
package chihost

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/client"
)

// Router routes. signIn is a handler of package httphost; okta is one of package okta, or nil.
func Router(signIn, okta http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, func(next http.Handler) http.Handler { return client.Handler("", next) })
	r.Mount("/signin", http.StripPrefix("/signin", signIn))
	if okta != nil {
		r.Mount("/api/v1", okta)
		r.Mount("/login", okta)
	}
	return r
}

// Limiter is an [authn.Limiter]: so many mails in an hour for each client's
// network. It is for one process; several share a counter in their cache.
type Limiter struct {
	PerHour int
	Now     func() time.Time // nil: time.Now

	mu     sync.Mutex // guards what follows
	sent   map[string][]time.Time
	forget time.Time // when to look for networks that have sent nothing for an hour
}

// Allow implements [authn.Limiter]. Only what sends a mail counts.
func (l *Limiter) Allow(ctx context.Context, a authn.Attempt) (retryAt time.Time, err error) {
	switch a.Event {
	case authn.EventClaim, authn.EventEnroll, authn.EventChallenge, authn.EventResend:
	default:
		return time.Time{}, nil
	}
	who, now := client.Network(ctx), time.Now()
	if l.Now != nil {
		now = l.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	sent := lastHour(l.sent[who], now)
	if len(sent) >= l.PerHour {
		return sent[0].Add(time.Hour), nil
	}
	l.sent[who] = append(sent, now)
	return time.Time{}, nil
}

// sweep forgets, once a minute, who has sent nothing for an hour: the memory
// is for the clients of the last hour and not for all that ever came.
func (l *Limiter) sweep(now time.Time) {
	if l.sent == nil {
		l.sent = map[string][]time.Time{}
	}
	if now.Before(l.forget) {
		return
	}
	l.forget = now.Add(time.Minute)
	for who, sent := range l.sent {
		if len(lastHour(sent, now)) == 0 {
			delete(l.sent, who)
		}
	}
}

func lastHour(sent []time.Time, now time.Time) []time.Time {
	for len(sent) > 0 && !now.Before(sent[0].Add(time.Hour)) {
		sent = sent[1:]
	}
	return sent
}
