package authntest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
)

// plain is a host in process that passes on what the service says.
type plain struct {
	s        *authn.Service
	mu       sync.Mutex
	sessions []string
}

func openPlain(t testing.TB, p Ports) Host {
	s, err := authn.New(p.Config())
	if err != nil {
		t.Fatal(err)
	}
	return &plain{s: s}
}

func (h *plain) Start(user string) Seen {
	return See(h.s.Begin(context.Background(), authn.Login{User: user}))
}

func (h *plain) Do(token string, r Request) Seen {
	ev, err := authn.ParseEvent(r.Event, r.Factor, authn.Code(r.Code))
	if err != nil {
		return See(nil, err)
	}
	if r.Key != "" {
		ev = authn.WithKey(r.Key, ev)
	}
	return See(h.s.Do(context.Background(), authn.StateToken(token), ev))
}

func (h *plain) Redeem(session string) Seen {
	a, err := h.s.Redeem(context.Background(), authn.SessionToken(session))
	if err == nil {
		h.mu.Lock()
		h.sessions = append(h.sessions, a.User)
		h.mu.Unlock()
	}
	return See(nil, err)
}

func (h *plain) Sessions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sessions)
}

func (h *plain) Dialect() Dialect { return Dialect{Keys: true} }

func TestRun(t *testing.T) { Run(t, openPlain) }

func TestCover(t *testing.T) {
	cover := map[string]int{}
	check(t, t, openPlain, cover)
	for k, n := range cover {
		t.Log(n, k)
	}
}
