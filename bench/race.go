package main

import (
	"fmt"
	"math"
	"runtime"
	"time"
)

// A contestant does one operation n times. If unit is not 0, n is a multiple of
// it. prepare is not measured and may be nil.
type contestant struct {
	name    string
	unit    int
	prepare func(n int) error
	run     func(n int) error
}

// A sample is the cost of one operation in one lap.
type sample struct {
	wall, cpu     float64 // nanoseconds; cpu includes the garbage collector
	bytes, allocs float64
}

// series has the laps of one contestant.
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

// race runs laps of about the given length of all contestants in turn, starting
// each lap with another contestant. The order of the result is that of cs.
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

// inTurns runs laps in which contestant i does its operation times[i] times.
func inTurns(cs []contestant, laps int, times []int) ([]series, error) {
	all := make([]series, len(cs))
	for i, c := range cs {
		all[i].name = c.name
	}
	runtime.GC() // remove earlier garbage
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

// calibrate returns the number of operations that fill a lap, from the fastest of
// a few laps: one that the machine interrupts would leave too few operations, and
// what a lap costs by itself would be measured instead of them.
func calibrate(c contestant, length time.Duration) (int, error) {
	unit := max(1, c.unit)
	for n := unit; ; n *= 4 {
		fastest := math.Inf(1)
		for range 5 {
			s, err := c.lap(n)
			if err != nil {
				return 0, err
			}
			if fastest = min(fastest, s.wall); fastest*float64(n) <= float64(length)/8 {
				break
			}
		}
		if fastest*float64(n) > float64(length)/8 {
			return max(1, int(float64(length)/fastest)/unit) * unit, nil
		}
	}
}

func (c *contestant) lap(n int) (s sample, err error) {
	if c.prepare != nil {
		if err := c.prepare(n); err != nil {
			return s, err
		}
		runtime.GC() // remove the garbage of prepare
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

// times returns a function that calls f n times.
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
