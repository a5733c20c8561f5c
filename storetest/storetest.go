// Package storetest has conformance tests for implementations of
// [authn.Store], and store wrappers that inject faults into a host's tests.
//
// # Testing a store
//
// A store conforms if it passes [Run]:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) authn.Store { return new(memstore.Store) })
//	}
//
// Each subtest checks one sentence of the contract and prints it on failure.
// "paths" is [Replay]: it runs a service on the store and compares the answers
// with recorded ones. "model" compares the store with a map over random
// sequences of calls; RAPID_CHECKS=1000 in the environment runs more of them.
// The cases for an [authn.Sweeper], an [authn.Clock] or an [authn.Lister] run if the
// store is one.
//
// A store that keeps its records outside the process should use a [Harness].
// With it, the suite uses two clients at once, and closes or kills the store
// and opens it again. A [Process] is a client that can be killed.
//
// # Testing with a store
//
// [Faulty] injects errors, delays, panics and damaged records according to a
// [Plan]. [Gate] and [Interleave] hold each call of a client, so that the test
// chooses the order. [Counter] counts calls. Each wraps any store and returns
// an [authn.Sweeper] if the wrapped store is one. None returns an [authn.Clock],
// so that the time of a test need not be the store's, and none an [authn.Lister].
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// Run tests the store that open returns. It calls open once for each subtest
// and once for each of the about 100 runs of the model. Each store must be
// empty, and open registers its cleanup with t. For a store on a server, open
// should create a new key space (a table, a prefix), not a new server.
func Run(t *testing.T, open func(t *testing.T) authn.Store) {
	Harness{Open: open}.Run(t)
}

// A Harness makes the stores that [Harness.Run] tests. Only Open is required.
type Harness struct {
	// Open returns an empty store, as in [Run].
	Open func(t *testing.T) authn.Store

	// Second returns another client of the data of s, which Open returned.
	// It has its own connections and caches, as in another process. The cases
	// then use both clients.
	Second func(t *testing.T, s authn.Store) authn.Store

	// Reopen stops s, which Open returned, and opens its data again. The more
	// abruptly it stops s (cut the connection, kill the server or the
	// process), the more the test shows. It is called while other goroutines
	// use s; their calls may then fail. If nil, durability is not tested.
	Reopen func(t *testing.T, s authn.Store) authn.Store
}

// Run tests the stores of h like the function [Run].
func (h Harness) Run(t *testing.T) {
	for _, c := range cases() {
		if c.reopens && h.Reopen == nil {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			e := h.env(t)
			if _, ok := e.s.(authn.Sweeper); c.sweeps && !ok {
				t.Skip("not an authn.Sweeper")
			}
			if c.tells && len(e.clocks()) == 0 {
				t.Skip("not an authn.Clock")
			}
			if c.lists && len(e.listers()) == 0 {
				t.Skip("not an authn.Lister")
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := c.check(ctx, e); err != nil {
				t.Errorf("%v\nthe contract: %s", err, c.contract)
			}
		})
	}
	t.Run("paths", func(t *testing.T) {
		e := h.env(t)
		if _, ok := e.s.(authn.Sweeper); !ok {
			t.Skip("not an authn.Sweeper")
		}
		Replay(t, &turns{clients: e.clients()})
	})
	t.Run("model", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			if err := model(rt, h.env(t)); err != nil {
				rt.Error(err)
			}
		})
	})
}

// patience limits the duration of a case, so that one that hangs fails.
const patience = 2 * time.Minute

func (h Harness) env(t *testing.T) *env {
	e := &env{s: h.Open(t)}
	if h.Second != nil {
		e.second = h.Second(t, e.s)
	}
	if h.Reopen != nil {
		e.reopen = func() { e.s, e.second = h.Reopen(t, e.s), nil }
	}
	return e
}

// testCase is one rule. Its check returns an error instead of failing a test,
// so that the tests of the suite can run it against broken stores.
type testCase struct {
	name     string
	contract string // the rule that the case checks, printed on failure
	check    func(context.Context, *env) error
	sweeps   bool // needs an authn.Sweeper
	tells    bool // needs a client that is an authn.Clock
	lists    bool // needs a client that is an authn.Lister
	reopens  bool // needs Harness.Reopen
}

func cases() []testCase {
	var all []testCase
	for _, cs := range [][]testCase{valueCases, versionCases, callCases, raceCases, dueCases, listCases, clockCases, durableCases} {
		all = append(all, cs...)
	}
	return all
}

// env is what a case uses: a store, optionally a second client of the same
// data, and a source of versions.
type env struct {
	s      authn.Store
	second authn.Store // optional
	reopen func()      // replaces s and second; nil if Harness.Reopen is
	drawn  atomic.Uint64
}

// clients returns the one or two clients.
func (e *env) clients() []authn.Store {
	if e.second == nil {
		return []authn.Store{e.s}
	}
	return []authn.Store{e.s, e.second}
}

// client returns the clients in turn.
func (e *env) client(i int) authn.Store {
	all := e.clients()
	return all[i%len(all)]
}

// version returns an unused version, spread over all 64 bits. Versions are
// unique because multiplication by an odd number is a bijection.
func (e *env) version() uint64 { return e.drawn.Add(1) * 0x9e3779b97f4a7c15 }

// record returns a record with a new version.
func (e *env) record(value string) authn.Record {
	return authn.Record{Value: []byte(value), Version: e.version()}
}

// create saves a new record and returns it.
func (e *env) create(ctx context.Context, key, value string) (authn.Record, error) {
	r := e.record(value)
	return r, must("create", e.s.Save(ctx, key, 0, r))
}

// key returns the n-th key, in the form that authn uses.
func key(n int) string { return fmt.Sprintf("%032x", n) }

func must(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// wantIs returns an error unless err wraps target.
func wantIs(what string, err, target error) error {
	if !errors.Is(err, target) {
		return fmt.Errorf("%s: got error %v, want an error that wraps %q", what, err, target)
	}
	return nil
}

// wantRecord returns an error unless each client finds want under key.
func (e *env) wantRecord(ctx context.Context, what, key string, want authn.Record) error {
	for _, s := range e.clients() {
		got, err := s.Load(ctx, key)
		if err != nil {
			return fmt.Errorf("%s: load: %w", what, err)
		}
		if err := same(got, want); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// wantNone returns an error unless no client finds a record under key.
func (e *env) wantNone(ctx context.Context, what, key string) error {
	for _, s := range e.clients() {
		r, err := s.Load(ctx, key)
		if err == nil {
			return fmt.Errorf("%s: there is a record, version %d, %d bytes", what, r.Version, len(r.Value))
		}
		if err := wantIs(what, err, authn.ErrNotFound); err != nil {
			return err
		}
	}
	return nil
}

// first returns the first error that is not nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// same returns an error unless got equals want, with Due within a millisecond.
func same(got, want authn.Record) error {
	if got.Version != want.Version {
		return fmt.Errorf("version is %d, want %d", got.Version, want.Version)
	}
	if d := firstDifference(got.Value, want.Value); d >= 0 {
		return fmt.Errorf("value has %d bytes, want %d; they differ at byte %d", len(got.Value), len(want.Value), d)
	}
	if got.Due.IsZero() != want.Due.IsZero() || got.Due.Sub(want.Due).Abs() > time.Millisecond {
		return fmt.Errorf("due is %v, want %v", got.Due, want.Due)
	}
	return nil
}

// firstDifference returns the first index at which a and b differ, or -1.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
