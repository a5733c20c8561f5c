package memstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// BenchmarkMemory reports the memory of an idle record with a value of 250
// bytes: value, key, entry, map and, if it has a due time, queue.
func BenchmarkMemory(b *testing.B) {
	for _, due := range []bool{false, true} {
		b.Run(fmt.Sprintf("due=%v", due), func(b *testing.B) {
			const n = 1_000_000
			for b.Loop() {
				before := heap()
				s := idle(b, n, due)
				b.ReportMetric(float64(heap()-before)/n, "B/record")
				if s.Len() != n {
					b.Fatal(s.Len())
				}
			}
			b.ReportMetric(0, "ns/op") // has no meaning here
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// idle returns a store of n records. The caller keeps their keys alive.
func idle(tb testing.TB, n int, due bool) *memstore.Store {
	s := new(memstore.Store)
	value := make([]byte, 250)
	for i := range n {
		r := authn.Record{Value: value, Version: rand.Uint64() | 1}
		if due {
			r.Due = now.Add(time.Duration(rand.Int64N(int64(365 * 24 * time.Hour))))
		}
		save(tb, s, i, 0, r)
	}
	return s
}

// BenchmarkDue finds 1,000 due records in stores of increasing size.
func BenchmarkDue(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		s := filled(b, n, 1000, time.Hour)
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			for b.Loop() {
				if keys, err := s.Due(b.Context(), now, 1000); err != nil || len(keys) != 1000 {
					b.Fatal(len(keys), err)
				}
			}
		})
	}
}

// BenchmarkTick finds 1,000 due records, loads each and saves it with another
// due time, as a tick does.
func BenchmarkTick(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		s := filled(b, n, 1000, time.Hour)
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			for b.Loop() {
				keys, err := s.Due(b.Context(), now, 1000)
				if err != nil || len(keys) != 1000 {
					b.Fatal(len(keys), err)
				}
				for _, k := range keys {
					r, err := s.Load(b.Context(), k)
					if err != nil {
						b.Fatal(err)
					}
					old := r.Version
					r.Version += 2
					if err := s.Save(b.Context(), k, old, r); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkBacklog finds the 100 most overdue of 100,000 that are due.
func BenchmarkBacklog(b *testing.B) {
	s := filled(b, 100_000, 100_000, time.Hour)
	for b.Loop() {
		if keys, err := s.Due(b.Context(), now, 100); err != nil || len(keys) != 100 {
			b.Fatal(len(keys), err)
		}
	}
}

// BenchmarkStep loads a record and saves it with another due time, on every core
// with separate records.
func BenchmarkStep(b *testing.B) {
	const n = 10_000
	s := filled(b, n, 0, time.Hour)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		ctx := context.Background()
		first := rand.IntN(n)
		keys := make([]string, 100)
		for i := range keys {
			keys[i] = key((first + i) % n)
		}
		for i := 0; pb.Next(); i++ {
			k := keys[i%len(keys)]
			r, err := s.Load(ctx, k)
			if err != nil {
				b.Error(err)
				return
			}
			old := r.Version
			r.Version += 2
			r.Due = r.Due.Add(time.Second)
			_ = s.Save(ctx, k, old, r) // conflicts if two cores drew the same records
		}
	})
}
