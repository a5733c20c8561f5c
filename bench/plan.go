package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A plan has the settings of a run.
type plan struct {
	quick bool
	laps  int           // of contestants without a server
	lap   time.Duration // length of a lap
	log   io.Writer
	began time.Time
	load  string // load average before the run
	only  string // the part to run; "" for all
	long  bool   // also what takes minutes: for a page of its own
	open  []func()
}

// later calls close at the end of the run, after the contestants that missed
// their target have been profiled.
func (p *plan) later(close func()) { p.open = append(p.open, close) }

func (p *plan) close() {
	for _, f := range p.open {
		f()
	}
}

func newPlan(quick bool, log io.Writer) *plan {
	p := &plan{quick: quick, laps: 25, lap: 40 * time.Millisecond, log: log, began: time.Now()}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		p.load, _, _ = strings.Cut(string(raw), " ")
	}
	if quick {
		p.laps, p.lap = 31, 4*time.Millisecond
	}
	return p
}

// say logs progress.
func (p *plan) say(format string, args ...any) {
	fmt.Fprintf(p.log, "%6.1fs  "+format+"\n", append([]any{time.Since(p.began).Seconds()}, args...)...)
}

// A section is a part of the page.
type section struct {
	title  string
	text   string
	tables []table
	found  []outcome
	panels []panel // of the chart
}

type table struct {
	caption string
	head    []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// find adds an outcome to the section.
func (s *section) find(name string, ratios []float64, hot *contestant) {
	s.found = append(s.found, outcome{bound: named(name), value: spreadOf(ratios), hot: hot})
}

func (s *section) skip(name, why string) {
	s.found = append(s.found, outcome{bound: named(name), skipped: why})
}

// A part measures one section.
type part struct {
	name string
	run  func(*plan) (*section, error)
}

var parts = []part{
	{"steps", steps},
	{"proofs", proofs},
	{"service", signIns},
	{"http", overHTTP},
	{"scaling", scaling}, // before databases use the other cores
	{"embedded", embedded},
	{"stores", stores},
	{"idle", idle},
	{"records", longTraces},
	{"start", startUps},
}

// run measures all sections, or the selected one.
func (p *plan) run(parts []part) ([]section, error) {
	var all []section
	for _, x := range parts {
		if p.only != "" && p.only != x.name {
			continue
		}
		p.say("%s", x.name)
		s, err := p.measure(x)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
		all = append(all, *s)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no part is named %q", p.only)
	}
	return all, nil
}

// attempts is how often the regression check measures a part of which a comparison
// is over. On a busy machine one may be over by chance; a regression is over each
// time.
const attempts = 3

// measure measures a part. In the regression check a comparison is over only if it was
// at every attempt.
func (p *plan) measure(x part) (*section, error) {
	best, err := x.run(p)
	for n := 1; err == nil && p.quick && n < attempts && len(best.over()) > 0; n++ {
		p.say("%s again: %s", x.name, strings.Join(best.over(), ", "))
		var next *section
		if next, err = x.run(p); err != nil {
			break
		}
		for i, o := range next.found { // in the same order
			if best.found[i].fails() && o.skipped == "" && !o.fails() {
				best.found[i] = o
			}
		}
	}
	return best, err
}

// over returns the comparisons that fail the regression check.
func (s *section) over() (names []string) {
	for i := range s.found {
		if s.found[i].fails() {
			names = append(names, s.found[i].name)
		}
	}
	return names
}

// outcomes returns the outcomes of all sections.
func outcomes(all []section) (found []outcome) {
	for _, s := range all {
		found = append(found, s.found...)
	}
	return found
}
