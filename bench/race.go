package main

import (
	"fmt"
	"runtime"
	"time"
)

// A contestant does one piece of work n times, a multiple of unit if that is
// not 0. What prepare does is not measured; it may be nil.
type contestant struct {
	name    string
	unit    int
	prepare func(n int) error
	run     func(n int) error
}

// A sample is what one operation cost in one lap.
type sample struct {
	wall, cpu     float64 // nanoseconds; cpu is of the whole process, the collector included
	bytes, allocs float64
}

// series are the laps of one contestant.
type series struct {
	name string
	laps []sample
}

func (s *series) of(f func(sample) float64) []float64 {
	xs := make([]float64, len(s.laps))
	for i, l := range s.laps {
		xs[i] = f(l)
	}
	return xs
}

func wall(s sample) float64   { return s.wall }
func cpu(s sample) float64    { return s.cpu }
func allocs(s sample) float64 { return s.allocs }
func size(s sample) float64   { return s.bytes }

// race lets the contestants run laps of about the given length in turns, each
// lap begun by another one. The order of the result is that of cs.
func race(cs []contestant, laps int, length time.Duration) ([]series, error) {
	times := make([]int, len(cs))
	for i, c := range cs {
		var err error
		if times[i], err = calibrate(c, length); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return inTurns(cs, laps, times)
}

// inTurns lets each contestant do its work so many times in each lap.
func inTurns(cs []contestant, laps int, times []int) ([]series, error) {
	all := make([]series, len(cs))
	for i, c := range cs {
		all[i].name = c.name
	}
	runtime.GC() // what was before is nobody's here
	for lap := range laps {
		for j := range cs {
			i := (lap + j) % len(cs)
			s, err := cs[i].lap(times[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", cs[i].name, err)
			}
			all[i].laps = append(all[i].laps, s)
		}
	}
	return all, nil
}

// calibrate finds how many times fill a lap.
func calibrate(c contestant, length time.Duration) (int, error) {
	unit := max(1, c.unit)
	for n := unit; ; n *= 4 {
		s, err := c.lap(n)
		if err != nil {
			return 0, err
		}
		if spent := time.Duration(s.wall * float64(n)); spent > length/8 {
			return max(1, int(float64(length)/s.wall)/unit) * unit, nil
		}
	}
}

func (c *contestant) lap(n int) (s sample, err error) {
	if c.prepare != nil {
		if err := c.prepare(n); err != nil {
			return s, err
		}
		runtime.GC() // its garbage is not the lap's
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	busy, start := cpuTime(), time.Now()
	err = c.run(n)
	took, used := time.Since(start), cpuTime()-busy
	runtime.ReadMemStats(&after)
	per := func(x uint64) float64 { return float64(x) / float64(n) }
	return sample{
		wall: per(uint64(took)), cpu: per(uint64(used)),
		bytes: per(after.TotalAlloc - before.TotalAlloc), allocs: per(after.Mallocs - before.Mallocs),
	}, err
}

// times makes a run of an operation.
func times(f func() error) func(n int) error {
	return func(n int) error {
		for range n {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}
