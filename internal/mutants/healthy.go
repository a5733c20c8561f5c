package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// healthy runs the tests without a bug: they have to be green, else they prove nothing,
// and a time limit comes from how long they take. Each run happens once, when a bug first
// needs it.
type healthy struct {
	seeded *battery            // the build that holds the bugs, none of which is chosen
	plain  *battery            // a build without an overlay
	tests  map[killer][]string // the noted tests, by package and length
	runs   once[usual]
}

// usual is what a run is without a bug. The tests in red are green in an ordinary build and
// not in this one, as one that counts allocations may be: they say nothing here.
type usual struct {
	took time.Duration
	red  []string
}

// newHealthy returns the two builds of which no bug is chosen, or none is in.
func newHealthy(ms []mutant, dir, overlay string) (*healthy, error) {
	files, err := filepath.Glob("internal/proof/*/*_test.go")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if name := filepath.Base(filepath.Dir(f)); !slices.Contains(proofs, name) {
			return nil, fmt.Errorf("proofs lacks %s", name)
		}
	}
	h := &healthy{plain: &battery{dir: dir}, tests: map[killer][]string{}}
	h.seeded = &battery{dir: dir, overlay: overlay, healthy: h}
	for _, m := range ms {
		if k := m.by.alike(); m.by.test != "" && !slices.Contains(h.tests[k], m.by.test) {
			h.tests[k] = append(h.tests[k], m.by.test)
		}
	}
	return h, nil
}

// alike is what the tests of one package and length have in common.
func (k killer) alike() killer { return killer{pkg: k.pkg, long: k.long} }

// noted runs all noted tests of that package and length.
func (h *healthy) noted(k killer) (usual, error) {
	return h.runs.do(fmt.Sprint(k.alike()), func() (usual, error) {
		return h.run(k.pkg, round{long: k.long, only: h.tests[k.alike()]})
	})
}

// round runs a package's tests of one of the rounds.
func (h *healthy) round(pkg string, i int) (usual, error) {
	return h.runs.do(fmt.Sprint(pkg, " ", i), func() (usual, error) { return h.run(pkg, rounds[i]) })
}

func (h *healthy) run(pkg string, r round) (u usual, err error) {
	bin, err := h.seeded.build(pkg)
	if err != nil {
		return u, errors.Join(errSick, err)
	}
	red, took, err := runTests(pkg, bin, r.args(nil, false), "", 0)
	fmt.Printf("%s without a bug: %s\n", pkg, took.Round(time.Millisecond))
	if err == nil {
		return usual{took: took}, nil
	}
	if red[0] == hangs || red[0] == panics {
		return u, fmt.Errorf("%w: %s: %s: %w", errSick, pkg, red[0], err)
	}
	if bin, err = h.plain.build(pkg); err != nil {
		return u, errors.Join(errSick, err)
	}
	if still, _, err := runTests(pkg, bin, round{long: r.long, only: red}.args(nil, false), "", 0); err != nil {
		return u, fmt.Errorf("%w: %s: %s: %w", errSick, pkg, strings.Join(still, ", "), err)
	}
	return usual{took, red}, nil
}
