package authntest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/race"
	"github.com/authnfsm/authn/memstore"
)

func onMemory(c authn.Config) (*authn.Service, error) {
	c.Store = new(memstore.Store)
	return authn.New(c)
}

// leaky is a store that takes every save and keeps only the first.
type leaky struct {
	memstore.Store
	saves int
}

func (s *leaky) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if s.saves++; s.saves > 1 {
		return nil
	}
	return s.Store.Save(ctx, key, old, r)
}

// TestReplayCompares: a replay finds every answer that is another one, and a
// store that does not keep what it takes.
func TestReplayCompares(t *testing.T) {
	if race.Detector() {
		t.Skip("it is one goroutine")
	}
	o, all := Options{Policy: cramped, Deliveries: []authn.Delivery{authn.Sent, authn.Failed}}, explorations["adding"]
	changes, found := 0, 0
	lost := 0
	for i, w := range slices.Concat(Walks(t, machine(t, cramped), o), Walks(t, machineOf(t, all), all)) {
		if brief() && i%4 > 0 {
			continue
		}
		if err := replay(t.Context(), w, onMemory); err != nil {
			t.Fatal(err)
		}
		err := replay(t.Context(), w, func(c authn.Config) (*authn.Service, error) {
			c.Store = new(leaky)
			return authn.New(c)
		})
		if err != nil {
			lost++
		}
		last := &w.Legs[len(w.Legs)-1]
		for _, change := range []func(l *Leg){
			func(l *Leg) { l.Refused = authn.ErrLocked },
			func(l *Leg) { l.Guard += "?" },
			func(l *Leg) { l.Again += time.Nanosecond },
			func(l *Leg) { l.State += "?" },
			func(l *Leg) { l.Outcome += "?" },
			func(l *Leg) { l.Row += "?" },
		} {
			was := *last
			change(last)
			silent := was.Refused != nil && (last.State != was.State || last.Outcome != was.Outcome || last.Row != was.Row) ||
				was.Refused == nil && (last.Guard != was.Guard || last.Again != was.Again) || was.Event == eventTend ||
				was.Refused == authn.ErrFinished && last.Row != was.Row
			if !silent {
				changes++
				if err := replay(t.Context(), w, onMemory); err == nil {
					t.Errorf("a walk with %+v instead of %+v is as good", *last, was)
				} else if !strings.Contains(err.Error(), w.Name) {
					t.Errorf("%v", err)
				} else {
					found++
				}
			}
			*last = was
		}
	}
	t.Logf("%d of %d changes found, a store that forgets by %d walks", found, changes, lost)
	if !brief() && (changes < 100 || lost < 20) {
		t.Errorf("%d changes, %d walks that a store that forgets does not survive: too few", changes, lost)
	}
}

// TestWalks: a walk is a shortest path, as data and as text.
func TestWalks(t *testing.T) {
	ws := Walks(t, machine(t, cramped), Options{Policy: cramped})
	i := slices.IndexFunc(ws, func(w Walk) bool { return w.Name == "MFA_CHALLENGE: resend [cooling down]" })
	if i < 0 {
		t.Fatal("nothing leads to a resend that is too soon")
	}
	const want = `# MFA_CHALLENGE: resend [cooling down]
primary ada (directory usual) => MFA_REQUIRED
challenge mail (directory usual) => MFA_CHALLENGE
resend (directory usual) => refused: too soon (cooling down), again in 30s
`
	if got := ws[i].String(); got != want {
		t.Errorf("%s", got)
	}
	names := map[string]bool{}
	for _, w := range ws {
		if names[w.Name] || len(w.Legs) == 0 || w.Legs[len(w.Legs)-1].Event == "" {
			t.Errorf("%s", w)
		}
		names[w.Name] = true
	}
}
