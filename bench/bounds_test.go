package main

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func result(b bound, v float64) outcome { return outcome{bound: b, value: spread{v, v, v}} }

// TestDoubling checks for each comparison that the usual value passes, even with
// noise of a third, and that a doubled value does not.
func TestDoubling(t *testing.T) {
	all := bounds
	for name := range storeUsual {
		for _, n := range crowds {
			all = append(all, named(storeName(name, n)))
		}
	}
	for _, b := range all {
		usual := b.usual
		if usual == 0 {
			usual = b.target // exact
		}
		for factor, want := range map[float64]bool{1: true, 1.33: b.usual != 0, 2.01: false} {
			v := usual * factor
			if b.least {
				v = usual / factor
			}
			o := result(b, v)
			if line, ok := o.verdict(true); ok != want || strings.HasSuffix(line, " ok") != want {
				t.Errorf("usual × %v: %s", factor, line)
			}
		}
	}
}

func TestNotANumberIsOver(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, least := range []bool{false, true} {
			o := result(bound{name: "x", target: 1, usual: 1, least: least}, v)
			if _, ok := o.verdict(true); ok || o.met() {
				t.Errorf("%v is fine, at least: %v", v, least)
			}
		}
	}
}

func line(o outcome) string {
	l, _ := o.verdict(false)
	return l + "\n"
}

// TestMeasuredAgain checks that a comparison fails if it is over at every attempt, and
// passes if it is not over at one of them.
func TestMeasuredAgain(t *testing.T) {
	good, bad := result(named(rightRaw), 1), result(named(rightRaw), 9)
	other, worse := result(named(resendRaw), 1), result(named(resendRaw), 9)
	skipped := outcome{bound: named(rightRaw), skipped: "not reachable"}
	for _, c := range []struct {
		name string
		all  [][]outcome // of each attempt
		runs int
		fail bool
	}{
		{"good", [][]outcome{{good, other}}, 1, false},
		{"bad once", [][]outcome{{bad, other}, {good, other}}, 2, false},
		{"bad twice", [][]outcome{{bad, other}, {bad, other}, {good, other}}, 3, false},
		{"each bad once", [][]outcome{{bad, other}, {good, worse}}, 2, false},
		{"bad each time", [][]outcome{{bad, other}, {bad, other}, {bad, other}, {good, other}}, 3, true},
		{"another each time", [][]outcome{{bad, worse}, {good, worse}, {bad, other}}, 3, false},
		{"gone", [][]outcome{{bad, other}, {skipped, other}, {skipped, other}}, 3, true},
	} {
		p, runs := tiny(t), 0
		s, err := p.measure(part{"fake", func(*plan) (*section, error) {
			runs++
			return &section{found: slices.Clone(c.all[runs-1])}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if runs != c.runs || (len(s.over()) > 0) != c.fail {
			t.Errorf("%s: measured %d times, and %q is over", c.name, runs, s.over())
		}
	}
	p, runs := tiny(t), 0
	p.quick = false // the page has what was measured
	s, err := p.measure(part{"fake", func(*plan) (*section, error) {
		runs++
		return &section{found: []outcome{bad}}, nil
	}})
	if err != nil || runs != 1 || len(s.over()) != 1 {
		t.Errorf("for the page: measured %d times, %v", runs, err)
	}
}

// TestExitStatus runs the program with fixed results.
func TestExitStatus(t *testing.T) {
	good, bad := result(named(rightRaw), named(rightRaw).usual), result(named(rightRaw), 2*named(rightRaw).usual)
	skipped := outcome{bound: named(httpBare), skipped: "not reachable"}
	for _, c := range []struct {
		name     string
		found    []outcome
		err      error
		required string
		want     int
		says     string
	}{
		{"usual", []outcome{good}, nil, "", 0, " ok\n"},
		{"doubled", []outcome{good, bad}, nil, "", 1, "\n1 of 2 comparisons do not pass:\n" + line(bad)},
		{"skipped", []outcome{skipped}, nil, "", 0, "skipped: not reachable\n"},
		{"skipped, but required", []outcome{skipped}, nil, "required", 1, "\n1 of 1 comparisons do not pass:\n" + line(skipped)},
		{"failed", []outcome{good}, errors.New("no luck"), "", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AUTHN_TEST_SERVICES", c.required)
			var out, log bytes.Buffer
			fake := []part{{"fake", func(*plan) (*section, error) { return &section{found: c.found}, c.err }}}
			if got := run([]string{"-quick"}, fake, &out, &log); got != c.want {
				t.Errorf("status %d, want %d\n%s%s", got, c.want, out.String(), log.String())
			}
			if !strings.HasSuffix(out.String(), c.says) {
				t.Errorf("output is %q", out.String())
			}
			list, _, _ := strings.Cut(out.String(), "\n\n") // what does not pass
			if lines := len(strings.Split(strings.TrimSpace(list), "\n")); c.err == nil && lines != len(c.found) {
				t.Errorf("%d lines for %d comparisons", lines, len(c.found))
			}
		})
	}
}

func TestUsage(t *testing.T) {
	for arg, want := range map[string]int{"-h": 0, "-nonsense": 2, "-only=nothing": 1} {
		var out, log bytes.Buffer
		if got := run([]string{arg}, parts, &out, &log); got != want || out.Len() > 0 {
			t.Errorf("%s: status %d, want %d; %s", arg, got, want, out.String())
		}
		if arg == "-h" && !strings.Contains(log.String(), "-quick") {
			t.Errorf("no help: %s", log.String())
		}
	}
}
