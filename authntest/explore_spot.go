package authntest

import (
	"crypto/sha512"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// explorer is an exploration under way.
type explorer struct {
	Options
	p         probe
	rules     []Rule
	gates     []authn.Gate // of the machine
	cells     map[cell][]authn.Transition
	spots     []spot
	known     map[string]int32               // spots by their keys
	first     authn.TransactionView          // one of those
	check     *authn.Check                   // that a Verifier was asked about last
	hostAsked bool                           // likewise, the host about an input
	walks     map[string]way                 // by what they lead to: the first step that did
	twin      func(first int32, again *spot) // told of accounts that are taken for one; nil: nobody
	trial     Trial                          // the one at hand
	scratch   authn.Result                   // of what is done again
	found     Found
}

type cell struct {
	state authn.State
	event authn.EventName
}

// spot is an account at a moment, and what is known of it besides.
type spot struct {
	record  []byte // as it is stored
	user    string
	now     time.Time
	tabs    []tab // of the transactions that the account still has, in the order in which they began
	begun   int
	nudged  bool           // a nanosecond off an exact moment: looked at, and not gone on from
	handed  []authn.Factor // activated or changed here, and owed to the Directory
	held    []held         // what the user has to prove factors by
	foreign []authn.Code   // codes of transactions of nobody here
	from    int32          // the spot that it was first reached from; -1 is none
	leg     Leg            // by which
}

// tab is what is known of a transaction: by its client, its mailbox and
// whoever watches.
type tab struct {
	id      string
	n       int // it is the n-th that began on this path
	secret  authn.TokenSecret
	require authn.Requirement
	adding  bool
	more    bool           // offered after an enrollment
	listing Listing        // the last one that counted, and
	list    []authn.Factor // what the Directory said then, as the machine takes it
	hand    authn.Factor   // the last code's, as it was listed then
	proven  []authn.Factor // those that were proved, likewise
	called  []string       // what each proof is called, if not as its type says
	code    authn.Code     // the last one that was sent
	old     authn.Code     // the one before
	used    int            // generation of the last code that was accepted
	late    int            // generation of the last code that was found to be late
	session authn.TokenSecret
	charged int // wrong codes that the account would take back
	redeems int
	app     app          // that is being enrolled
	codes   []authn.Code // of the list that is being enrolled
	asked   authn.Secret // by which another device answers, and
	before  authn.Secret // answered before
	number  string       // that it has to name; "" is none
	reply   Typed        // what it has said to what it is asked; "" is nothing
	judged  [32]byte     // the last challenge that a response was judged by
	over    int          // it is the n-th that was over; 0: it is not

	at       authn.State          // where it was led last
	password authn.PasswordStatus // what is still asked of it
	free     bool                 // no factor was demanded when one was last asked for
}

// start is when every exploration begins.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newExplorer(p probe, o Options) *explorer {
	x := &explorer{Options: o.withDefaults(), p: p, cells: map[cell][]authn.Transition{}, known: map[string]int32{}, walks: map[string]way{}}
	x.rules, x.gates = append(Rules(), o.Rules...), gatesOf(p)
	for _, t := range p.Transitions() {
		c := cell{t.From, t.Event}
		x.cells[c] = append(x.cells[c], t)
	}
	x.found = Found{Rows: map[string]int{}, Checked: map[string]int{}, Complete: true}
	return x
}

// explore visits every spot once.
func (x *explorer) explore() error {
	err := x.prepare()
	if err == nil {
		err = x.agree()
	}
	for i := 0; i < len(x.spots) && err == nil; i++ {
		switch {
		case i > x.Most:
			err = x.tooMany()
		case x.Stop > 0 && i == x.Stop:
			x.found.Complete, err = false, errCut
		default:
			x.found.Accounts++
			err = x.visit(int32(i))
		}
	}
	if err != nil && err != errCut {
		return err
	}
	for _, t := range x.p.Transitions() {
		if name := rowName(t); x.found.Rows[name] == 0 {
			x.found.Never = append(x.found.Never, name)
		}
	}
	return nil
}

// prepare makes the first spots, one for each user.
func (x *explorer) prepare() error {
	var foreign []authn.Code
	for n := range 2 {
		if code := x.foreignCode(n); code != "" {
			foreign = append(foreign, code)
		}
	}
	for _, l := range x.Logins {
		if !slices.ContainsFunc(x.spots, func(s spot) bool { return s.user == l.User }) {
			s := spot{user: l.User, now: start, from: -1, foreign: foreign}
			if err := x.endow(&s); err != nil {
				return err
			}
			x.add(s)
		}
	}
	return nil
}

// agree makes sure that the machine has the policy that the rules go by, as
// far as a first sign-in shows it.
func (x *explorer) agree() error {
	if len(x.spots) == 0 || len(x.spots[0].foreign) == 0 {
		return nil
	}
	p, t, foreign := &x.Policy, x.first, x.spots[0].foreign[0]
	code := start.Add(min(p.CodeLife, p.Life))
	if t.Expires.Equal(start.Add(p.Life)) && t.CodeExpires.Equal(code) && t.ResendAt.Equal(start.Add(cooldown(p, 1))) && len(foreign) == p.Digits {
		return nil
	}
	return fmt.Errorf("authntest: Options.Policy is not the one that the machine was made with: a first sign-in lasts %v, its code of %d digits %v, its cool-down %v",
		t.Expires.Sub(start), len(foreign), t.CodeExpires.Sub(start), t.ResendAt.Sub(start))
}

// foreignCode is a real code of somebody else; "" if there is none to be had.
func (x *explorer) foreignCode(n int) authn.Code {
	fs := []authn.Factor{{ID: "mail", Type: authn.Email, Address: "somebody@example.org", Status: authn.Active}}
	env := authn.Env{Now: start, Factors: fs, Entropy: entropy(-1, n)}
	var r authn.Result
	if x.p.Begin(new(authn.Account), authn.Login{User: "somebody else"}, env, &r) != nil {
		return ""
	}
	a := r.Account
	if x.p.Step(&a, authn.TokenSecret(env.Entropy[16:48]), authn.Challenge{Factor: "mail"}, env, &r) != nil {
		return ""
	}
	for _, e := range x.p.Effects(&r) {
		if code := x.codeOf(&r.Account, e, fs, start); code != "" {
			x.first = x.p.View(&r.Account).Transactions[0]
			return code
		}
	}
	return ""
}

// codeOf is the code that an effect sends; "" if it sends none.
func (x *explorer) codeOf(a *authn.Account, e authn.Effect, fs []authn.Factor, now time.Time) authn.Code {
	if job, err := x.p.Job(a, "", e, fs, now); err == nil && job.Message != nil {
		return job.Message.Code
	}
	return ""
}

// add adds a spot, unless there is one that stands for it.
func (x *explorer) add(s spot) {
	a, err := x.open(&s)
	if err != nil {
		return // the rule "record" has said so, at the step that came here
	}
	v := x.view(&a, &s, nil)
	key := x.key(&s, &v)
	if first, ok := x.known[key]; ok {
		if x.twin != nil {
			x.twin(first, &s)
		}
		return
	}
	x.known[key] = int32(len(x.spots))
	x.spots = append(x.spots, s)
}

// open reads the account of a spot.
func (x *explorer) open(s *spot) (authn.Account, error) {
	if len(s.record) == 0 {
		return authn.Account{}, nil
	}
	return x.p.Open(s.record, x.p.Key(s.user))
}

// visit lets everything happen at a spot.
func (x *explorer) visit(i int32) error {
	s := x.spots[i] // a copy: the slice grows
	a, err := x.open(&s)
	if err != nil {
		return err
	}
	v, was := x.view(&a, &s, nil), a
	here := &Trial{Now: s.now, Account: &a, was: &was, Before: v, After: v, Policy: x.Policy, x: x, s: &s, at: i}
	for n, l := range x.acts(&s, &v) {
		row := ""
		for j, d := range x.Deliveries {
			l.Delivery = d
			t := x.try(here, l, n)
			if err := x.judge(t, func(r *Rule) Check { return r.Step }); err != nil {
				return err
			}
			if j == 0 {
				x.note(t)
				row = t.row
			}
			if !t.Changed {
				break
			}
			t.row = row
			t.to.leg = t.expected()
			if !s.nudged {
				x.add(t.to)
			}
			if len(t.Effects) == 0 {
				break
			}
		}
	}
	if err := x.judge(here, func(r *Rule) Check { return r.Account }); err != nil {
		return err
	}
	for _, w := range x.waits(&s, &v) {
		next := s
		next.now, next.from, next.leg, next.nudged = s.now.Add(w.by), i, Leg{Wait: w.by}, w.nudge
		x.add(next)
	}
	return nil
}

// path is how a spot was first reached.
func (x *explorer) path(s *spot) (legs []Leg) {
	for s.from >= 0 {
		legs = append(legs, s.leg)
		s = &x.spots[s.from]
	}
	slices.Reverse(legs)
	return legs
}

// entropy is that of the n-th step at a spot: as good as random, and always
// the same.
func entropy(spot, n int) [64]byte { return sha512.Sum512(fmt.Appendf(nil, "%d %d", spot, n)) }

// rowName is how a row is named in counts and lists.
func rowName(t authn.Transition) string { return string(t.From) + ": " + t.Label() }

// tab returns what is known of a transaction; nil if it has not begun here.
func (s *spot) tab(id string) *tab {
	for i := range s.tabs {
		if s.tabs[i].id == id {
			return &s.tabs[i]
		}
	}
	return nil
}

// transaction finds a transaction in a view; nil if it is not there.
func transaction(v *authn.AccountView, id string) *authn.TransactionView {
	for i := range v.Transactions {
		if v.Transactions[i].ID == id {
			return &v.Transactions[i]
		}
	}
	return nil
}

// isLive says that a transaction may still lead to a session.
func isLive(t *authn.TransactionView) bool { return t != nil && (t.Session || !isTerminal(t.State)) }

var terminal = func() map[authn.State]bool {
	m := map[authn.State]bool{}
	for _, s := range authn.NewReference().States {
		m[s.State] = s.Terminal
	}
	return m
}()

func isTerminal(s authn.State) bool { return terminal[s] }
