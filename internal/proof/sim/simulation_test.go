package sim

import (
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/memstore"
)

var (
	seed  = flag.Uint64("seed", 0, "replay this one of TestSimulation")
	seeds = flag.Int("seeds", 0, "let TestSimulation run so many random seeds more")
)

const (
	aDay  = 24 * time.Hour
	aYear = 365 * aDay
)

var (
	start = authntest.Epoch().Add(123_456_789) // times have nanoseconds
	key   = authn.Key{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}

	pseudonymKey = []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L")
)

// TestSimulation simulates clients, nodes that share a store, their clocks, and
// the faults of every port, all determined by a seed. A node may die at any port
// call. It then loses its memory and its calls in progress, which may or may not
// have taken effect. The rules are in ledger_test.go. P11, P12, K1 to K5, E1 to
// E5, L1, L4. Known mistakes 3, 9, 44, 45, 46, 61.
func TestSimulation(t *testing.T) {
	var list []uint64
	switch {
	case *seed != 0:
		list = []uint64{*seed}
	default:
		for n := range uint64(Seeds) {
			list = append(list, n+1)
		}
	}
	for range *seeds {
		list = append(list, mathrand.Uint64())
	}
	cover := map[string]int{}
	if a, b := simulate(t, list[0], nil, cover), simulate(t, list[0], nil, cover); !slices.Equal(a.story, b.story) {
		t.Error("two runs of one seed differ")
	}
	for _, n := range list {
		if s := simulate(t, n, nil, cover); s.err != nil {
			t.Fatalf("%s\n%v\nto repeat it: go test ./internal/proof/sim -run 'TestSimulation$' -seed %d", strings.Join(s.story, "\n"), s.err, n)
		}
	}
	t.Logf("%d seeds: %v", len(list), cover)
	if *seed == 0 {
		for _, k := range simReached {
			if cover[k] == 0 {
				t.Errorf("never reached: %s", k)
			}
		}
	}
}

// sim is the simulation of one seed. One goroutine runs at a time, chosen by the
// seed.
type sim struct {
	rnd    *mathrand.Rand
	world  *authntest.World
	policy authn.Policy

	directory authn.Directory
	verifier  authn.Verifier
	phone     authn.FactorType

	machine *authn.Machine // of that policy, to read records
	truth   *memstore.Store
	nodes   []*node
	tasks   []*task // in progress
	ledger  *ledger
	people  []*person
	inbox   map[string][]authn.Code // of each user, even those that came again
	faults  int                     // per hundred calls
	late    bool                    // the nodes acknowledge later
	cover   map[string]int
	story   []string
	hears   string // only a violation with these words counts
	err     error  // the first violation
}

func simulate(t *testing.T, n uint64, broken func(*sim), cover map[string]int) (s *sim) {
	cryptotest.SetGlobalRandom(t, n)
	synctest.Test(t, func(t *testing.T) { // waiting for a retry takes no time
		s = newSim(n, broken, cover)
		for range 400 {
			if s.move(); s.err != nil {
				break
			}
		}
		if s.err == nil {
			s.calm()
		}
		s.end()
	})
	return s
}

func newSim(n uint64, broken func(*sim), cover map[string]int) *sim {
	s := &sim{rnd: mathrand.New(mathrand.NewPCG(n, 0)), truth: new(memstore.Store), inbox: map[string][]authn.Code{}, cover: cover, late: n%3 == 2}
	s.world = &authntest.World{Base: s.truth, Plan: s.fault, Watch: s.watch}
	s.directory, s.verifier, s.phone = s.world, verdict{s}, phoneType
	if broken != nil {
		broken(s)
	}
	s.world.Advance(start.Sub(authntest.Epoch()))
	s.policy = []authn.Policy{
		{Cooldowns: []time.Duration{time.Second}, SendsPerHour: 100, SendsPerDay: 100, StartsPerHour: 100, Sends: 5},
		{Life: 3 * time.Minute, CodeLife: time.Minute, Cooldowns: []time.Duration{2 * time.Second}, Tries: 4, BackoffFrom: 10, LockEvery: 3, Lock: time.Minute, LockMax: 2 * time.Minute, Live: 2},
	}[s.rnd.IntN(2)]
	var err error
	if s.machine, err = authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{key}, PseudonymKey: pseudonymKey, Policy: s.policy, Types: s.types()}); err != nil {
		panic(err)
	}
	s.faults = []int{0, 3, 8, 25}[s.rnd.IntN(4)]
	s.ledger = newLedger(s)
	for i, k := range kindsOf(n) {
		s.addPerson(i, k)
	}
	s.ledger.eye = s.newEye()
	for i := range 3 {
		s.nodes = append(s.nodes, &node{sim: s, name: string(rune('A' + i))})
		s.boot(s.nodes[i])
	}
	return s
}

// move makes one random move.
func (s *sim) move() {
	switch n := s.rnd.IntN(100); {
	case n < 25 && len(s.tasks) < 5:
		s.start(s.nodes[s.rnd.IntN(len(s.nodes))], s.errand())
	case n < 90 && len(s.tasks) > 0:
		t := s.tasks[s.rnd.IntN(len(s.tasks))]
		if t.at == authntest.Activated && s.rnd.IntN(3) > 0 {
			break // the Directory is slow, so that others overtake
		}
		s.advance(t, s.fate(t.at))
	case n < 92:
		s.world.Advance([]time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 20 * time.Second, 40 * time.Second, 90 * time.Second}[s.rnd.IntN(6)])
		s.tell("the time is %s", s.world.Now().Sub(start))
	case n < 94:
		s.start(s.nodes[s.rnd.IntN(len(s.nodes))], tending())
	case n < 95:
		s.crash(s.nodes[s.rnd.IntN(len(s.nodes))])
	case n < 96:
		for _, t := range s.tasks {
			if t.at == authntest.Save || t.at == authntest.Send || t.at == authntest.Activated { // prefer crashes around effects
				s.crash(t.node)
				break
			}
		}
	}
}

// calm ends the faults and checks that pending effects are delivered, open
// transactions end, users can sign in, and all records are deleted eventually.
func (s *sim) calm() {
	s.faults = 0
	s.tell("everything works again")
	for len(s.tasks) > 0 {
		s.advance(s.tasks[0], goOn)
	}
	for range 80 {
		s.world.Advance(30 * time.Second)
		s.run(tending())
	}
	s.ledger.settled()
	for _, p := range s.people {
		s.run(reinstating(p))
		s.world.Advance(25 * time.Hour)
		s.signIn(p)
	}
	s.world.Advance(2 * aYear)
	for range 2 { // an ended transaction is kept for some minutes
		s.run(tending())
		s.world.Advance(time.Hour)
	}
	if n := s.truth.Len(); n > 0 {
		s.fail("after two years %d records are left", n)
	}
}

// end ends all goroutines.
func (s *sim) end() {
	for len(s.tasks) > 0 {
		s.advance(s.tasks[0], dieBefore)
	}
}

func (s *sim) tell(format string, args ...any) {
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

func (s *sim) fail(format string, args ...any) {
	if err := fmt.Errorf(format, args...); s.err == nil && strings.Contains(err.Error(), s.hears) {
		s.err = err
		s.tell("WRONG: %v", err)
	}
}
