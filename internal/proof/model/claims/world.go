package claims

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"pgregory.net/rapid"
)

var ctx = context.Background()

var (
	errDown  = authntest.ErrDown
	errNoBox = fmt.Errorf("no such mailbox: %w", authn.ErrUndeliverable)
)

// world has two services on one store, their ports, and the reference.
type world struct {
	*authntest.World
	reference
	t        *rapid.T
	services []*authn.Service
	turn     int
	machine  *authn.Machine
	users    []string
	apps     map[string]*app // by user
	story    []string
	log      []authntest.Call
	cover    map[string]int
	nameKeys map[string]string // of the records of names, by key
	userKeys map[string]string // user of an account's record, by key
	fault    struct {
		in    int // store calls until it happens; 0: none
		times int // in a row
		is    authntest.Fault
		fired bool
	}
	finding   bool // Find fails
	mailing   error
	answering bool // during a request that looks nobody up
	asks      bool // the host has questions
	asked     error
	late      bool // what follows an answer waits for actDeliver
	routines  bool // or runs in goroutines of the service
	queue     []func()
	due       []*generation // of the queue
	crossing  *generation   // that is on its way
	passwords passwords
	broken    string // seen in a port
}

// app is a user's authenticator app.
type app struct {
	secret authn.Secret
	used   int64 // time step
}

// passwords is the host's Passwords, and Unlocker.
type passwords struct {
	says    authn.Verdict
	fails   error
	stored  []authn.Change
	unlocks []string // users
	checks  int
}

func (p *passwords) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	p.checks++
	v := p.says
	if v.Right {
		v.Data = []byte("form of " + string(in.New))
	}
	return v, p.fails
}

func (p *passwords) Store(_ context.Context, c authn.Change) error {
	p.stored = append(p.stored, c)
	return nil
}

func (p *passwords) Unlock(_ context.Context, _, user string) error {
	p.unlocks = append(p.unlocks, user)
	return nil
}

// questions is the host's Questions.
type questions struct{ w *world }

func (q questions) Question(_ context.Context, user string) (string, error) {
	if !q.w.asks {
		return "", q.w.asked
	}
	return "the question of " + user, q.w.asked
}

func (q questions) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	switch in.Answer {
	case authn.Secret("the answer of " + in.User):
		return authn.Verdict{Right: true}, nil
	case "rejected":
		return authn.Verdict{Rejected: true, Reasons: []string{"not like this"}}, nil
	case "denied":
		return authn.Verdict{Denied: true}, nil
	}
	return authn.Verdict{}, nil
}

// finder is the host's directory.
type finder struct{ *world }

func (f finder) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	if f.answering {
		f.broken = "Find is asked before a claim is answered"
	}
	if f.finding {
		return authn.Subject{}, errDown
	}
	s, ok := f.names[c.By+" "+string(c.Name)]
	if !ok {
		return authn.Subject{}, fmt.Errorf("nobody: %w", authn.ErrNoUser)
	}
	return s, nil
}

// newWorld returns a world with the policy.
func newWorld(t *rapid.T, tb testing.TB, p authn.Policy, cover map[string]int) *world {
	w := &world{World: new(authntest.World), t: t, cover: cover, apps: map[string]*app{}, nameKeys: map[string]string{}, userKeys: map[string]string{}}
	w.reference = reference{p: settled(p), names: map[string]authn.Subject{}, marks: map[string]mark{}, tried: map[string][]time.Time{}, taken: map[string][]time.Time{}}
	w.Advance(123_456_789) // times have nanoseconds
	w.Plan = w.plan
	w.Watch = func(_ context.Context, c authntest.Call) { w.log = append(w.log, c) }
	w.passwords.says = authn.Verdict{Right: true}
	how := rapid.SampledFrom([]string{"at once", "at once", "late", "late", "goroutines"}).Draw(t, "after the answer")
	w.late, w.routines = how == "late", how == "goroutines"
	questioned := rapid.Bool().Draw(t, "questions")
	for range 2 {
		c := w.Config()
		c.Policy, c.Directory, c.Passwords = p, finder{w}, &w.passwords
		c.Senders = map[string]authn.Sender{"sms": w, "call": w}
		if questioned {
			c.Questions = questions{w}
		}
		if !w.routines {
			c.Go = func(f func()) { w.queue = append(w.queue, f) }
		}
		s, err := authn.New(c)
		if err != nil {
			t.Fatalf("New(%+v): %v", p, err)
		}
		w.services = append(w.services, s)
	}
	m, err := w.Machine(p)
	if err != nil {
		t.Fatal(err)
	}
	w.machine = m
	w.asks = questioned && rapid.Bool().Draw(t, "a question")
	w.people()
	return w
}

// plan makes a port fail.
func (w *world) plan(_ context.Context, c authntest.Call) authntest.Fault {
	switch {
	case w.fault.in > 0 && (c.Port == authntest.Load || c.Port == authntest.Save):
		if w.fault.in--; w.fault.in == 0 {
			if w.fault.times--; w.fault.times > 0 {
				w.fault.in = 1
			}
			if c.Port == authntest.Load && errors.Is(w.fault.is.Err, authn.ErrConflict) {
				return authntest.Fault{}
			}
			w.fault.fired = true
			return w.fault.is
		}
	case c.Port == authntest.Send && w.mailing != nil:
		return authntest.Fault{Err: w.mailing}
	case c.Port == authntest.Send && strings.HasSuffix(c.Message.To, "@bounces.example"):
		return authntest.Fault{Err: errNoBox}
	}
	return authntest.Fault{}
}

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%v  ", w.Now().Sub(authntest.Epoch()))+fmt.Sprintf(format, args...))
}

func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n\npolicy %+v\n%s", fmt.Sprintf(format, args...), w.p, strings.Join(w.story, "\n"))
}

func (w *world) service() *authn.Service {
	w.turn++
	return w.services[w.turn%2]
}

func (w *world) view(user string) ledger {
	v, err := w.View(ctx, w.machine, user)
	if err != nil {
		w.failf("account of %s: %v", user, err)
	}
	return ledger{v}
}

// savedAt is when the account was saved: a new password comes after all that was saved
// before, if only by a nanosecond.
func (w *world) savedAt(user string) time.Time {
	if at := w.view(user).Saved; at.After(w.Now()) {
		return at
	}
	return w.Now()
}

// watched is what a call has done.
type watched struct {
	changed []string // keys of records
	calls   []authntest.Call
	fired   bool // a fault
}

// watch runs f and returns what it has done.
func (w *world) watch(f func()) (g watched) {
	before := w.records()
	n := len(w.log)
	w.fault.fired = false
	f()
	g.calls, g.fired = w.log[n:], w.fault.fired
	w.fault.in = 0
	after := w.records()
	for k := range maps.Keys(after) {
		if a, ok := before[k]; !ok || a.Version != after[k].Version {
			g.changed = append(g.changed, k)
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			g.changed = append(g.changed, k)
		}
	}
	if w.broken != "" {
		w.failf("%s", w.broken)
	}
	return g
}

func (w *world) records() map[string]authn.Record {
	rs, err := w.Records(ctx)
	if err != nil {
		w.failf("records: %v", err)
	}
	return rs
}

func (g *watched) has(key string) bool { return slices.Contains(g.changed, key) }

// sends are the messages that a Sender was asked to take.
func (g *watched) sends() (cs []authntest.Call) {
	for _, c := range g.calls {
		if c.Port == authntest.Send {
			cs = append(cs, c)
		}
	}
	return cs
}
