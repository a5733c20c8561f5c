package redisstore_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/redisstore"
	"github.com/redis/go-redis/v9"
)

var million = flag.Bool("million", false, "let BenchmarkDue use 1,000,000 records, too")

var now = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// BenchmarkStep loads a record and saves it, as a step does, and reports the
// number of round trips.
func BenchmarkStep(b *testing.B) {
	var tap tap
	c := dial(b, tap.options(options(b)))
	s := open(b, c, fresh(b, c))
	create(b, s, "k")
	if err := step(b.Context(), s, "k"); err != nil {
		b.Fatal(err)
	}
	tap.reset()
	b.ReportAllocs()
	for b.Loop() {
		if err := step(b.Context(), s, "k"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(tap.flights.Load())/float64(b.N), "round-trips/op")
	b.ReportMetric(float64(tap.saves.Load())/float64(b.N), "scripts/op")
}

func create(tb testing.TB, s authn.Store, key string) {
	tb.Helper()
	err := s.Save(tb.Context(), key, 0, authn.Record{Value: make([]byte, 250), Version: 1, Due: now})
	if err != nil {
		tb.Fatal(err)
	}
}

// step loads a record and saves it with another version and due time.
func step(ctx context.Context, s authn.Store, key string) error {
	r, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	old := r.Version
	r.Version, r.Due = rand.Uint64()|1, r.Due.Add(time.Second)
	return s.Save(ctx, key, old, r)
}

// BenchmarkSteps loads and saves records with eight clients, one record each.
func BenchmarkSteps(b *testing.B) { parallel(b, step) }

// BenchmarkContended loads and saves one record with eight clients: most saves
// are conflicts.
func BenchmarkContended(b *testing.B) {
	parallel(b, func(ctx context.Context, s authn.Store, _ string) error { return step(ctx, s, "k0") })
}

func parallel(b *testing.B, f func(ctx context.Context, s authn.Store, key string) error) {
	const workers = 8
	c := dial(b, options(b))
	s := open(b, c, fresh(b, c))
	for i := range workers {
		create(b, s, fmt.Sprint("k", i))
	}
	var n atomic.Int64
	b.SetParallelism(workers / 2)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		key := fmt.Sprint("k", (n.Add(1)-1)%workers)
		for pb.Next() {
			if err := f(b.Context(), s, key); err != nil && !errors.Is(err, authn.ErrConflict) {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

// BenchmarkDue finds 1,000 due records in stores of increasing size, and loads
// and saves them as a tick does. It starts a server and reports its memory.
func BenchmarkDue(b *testing.B) {
	sizes := []int{10_000}
	if *million {
		sizes = append(sizes, 1_000_000)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			c := serve(b).client()
			s := open(b, c, "")
			before := memory(b, c)
			fill(b, s, n, 1000)
			perRecord := (memory(b, c) - before) / float64(n)
			b.Run("find", func(b *testing.B) {
				for b.Loop() {
					find(b, s)
				}
				b.ReportMetric(perRecord, "B/record")
			})
			b.Run("tick", func(b *testing.B) {
				for b.Loop() {
					for _, key := range find(b, s) {
						r, err := s.Load(b.Context(), key)
						if err != nil {
							b.Fatal(err)
						}
						old := r.Version
						r.Version = rand.Uint64() | 1 // keep the due time for the next run
						if err := s.Save(b.Context(), key, old, r); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		})
	}
}

func find(b *testing.B, s *redisstore.Store) []string {
	keys, err := s.Due(b.Context(), now, 1000)
	if err != nil || len(keys) != 1000 {
		b.Fatal(len(keys), err)
	}
	return keys
}

// fill makes n records. Some of them, evenly spread, are due now; the others
// become due within a year.
func fill(tb testing.TB, s *redisstore.Store, n, due int) {
	for i := range n {
		at := now.Add(time.Minute + time.Duration(i)*31*time.Second)
		if i%(n/due) == 0 {
			at = now.Add(-time.Duration(i) * time.Millisecond)
		}
		r := authn.Record{Value: make([]byte, 250), Version: rand.Uint64() | 1, Due: at}
		if err := s.Save(tb.Context(), fmt.Sprintf("%032x", i), 0, r); err != nil {
			tb.Fatal(err)
		}
	}
}

// memory returns the number of bytes that the server uses.
func memory(tb testing.TB, c *redis.Client) float64 {
	var n float64
	info := c.InfoMap(tb.Context(), "memory").Val()["Memory"]["used_memory"]
	if _, err := fmt.Sscan(info, &n); err != nil {
		tb.Fatal(err)
	}
	return n
}
