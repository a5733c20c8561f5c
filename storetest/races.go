package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"github.com/authnfsm/authn"
)

var raceCases = []testCase{
	{name: "create race", check: createRace,
		contract: "Of concurrent creates of one record, exactly one succeeds, and its record is stored."},
	{name: "save race", check: saveRace,
		contract: "Of concurrent saves and deletes at one version, exactly one succeeds, and its result is stored."},
	{name: "lost update", check: lostUpdate,
		contract: "Every Save that returns nil has replaced exactly the version that it named, and no later Load returns an older one."},
	{name: "separate keys", check: separateKeys,
		contract: "Concurrent saves under different keys do not conflict."},
}

const (
	crowd   = 100 // goroutines in a race
	writers = 8   // goroutines that increment one record
	each    = 25  // increments of each
)

// together calls f(0), f(1), … f(n-1) at once and returns what they returned.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// winner returns the index of the only nil error. All others must be conflicts.
func winner(errs []error) (int, error) {
	won := -1
	for i, err := range errs {
		switch {
		case err != nil:
			if err := wantIs("a save that lost the race", err, authn.ErrConflict); err != nil {
				return -1, err
			}
		case won >= 0:
			return -1, fmt.Errorf("saves %d and %d of the same version both succeeded", won, i)
		default:
			won = i
		}
	}
	if won < 0 {
		return -1, errors.New("no save won the race")
	}
	return won, nil
}

func createRace(ctx context.Context, e *env) error {
	for round := range 3 {
		rs := make([]authn.Record, crowd)
		for i := range rs {
			rs[i] = e.record(fmt.Sprint("value of ", i))
		}
		won, err := winner(together(crowd, func(i int) error {
			return e.client(i).Save(ctx, key(round), 0, rs[i])
		}))
		if err != nil {
			return err
		}
		if err := e.wantRecord(ctx, "after the race", key(round), rs[won]); err != nil {
			return err
		}
	}
	return nil
}

func saveRace(ctx context.Context, e *env) error {
	now := authn.Record{}
	for round := range 8 {
		if now.Value == nil {
			var err error
			if now, err = e.create(ctx, key(1), "value"); err != nil {
				return err
			}
		}
		rs := make([]authn.Record, crowd)
		for i := range rs {
			if round%4 != 3 || i%2 == 0 { // else a delete
				rs[i] = e.record(fmt.Sprintf("value of %d in round %d", i, round))
			}
		}
		won, err := winner(together(crowd, func(i int) error {
			return e.client(i).Save(ctx, key(1), now.Version, rs[i])
		}))
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if now = rs[won]; now.Value == nil {
			err = e.wantNone(ctx, "after a delete won the race", key(1))
		} else {
			err = e.wantRecord(ctx, "after the race", key(1), now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lostUpdate lets several clients increment a number in one record. Versions
// are unique, so the acknowledged saves must form one chain from the first
// version to the last, and no client may see an older version after a newer.
func lostUpdate(ctx context.Context, e *env) error {
	start := authn.Record{Value: []byte("0"), Version: e.version()}
	if err := must("create", e.s.Save(ctx, key(1), 0, start)); err != nil {
		return err
	}
	tallies := make([]*tally, writers)
	var loaded sync.WaitGroup // by all of them, before the first save
	loaded.Add(writers)
	errs := together(writers, func(i int) error {
		tallies[i] = &tally{env: e, s: e.client(i)}
		return tallies[i].run(ctx, sync.OnceFunc(func() {
			loaded.Done()
			loaded.Wait()
		}))
	})
	if err := first(errs...); err != nil {
		return err
	}
	place := map[uint64]int{start.Version: 0} // of each version in the chain
	next := map[uint64]uint64{}
	for _, c := range tallies {
		for _, step := range c.steps {
			if _, ok := next[step.old]; ok {
				return errors.New("two saves at one version both succeeded: an update is lost")
			}
			next[step.old] = step.new
		}
	}
	last := start.Version
	for v, ok := next[last]; ok; v, ok = next[last] {
		place[v], last = len(place), v
	}
	if n := writers * each; len(place) != n+1 {
		return fmt.Errorf("%d saves were acknowledged, but their chain has only %d versions", n, len(place))
	}
	for _, c := range tallies {
		for i := range c.seen[1:] {
			if place[c.seen[i+1]] < place[c.seen[i]] {
				return errors.New("a load returned an older record than the same client had loaded or saved before")
			}
		}
	}
	return e.wantRecord(ctx, "the final count", key(1),
		authn.Record{Value: strconv.AppendInt(nil, writers*each, 10), Version: last})
}

// tally is one client of lostUpdate.
type tally struct {
	*env
	s     authn.Store
	seen  []uint64                    // the versions it loaded or saved, in order
	steps []struct{ old, new uint64 } // its acknowledged saves
}

// run increments the number. Each conflict is caused by another client's
// successful save, so there cannot be more conflicts than saves. It waits for
// the other clients after its first load.
func (c *tally) run(ctx context.Context, meet func()) error {
	for tries := 0; len(c.steps) < each; tries++ {
		if tries > writers*each {
			return errors.New("there are more conflicts than successful saves that could cause them")
		}
		r, err := c.s.Load(ctx, key(1))
		meet()
		if err != nil {
			return must("load", err)
		}
		count, err := strconv.Atoi(string(r.Value))
		if err != nil {
			return must("load returned a value that was never saved", err)
		}
		c.seen = append(c.seen, r.Version)
		next := c.record(strconv.Itoa(count + 1))
		runtime.Gosched() // else the calls of a fast store in memory hardly overlap
		switch err := c.s.Save(ctx, key(1), r.Version, next); {
		case err == nil:
			c.seen = append(c.seen, next.Version)
			c.steps = append(c.steps, struct{ old, new uint64 }{r.Version, next.Version})
		case !errors.Is(err, authn.ErrConflict):
			return must("save", err)
		}
	}
	return nil
}

func separateKeys(ctx context.Context, e *env) error {
	return first(together(crowd, func(i int) error {
		var old uint64
		for n := range 5 {
			r := e.record(fmt.Sprintf("value %d of %d", n, i))
			if n == 4 {
				r = authn.Record{}
			}
			if err := must("save under a separate key", e.client(n).Save(ctx, key(i), old, r)); err != nil {
				return err
			}
			old = r.Version
		}
		return nil
	})...)
}
