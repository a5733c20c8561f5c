package authntest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// Epoch returns the time of a new World's clock: noon on March 1, 2026, UTC.
func Epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// A World provides every port of an [authn.Service] in memory: a clock that
// only the test moves, a directory of users, an inbox, an auditor, a limiter
// and a store. It implements these ports itself, records every call of them in
// a journal, and fails on demand.
//
//	var w authntest.World
//	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
//	svc := w.Service(t)
//	a, err := svc.Begin(ctx, authn.Login{User: "ada"})
//	…
//	w.Advance(30 * time.Second)
//	w.Fail(authntest.Save, authntest.Fault{Err: authntest.ErrDown})
//
// The zero value is ready to use: its directory is empty, its clock says
// [Epoch], and nothing fails. A World is safe for concurrent use, starts no
// goroutine, and must not be copied. Set its exported fields before the first
// use, or while no call is in progress.
type World struct {
	// Base is the store that the World wraps; nil: an empty [memstore.Store]. The
	// World is no [authn.Clock], whatever Base is: its own clock need not be Base's.
	Base authn.Store

	// Plan, if not nil, returns the fault of a call for which neither
	// [World.Fail] nor [World.FailOnce] has one. It runs before the call, on
	// the caller's goroutine and without a lock: it may use the World, wait,
	// or end the goroutine.
	Plan func(ctx context.Context, c Call) Fault

	// Watch, if not nil, gets each call after it was carried out or has
	// failed, before it returns; like Plan, on the caller's goroutine and
	// without a lock.
	Watch func(ctx context.Context, c Call)

	mu      sync.Mutex // guards what follows
	mem     memstore.Store
	hook    func(context.Context, Call) Fault // of Run, before Plan
	moved   time.Duration                     // of the clock, since Epoch
	users   map[string]*entry
	always  map[Port]Fault
	once    map[Port][]Fault
	calls   []Call
	counted int
	keys    map[string]bool // of records that were saved
}

// entry is a user in the directory.
type entry struct {
	now, before []authn.Factor
	unknown     bool // authn.ErrNoUser
}

// Now returns the time of the World's clock. It serves as Now in an
// [authn.Config].
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Epoch().Add(w.moved)
}

// Advance moves the clock by d. A negative d moves it back.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved += d
}

// inject sets the hook. Unlike Plan, it may change while calls are in progress.
func (w *World) inject(f func(context.Context, Call) Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = f
}

// Mail returns an email factor with that address and the ID "mail".
func Mail(address string, status authn.Status) authn.Factor {
	return authn.Factor{ID: "mail", Type: authn.Email, Address: address, Status: status}
}

// SetFactors adds a user to the directory, or replaces the user's factors. The
// World keeps a copy.
func (w *World) SetFactors(user string, fs ...authn.Factor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.users[user]
	if e == nil {
		e = new(entry)
		if w.users == nil {
			w.users = map[string]*entry{}
		}
		w.users[user] = e
	}
	e.before, e.now, e.unknown = e.now, copied(fs), false
}

// Remove removes a user from the directory: [World.Factors] then returns
// [authn.ErrNoUser].
func (w *World) Remove(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.users[user]; e != nil {
		e.unknown = true
	}
}

// FactorsOf returns a user's factors, even after [World.Remove]. The caller
// owns the result. Unlike [World.Factors], it never fails and is not recorded
// in the journal.
func (w *World) FactorsOf(user string) []authn.Factor {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.users[user]; e != nil {
		return copied(e.now)
	}
	return nil
}

// Config returns a configuration with the World as every port, and with keys
// for tests. The caller owns it and may replace ports or set a Policy.
func (w *World) Config() authn.Config {
	return authn.Config{
		Tenant: "authntest", Keys: []authn.Key{{ID: 1, Secret: []byte("a key of package authntest, for tests")}},
		PseudonymKey: []byte("a pseudonym key of package authntest"),
		Store:        w, Mailer: w, Directory: w, Auditor: w, Limiter: w, Now: w.Now,
	}
}

// Service returns a service with [World.Config], to which it applies each
// change first. Each call makes another node on the same store. An invalid
// configuration fails the test.
func (w *World) Service(t testing.TB, change ...func(*authn.Config)) *authn.Service {
	t.Helper()
	cfg := w.Config()
	for _, f := range change {
		f(&cfg)
	}
	s, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
