package main

import (
	"fmt"
	"math"
)

// costs returns the table of a race. The first contestant is authn.
func costs(caption string, laps []series) table {
	t := table{caption: caption, head: []string{"", "CPU time", "spread", "time", "bytes", "allocations", "authn : this (CPU)", "spread"}}
	for i, l := range laps {
		c, w := spreadOf(l.of(cpu)), spreadOf(l.of(wall))
		ratio, around := "", ""
		if i > 0 {
			r := spreadOf(paired(laps[0].of(cpu), l.of(cpu)))
			ratio, around = short(r.mid), fmt.Sprintf("%s–%s", short(r.low), short(r.high))
		}
		t.add(l.name, nanos(c.mid), percent(c), nanos(w.mid),
			fmt.Sprintf("%.0f", spreadOf(l.of(size)).mid), fmt.Sprint(round(spreadOf(l.of(allocs)).mid)), ratio, around)
	}
	return t
}

// nanos writes a time with three digits.
func nanos(ns float64) string {
	switch {
	case ns >= 1e9:
		return short(ns/1e9) + " s"
	case ns >= 1e6:
		return short(ns/1e6) + " ms"
	case ns >= 1e4:
		return short(ns/1e3) + " µs"
	}
	return fmt.Sprintf("%.0f ns", ns)
}

// percent writes the distance of the quartiles as a percentage of the median.
func percent(s spread) string { return fmt.Sprintf("%.0f %%", 100*(s.high-s.low)/s.mid) }

// round keeps one decimal; adding 0 makes -0 a 0.
func round(x float64) float64 { return math.Round(x*10)/10 + 0 }
