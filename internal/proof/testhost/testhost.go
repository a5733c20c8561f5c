// Package testhost is a service in a world of its own, for the tests of the
// service: two users, an inbox, a store, an audit trail, and a clock that the
// test moves.
package testhost

import (
	"context"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/memstore"
)

// Start is what the clock of a new host says.
var Start = authntest.Epoch()

// Host is a service with everything it needs.
type Host struct {
	*authn.Service
	Config authn.Config
	Store  memstore.Store
	World  authntest.World
}

// New returns a host that knows ada, whose factor is active, and grace, who
// must enroll. change may put other ports in place; it may be nil.
func New(t testing.TB, change func(*Host, *authn.Config)) *Host {
	t.Helper()
	h := new(Host)
	h.World.Base = &h.Store
	h.World.SetFactors("ada", authn.Factor{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active})
	h.World.SetFactors("grace", authn.Factor{ID: "grace-mail", Type: authn.Email, Address: "grace@example.com", Status: authn.NotSetUp, Locale: "en"})
	h.Config = h.World.Config()
	h.Config.Tenant, h.Config.Store, h.Config.Limiter = "acme", &h.Store, nil
	if change != nil {
		change(h, &h.Config)
	}
	h.Service = h.Open(t)
	return h
}

// Open returns another node on the same store.
func (h *Host) Open(t testing.TB) *authn.Service {
	t.Helper()
	s, err := authn.New(h.Config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Last is the last message that reached a user, of any kind.
func (h *Host) Last(user string) authn.Message {
	if ms := h.World.Messages(user); len(ms) > 0 {
		return ms[len(ms)-1]
	}
	return authn.Message{}
}

// Took are the factors that were handed over as activated.
func (h *Host) Took() (fs []authn.Factor) {
	for _, c := range h.World.Calls(authntest.Activated) {
		fs = append(fs, c.Factor)
	}
	return fs
}

// Audited are the events that the Auditor got.
func (h *Host) Audited() (es []authn.AuditEvent) {
	for _, c := range h.World.Calls(authntest.Audit) {
		es = append(es, c.Event)
	}
	return es
}

// Move gives a user another address.
func (h *Host) Move(user, address string) {
	fs := h.World.FactorsOf(user)
	fs[0].Address = address
	h.World.SetFactors(user, fs...)
}

// Wait moves the clock.
func (h *Host) Wait(by time.Duration) { h.World.Advance(by) }

// MustBegin begins a sign-in that is not refused.
func (h *Host) MustBegin(t testing.TB, user string) *authn.Answer {
	t.Helper()
	return OK(t)(h.Begin(t.Context(), authn.Login{User: user}))
}

// MustDo sends an event that is not refused.
func (h *Host) MustDo(t testing.TB, token authn.StateToken, ev authn.Event) *authn.Answer {
	t.Helper()
	return OK(t)(h.Do(t.Context(), token, ev))
}

// Challenged is a sign-in of ada whose code was sent.
func (h *Host) Challenged(t testing.TB) (*authn.Answer, authn.Code) {
	t.Helper()
	a := h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	return a, h.Last("ada").Code
}

// OK fails the test if there is an error.
func OK(t testing.TB) func(a *authn.Answer, err error) *authn.Answer {
	return func(a *authn.Answer, err error) *authn.Answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// OtherCode is a code of the same form that is not this one.
func OtherCode(c authn.Code) authn.Code {
	return authn.Code('0'+(c[0]-'0'+1)%10) + c[1:]
}

// SendFunc is a Sender.
type SendFunc func(context.Context, authn.Message) error

// Send calls f.
func (f SendFunc) Send(ctx context.Context, m authn.Message) error { return f(ctx, m) }

// AuditFunc is an Auditor.
type AuditFunc func(context.Context, authn.AuditEvent) error

// Audit calls f.
func (f AuditFunc) Audit(ctx context.Context, e authn.AuditEvent) error { return f(ctx, e) }
