package authntest_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// TestSignIn drives the host with random histories.
func TestSignIn(t *testing.T) {
	authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host {
		svc, err := authn.New(p.Config())
		if err != nil {
			t.Fatal(err)
		}
		return &host{svc: svc}
	})
}

// host is your host, and its client: here both are a few calls.
type host struct {
	svc   *authn.Service
	mu    sync.Mutex
	users []string // of sessions
}

func (h *host) Start(user string) authntest.Seen {
	return authntest.See(h.svc.Begin(context.Background(), authn.Login{User: user}))
}

func (h *host) Do(token string, r authntest.Request) authntest.Seen {
	ev, err := authn.ParseEvent(r.Event, authn.Fields{Factor: r.Factor, Code: authn.Code(r.Code)})
	if err != nil {
		return authntest.See(nil, err)
	}
	return authntest.See(h.svc.Do(context.Background(), authn.StateToken(token), ev))
}

func (h *host) Redeem(session string) authntest.Seen {
	a, err := h.svc.Redeem(context.Background(), authn.SessionToken(session))
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.users = append(h.users, a.User)
	}
	return authntest.See(nil, err)
}

func (h *host) Sessions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.users)
}
