package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
)

var dueCases = []testCase{
	{name: "due", check: due, sweeps: true,
		contract: "Due returns the keys of records whose Due is neither zero nor after before: before itself is included."},
	{name: "due order", check: dueOrder, sweeps: true,
		contract: "Due returns the most overdue first, and up to limit of them."},
	{name: "due changes", check: dueChanges, sweeps: true,
		contract: "Due uses the current record only: it ignores an earlier Due and a deleted record."},
	{name: "due precision", check: duePrecision, sweeps: true,
		contract: "A store may round Due, but by less than a millisecond."},
	{name: "due race", check: dueRace, sweeps: true,
		contract: "During concurrent saves, Due returns no key twice, no key that was never due, and every due key that nobody saves."},
}

// wantDue returns an error unless each client returns the due keys of want,
// which holds the due time of every record of the store.
func (e *env) wantDue(ctx context.Context, what string, want map[string]time.Time, before time.Time, limit int) error {
	for _, s := range e.clients() {
		got, err := askDue(ctx, s, before, limit)
		if err == nil {
			err = sameDue(got, want, before, limit)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// askDue calls Due of s, which must be a Sweeper because another client is.
func askDue(ctx context.Context, s authn.Store, before time.Time, limit int) ([]string, error) {
	sw, ok := s.(authn.Sweeper)
	if !ok {
		return nil, fmt.Errorf("%T is not an authn.Sweeper, but another client of the same data is", s)
	}
	return sw.Due(ctx, before, limit)
}

// sameDue returns an error unless got is what [authn.Sweeper] specifies. Keys
// with the same due time may be in any order.
func sameDue(got []string, want map[string]time.Time, before time.Time, limit int) error {
	var times []time.Time
	for _, at := range want {
		if !at.IsZero() && !at.After(before) {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	times = times[:max(0, min(limit, len(times)))]
	if len(got) != len(times) {
		return fmt.Errorf("due up to %v, limit %d: got %d keys, want %d", before, limit, len(got), len(times))
	}
	seen := map[string]bool{}
	for i, k := range got {
		if at, ok := want[k]; !ok || !at.Equal(times[i]) {
			return fmt.Errorf("due up to %v, limit %d: key %d is %q, due at %v, want one that is due at %v", before, limit, i, k, at, times[i])
		}
		if seen[k] {
			return fmt.Errorf("due up to %v, limit %d: key %q is returned twice", before, limit, k)
		}
		seen[k] = true
	}
	return nil
}

// fill creates one record for each time and returns all of them by key.
func (e *env) fill(ctx context.Context, times []time.Time) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	for i, at := range times {
		r := e.record("value")
		r.Due = at
		all[key(i)] = at
		if err := must("create", e.client(i).Save(ctx, key(i), 0, r)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func due(ctx context.Context, e *env) error {
	far := date.AddDate(200, 0, 0)
	if err := e.wantDue(ctx, "empty store", nil, far, 10); err != nil {
		return err
	}
	all, err := e.fill(ctx, []time.Time{{}, date, date.Add(time.Second), {}, date.Add(time.Hour), date.AddDate(100, 0, 0)})
	if err != nil {
		return err
	}
	for _, before := range []time.Time{
		{}, date.Add(-time.Millisecond), date, date.Add(time.Millisecond),
		date.Add(time.Second - time.Millisecond), date.Add(time.Second),
		date.Add(time.Hour).In(time.FixedZone("", -7*3600)), far,
	} {
		if err := e.wantDue(ctx, "six records", all, before, 10); err != nil {
			return err
		}
	}
	return nil
}

func dueOrder(ctx context.Context, e *env) error {
	const n = 150
	times := make([]time.Time, n)
	for i := range times { // in a mixed order, some at the same time, some a millisecond apart
		times[i] = date.Add(time.Duration(i*37%n/2)*time.Second + time.Duration(i%3)*time.Millisecond)
	}
	all, err := e.fill(ctx, times)
	if err != nil {
		return err
	}
	for _, before := range []time.Time{date, date.Add(n / 4 * time.Second), date.Add(n * time.Second)} {
		for _, limit := range []int{math.MinInt, -1, 0, 1, 2, 10, n - 1, n, n + 1, math.MaxInt32} {
			if err := e.wantDue(ctx, "many records", all, before, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

func dueChanges(ctx context.Context, e *env) error {
	all := map[string]time.Time{}
	versions := map[string]uint64{}
	save := func(n int, r authn.Record) error {
		k := key(n)
		old := versions[k]
		all[k], versions[k] = r.Due, r.Version
		if len(r.Value) == 0 {
			delete(all, k)
			delete(versions, k)
		}
		return first(
			must("save", e.client(n).Save(ctx, k, old, r)),
			e.wantDue(ctx, "after a change", all, date, 10),
		)
	}
	at := func(d time.Duration) authn.Record {
		r := e.record("value")
		r.Due = date.Add(d)
		return r
	}
	for n := range 3 {
		err := first(
			save(n, at(-time.Minute)),
			save(n, at(-time.Hour)),          // earlier
			save(n, at(-time.Second)),        // later
			save(n, at(time.Second)),         // no longer due
			save(n, at(0)),                   // due again
			save(n, e.record("value")),       // never due
			save(n, at(-2*time.Second)),      // due again
			save(n, authn.Record{}),          // deleted
			save(n, e.record("value")),       // created again, never due
			save(n, at(-3*time.Second)),      // due again
			save(n, authn.Record{Due: date}), // deleted
			save(n, at(-4*time.Second)),      // created again, due
		)
		if err != nil {
			return err
		}
	}
	wrong := at(-time.Hour)
	return first(
		wantIs("create over a record", e.s.Save(ctx, key(0), 0, wrong), authn.ErrConflict),
		wantIs("save at another version", e.s.Save(ctx, key(1), wrong.Version, at(time.Hour)), authn.ErrConflict),
		wantIs("save where there is no record", e.s.Save(ctx, key(9), wrong.Version, wrong), authn.ErrConflict),
		e.wantDue(ctx, "after refused saves", all, date, 10),
	)
}

func duePrecision(ctx context.Context, e *env) error {
	for i, part := range []time.Duration{1, 999, 1000, 499_999, 500_000, 999_999, 123_456_789, 999_999_999} {
		r := e.record("value")
		r.Due = date.Add(time.Duration(i)*time.Minute + part)
		one := map[string]time.Time{key(1): r.Due}
		what := fmt.Sprintf("due at a second and %v", part)
		err := first(
			must("create", e.s.Save(ctx, key(1), 0, r)),
			e.wantDue(ctx, what+", a millisecond before", one, r.Due.Add(-time.Millisecond), 10),
			e.wantDue(ctx, what+", a millisecond after", one, r.Due.Add(time.Millisecond), 10),
			must("delete", e.s.Save(ctx, key(1), r.Version, authn.Record{})),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// dueRace calls Due while writers make their records due, make them not due,
// and delete them. Keys below still are not written; of the others every third
// is never due. Writers go on until readers have read enough, and vice versa.
func dueRace(ctx context.Context, e *env) error {
	const still, busy, readers = 20, 30, 2
	for i := range still {
		r := e.record("value")
		r.Due = date.Add(time.Duration(i) * time.Second)
		if err := must("create", e.s.Save(ctx, key(i), 0, r)); err != nil {
			return err
		}
	}
	var written, looks atomic.Int32
	read := func(i int) error {
		defer looks.Add(10) // also after an error
		for {
			over := written.Load() == busy // read once more after the last save
			if err := checkDueRace(ctx, e.client(i), still, busy); err != nil || over {
				return err
			}
			looks.Add(1)
		}
	}
	write := func(i int) error {
		defer written.Add(1)
		var old uint64
		for n := 0; n < 20 || looks.Load() < 10; n++ {
			r := e.record("value")
			if i%3 != 0 {
				r.Due = date.Add(time.Duration(n%4) * time.Hour)
			}
			if n%5 == 4 {
				r = authn.Record{}
			}
			if err := must("save", e.client(i).Save(ctx, key(still+i), old, r)); err != nil {
				return err
			}
			old = r.Version
		}
		return nil
	}
	return first(together(busy+readers, func(i int) error {
		if i < busy {
			return write(i)
		}
		return read(i)
	})...)
}

func checkDueRace(ctx context.Context, s authn.Store, still, busy int) error {
	got, err := askDue(ctx, s, date.Add(2*time.Hour), still+busy)
	if err != nil {
		return must("due", err)
	}
	seen := map[string]bool{}
	for _, k := range got {
		if seen[k] {
			return fmt.Errorf("one answer has key %q twice", k)
		}
		seen[k] = true
	}
	for i := range still {
		if !seen[key(i)] {
			return errors.New("a due record that nobody saved is missing")
		}
		delete(seen, key(i))
	}
	for i := range busy {
		if i%3 != 0 {
			delete(seen, key(still+i))
		}
	}
	for k := range seen {
		return fmt.Errorf("key %q was never due", k)
	}
	return nil
}
