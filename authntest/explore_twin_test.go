package authntest

import (
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/race"
)

// TestTwins holds accounts that are taken for one against each other: whatever
// happens to both is answered alike, and leads to accounts that are taken for
// one again.
func TestTwins(t *testing.T) {
	if race.Detector() {
		t.Skip("each is one goroutine, as in TestExplore")
	}
	for name, o := range explorations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, every := 40, 29 // are compared, and then one of so many
			if o.Stop = 1500; brief() {
				o.Stop, every = few(), 5
			}
			x := newExplorer(bare{machineOf(t, o)}, o)
			met, compared := 0, 0
			x.twin = func(known int32, again *spot) {
				if met++; met > first && met%every != 0 {
					return
				}
				a, b := x.happenings(t, &x.spots[known]), x.happenings(t, again)
				for what, came := range a {
					other, ok := b[what]
					if !ok { // an old code that only one of them has
						continue
					}
					if compared++; came != other {
						t.Fatalf("%s:\n%s\n%s\nby%s\nand by%s", what, came, other, x.story(&x.spots[known]), x.story(again))
					}
				}
			}
			if err := x.explore(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d were taken for one that there was, %d things compared", met, compared)
			if compared < min(few()/5, len(x.spots)/10) {
				t.Errorf("%d things compared: too few", compared)
			}
		})
	}
}

// happenings are what comes of everything that may happen at a spot.
func (x *explorer) happenings(t *testing.T, s *spot) map[string]string {
	a, err := x.open(s)
	if err != nil {
		t.Fatal(err)
	}
	was, v := a, x.view(&a, s, nil)
	here := &Trial{Now: s.now, Account: &a, was: &was, Before: v, After: v, Policy: x.Policy, x: x, s: s, at: -2}
	came := map[string]string{}
	live := 0
	tabs := map[int]int{}
	for _, g := range s.tabs {
		if isLive(transaction(&v, g.id)) {
			live++
			tabs[g.n] = live
		}
	}
	kept := x.trial
	for i, l := range x.acts(s, &v) {
		no := tabs[l.Tab]
		if no == 0 && l.Event != authn.EventPrimary {
			continue
		}
		tr := x.try(here, l, i)
		text := tr.told()
		if tr.Changed {
			text += " " + x.key(&tr.to, &tr.Settled)
		}
		l.Tab = no
		came[l.String()] = text
	}
	x.trial = kept
	return came
}
