package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// ticking is a store that tells the time.
type ticking struct {
	*memstore.Store
	now func(ctx context.Context) (time.Time, error)
}

func (s *ticking) Now(ctx context.Context) (time.Time, error) { return s.now(ctx) }

// telling returns a store whose time is that of this machine, changed.
func telling(change func(time.Time) time.Time) authn.Store {
	return &ticking{new(memstore.Store), func(ctx context.Context) (time.Time, error) {
		return change(time.Now()), ctx.Err()
	}}
}

func ahead(d time.Duration) func(time.Time) time.Time {
	return func(t time.Time) time.Time { return t.Add(d) }
}

// unclocked is a store whose clock is down.
var unclocked = &ticking{new(memstore.Store), func(context.Context) (time.Time, error) { return time.Now(), errTest }}

var brokenClocks = []brokenWorld{
	{"takes local time for UTC", "clock", func() *env { return &env{s: telling(ahead(time.Hour))} }},
	{"takes UTC for local time", "clock", func() *env { return &env{s: telling(ahead(-time.Hour))} }},
	{"tells no time", "clock", func() *env { return &env{s: telling(func(time.Time) time.Time { return time.Time{} })} }},
	{"tells the time in seconds", "clock", func() *env {
		return &env{s: telling(func(t time.Time) time.Time { return t.Truncate(time.Second) })}
	}},
	{"tells the time at which it was opened", "clock", func() *env {
		opened := time.Now()
		return &env{s: telling(func(time.Time) time.Time { return opened })}
	}},
	{"tells another time to a second client", "clock", func() *env {
		return &env{s: telling(ahead(0)), second: telling(ahead(-100 * time.Millisecond))}
	}},
	{"has a clock that is down", "clock", func() *env { return &env{s: unclocked} }},
	{"tells the time although the context is over", "clock context over", func() *env {
		return &env{s: &ticking{new(memstore.Store), func(context.Context) (time.Time, error) { return time.Now(), nil }}}
	}},
	{"takes the context's end for a record that is missing", "clock context over", func() *env {
		return &env{s: &ticking{new(memstore.Store), func(ctx context.Context) (time.Time, error) {
			if ctx.Err() != nil {
				return time.Time{}, authn.ErrNotFound
			}
			return time.Now(), nil
		}}}
	}},
}

// TestClocks checks that right clocks conform: in another zone, in milliseconds, and
// as far from this machine's as Tend allows.
func TestClocks(t *testing.T) {
	for name, change := range map[string]func(time.Time) time.Time{
		"another zone":  func(t time.Time) time.Time { return t.In(time.FixedZone("", -7*3600)) },
		"milliseconds":  func(t time.Time) time.Time { return t.Truncate(time.Millisecond) },
		"the next ms":   func(t time.Time) time.Time { return t.Truncate(time.Millisecond).Add(time.Millisecond - 1) },
		"as far ahead":  ahead(authn.MaxSkew),
		"as far behind": ahead(-authn.MaxSkew),
	} {
		e := &env{s: struct{ authn.Store }{new(memstore.Store)}, second: telling(change)}
		for _, c := range clockCases {
			if err := c.check(t.Context(), e); err != nil {
				t.Errorf("%s: %s: %v", name, c.name, err)
			}
		}
	}
}

// TestClockFault checks that an error of a clock is in the error of the case.
func TestClockFault(t *testing.T) {
	if err := clock(t.Context(), &env{s: unclocked}); !errors.Is(err, errTest) {
		t.Error(err)
	}
}

// TestNoClock checks that no wrapper is a Clock: a test may have a time of its own.
func TestNoClock(t *testing.T) {
	for _, s := range []authn.Store{
		new(Counter).Wrap(telling(ahead(0))), NewGate().Wrap(telling(ahead(0))), Faulty(telling(ahead(0)), Always("", Fault{})),
		&turns{}, NewProcess(t).Store("clock"),
	} {
		if _, ok := s.(authn.Clock); ok {
			t.Errorf("%T is a Clock", s)
		}
	}
}
