// Package testhost is a host in memory, for the tests of the service: a
// directory with two users, an inbox, a store, an audit trail, and a clock that
// the test moves.
package testhost

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// Start is what the clock of a new host says.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Host is a service with everything it needs.
type Host struct {
	*authn.Service
	Config  authn.Config
	Store   memstore.Store
	Inbox   memsender.Sender
	Clock   atomic.Int64 // nanoseconds since 1970
	Mu      sync.Mutex   // guards what follows
	Users   map[string][]authn.Factor
	Took    []authn.Factor // handed over as activated
	Audited []authn.AuditEvent
}

// New returns a host that knows ada, whose factor is active, and grace, who
// must enroll. change may put other ports in place; it may be nil.
func New(t testing.TB, change func(*Host, *authn.Config)) *Host {
	t.Helper()
	h := &Host{Users: map[string][]authn.Factor{
		"ada":   {{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}},
		"grace": {{ID: "grace-mail", Type: authn.Email, Address: "grace@example.com", Status: authn.NotSetUp, Locale: "en"}},
	}}
	h.Clock.Store(Start.UnixNano())
	h.Config = authn.Config{
		Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: []byte("key A for tests: 0123456789abcdef")}},
		PseudonymKey: []byte("pseudonym key for tests: 0123456789"),
		Store:        &h.Store, Mailer: &h.Inbox, Directory: h, Auditor: h,
		Now: func() time.Time { return time.Unix(0, h.Clock.Load()) },
	}
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

// Factors is the host's Directory.
func (h *Host) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	if fs, ok := h.Users[user]; ok {
		return append([]authn.Factor{}, fs...), nil
	}
	return nil, authn.ErrNoUser
}

// Activated is the host's Directory.
func (h *Host) Activated(_ context.Context, key, user string, f authn.Factor) error {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Took = append(h.Took, f)
	f.Status = authn.Active
	h.Users[user] = []authn.Factor{f}
	return nil
}

// Audit is the host's Auditor.
func (h *Host) Audit(_ context.Context, e authn.AuditEvent) error {
	h.Mu.Lock()
	defer h.Mu.Unlock()
	h.Audited = append(h.Audited, e)
	return nil
}

// Wait moves the clock.
func (h *Host) Wait(by time.Duration) { h.Clock.Add(int64(by)) }

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
	return a, h.Inbox.Last("ada@example.com").Code
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
