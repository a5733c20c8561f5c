package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// write writes the page and its chart.
func write(p *plan, dir string, all []section) error {
	var b strings.Builder
	b.WriteString(pageHead)
	verdicts(&b, outcomes(all))
	b.WriteString("\n![What a step costs, and steps per second on each store](img/performance.svg)\n")
	profiles, err := misses(p, &b, outcomes(all))
	if err != nil {
		return err
	}
	b.WriteString(howMeasured)
	for _, s := range all {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.title, s.text)
		for _, t := range s.tables {
			t.markdown(&b)
		}
	}
	about(&b, p, time.Now())
	if len(profiles) > 0 {
		b.WriteString("\n## Appendix: profiles\n\nWhere the CPU time of the bounds that are not met goes, by function; one profile for all bounds with the same reason.\n")
	}
	for _, t := range profiles {
		t.markdown(&b)
	}
	if err := os.MkdirAll(filepath.Join(dir, "img"), 0o755); err != nil {
		return err
	}
	var svg bytes.Buffer
	draw(&svg, panels(all))
	if err := os.WriteFile(filepath.Join(dir, "img", "performance.svg"), svg.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "performance.md"), []byte(b.String()), 0o644)
}

// writePart writes a part as a page of its own.
func writePart(p *plan, file string, s *section) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nThis page is the output of one run of\n\n```sh\ngo run ./bench -only %s -page %s\n```\n\n%s\n", s.title, p.only, file, s.text)
	for i := range s.tables {
		s.tables[i].markdown(&b)
	}
	verdicts(&b, s.found)
	for _, o := range s.found {
		if !o.met() {
			fmt.Fprintf(&b, "\n**%s**: %s instead of %s %s. %s\n", o.name, short(o.value.mid), o.sign(), short(o.target), o.why)
		}
	}
	about(&b, p, time.Now())
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

const pageHead = `# Performance

The cost of a sign-in, compared with alternatives. This page is the output of one run of

` + "```sh\ngo run ./bench\n```" + `

and contains only what that run measured. ` + "`go run ./bench -quick`" + ` checks the same comparisons for regressions. Compare the ratios: the absolute times are those of one machine, described at the end.

`

const howMeasured = `
## How it is measured

Everything runs in one process. The candidates take turns, lap by lap, each lap starting with a different one, so that a disturbance affects all of
them. A value is the median of the laps, a ratio the median of the ratios of adjacent laps, and a spread the interquartile range, in percent of the
median or as the two quartiles. CPU time is that of the whole process, garbage collection included, and excludes other processes.
Ratios of work in memory compare CPU time. Ratios that involve a network, a disk or several cores compare elapsed time.
`

// verdicts lists every comparison that has a target, then those that have none.
func verdicts(b *strings.Builder, all []outcome) {
	t := table{head: []string{"comparison", "value", "spread", "bound", ""}}
	rest := table{head: []string{"comparison", "value", "spread"}}
	for _, o := range all {
		around := short(o.value.low) + "–" + short(o.value.high)
		if o.value.low == o.value.high {
			around = ""
		}
		switch {
		case o.skipped != "":
			rest.add(o.name, "skipped: "+o.skipped, "")
		case o.target == 0:
			rest.add(o.name, short(o.value.mid), around)
		default:
			word := "met"
			if !o.met() {
				word = "**not met**"
			}
			t.add(o.name, short(o.value.mid), around, o.sign()+" "+short(o.target), word)
		}
	}
	t.markdown(b)
	b.WriteString("\nWithout a bound:\n")
	rest.markdown(b)
}

// misses explains missed targets, and returns where the time is spent.
func misses(p *plan, b *strings.Builder, all []outcome) (profiles []table, err error) {
	shown := map[string]bool{}
	for _, o := range all {
		if o.met() {
			continue
		}
		if len(shown) == 0 {
			b.WriteString("\n## Bounds that are not met\n")
		}
		fmt.Fprintf(b, "\n**%s**: %s instead of %s %s. %s\n", o.name, short(o.value.mid), o.sign(), short(o.target), o.why)
		if shown[o.why] || o.hot == nil {
			continue
		}
		shown[o.why] = true
		p.say("profile: %s", o.name)
		t, err := profiled(o.hot, 100*p.lap)
		if err != nil {
			return nil, err
		}
		t.caption = o.name
		profiles = append(profiles, t)
	}
	return profiles, nil
}

func (t *table) markdown(b *strings.Builder) {
	if t.caption != "" {
		fmt.Fprintf(b, "\n%s:\n", strings.ToUpper(t.caption[:1])+t.caption[1:])
	}
	fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
	for _, r := range t.rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(r, " | "))
	}
}
