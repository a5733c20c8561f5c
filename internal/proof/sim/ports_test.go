package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/authnfsm/authn"
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
	n.Service, err = authn.New(authn.Config{
		Tenant: "acme", Keys: []authn.Key{key}, PseudonymKey: pseudonymKey,
		Store: s, Mailer: s, Directory: s, Auditor: s, Policy: s.policy, Now: n.time,
	})
	if err != nil {
		panic(err)
	}
}

func (n *node) time() time.Time { return n.sim.now.Add(n.skew) }

// crash ends a node and its tasks. A port call in progress may have taken effect.
func (s *sim) crash(n *node) {
	s.tell("%s dies", n.name)
	for _, t := range slices.Clone(s.tasks) {
		if t.node == n {
			f := dieBefore
			if s.rnd.IntN(2) == 0 {
				f = dieAfter
			}
			s.cover["died "+f.String()+" "+t.at]++
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
	lose            // a save returns a conflict without cause; a mail is undeliverable
	dieBefore       // the process ends
	dieAfter
)

func (f fate) String() string {
	return [...]string{"goes on", "failed before", "failed after", "lost", "before", "after"}[f]
}

// fate draws the result of a port call.
func (s *sim) fate(port string) fate {
	rate := s.faults
	if port == "mail" || port == "activated" {
		rate *= 3 // they are rarer
	}
	if s.rnd.IntN(100) >= rate {
		return goOn
	}
	f := []fate{failBefore, failAfter, lose}[s.rnd.IntN(3)]
	if f == lose && port != "save" && port != "mail" {
		f = failBefore
	}
	s.cover[port+" "+f.String()]++
	return f
}

// task is one call of a node's service, from a client or from the host.
type task struct {
	*errand
	node  *node
	at    string // the port that it waits for
	asks  chan string
	fate  chan fate
	done  chan struct{}
	read  time.Time      // its node's clock after the last load
	did   map[string]int // saved steps, by record
	led   authn.State    // new state of its transaction
	wrong bool           // a wrong code was counted
	died  bool
}

type taskKey struct{}

func (s *sim) start(n *node, e *errand) *task {
	t := &task{errand: e, node: n, asks: make(chan string), fate: make(chan fate), done: make(chan struct{}), did: map[string]int{}}
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
	t.died = f >= dieBefore
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

// port holds a port call until the simulation chooses its fate.
func (s *sim) port(ctx context.Context, name string, do func(*task, fate) error) error {
	t := ctx.Value(taskKey{}).(*task)
	t.asks <- name
	f := <-t.fate
	var err error
	if f != dieBefore && f != failBefore && f != lose {
		err = do(t, f)
	}
	switch f {
	case dieBefore, dieAfter:
		runtime.Goexit()
	case failBefore, failAfter:
		return errDown
	case lose:
		return map[string]error{"save": authn.ErrConflict, "mail": authn.ErrUndeliverable}[name]
	}
	return err
}

func (s *sim) Load(ctx context.Context, key string) (r authn.Record, err error) {
	err = s.port(ctx, "load", func(t *task, _ fate) (err error) {
		r, err = s.store.Load(context.Background(), key)
		t.read = t.node.time()
		return err
	})
	return r, err
}

func (s *sim) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	return s.port(ctx, "save", func(t *task, _ fate) error {
		before, _ := s.truth.Load(context.Background(), key)
		err := s.store.Save(context.Background(), key, old, r)
		if errors.Is(err, authn.ErrConflict) {
			s.cover["conflict"]++
		}
		after, _ := s.truth.Load(context.Background(), key)
		s.ledger.saved(t, key, before, after)
		return err
	})
}

func (s *sim) Due(ctx context.Context, before time.Time, limit int) (keys []string, err error) {
	err = s.port(ctx, "due", func(*task, fate) (err error) {
		keys, err = s.store.Due(context.Background(), before, limit)
		return err
	})
	return keys, err
}

func (s *sim) Send(ctx context.Context, m authn.Message) error {
	err := s.port(ctx, "mail", func(*task, fate) error {
		s.ledger.mailed(m)
		if p := s.person(m.User); m.Kind == authn.CodeMessage {
			p.inbox = append(p.inbox, m.Code)
		}
		return nil
	})
	s.ledger.answered(m.Key, err)
	return err
}

func (s *sim) Factors(ctx context.Context, user string) (fs []authn.Factor, err error) {
	err = s.port(ctx, "factors", func(*task, fate) error {
		fs = slices.Clone(s.person(user).factors)
		return nil
	})
	return fs, err
}

func (s *sim) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	err := s.port(ctx, "activated", func(*task, fate) error {
		s.ledger.offered(key)
		for i, g := range s.person(user).factors {
			if g.ID == f.ID {
				s.person(user).factors[i].Status = authn.Active
			}
		}
		return nil
	})
	s.ledger.answered(key, err)
	return err
}

func (s *sim) Audit(ctx context.Context, e authn.AuditEvent) error {
	err := s.port(ctx, "audit", func(*task, fate) error {
		if e.Key != "" {
			s.ledger.offered(e.Key)
		}
		return nil
	})
	if e.Key != "" {
		s.ledger.answered(e.Key, err)
	}
	return err
}

func (s *sim) person(user string) *person {
	for _, p := range s.people {
		if p.user == user {
			return p
		}
	}
	panic(fmt.Sprintf("no user %q", user))
}
