package nodes

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/examples/places"
)

var kills = flag.Int("kills", 0, "kill so many processes, at random points, after the sweep over all of them")

// TestKilled kills a process before, during and after each call of a port, in
// every path, and also while it makes good what another one left undone. Then
// another process goes on.
func TestKilled(t *testing.T) {
	for _, store := range []string{"SQLite", "PostgreSQL"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, places.Durable[store](t))
			began := time.Now()
			w.sweep()
			least := 250
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
			if p.kills != nil && !slices.Contains(p.kills, at) {
				continue
			}
			for point := 1; w.must(crash{p, at, point, 0}); point++ {
			}
		}
		for again := 1; p.again > 0 && (p.tended == 0 || again <= p.tended) && w.must(crash{p, p.again, afterFirstSave, again}); again++ {
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
	l := &ledger{world: w, visitor: visitor{user: fmt.Sprint(c.user, w.users), now: epoch, inbox: w.post, phone: people(w.config.People)}}
	l.key = w.survivor.keyOf(l.user)
	if died, err = l.crash(c); err != nil {
		return died, fmt.Errorf("%v: %w", c, err)
	}
	return died, nil
}

// The test is seen to speak: what is acknowledged before it is done is found
// missing, as is what is done before it is saved, or half.
func TestKilledSpeaks(t *testing.T) {
	for spoil, c := range map[string]struct {
		user string
		at   int
		want string
	}{
		"mail later":       {regulars, 1, "it is lost"},
		"save later":       {regulars, 0, "neither as before the step nor as after it"},
		"push later":       {pushUsers, 1, "it is lost"},
		"hands over first": {listUsers, 7, "and leaves 8, not 9"},
		"keeps later":      {listUsers, 7, "it lists a factor as it was before what it has taken"},
		"stores later":     {resetUsers, 3, `told of "stored" 0 times`},
		"notes later":      {resetUsers, 4, `told of "passed" 0 times`},
		"keeps half":       {listUsers, 7, "unexpected end of JSON input"},
	} {
		t.Run(spoil, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, places.SQLite(t))
			w.config.Spoil = spoil
			for range 20 { // some die at the wrong moment
				for point, died := 1, true; died; point++ {
					var err error
					died, err = w.crash(crash{pathOf(c.user), c.at, point, 0})
					if err != nil && strings.Contains(err.Error(), c.want) {
						return
					} else if err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Errorf("after %d kills nothing is wrong", w.killed)
		})
	}
}
