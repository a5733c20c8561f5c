package authntest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// Epoch is the time at which the clock of a new World stands: noon on the
// first of March 2026, UTC.
func Epoch() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// A World is what surrounds an [authn.Service] in a test: a clock that only
// the test moves, a directory of users, an inbox, an auditor, a limiter and a
// store. It is all of these ports itself, keeps a journal of every call of
// them, and fails on demand.
//
//	var w authntest.World
//	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
//	svc := w.Service(t)
//	a, err := svc.Begin(ctx, authn.Login{User: "ada"})
//	…
//	w.Advance(30 * time.Second)
//	w.Fail(authntest.Save, authntest.Fault{Err: authntest.ErrDown})
//
// The zero value is ready: nobody is in the directory, nothing fails, the
// clock stands at [Epoch]. A World is safe for concurrent use, starts no
// goroutine, and must not be copied. Its exported fields are set before the
// first use and not changed while calls are under way.
type World struct {
	// Base is the store that the World wraps; nil: an empty [memstore.Store].
	Base authn.Store

	// Plan, if not nil, says what goes wrong with a call of a port that
	// neither [World.Fail] nor [World.FailOnce] has a fault for. It is called
	// before the call is carried out, on the caller's goroutine and without
	// a lock: it may call the World, wait, or end the goroutine.
	Plan func(ctx context.Context, c Call) Fault

	// Watch, if not nil, is told of each call of a port after it was carried
	// out or has failed, before its caller learns of it; like Plan, on the
	// caller's goroutine and without a lock.
	Watch func(ctx context.Context, c Call)

	mu      sync.Mutex // guards what follows
	mem     memstore.Store
	moved   time.Duration // of the clock, since Epoch
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

// Now is the World's clock: an [authn.Config] takes it as Now.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Epoch().Add(w.moved)
}

// Advance moves the clock by d, which may be negative: a clock that falls back.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved += d
}

// Mail is an e-mail factor with that address, whose ID is "mail".
func Mail(address string, status authn.Status) authn.Factor {
	return authn.Factor{ID: "mail", Type: authn.Email, Address: address, Status: status}
}

// SetFactors puts a user into the directory, with these factors in place of
// what he had. The World keeps a copy.
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
	e.before, e.now, e.unknown = e.now, slices.Clone(fs), false
}

// Remove takes a user out of the directory: it answers with [authn.ErrNoUser].
func (w *World) Remove(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.users[user]; e != nil {
		e.unknown = true
	}
}

// FactorsOf returns the factors of a user as the directory has them, also of
// one who was removed. The caller owns the result. Unlike [World.Factors] it
// never fails and leaves no trace in the journal.
func (w *World) FactorsOf(user string) []authn.Factor {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.users[user]; e != nil {
		return slices.Clone(e.now)
	}
	return nil
}

// Config returns a configuration with the World in all its ports and keys that
// are good for tests only. The caller owns it, and may put other ports or a
// Policy into it.
func (w *World) Config() authn.Config {
	return authn.Config{
		Tenant: "authntest", Keys: []authn.Key{{ID: 1, Secret: []byte("a key of package authntest, for tests")}},
		PseudonymKey: []byte("a pseudonym key of package authntest"),
		Store:        w, Mailer: w, Directory: w, Auditor: w, Limiter: w, Now: w.Now,
	}
}

// Service returns a service on [World.Config], which each change may alter
// first. Every call makes another node on the same store. The test ends if
// the configuration is refused.
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
