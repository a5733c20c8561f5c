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
)

// short laps are enough to see that each contestant does what it should: they
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
			if len(s.found) == 0 || len(s.tables) == 0 {
				t.Fatal("it found nothing")
			}
			for _, o := range s.found {
				if o.skipped == "" && !(o.value.mid >= 0 && o.value.mid < 1e6) {
					t.Errorf("%s: %v", o.name, o.value)
				}
			}
		})
	}
}

// TestStore goes through the comparison of a store on two that need no server,
// and sees on the way what the stores are asked for.
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

// TestTrips holds that a step is a load and a save, on the wire too.
func TestTrips(t *testing.T) {
	for _, k := range kinds[2:] {
		t.Run(k.name, func(t *testing.T) {
			b, err := k.reach()
			if err != nil {
				if os.Getenv("AUTHN_TEST_SERVICES") == "required" {
					t.Fatal(err)
				}
				t.Skipf("start %s, or say where it is: %v", k.name, err)
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
	t.Setenv("AUTHN_TEST_REDIS", "redis://127.0.0.1:1")
	if _, err := openRedis(context.Background()); err == nil {
		t.Fatal("there is a server on port 1")
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
	if _, err := inTurns([]contestant{a.tends()}, batches, []int{1}); err != nil { // it checks how many were due
		t.Error(err)
	}
}

// TestRaceSeesWork holds that eight times the work costs far more, however
// busy the machine is.
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

// TestPage writes a page of results that are made up, one of them a miss.
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
		"| function | alone |", "hmac.New", "## Things", "| 1 | 2 |", "A table:"} {
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
