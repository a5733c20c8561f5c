package main

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// profileRows is the number of functions of a profile that are shown.
const profileRows = 20

// profiled returns where a contestant spends its time, without its preparation.
func profiled(c *contestant, length time.Duration) (table, error) {
	n, err := calibrate(*c, length/8)
	if err != nil {
		return table{}, err
	}
	var laps []*profile.Profile
	for range 8 {
		if c.prepare != nil {
			if err := c.prepare(n); err != nil {
				return table{}, err
			}
		}
		var b bytes.Buffer
		if err := pprof.StartCPUProfile(&b); err != nil {
			return table{}, err
		}
		err := c.run(n)
		pprof.StopCPUProfile()
		if err != nil {
			return table{}, err
		}
		p, err := profile.Parse(&b)
		if err != nil {
			return table{}, err
		}
		laps = append(laps, p)
	}
	p, err := profile.Merge(laps)
	if err != nil {
		return table{}, err
	}
	return shares(p), nil
}

// shares lists the functions of a profile with the most cumulative time.
func shares(p *profile.Profile) table {
	alone, under := map[string]int64{}, map[string]int64{}
	var all int64
	for _, s := range p.Sample {
		v := s.Value[len(s.Value)-1]
		all += v
		seen := map[string]bool{}
		for i, l := range s.Location {
			for j, line := range l.Line {
				name := line.Function.Name
				if i == 0 && j == 0 {
					alone[name] += v
				}
				if !seen[name] {
					seen[name] = true
					under[name] += v
				}
			}
		}
	}
	var names []string
	for name := range under {
		if !scaffold(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(under[b], under[a]), cmp.Compare(a, b)) })
	t := table{head: []string{"function", "alone", "with what it calls"}}
	for _, name := range names[:min(profileRows, len(names))] {
		t.add("`"+name[strings.LastIndex(name, "/")+1:]+"`", share(alone[name], all), share(under[name], all))
	}
	return t
}

func share(v, all int64) string { return fmt.Sprintf("%.0f %%", 100*float64(v)/float64(all)) }

// scaffold reports whether a function belongs to this program or its callers.
func scaffold(name string) bool {
	return strings.HasPrefix(name, "main.") || strings.HasPrefix(name, "golang.org/x/sync/") || name == "runtime.goexit" || name == "runtime.main"
}
