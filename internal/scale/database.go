package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
)

// A measurement is how many steps a second one database completes for so many clients,
// each of which has one under way.
type measurement struct {
	clients int
	rate    float64
}

// measured reads the measurements of PostgreSQL from the page on performance.
func measured(page string) (ms []measurement, err error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	table := regexp.MustCompile(`(?s)\nPostgreSQL: .*?\n\n.*?\n\n`).Find(text)
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| (\d+) \|`).FindAllSubmatch(table, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		rate, _ := strconv.ParseFloat(string(m[2]), 64)
		ms = append(ms, measurement{n, rate})
	}
	if len(ms) < 2 || ms[0].clients != 1 {
		return nil, fmt.Errorf("%s has no table of steps on PostgreSQL", page)
	}
	return ms, nil
}

// rate is how many steps a second a database completes that has n under way: what was
// measured, and in between a straight line. More than most wait for their turn.
func rate(ms []measurement, n int) float64 {
	for i := 1; i < len(ms); i++ {
		if a, b := ms[i-1], ms[i]; n <= b.clients {
			return a.rate + (b.rate-a.rate)*float64(n-a.clients)/float64(b.clients-a.clients)
		}
	}
	return ms[len(ms)-1].rate
}

// A database completes steps in the order in which they have come, each at a random
// time that depends only on how many are under way.
type database struct {
	rates []float64 // by how many are under way; the last is for all above
	queue []*step
	done  int     // of the queue
	next  float64 // when the first of the queue is completed, if nothing comes before
	down  bool
}

func newDatabase(ms []measurement) *database {
	d := &database{rates: make([]float64, ms[len(ms)-1].clients+1), next: never}
	for n := 1; n < len(d.rates); n++ {
		d.rates[n] = rate(ms, n)
	}
	return d
}

func (d *database) waiting() int { return len(d.queue) - d.done }

func (d *database) add(s *step, now float64, r *rand.Rand) {
	d.queue = append(d.queue, s)
	d.draw(now, r)
}

func (d *database) take(now float64, r *rand.Rand) *step {
	s := d.queue[d.done]
	d.queue[d.done] = nil
	if d.done++; d.done > 1024 && d.done > len(d.queue)/2 {
		d.queue = append(d.queue[:0], d.queue[d.done:]...)
		d.done = 0
	}
	d.draw(now, r)
	return s
}

// draw draws when the first step is completed. It may be drawn anew at any time: an
// exponential time has no memory.
func (d *database) draw(now float64, r *rand.Rand) {
	d.next = never
	if n := d.waiting(); n > 0 && !d.down {
		d.next = now + r.ExpFloat64()/d.rates[min(n, len(d.rates)-1)]
	}
}
