package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) authn.Store { return new(memstore.Store) })
}

func Example() {
	ctx := context.Background()
	var store memstore.Store
	fmt.Println(store.Save(ctx, "key", 0, authn.Record{Value: []byte("sealed"), Version: 7}))
	fmt.Println(store.Save(ctx, "key", 5, authn.Record{Value: []byte("late"), Version: 8}))
	r, err := store.Load(ctx, "key")
	fmt.Printf("%s %v, %d record\n", r.Value, err, store.Len())
	// Output:
	// <nil>
	// memstore: save key: conflict
	// sealed <nil>, 1 record
}

func TestLen(t *testing.T) {
	var s memstore.Store
	for i := range 1000 {
		save(t, &s, i, 0, authn.Record{Value: []byte("x"), Version: 1})
	}
	if s.Len() != 1000 {
		t.Errorf("%d records after 1000 creates", s.Len())
	}
	for i := range 400 {
		save(t, &s, i, 1, authn.Record{Value: []byte("y"), Version: 2})
		save(t, &s, i, 2, authn.Record{})
	}
	if s.Len() != 600 {
		t.Errorf("%d records after 400 deletes", s.Len())
	}
}

// TestErrors checks that errors wrap the context's error.
func TestErrors(t *testing.T) {
	var s memstore.Store
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, load := s.Load(ctx, "k")
	_, due := s.Due(ctx, time.Now(), 1)
	for _, err := range []error{load, due, s.Save(ctx, "k", 0, authn.Record{Value: []byte("x"), Version: 1})} {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// TestDueMany changes a few thousand due times at random and compares Due with
// a sort of all: many records in each shard, many shards in each answer.
func TestDueMany(t *testing.T) {
	var s memstore.Store
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC)
	dues := make([]time.Time, 3000)
	versions := make([]uint64, len(dues))
	for round := range 5 {
		for range 4000 {
			i := r.IntN(len(dues))
			rec := authn.Record{Value: []byte("x"), Version: r.Uint64() | 1}
			dues[i] = time.Time{}
			switch r.IntN(5) {
			case 0:
				if versions[i] != 0 {
					rec = authn.Record{}
				}
			case 1: // not due
			default:
				dues[i] = start.Add(time.Duration(r.IntN(3600)) * time.Second)
				rec.Due = dues[i]
			}
			save(t, &s, i, versions[i], rec)
			versions[i] = rec.Version
		}
		for _, limit := range []int{1, 10, 100, 1000, 5000, math.MaxInt} {
			before := start.Add(time.Duration(r.IntN(3600)) * time.Second)
			checkDue(t, &s, fmt.Sprint("round ", round), dues, before, limit)
		}
		checkDue(t, &s, "the end", dues, start.Add(time.Hour), math.MaxInt)
	}
}

func checkDue(t *testing.T, s *memstore.Store, what string, dues []time.Time, before time.Time, limit int) {
	t.Helper()
	at := map[string]time.Time{}
	var want, got []time.Time
	for i, d := range dues {
		at[key(i)] = d
		if !d.IsZero() && !d.After(before) {
			want = append(want, d)
		}
	}
	slices.SortFunc(want, time.Time.Compare)
	want = want[:min(limit, len(want))]
	keys, err := s.Due(t.Context(), before, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		got = append(got, at[k])
		delete(at, k) // count it once
	}
	if !slices.EqualFunc(got, want, time.Time.Equal) {
		t.Fatalf("%s, limit %d: got %d keys, want %d, or the order is wrong", what, limit, len(got), len(want))
	}
}

// TestDueCost checks roughly, so that it passes on a busy machine, that the cost
// of Due depends on the keys returned: with 100 times the records or the
// backlog, it must not take 20 times as long.
func TestDueCost(t *testing.T) {
	const few, many = 200, 20_000
	for _, c := range []struct {
		name    string
		backlog bool
		spread  time.Duration
	}{
		{"idle records", false, time.Hour},
		{"backlog", true, time.Hour},
		{"backlog of one moment", true, 1},
	} {
		a, b := dueTime(t, few, c.backlog, c.spread), dueTime(t, many, c.backlog, c.spread)
		t.Logf("%s: 100 of %d take %v, 100 of %d take %v", c.name, few, a, many, b)
		if b > 20*a {
			t.Errorf("%s: 100 of %d take %v, 100 of %d take %v", c.name, few, a, many, b)
		}
	}
}

// dueTime returns the shortest of several runs of Due with limit 100 in a store
// of n records, of which 100 or, with backlog, all are due.
func dueTime(t *testing.T, n int, backlog bool, spread time.Duration) time.Duration {
	due := 100
	if backlog {
		due = n
	}
	s := filled(t, n, due, spread)
	best := time.Hour
	for range 30 {
		start := time.Now()
		if keys, err := s.Due(t.Context(), now, 100); err != nil || len(keys) != 100 {
			t.Fatal(len(keys), err)
		}
		best = min(best, time.Since(start))
	}
	return best
}

// TestDueIsUTC checks that Load returns a due time in UTC and without a
// monotonic reading.
func TestDueIsUTC(t *testing.T) {
	var s memstore.Store
	due := time.Now().In(time.FixedZone("", 3600))
	save(t, &s, 1, 0, authn.Record{Value: []byte("x"), Version: 1, Due: due})
	if r, err := s.Load(t.Context(), key(1)); err != nil || r.Due != due.Round(0).UTC() {
		t.Errorf("%v, %v, want %v", r.Due, err, due)
	}
}

var now = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// filled returns a store of n records with a value of 250 bytes. Some are due,
// spread over the past; the others become due within a year.
func filled(tb testing.TB, n, due int, spread time.Duration) *memstore.Store {
	tb.Helper()
	s := new(memstore.Store)
	value := make([]byte, 250)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		at := now.Add(time.Minute + time.Duration(r.Int64N(int64(365*24*time.Hour))))
		if i*due/n != (i+1)*due/n {
			at = now.Add(-time.Duration(r.Int64N(int64(spread))))
		}
		save(tb, s, i, 0, authn.Record{Value: value, Version: r.Uint64() | 1, Due: at})
	}
	return s
}

func key(i int) string { return fmt.Sprintf("%032x", i) }

func save(tb testing.TB, s *memstore.Store, i int, old uint64, r authn.Record) {
	tb.Helper()
	if err := s.Save(tb.Context(), key(i), old, r); err != nil {
		tb.Fatal(err)
	}
}
