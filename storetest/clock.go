package storetest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/authnfsm/authn"
)

var clockCases = []testCase{
	{name: "clock", check: clock, tells: true,
		contract: "Now returns the time of the store's clock, which is right, rounded by less than a millisecond; it reads the clock anew for each call."},
	{name: "clock context over", check: clockContextOver, tells: true,
		contract: "A call of Now whose context has ended returns an error, which is neither ErrConflict nor ErrNotFound."},
}

// clocks returns the clients that are an [authn.Clock].
func (e *env) clocks() (all []authn.Clock) {
	for _, s := range e.clients() {
		if c, ok := s.(authn.Clock); ok {
			all = append(all, c)
		}
	}
	return all
}

// play is for the rounding of two answers, and for clocks that are being corrected.
const play = 3 * time.Millisecond

// clock asks the clients in turn. By how much the store's clock is ahead of this
// machine's is known to within the duration of a call, and stays the same.
func clock(ctx context.Context, e *env) error {
	all := e.clocks()
	start := time.Now()
	least, most := time.Duration(math.MinInt64), time.Duration(math.MaxInt64) // ahead
	for i := range 20 {
		before := time.Since(start)
		t, err := all[i%len(all)].Now(ctx)
		after := time.Since(start)
		if err != nil {
			return must("now", err)
		}
		at := t.Sub(start)
		if at-after > authn.MaxSkew || at-before < -authn.MaxSkew {
			return fmt.Errorf("now is %v: %v from the clock of this machine, which may be wrong itself; at most %v are allowed", t, (at - after).Abs(), authn.MaxSkew)
		}
		least, most = max(least, at-after), min(most, at-before)
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	if least-most > play {
		return fmt.Errorf("after %v, the clock has gone %v too far or not far enough", time.Since(start), least-most)
	}
	return nil
}

func clockContextOver(ctx context.Context, e *env) error {
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, date)
	defer cancel()
	for _, c := range e.clocks() {
		for _, over := range []context.Context{canceled, late} {
			_, err := c.Now(over)
			if err := wantOther("now", err); err != nil {
				return err
			}
		}
	}
	return nil
}
