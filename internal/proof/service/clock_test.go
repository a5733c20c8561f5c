package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// clocked is a store with a clock of its own.
type clocked struct {
	authn.Store
	authn.Sweeper
	now   func(ctx context.Context) (time.Time, error)
	asked int
}

func (c *clocked) Now(ctx context.Context) (time.Time, error) {
	c.asked++
	return c.now(ctx)
}

// overdue returns a host with a sign-in whose time is up, on a store that tells the
// time by now and counts its calls.
func overdue(t *testing.T, now func(d *testhost.Host) (time.Time, error)) (*testhost.Host, *clocked, *storetest.Counter) {
	var calls storetest.Counter
	c := new(clocked)
	d := testhost.New(t, func(d *testhost.Host, cfg *authn.Config) {
		s := calls.Wrap(&d.Store)
		c.Store, c.Sweeper = s, s.(authn.Sweeper)
		c.now = func(context.Context) (time.Time, error) { return now(d) }
		cfg.Store = c
	})
	d.MustBegin(t, "ada")
	d.Wait(time.Hour)
	if c.asked != 0 {
		t.Errorf("a step asked for the time")
	}
	return d, c, &calls
}

// Tend refuses to sweep on a node whose clock is further ahead of the store's than
// clocks may differ. It asks once, and changes nothing.
func TestTendOnAClockAhead(t *testing.T) {
	for _, x := range []struct {
		ahead time.Duration
		says  string // "" if Tend does its work
	}{
		{-24 * time.Hour, ""},
		{0, ""},
		{authn.MaxSkew - 1, ""},
		{authn.MaxSkew, ""},
		{authn.MaxSkew + 1, "unavailable: this node's clock is 30s ahead of the store's"},
		{133*time.Second + 900*time.Millisecond, "unavailable: this node's clock is 2m13s ahead of the store's"},
	} {
		d, c, calls := overdue(t, func(d *testhost.Host) (time.Time, error) {
			return d.World.Now().Add(-x.ahead).In(time.FixedZone("", -7*3600)), nil
		})
		loads, saves := calls.Loads(), calls.Saves()
		did, err := d.Tend(t.Context())
		if c.asked != 1 {
			t.Errorf("%v ahead: the store was asked for the time %d times", x.ahead, c.asked)
		}
		if x.says == "" {
			if err != nil || did.Ended != 1 {
				t.Errorf("%v ahead: %+v, %v", x.ahead, did, err)
			}
			continue
		}
		if !errors.Is(err, authn.ErrUnavailable) || err.Error() != x.says || did != (authn.Tended{}) {
			t.Errorf("%v ahead: %+v, %v", x.ahead, did, err)
		}
		if calls.Loads() != loads || calls.Saves() != saves || calls.Dues() != 0 {
			t.Errorf("%v ahead: %d loads, %d saves, %d dues", x.ahead, calls.Loads()-loads, calls.Saves()-saves, calls.Dues())
		}
	}
}

// A store that has a clock and does not tell the time stops Tend too.
func TestTendWithoutTheTime(t *testing.T) {
	for name, now := range map[string]func() (time.Time, error){
		"an error": func() (time.Time, error) { return testhost.Start.Add(time.Hour), authntest.ErrDown },
		"a panic":  func() (time.Time, error) { panic("123456") },
		"no time":  func() (time.Time, error) { return time.Time{}, nil },
	} {
		d, _, calls := overdue(t, func(*testhost.Host) (time.Time, error) { return now() })
		did, err := d.Tend(t.Context())
		if !errors.Is(err, authn.ErrUnavailable) || strings.Contains(err.Error(), "123456") || did != (authn.Tended{}) || calls.Dues() != 0 {
			t.Errorf("%s: %+v, %v, %d dues", name, did, err, calls.Dues())
		}
		if name == "an error" && (!errors.Is(err, authntest.ErrDown) || !strings.Contains(err.Error(), "clock")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A store that takes long to tell the time does not make the node look ahead.
func TestTendOnASlowStore(t *testing.T) {
	d, _, _ := overdue(t, func(d *testhost.Host) (time.Time, error) {
		now := d.World.Now()
		d.Wait(authn.MaxSkew + 1) // on its way back
		return now, nil
	})
	if did, err := d.Tend(t.Context()); err != nil || did.Ended != 1 {
		t.Errorf("%+v, %v", did, err)
	}
}

// The store is asked within the caller's context.
func TestTendAsksInContext(t *testing.T) {
	d, c, _ := overdue(t, nil)
	c.now = func(ctx context.Context) (time.Time, error) { return d.World.Now(), ctx.Err() }
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := d.Tend(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "clock") {
		t.Errorf("%v", err)
	}
}
