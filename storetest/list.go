package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

var listCases = []testCase{
	{name: "list", check: list, lists: true,
		contract: "Keys yields the key of each record whose Due is not zero, of no record that was deleted before, and ends when the caller wants no more."},
	{name: "list while saving", check: listWhileSaving, lists: true,
		contract: "Keys yields at least once the keys of records that are there from the beginning to the end, and does not hold up saves between two keys."},
	{name: "list context over", check: listContextOver, lists: true,
		contract: "If the context has ended, Keys yields an error, which is neither ErrConflict nor ErrNotFound, with the key \"\", and nothing after it."},
}

// listers returns the clients that are an [authn.Lister].
func (e *env) listers() (all []authn.Lister) {
	for _, s := range e.clients() {
		if l, ok := s.(authn.Lister); ok {
			all = append(all, l)
		}
	}
	return all
}

// wantKeys returns an error unless each client yields the keys of want, and besides at
// most those of others.
func (e *env) wantKeys(ctx context.Context, what string, want, others map[string]time.Time) error {
	for _, l := range e.listers() {
		got := map[string]bool{}
		for k, err := range l.Keys(ctx) {
			if err != nil {
				return must(what, err)
			}
			_, wanted := want[k]
			if _, other := others[k]; !wanted && !other {
				return fmt.Errorf("%s: key %q is not that of a record", what, k)
			}
			got[k] = true
		}
		for k := range want {
			if !got[k] {
				return fmt.Errorf("%s: key %q is missing", what, k)
			}
		}
	}
	return nil
}

func list(ctx context.Context, e *env) error {
	if err := e.wantKeys(ctx, "keys of an empty store", nil, nil); err != nil {
		return err
	}
	const n = 60
	times := make([]time.Time, n)
	for i := range times { // many at the same time, long ago and far away
		times[i] = date.AddDate(i%3*100-100, 0, 0).Add(time.Duration(i/6) * time.Second)
	}
	all, err := e.fill(ctx, times)
	if err != nil {
		return err
	}
	never, gone := map[string]time.Time{key(n): {}}, e.record("value")
	gone.Due = date
	if err := first(
		must("create", e.s.Save(ctx, key(n), 0, e.record("value"))),
		must("create", e.s.Save(ctx, key(n+1), 0, gone)),
		must("delete", e.s.Save(ctx, key(n+1), gone.Version, authn.Record{})),
		e.wantKeys(ctx, "keys", all, never),
	); err != nil {
		return err
	}
	for _, l := range e.listers() {
		for range l.Keys(ctx) {
			break // a store that goes on makes the loop panic
		}
	}
	return nil
}

// listWhileSaving saves a record of its own, and another one, after each key.
func listWhileSaving(ctx context.Context, e *env) error {
	const n = 20
	all, versions := map[string]time.Time{}, map[string]uint64{}
	for i := range n {
		r := e.record("value")
		r.Due = date.Add(time.Duration(i) * time.Second)
		all[key(i)], versions[key(i)] = r.Due, r.Version
		if err := must("create", e.s.Save(ctx, key(i), 0, r)); err != nil {
			return err
		}
	}
	for i, l := range e.listers() {
		seen, others := map[string]bool{}, 0
		for k, err := range l.Keys(ctx) {
			if err != nil {
				return must("keys", err)
			}
			seen[k] = true
			r, other := e.record("again"), e.record("other")
			r.Due, other.Due = date.AddDate(1, 0, 0), date.AddDate(2, 0, 0)
			if old, ok := versions[k]; ok {
				versions[k] = r.Version
				if err := must("save while listing", e.client(i+1).Save(ctx, k, old, r)); err != nil {
					return err
				}
			}
			if others++; others > n {
				continue // new ones may be found in turn
			}
			if err := must("create while listing", e.client(i).Save(ctx, key(100*(i+1)+others), 0, other)); err != nil {
				return err
			}
		}
		for k := range all {
			if !seen[k] {
				return fmt.Errorf("key %q of a record that was there all the time is missing", k)
			}
		}
	}
	return nil
}

func listContextOver(ctx context.Context, e *env) error {
	if _, err := e.create(ctx, key(1), "value"); err != nil {
		return err
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for _, l := range e.listers() {
		var last error
		n := 0
		for k, err := range l.Keys(canceled) {
			if last, n = err, n+1; k != "" {
				return fmt.Errorf("key %q although the context is over", k)
			}
		}
		if err := wantOther("keys", last); err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("%d errors, want one", n)
		}
	}
	return nil
}
