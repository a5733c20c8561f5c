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
	ev, err := authn.ParseEvent(r.Event, authn.Fields{Factor: r.Factor, Code: authn.Code(r.Code)})
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

// TestRun holds that a host without a mistake passes, and that the histories
// come to all that the model speaks of.
func TestRun(t *testing.T) {
	cover := map[string]int{}
	check(t, t, openPlain, cover)
	if cover["start: "] < 2000 { // about 300 histories
		t.Log(cover)
		return
	}
	for event, classes := range map[string][]Class{
		"start":     {OK, TooSoon, Locked, NoFactor, NoUser},
		"challenge": {OK, TooSoon, NotOffered, NotAllowed, Finished},
		"enroll":    {OK, TooSoon, NotOffered, NotAllowed},
		"resend":    {OK, TooSoon, Exhausted, NotOffered, NotAllowed, Finished},
		"verify":    {OK, WrongCode, LateCode, TooSoon, Malformed, NotAllowed, Finished},
		"activate":  {OK, WrongCode, LateCode, Malformed, NoCode, NotAllowed, Finished},
		"previous":  {OK, NotAllowed, Finished},
		"skip":      {Required, NotAllowed},
		"cancel":    {OK, Finished, KeyReused},
		"redeem":    {OK, NotOffered, Finished},
	} {
		for _, c := range classes {
			if cover[event+": "+string(c)] == 0 {
				t.Errorf("%s was never answered with %q", event, c)
			}
		}
	}
}
