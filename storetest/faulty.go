package storetest

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/authnfsm/authn"
)

// A Fault is a failure of one call of a store. The zero value is none. The
// usual ones:
//
//	Fault{Err: errDown}                          // the call fails without effect
//	Fault{Err: authn.ErrConflict}                // a save conflict (every time, with [Always])
//	Fault{Err: errCut, After: true}              // the call succeeds, but the caller gets an error
//	Fault{Panic: "boom"}                         // the driver panics
//	Fault{Panic: "killed", After: true}          // the process dies between the write and the answer
//	Fault{Delay: time.Second}                    // slow
//	Fault{Delay: Forever}                        // hangs until the caller's context ends
//	Fault{Damage: Flip(100)}                     // a flipped bit
//	Fault{Damage: Instead(another)}              // the record of another key
type Fault struct {
	// Err, if not nil, is what the call returns instead of reaching the store.
	Err error

	// Panic, if not nil, is the value with which the call panics.
	Panic any

	// After makes the call reach the store before Err or Panic. The store's
	// answer is discarded.
	After bool

	// Delay passes before the call. If the context ends first, the call
	// returns the context's error and does not reach the store.
	Delay time.Duration

	// Damage changes the record that a successful Load returns, but not the
	// one in the store. Other calls ignore it.
	Damage func(authn.Record) authn.Record
}

// Forever is a Delay that lasts until the context ends.
const Forever time.Duration = math.MaxInt64

// A Plan returns the fault of each call. It must be safe for concurrent use
// if the store is used concurrently.
type Plan func(Call) Fault

// Always applies f to every call of op, or to every call if op is "".
func Always(op Op, f Fault) Plan {
	return func(c Call) Fault {
		if op == "" || op == c.Op {
			return f
		}
		return Fault{}
	}
}

// Nth applies f to the n-th call of op, or to the n-th call of any kind if op
// is "". The first call is number 1.
func Nth(op Op, n int, f Fault) Plan {
	return func(c Call) Fault {
		if (op == "" && c.All == n) || (op == c.Op && c.N == n) {
			return f
		}
		return Fault{}
	}
}

// Faulty returns s with the faults of the plan. The numbers in each [Call]
// count from the call of Faulty. The store is safe for concurrent use if s and
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
			_ = call()
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

// Flip returns a Damage that flips one bit of the value. Bits are counted
// modulo the size of the value: -1 is the last bit.
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

// Truncate returns a Damage that keeps the first n bytes of the value, or all
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

// Instead returns a Damage that returns another record: of another key, or an
// old one of the same key, as after a restore or a stale read.
func Instead(another authn.Record) func(authn.Record) authn.Record {
	another.Value = bytes.Clone(another.Value)
	return func(authn.Record) authn.Record {
		r := another
		r.Value = bytes.Clone(another.Value)
		return r
	}
}
