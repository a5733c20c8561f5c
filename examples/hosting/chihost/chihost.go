// Package chihost is a host on chi: the handlers of package web, Okta's API
// beside them, and a limit for each client address.
package chihost

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/web"
)

// Router routes. okta is a handler of package okta, or nil.
func Router(h *web.Host, okta http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, withAddress)
	r.Group(func(r chi.Router) {
		r.Use(http.NewCrossOriginProtection().Handler)
		r.Post("/signin", h.Begin)
		r.Post("/signin/{event}", h.Step)
	})
	if okta != nil {
		r.Mount("/api/v1", okta)
		r.Mount("/login", okta)
	}
	return r
}

type address struct{}

// withAddress tells the Limiter, by way of the context, who asks. Behind a
// proxy the address is in a header that the proxy sets.
func withAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), address{}, host)))
	})
}

// Limiter is an [authn.Limiter]: so many mails in an hour for each client
// address. It is for one process; several share a counter in their cache.
type Limiter struct {
	PerHour int
	Now     func() time.Time // nil: time.Now

	mu   sync.Mutex // guards sent
	sent map[string][]time.Time
}

// Allow implements [authn.Limiter].
func (l *Limiter) Allow(ctx context.Context, _ authn.Attempt) (retryAt time.Time, err error) {
	who, _ := ctx.Value(address{}).(string)
	now := time.Now()
	if l.Now != nil {
		now = l.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	sent := l.sent[who]
	for len(sent) > 0 && !now.Before(sent[0].Add(time.Hour)) {
		sent = sent[1:]
	}
	if len(sent) >= l.PerHour {
		return sent[0].Add(time.Hour), nil
	}
	if l.sent == nil {
		l.sent = map[string][]time.Time{}
	}
	l.sent[who] = append(sent, now)
	return time.Time{}, nil
}
