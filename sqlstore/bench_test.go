package sqlstore_test

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
)

var million = flag.Bool("million", false, "let BenchmarkDue use 1,000,000 records, too")

// BenchmarkStep loads a record and saves it, as a step does, on one connection.
// It prints how many statements and round trips that takes.
func BenchmarkStep(b *testing.B) {
	for _, w := range worlds {
		b.Run(w.name, func(b *testing.B) {
			p := w.place(b)
			p.migrated(b)
			db, tap := p.tapped(b)
			s := newStore(b, db, p.Config)
			r := authn.Record{Value: make([]byte, 250), Version: 1, Due: now}
			if err := s.Save(b.Context(), "k", 0, r); err != nil {
				b.Fatal(err)
			}
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
			b.ReportMetric(float64(tap.statements.Load())/float64(b.N), "statements/op")
			b.ReportMetric(float64(tap.prepared.Load())/float64(b.N), "prepares/op")
			b.ReportMetric(float64(tap.flights.Load())/float64(b.N), "round-trips/op")
		})
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

// BenchmarkLoad loads records on eight connections.
func BenchmarkLoad(b *testing.B) {
	parallel(b, func(ctx context.Context, s authn.Store, key string) error {
		_, err := s.Load(ctx, key)
		return err
	})
}

// BenchmarkSteps loads and saves records on eight connections, each its own.
func BenchmarkSteps(b *testing.B) { parallel(b, step) }

// BenchmarkContended loads and saves one record on eight connections: most of
// the saves are lost to others.
func BenchmarkContended(b *testing.B) {
	parallel(b, func(ctx context.Context, s authn.Store, _ string) error { return step(ctx, s, "k0") })
}

func parallel(b *testing.B, f func(ctx context.Context, s authn.Store, key string) error) {
	const workers = 8
	for _, w := range worlds {
		b.Run(w.name, func(b *testing.B) {
			s := w.place(b).store(b)
			for i := range workers {
				if err := s.Save(b.Context(), fmt.Sprint("k", i), 0, authn.Record{Value: make([]byte, 250), Version: 1, Due: now}); err != nil {
					b.Fatal(err)
				}
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
		})
	}
}

// BenchmarkDue finds 1,000 due records among more and more, and does with them
// what a tick does.
func BenchmarkDue(b *testing.B) {
	sizes := []int{10_000}
	if *million {
		sizes = append(sizes, 1_000_000)
	}
	for _, w := range worlds {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/records=%d", w.name, n), func(b *testing.B) {
				p := w.place(b)
				db := p.migrated(b)
				fill(b, db, p, n, 1000)
				s := newStore(b, db, p.Config)
				find := func(b *testing.B) []string {
					keys, err := s.Due(b.Context(), now, 1000)
					if err != nil || len(keys) != 1000 {
						b.Fatal(len(keys), err)
					}
					return keys
				}
				b.Run("find", func(b *testing.B) {
					for b.Loop() {
						find(b)
					}
				})
				b.Run("tick", func(b *testing.B) {
					for b.Loop() {
						for _, key := range find(b) {
							r, err := s.Load(b.Context(), key)
							if err != nil {
								b.Fatal(err)
							}
							old := r.Version
							r.Version = rand.Uint64() | 1 // and the due time stays, for the next run
							if err := s.Save(b.Context(), key, old, r); err != nil {
								b.Fatal(err)
							}
						}
					}
				})
			})
		}
	}
}
