package main

import (
	"flag"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/race"
)

var update = flag.Bool("update", false, "write the figures into docs/scale.md")

const page = "../../docs/scale.md"

// TestPage compares the page with what the simulation says.
func TestPage(t *testing.T) {
	if testing.Short() || race.Detector() {
		t.Skip("it takes half a minute of CPU time")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round otherwise")
	}
	ms, err := measured("../../docs/internals/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	head, rest, ok := strings.Cut(string(text), "<!-- simulated -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- /simulated -->")
	if err != nil || !ok || !ok2 {
		t.Fatalf("the page has no place for the figures: %v", err)
	}
	want := head + "<!-- simulated -->\n" + report(ms, func(what string) { t.Log(what) }) + "<!-- /simulated -->" + tail
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/scale.md is not what the simulation says: go run ./internal/regen")
	}
}

// TestQueue compares a database that always completes as many steps a second with what
// the theory of queues says of it: with a load of half of that, a step takes twice as
// long as alone, on average, and one in e to the power of n takes n times as long.
func TestQueue(t *testing.T) {
	if race.Detector() {
		t.Skip("one goroutine, for long")
	}
	const capacity = 2 * load
	r := simulate([]measurement{{1, capacity}, {2, capacity}}, scenario{databases: 1})
	sum := 0.0
	for _, x := range r.took {
		sum += x
	}
	near := func(what string, got, want, by float64) {
		t.Helper()
		if math.Abs(got/want-1) > by {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	mean := 1.0 / (capacity - load)
	near("mean", sum/float64(len(r.took)), mean, 0.03)
	near("99 of 100", r.took[len(r.took)*99/100], mean*math.Log(100), 0.05)
	near("calls", float64(r.calls), load*counted, 0.02)
	near("busy", r.busy, 0.5, 0.02)
	if r.failed != 0 || len(r.took) < r.calls-100 {
		t.Errorf("%d of %d calls answered, %d given up", len(r.took), r.calls, r.failed)
	}
}

// TestTooFew: databases that cannot carry the load fall behind, and callers give up.
func TestTooFew(t *testing.T) {
	if race.Detector() {
		t.Skip("one goroutine, for long")
	}
	r := simulate([]measurement{{1, load / 2}, {2, load / 2}}, scenario{databases: 1})
	if r.busy < 0.99 || r.failed == 0 || r.took[len(r.took)-1] > patience*tries {
		t.Errorf("busy %v, %d given up, the longest took %v s", r.busy, r.failed, r.took[len(r.took)-1])
	}
}

// TestRate: what was measured is used as it is, and a straight line in between.
func TestRate(t *testing.T) {
	ms := []measurement{{1, 100}, {8, 800}, {64, 1000}}
	for n, want := range map[int]float64{1: 100, 2: 200, 8: 800, 36: 900, 64: 1000, 500: 1000} {
		if got := rate(ms, n); math.Abs(got-want) > 1e-9 {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
}

func TestAbout(t *testing.T) {
	for x, want := range map[float64]string{0: "none", 0.0123: "0.012", 1.04: "1.0", 9.96: "10", 12.3: "12", 128: "130", 1195607: "1,200,000", 999: "1,000"} {
		if got := about(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}
