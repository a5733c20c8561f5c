package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/internal/servers"
)

// tiny returns a plan with short laps, which are enough because contestants
// check their own work.
func tiny(t *testing.T) *plan {
	p := &plan{quick: true, laps: 2, lap: time.Millisecond, log: t.Output(), began: time.Now()}
	t.Cleanup(p.close)
	return p
}

func TestParts(t *testing.T) {
	for _, x := range parts {
		if x.name == "stores" || x.name == "idle" { // see below
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			s, err := x.run(tiny(t))
			if err != nil {
				t.Fatal(err)
			}
			if len(s.found) == 0 || len(s.tables) == 0 && s.found[0].skipped == "" {
				t.Fatal("the part has no outcomes")
			}
			if s.found[0].skipped != "" && servers.Required() {
				t.Error(s.found[0].skipped)
			}
			for _, o := range s.found {
				if o.skipped == "" && !(o.value.mid >= 0 && o.value.mid < 1e6) {
					t.Errorf("%s: %v", o.name, o.value)
				}
			}
		})
	}
}

// TestStore runs the comparison of stores on two stores that need no server.
func TestStore(t *testing.T) {
	for _, k := range kinds[:2] {
		b, err := k.reach()
		if err != nil {
			t.Fatal(err)
		}
		defer b.close()
		s := new(section)
		if err := onStore(s, new(panel), k.name, b, crowds, 1, time.Millisecond); err != nil {
			t.Fatal(k.name, err)
		}
		if len(s.found) != len(crowds) {
			t.Errorf("%s: %d comparisons", k.name, len(s.found))
		}
	}
}

// TestTrips checks that a step is one load and one save, also on the network.
func TestTrips(t *testing.T) {
	for _, k := range kinds[2:] {
		t.Run(k.name, func(t *testing.T) {
			b, err := k.reach()
			if err != nil {
				servers.Missing(t, "no %s for tests: %v", k.name, err)
			}
			defer b.close()
			h := newHost()
			svc, err := h.service(b.store)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []contestant{byService(h, svc, 1), byHand(b, 1)} {
				if n, err := b.trips(c); err != nil || n != 2 {
					t.Errorf("%s: %v round trips, %v", c.name, n, err)
				}
			}
		})
	}
}

func TestUnreachableStoreIsSkipped(t *testing.T) {
	t.Setenv(servers.Redis, "redis://127.0.0.1:1")
	if _, err := openRedis(context.Background()); err == nil {
		t.Fatal("there is a server on port 1")
	}
}

// TestUnnamedStoreIsSkipped checks that no server is used that nobody named.
func TestUnnamedStoreIsSkipped(t *testing.T) {
	for _, variable := range []string{servers.PostgreSQL, servers.MySQL, servers.Redis} {
		t.Setenv(variable, "")
	}
	for _, k := range kinds[2:] {
		if b, err := k.reach(); err == nil {
			b.close()
			t.Errorf("%s: opened", k.name)
		} else if !strings.Contains(err.Error(), "AUTHN_TEST_") {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

func TestAttic(t *testing.T) {
	a, err := newAttic((batches + 1) * batch)
	if err != nil {
		t.Fatal(err)
	}
	if n := a.store.Len(); n != (batches+1)*batch {
		t.Fatalf("%d records", n)
	}
	if _, err := inTurns([]contestant{a.tends()}, batches, []int{1}); err != nil { // checks how many were due
		t.Error(err)
	}
}

// TestRaceSeesWork checks that a race detects eight times the work, even on a
// busy machine.
func TestRaceSeesWork(t *testing.T) {
	d := newDesk(tenant, "emf1", true)
	look := func(times int) func() error {
		return func() error {
			for range times {
				if !d.look() {
					return errDesk
				}
			}
			return nil
		}
	}
	all, err := race([]contestant{{name: "often", run: times(look(8))}, {name: "once", run: times(look(1))}}, 9, 4*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if r := spreadOf(paired(all[0].of(cpu), all[1].of(cpu))).mid; r < 2 || r > 32 {
		t.Errorf("eight times the work costs %v times as much", r)
	}
	wrongWork := contestant{name: "fails", run: func(int) error { return errDesk }}
	if _, err := race([]contestant{wrongWork}, 1, time.Millisecond); !errors.Is(err, errDesk) {
		t.Errorf("a contestant that fails: %v", err)
	}
}

// TestPage writes a page of fixed results, one of which misses its target.
func TestPage(t *testing.T) {
	hot := contestant{name: "hot", run: times(func() error { newDesk(tenant, "emf1", true); return nil })}
	miss := result(bound{name: "a & b", target: 1, why: "It is slow."}, 3)
	miss.hot = &hot
	sec := section{
		title: "Things", text: "Some text.", found: []outcome{miss, result(bound{name: "kept", target: 5}, 4), {bound: bound{name: "gone"}, skipped: "not reachable"}},
		tables: []table{{caption: "a table", head: []string{"x", "y"}, rows: [][]string{{"1", "2"}}}},
		panels: []panel{{"a < b", []bar{{"one & all", spread{1, 2, 3}, "2 ns", true}, {"other", spread{4, 4, 4}, "4 ns", false}}}},
	}
	dir, p := t.TempDir(), tiny(t)
	p.lap = 20 * time.Millisecond // a profile has a sample every 10 ms
	if err := write(p, dir, []section{sec}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| a & b | 3 |  | ≤ 1 | **not met** |", "| kept | 4 |  | ≤ 5 | met |", "gone | skipped: not reachable", "It is slow.",
		"## Appendix: profiles", "| function | alone |", "hmac.New", "## Things", "| 1 | 2 |", "A table:"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q on the page", want)
		}
	}
	svg, err := os.ReadFile(filepath.Join(dir, "img", "performance.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
