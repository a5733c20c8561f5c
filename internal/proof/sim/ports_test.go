package sim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// node is one process. Its clock is off by skew.
type node struct {
	sim  *sim
	name string
	skew time.Duration
	*authn.Service
}

// boot starts a node with empty memory.
func (s *sim) boot(n *node) {
	n.skew = []time.Duration{0, 0, 2 * time.Second, -3 * time.Second, 12 * time.Second}[s.rnd.IntN(5)]
	var err error
	cfg := s.config()
	cfg.Now = n.time
	n.Service, err = authn.New(cfg)
	if err != nil {
		panic(err)
	}
}

// config is that of the nodes. Where a factor has no address, the Directory says where
// notices go.
func (s *sim) config() authn.Config {
	c := authn.Config{
		Tenant: "acme", Keys: []authn.Key{key}, PseudonymKey: pseudonymKey,
		Store: s.world, Mailer: s.world, Directory: s.directory, Auditor: s.world, Policy: s.policy,
		Types: s.types(), Senders: map[string]authn.Sender{phoneType.Channel: s.world},
		AcknowledgeLater: s.late,
	}
	if slices.ContainsFunc(s.people, func(p *person) bool { return p.kind.id != mail }) {
		c.Directory = contacts{c.Directory}
	}
	return c
}

func (s *sim) types() []authn.FactorType {
	t := tokenType
	t.Verifier = s.verifier
	return []authn.FactorType{t, s.phone}
}

func (n *node) time() time.Time { return n.sim.world.Now().Add(n.skew) }

// crash ends a node and its tasks. A port call in progress may have taken effect.
func (s *sim) crash(n *node) {
	s.tell("%s dies", n.name)
	for _, t := range slices.Clone(s.tasks) {
		if t.node == n {
			f := dieBefore
			if s.rnd.IntN(2) == 0 {
				f = dieAfter
			}
			s.cover["died "+f.String()+" "+string(t.at)]++
			s.advance(t, f)
		}
	}
	s.boot(n)
}

// fate is the result of a port call.
type fate int

const (
	goOn       fate = iota
	failBefore      // returns an error without taking effect
	failAfter       // takes effect and returns an error
	lose            // a save returns a conflict without cause; a mail is undeliverable; a list is an old one
	dieBefore       // the process ends
	dieAfter
)

func (f fate) String() string {
	return [...]string{"goes on", "failed before", "failed after", "lost", "before", "after"}[f]
}

// fate draws the result of a port call.
func (s *sim) fate(port authntest.Port) fate {
	rate := s.faults
	if port == authntest.Send || port == authntest.Activated {
		rate *= 3 // they are rarer
	}
	f := []fate{failBefore, failAfter, lose}[s.rnd.IntN(3)]
	// An old list matters only to few users, so there are more of them.
	switch old := port == authntest.Factors && s.faults > 0 && s.rnd.IntN(6) == 0; {
	case old:
		f = lose
	case s.rnd.IntN(100) >= rate:
		return goOn
	}
	if f == lose && port != authntest.Save && port != authntest.Send && port != authntest.Factors {
		f = failBefore
	}
	s.cover[string(port)+" "+f.String()]++
	return f
}

// task is one call of a node's service, from a client or from the host.
type task struct {
	*errand
	node  *node
	at    authntest.Port // that it waits for
	asks  chan authntest.Port
	fate  chan fate
	done  chan struct{}
	read  time.Time      // its node's clock after the last load
	did   map[string]int // saved steps, by record
	wrote int            // saves that changed a record
	led   authn.State    // new state of its transaction
	wrong bool           // a wrong code was counted
	met   fate           // of its last port call
}

type taskKey struct{}

func (s *sim) start(n *node, e *errand) *task {
	t := &task{errand: e, node: n, asks: make(chan authntest.Port), fate: make(chan fate), done: make(chan struct{}), did: map[string]int{}}
	s.tell("%s: %s", n.name, e.what)
	go func() {
		defer close(t.done)
		e.do(context.WithValue(context.Background(), taskKey{}, t), n)
	}()
	s.tasks = append(s.tasks, t)
	s.await(t)
	return t
}

// run runs an errand without interruption.
func (s *sim) run(e *errand) {
	t := s.start(s.nodes[s.rnd.IntN(len(s.nodes))], e)
	for slices.Contains(s.tasks, t) {
		s.advance(t, goOn)
	}
}

// advance lets a task run to the next port call or to its end.
func (s *sim) advance(t *task, f fate) {
	s.tell("\t%s: %s: %s %s", t.node.name, t.what, t.at, f)
	t.met = f
	t.fate <- f
	s.await(t)
}

func (s *sim) await(t *task) {
	select {
	case t.at = <-t.asks:
	case <-t.done:
		s.tasks = slices.DeleteFunc(s.tasks, func(o *task) bool { return o == t })
		s.ledger.ended(t)
	}
}

// fault holds a port call until the simulation chooses its fate.
func (s *sim) fault(ctx context.Context, c authntest.Call) (f authntest.Fault) {
	t := ctx.Value(taskKey{}).(*task)
	t.asks <- c.Port
	switch fate := <-t.fate; fate {
	case failBefore, failAfter:
		f = authntest.Fault{Err: authntest.ErrDown, After: fate == failAfter}
	case lose:
		f.Stale = c.Port == authntest.Factors
		f.Err = map[authntest.Port]error{authntest.Save: authn.ErrConflict, authntest.Send: authn.ErrUndeliverable}[c.Port]
	case dieBefore, dieAfter:
		f = authntest.Fault{Exit: true, After: fate == dieAfter}
	}
	return f
}

// watch tells the ledger of a port call that was carried out or has failed.
func (s *sim) watch(ctx context.Context, c authntest.Call) {
	t := ctx.Value(taskKey{}).(*task)
	switch c.Port {
	case authntest.Load:
		t.read = t.node.time()
	case authntest.Save:
		if t.met != lose && errors.Is(c.Err, authn.ErrConflict) {
			s.cover["conflict"]++
		}
		r, _ := s.truth.Load(context.Background(), c.Key)
		s.ledger.saved(t, c.Key, r)
	case authntest.Send, authntest.Activated, authntest.Audit:
		if c.Port == authntest.Audit && c.Key == "" {
			return // not an effect
		}
		c.Key = effectOf(c.Key)
		if c.Done {
			s.ledger.offered(c)
		}
		if t.met < dieBefore {
			s.ledger.answered(c.Key, c.Err)
		}
	}
}

// effectOf is the key of an effect without the place of the contact that it goes to.
func effectOf(key string) string {
	parts := strings.Split(key, "-")
	return strings.Join(parts[:min(len(parts), 3)], "-")
}
