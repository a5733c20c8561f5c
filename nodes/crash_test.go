package nodes

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/examples/places"
)

var kills = flag.Int("kills", 0, "kill so many processes, at random points, after the sweep over all of them")

// TestKilled kills a process before, during and after each call of a port, in
// both paths, and also while it makes good what another one left undone. Then
// another process goes on.
func TestKilled(t *testing.T) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, places.Durable[store](t))
			began := time.Now()
			w.sweep()
			least := 100
			if testing.Short() {
				least = 40
			}
			if w.killed < least || w.repeated == 0 {
				t.Errorf("%d processes were killed and %d mails repeated: the points were not reached", w.killed, w.repeated)
			}
			for n := *kills; w.killed < n; {
				if _, err := w.crash(w.anyCrash()); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d processes killed in %v: 0 lost, 0 doubled, %d mails repeated with the same Message-ID",
				w.killed, time.Since(began).Round(time.Second), w.repeated)
		})
	}
}

// sweep kills at every point of every step, and at every point of the tending
// after a kill that left something undone.
func (w *world) sweep() {
	for _, p := range paths {
		if testing.Short() && p.user != newcomers {
			continue
		}
		for at := range p.steps {
			for point := 1; w.must(crash{p, at, point, 0}); point++ {
			}
		}
		for again := 1; w.must(crash{p, 1, afterFirstSave, again}); again++ {
		}
	}
}

// afterFirstSave is a point of a step that sends: after load and save.
const afterFirstSave = 6

func (w *world) must(c crash) bool {
	w.t.Helper()
	killed := w.killed
	died, err := w.crash(c)
	if err != nil {
		w.t.Fatal(err)
	}
	if c.again > 0 {
		return w.killed == killed+2
	}
	return died
}

// A crash is a kill at a point of a step of a path, and perhaps again at a
// point of the first Tend after it.
type crash struct {
	path
	at, point, again int
}

func (c crash) String() string {
	return fmt.Sprintf("%s: killed at point %d of step %d, %s, and at point %d of the next tend", c.user, c.point, c.at, c.steps[c.at].event, c.again)
}

func (w *world) anyCrash() crash {
	p := paths[rand.IntN(len(paths))]
	return crash{p, rand.IntN(len(p.steps)), 1 + rand.IntN(18), rand.IntN(20) * rand.IntN(2)}
}

// crash lets a fresh visitor walk a path on which a node is killed.
func (w *world) crash(c crash) (died bool, err error) {
	w.users++
	l := &ledger{world: w, visitor: visitor{user: fmt.Sprint(c.user, w.users), now: epoch, inbox: w.post}}
	if died, err = l.crash(c); err != nil {
		return died, fmt.Errorf("%v: %w", c, err)
	}
	return died, nil
}

// The test is seen to speak: what is acknowledged before it is done is found
// missing.
func TestKilledSpeaks(t *testing.T) {
	for spoil, c := range map[string]struct {
		at   int
		want string
	}{
		"mail later": {1, "it is lost"},
		"save later": {0, "neither as before the step nor as after it"},
	} {
		t.Run(spoil, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, places.SQLite(t))
			w.config.Spoil = spoil
			for point, died := 1, true; died; point++ {
				var err error
				died, err = w.crash(crash{paths[0], c.at, point, 0})
				if err != nil && strings.Contains(err.Error(), c.want) {
					return
				} else if err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("after %d kills nothing is wrong", w.killed)
		})
	}
}
