package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// report is what the page says of the runs.
func report(ms []measurement, say func(what string)) string {
	least := int(math.Ceil(load / ms[len(ms)-1].rate))
	half := int(math.Ceil(load / (ms[len(ms)-1].rate / 2))) // none more than half loaded
	scenarios := []scenario{
		{databases: least}, {databases: half}, {databases: half + 1}, {databases: 2 * half},
		{databases: half, surge: 1.5, after: 60}, {databases: half, surge: 2, after: 120}, {databases: half, surge: 3, after: 240},
		{databases: half, down: 30, after: 60},
		{databases: half, tending: 6},
	}
	scenarios = slices.Compact(scenarios)
	steady := slices.Index(scenarios, scenario{databases: half})
	results := make([]result, len(scenarios))
	var wg sync.WaitGroup
	for i, sc := range scenarios {
		wg.Go(func() {
			results[i] = simulate(ms, sc)
			say(sc.String())
		})
	}
	wg.Wait()

	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("| databases | busy | a call takes, median | 99 of 100 at most | 999 of 1,000 | under way on one, at most | calls given up |")
	p("|---|---|---|---|---|---|---|")
	for i, sc := range scenarios {
		if r := &results[i]; sc == (scenario{databases: sc.databases}) {
			p("| %d | %.0f %% | %s | %s | %s | %s | %s |", sc.databases, 100*r.busy, r.at(0.5), r.at(0.99), r.at(0.999), about(float64(r.most)), r.given())
		}
	}
	p("")
	p("| on %d databases | 99 of 100 calls take at most | calls given up | fast again |", half)
	p("|---|---|---|---|")
	for i, sc := range scenarios {
		if r := &results[i]; sc != (scenario{databases: sc.databases}) {
			again := "at once"
			switch {
			case sc.tending > 0:
				again = fmt.Sprintf("%s records sealed anew a second: all in %.1f hours", about(r.resealed), accounts/r.resealed/3600)
			case r.calm >= 1:
				again = about(r.calm) + " s later"
			}
			p("| %s | %s | %s | %s |", sc, r.at(0.99), r.given(), again)
		}
	}
	p("")
	p("Of %s calls of the steady run on %d databases, %s met another one for the same account.", about(float64(results[steady].calls)), half, about(float64(results[steady].conflicts)))
	return b.String()
}

func (sc scenario) String() string {
	switch {
	case sc.surge > 0:
		return fmt.Sprintf("%g times the load, for a minute", sc.surge)
	case sc.down > 0:
		return fmt.Sprintf("one database answers nothing for %g s", sc.down)
	case sc.tending > 0:
		return fmt.Sprintf("%d nodes tend without a pause, as after an import of all", sc.tending)
	}
	return fmt.Sprintf("%d databases", sc.databases)
}

// at is how long a call takes at most, of that share of all.
func (r *result) at(share float64) string {
	if len(r.took) == 0 {
		return "–"
	}
	ms := 1000 * r.took[min(int(share*float64(len(r.took))), len(r.took)-1)]
	if ms >= 1000 {
		return about(ms/1000) + " s"
	}
	return about(ms) + " ms"
}

func (r *result) given() string {
	if r.failed == 0 {
		return "none"
	}
	return about(100*float64(r.failed)/float64(r.calls)) + " %"
}

// about writes a number with two digits: the simulation knows no more.
func about(x float64) string {
	if x == 0 {
		return "none"
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	s := strconv.FormatFloat(x, 'f', max(0, 1-int(math.Floor(math.Log10(x)))), 64)
	for i := strings.IndexByte(s+".", '.') - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
