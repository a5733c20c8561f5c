package storetest

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/authnfsm/authn"
)

// A Fault is what goes wrong with one call of a store. The zero value is
// nothing. To name the usual ones:
//
//	Fault{Err: errDown}                          // nothing happened
//	Fault{Err: authn.ErrConflict}                // a lost race (for ever, with [Always])
//	Fault{Err: errCut, After: true}              // it happened, and the caller cannot know
//	Fault{Panic: "boom"}                         // in the driver
//	Fault{Panic: "killed", After: true}          // the process dies between the write and the answer
//	Fault{Delay: time.Second}                    // slow
//	Fault{Delay: Forever}                        // hangs until the caller's context ends
//	Fault{Damage: Flip(100)}                     // a rotten bit
//	Fault{Damage: Instead(another)}              // somebody else's record
type Fault struct {
	// Err is what the call returns instead of carrying out anything.
	Err error

	// Panic, if not nil, is what the call panics with instead of returning.
	Panic any

	// After lets the store carry the call out before Err or Panic: what it
	// answered is lost, be it good or bad.
	After bool

	// Delay passes before anything else happens. If the context ends first,
	// the call returns its error and nothing has happened.
	Delay time.Duration

	// Damage changes what a Load that succeeded returns; the store keeps what
	// it has. It is not called for other calls.
	Damage func(authn.Record) authn.Record
}

// Forever is a Delay that only the end of the context ends.
const Forever time.Duration = math.MaxInt64

// A Plan says what goes wrong with each call. It must be safe for concurrent
// use if the store is used so.
type Plan func(Call) Fault

// Always gives f to every call of op, or to every call at all if op is "".
func Always(op Op, f Fault) Plan {
	return func(c Call) Fault {
		if op == "" || op == c.Op {
			return f
		}
		return Fault{}
	}
}

// Nth gives f to the n-th call of op, or to the n-th call of any kind if op is
// "". The first is number 1.
func Nth(op Op, n int, f Fault) Plan {
	return func(c Call) Fault {
		if (op == "" && c.All == n) || (op == c.Op && c.N == n) {
			return f
		}
		return Fault{}
	}
}

// Faulty returns s with the faults of the plan. It counts its calls, for the
// plan, from the moment it is made. It is safe for concurrent use if s and
// plan are, and an [authn.Sweeper] if s is.
func Faulty(s authn.Store, plan Plan) authn.Store {
	var n Counter
	return wrap(s, func(ctx context.Context, c Call, call func() error) error {
		c = n.count(c)
		f := plan(c)
		if err := wait(ctx, f.Delay); err != nil {
			return err
		}
		if f.Err == nil && f.Panic == nil {
			err := call()
			if err == nil && f.Damage != nil && c.Op == Load {
				*c.loaded = f.Damage(*c.loaded)
			}
			return err
		}
		if f.After {
			_ = call() // nobody will know
		}
		if f.Panic != nil {
			panic(f.Panic)
		}
		return f.Err
	})
}

// wait waits for d, or returns the context's error if that ends first.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flip returns a Damage that flips one bit of the value. It counts round from
// the end to the start, and backwards if bit is negative: -1 is the last bit.
func Flip(bit int) func(authn.Record) authn.Record {
	return func(r authn.Record) authn.Record {
		n := 8 * len(r.Value)
		if n == 0 {
			return r
		}
		i := (bit%n + n) % n
		r.Value = bytes.Clone(r.Value)
		r.Value[i/8] ^= 1 << (i % 8)
		return r
	}
}

// Truncate returns a Damage that leaves the first n bytes of the value, or all
// but the last -n if n is negative.
func Truncate(n int) func(authn.Record) authn.Record {
	return func(r authn.Record) authn.Record {
		size := n
		if n < 0 {
			size = max(0, len(r.Value)+n)
		}
		r.Value = bytes.Clone(r.Value[:min(size, len(r.Value))])
		return r
	}
}

// Instead returns a Damage that returns another record: one of another key, or
// an old one of the same key, as a copy from before or a stale read would be.
func Instead(another authn.Record) func(authn.Record) authn.Record {
	another.Value = bytes.Clone(another.Value)
	return func(authn.Record) authn.Record {
		r := another
		r.Value = bytes.Clone(another.Value)
		return r
	}
}
