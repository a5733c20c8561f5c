package model

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

var zones = []*time.Location{time.UTC, time.FixedZone("east", 5*3600+1800), time.FixedZone("west", -9*3600)}

var (
	down     = authntest.Fault{Err: authntest.ErrDown}
	errNoBox = fmt.Errorf("no such mailbox: %w", authn.ErrUndeliverable)
)

// same reports whether two records are equal.
func same(a, b authn.Record) bool {
	return a.Version == b.Version && a.Due.Equal(b.Due) && bytes.Equal(a.Value, b.Value)
}

// effect is a call of Send or Activated.
type effect struct {
	authntest.Call
	saves int // by then
}

// ticket has what a client and the test know of a transaction.
type ticket struct {
	token     authn.StateToken
	session   authn.SessionToken
	last      call        // as sent, accepted or not
	id        string      // public
	trail     authn.State // state according to the audit events
	began     time.Time
	succeeded time.Time

	needed, passed []authn.State // gates, as the host has said
	renewed        bool          // the password, as the host has judged
}

// account is a user with the oracle's view of it.
type account struct {
	user    string
	key     string // of the record
	o       *oracle
	tickets []*ticket
	letters map[string]authn.Message  // by key
	owed    map[string]authntest.Call // of Activated: the last one, by factor
	most    int                       // maximal number of pending effects
	devices []device
	hidden  []string        // secrets that no answer may have
	factors int             // that the user ever had
	once    map[string]bool // codes that have signed in

	keeps   []keep      // what the host has to keep, and has not taken
	changes []time.Time // of passwords
	needs   map[authn.State]bool
}

// device is a challenge that another device answers.
type device struct {
	tx int
	*puzzle
}

// world is the environment of the services. All services share one store and are
// used in turn, so that a service that keeps other state fails.
type world struct {
	*authntest.World
	t        failer
	start    time.Time
	zone     int
	services []*authn.Service
	turn     int
	p        authn.Policy
	digits   int
	accounts []*account
	story    []string // printed with a failure
	cover    map[string]int
	keys     map[string]bool // of audit events, and what was shown
	floor    time.Time       // the clock does not go back beyond it
	blur     bool            // the directory is temporarily wrong: do not compare answers
	own      bool            // the services have the host's own types
	mute     bool            // the Verifier is down
	hosted
	stale   bool          // the Directory gives the list before the last change
	between func()        // comes before the next save
	raced   bool          // it came
	decide  func()        // makes the verdict on the event at hand
	broken  string        // a failure that a service has swallowed
	apps    int           // imported so far
	drawApp func(app) app // makes a special one of them

	// All calls of the ports so far.
	loads, saves  int
	lastKey       string // of a load
	versions      map[uint64]bool
	repeated      bool     // a version was used again
	mails, handed []effect // of Send, of Activated
	audits        []authn.AuditEvent
	checks        []authn.Check     // that the Verifier was asked
	reports       map[string]string // that the Auditor has not taken: key to user
	bases         []*base
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
	Logf(string, ...any)
}

var keyOne, keyTwo = authn.Key{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}, authn.Key{ID: 2, Secret: []byte("two q9WmT4xKd7Bv1Hs8Gf3Jr6Np2Cz5L")}

func config(w *world, p authn.Policy) authn.Config {
	c := w.Config()
	c.Keys, c.Policy = []authn.Key{keyOne}, p
	c.Now = func() time.Time { return w.Now().In(zones[w.zone%len(zones)]) } // B9: time zones do not matter
	w.addHosted(&c)
	if w.own {
		c.Types, c.Senders = w.types(), map[string]authn.Sender{"push": w}
	}
	return c
}

// newWorld returns a world with n services. The oracle expects codes with this
// number of digits; 0 means that of the policy. With own, the services have the
// host's own types of factors.
func newWorld(t failer, p authn.Policy, digits, n int, own bool) *world {
	return newHostedWorld(t, p, digits, n, own, func(*world) {})
}

// newHostedWorld is newWorld with a host that prepare gives it.
func newHostedWorld(t failer, p authn.Policy, digits, n int, own bool, prepare func(*world)) *world {
	w := &world{
		World: new(authntest.World), t: t, p: settled(p), digits: digits, own: own, cover: map[string]int{}, keys: map[string]bool{}, versions: map[uint64]bool{},
		reports: map[string]string{},
	}
	w.Watch, w.Plan = w.note, w.plan
	w.Advance(123_456_789) // times have nanoseconds
	w.start = w.Now()
	prepare(w)
	open := func() *authn.Service {
		s, err := authn.New(config(w, p))
		if err != nil {
			t.Fatalf("New(%+v): %v", p, err)
		}
		return s
	}
	for range n {
		w.services = append(w.services, open())
	}
	if w.passwords {
		w.gates, w.others = w.others, w.gates
		w.elsewhere = open()
		w.gates, w.others = w.others, w.gates
	}
	if digits == 0 {
		w.digits = w.p.Digits
	}
	return w
}

// all returns all services.
func (w *world) all() []*authn.Service {
	if w.elsewhere != nil {
		return append(slices.Clip(w.services), w.elsewhere)
	}
	return w.services
}

// note keeps what a test wants to know of a call.
func (w *world) note(_ context.Context, c authntest.Call) {
	switch {
	case c.Port == authntest.Load:
		w.loads++
		w.lastKey = c.Key
	case c.Port == authntest.Save && c.Done:
		w.saves++
		if v := c.Record.Version; len(c.Record.Value) > 0 {
			w.repeated = w.repeated || w.versions[v] || v == 0
			w.versions[v] = true
		}
	case c.Port == authntest.Send:
		w.mails = append(w.mails, effect{c, w.saves})
	case c.Port == authntest.Activated:
		w.handed = append(w.handed, effect{c, w.saves})
	case c.Port == authntest.Audit:
		w.audits = append(w.audits, c.Event)
		if delete(w.reports, c.Key); c.Err != nil && c.Key != "" {
			w.reports[c.Key] = c.User
		}
	}
}

// plan lets another event come before a save.
func (w *world) plan(_ context.Context, c authntest.Call) (f authntest.Fault) {
	if c.Port == authntest.Save && w.between != nil {
		first, decide, checks, asks := w.between, w.decide, len(w.checks), len(w.asked)
		w.between = nil
		first()
		w.checks, w.asked = w.checks[:checks], w.asked[:asks]
		*w.bases[len(w.bases)-1] = w.base()
		decide()
		w.raced = true
	}
	return f
}

// wait waits until t, unless that is past.
func (w *world) wait(t time.Time) {
	w.Advance(max(0, t.Sub(w.Now())))
}

// records returns all stored records.
func (w *world) records() map[string]authn.Record {
	all, err := w.Records(ctx)
	if err != nil {
		w.failf("%v", err)
	}
	return all
}

// add adds a user. Every factor has a different address.
func (w *world) add(fs ...authn.Factor) *account {
	n := len(w.accounts)
	user := fmt.Sprintf("user-%d", n)
	a := &account{user: user, letters: map[string]authn.Message{}, owed: map[string]authntest.Call{}, once: map[string]bool{}}
	a.o = &oracle{p: w.p, digits: w.digits, user: user, own: w.own, ask: func() []authn.Factor { return w.list(user) }}
	w.answers(a)
	w.accounts = append(w.accounts, a)
	w.offer(a, fs...)
	return a
}

// offer adds factors to a user's list.
func (w *world) offer(a *account, fs ...authn.Factor) {
	list := w.FactorsOf(a.user)
	for _, f := range fs {
		if f.Type == "" {
			f.Type = authn.Email
		}
		f.ID = fmt.Sprintf("f%s-%d", strings.TrimPrefix(a.user, "user-"), a.factors)
		a.factors++
		switch {
		case f.Type == authn.TOTP && f.Status == authn.Active:
			f = w.imported(a, f)
		case !kinds[f.Type].coded && f.Type != "sms":
		default:
			f.Address = fmt.Sprintf("box%d@%s.example", a.factors, a.user)
		}
		list = append(list, f)
	}
	w.SetFactors(a.user, list...)
}

// list is what the Directory says.
func (w *world) list(user string) []authn.Factor {
	if w.stale {
		fs, _ := w.Factors(ctx, user)
		return fs
	}
	return w.FactorsOf(user)
}

func (w *world) address(a *account, factor string) string {
	for _, f := range w.FactorsOf(a.user) {
		if f.ID == factor {
			return f.Address
		}
	}
	return ""
}

// seen has the effects of one call of a service.
type seen struct {
	answer        *authn.Answer
	assertion     *authn.Assertion
	err           error
	before, after map[string]authn.Record
	loads, saves  int
	savesBefore   int
	mails, hands  []effect
	audits        []authn.AuditEvent
	checks        []authn.Check
	asked         []asked
	keeping       []keeping
	again         bool // the step may have run again
	respond       bool // by another device
}

// base is what had happened before a call.
type base struct {
	before                             map[string]authn.Record
	loads, saves, mails, hands, audits int
	keeping                            int
}

func (w *world) base() base {
	return base{w.records(), w.loads, w.saves, len(w.mails), len(w.handed), len(w.audits), len(w.keeping)}
}

// watch runs f on one of the services and returns its effects.
func (w *world) watch(f func(*authn.Service) (*authn.Answer, *authn.Assertion, error)) (g seen) {
	w.Forget()
	b, checks, asks := w.base(), len(w.checks), len(w.asked)
	w.bases = append(w.bases, &b)
	w.turn++
	g.answer, g.assertion, g.err = f(w.services[w.turn%len(w.services)])
	if w.broken != "" {
		w.t.Fatalf("%s", w.broken)
	}
	w.bases = w.bases[:len(w.bases)-1]
	g.before, g.after, g.checks, g.asked, g.keeping = b.before, w.records(), w.checks[checks:], w.asked[asks:], w.keeping[b.keeping:]
	g.loads, g.saves, g.savesBefore = w.loads-b.loads, w.saves-b.saves, b.saves
	g.mails, g.hands, g.audits = w.mails[b.mails:], w.handed[b.hands:], w.audits[b.audits:]
	return g
}

// tell adds a line to the log of this run.
func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%s ", w.Now().Sub(w.start))+fmt.Sprintf(format, args...))
}

// failf fails and prints the log of the run.
func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.story {
		w.t.Logf("%s", line)
	}
	w.broken = fmt.Sprintf(format, args...)
	w.t.Fatalf("%s", w.broken)
}
