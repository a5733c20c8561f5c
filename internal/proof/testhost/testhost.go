// Package testhost has a service in an [authntest.World], for tests of the
// service: two users, an inbox, a store, an audit trail, and a manual clock.
package testhost

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/memstore"
)

// Start is the time of a new host's clock.
var Start = authntest.Epoch()

// Host is a service with its ports.
type Host struct {
	*authn.Service
	Config authn.Config
	Store  memstore.Store
	World  authntest.World
}

// New returns a host with the users ada, whose factor is active, and grace, who
// must enroll. change may replace ports; it may be nil.
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

// Last returns the last message to a user, of any kind.
func (h *Host) Last(user string) authn.Message {
	if ms := h.World.Messages(user); len(ms) > 0 {
		return ms[len(ms)-1]
	}
	return authn.Message{}
}

// Took returns the factors passed to Activated.
func (h *Host) Took() (fs []authn.Factor) {
	for _, c := range h.World.Calls(authntest.Activated) {
		fs = append(fs, c.Factor)
	}
	return fs
}

// Audited returns the events that the Auditor got.
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

// Wait advances the clock.
func (h *Host) Wait(by time.Duration) { h.World.Advance(by) }

// MustBegin begins a sign-in, which must not be refused.
func (h *Host) MustBegin(t testing.TB, user string) *authn.Answer {
	t.Helper()
	return OK(t)(h.Begin(t.Context(), authn.Login{User: user}))
}

// MustDo sends an event, which must not be refused.
func (h *Host) MustDo(t testing.TB, token authn.StateToken, ev authn.Event) *authn.Answer {
	t.Helper()
	return OK(t)(h.Do(t.Context(), token, ev))
}

// Challenged begins a sign-in of ada and sends a code.
func (h *Host) Challenged(t testing.TB) (*authn.Answer, authn.Code) {
	t.Helper()
	a := h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	return a, h.Last("ada").Code
}

// OK returns a function that returns the answer, or fails the test if there is an
// error.
func OK(t testing.TB) func(a *authn.Answer, err error) *authn.Answer {
	return func(a *authn.Answer, err error) *authn.Answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// AppCode returns the code that an authenticator app shows, as RFC 6238 has it.
func AppCode(secret authn.Secret, at time.Time) authn.Code {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(secret))
	if err != nil {
		panic("not base32")
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return authn.Code(fmt.Sprintf("%06d", n%1000000))
}

// OtherCode returns a different code of the same form.
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
