package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/authnfsm/authn"
)

// person is a user with a mailbox and some tabs open.
type person struct {
	user    string
	factors []authn.Factor
	inbox   []authn.Code // codes
	tabs    []*tab
}

// tab has what a browser knows of one transaction.
type tab struct {
	token      authn.StateToken
	session    authn.SessionToken
	tx         string // unknown to the browser
	state      authn.State
	unanswered *errand // its result is unknown
}

func newPerson(i int) *person {
	p := &person{user: fmt.Sprintf("user-%d", i)}
	p.factors = []authn.Factor{{ID: "f" + p.user, Type: authn.Email, Address: p.user + "@example.com", Status: authn.Active}}
	if i == 1 {
		p.factors[0].Status, p.factors[0].Required = authn.NotSetUp, true
	}
	return p
}

// errand is a request to a node, and its result.
type errand struct {
	what, kind string // kind: begin, event, redeem, status, host, tend
	person     *person
	tx         string
	event      string
	code       authn.Code
	key        string
	do         func(context.Context, *node)

	told      bool // false: the node died before it answered
	answer    *authn.Answer
	assertion *authn.Assertion
	err       error
}

// errand draws the next request.
func (s *sim) errand() *errand {
	p := s.people[s.rnd.IntN(len(s.people))]
	n := s.rnd.IntN(100)
	if len(p.tabs) == 0 || n < 8 {
		return p.begin([]authn.Requirement{authn.RequireFactor, authn.RequireFactor, authn.RequireIfActive, authn.RequireNothing}[s.rnd.IntN(4)])
	}
	b := p.tabs[len(p.tabs)-1-s.rnd.IntN(min(3, len(p.tabs)))]
	switch {
	case n < 11:
		return revoking(p)
	case n < 12:
		return reinstating(p)
	case n < 18:
		return p.status(b)
	case n < 60 && b.unanswered != nil:
		again := *b.unanswered
		s.cover["asked again"]++
		return p.ask(b, again.event, again.code, again.key)
	case n < 80 && b.session != "":
		return p.redeem(b)
	}
	key := ""
	if s.rnd.IntN(2) == 0 {
		key = fmt.Sprintf("key-%d", s.rnd.Uint32())
	}
	event := map[authn.State]string{authn.MFARequired: "challenge", authn.MFAChallenge: "verify", authn.MFAEnroll: "enroll", authn.MFAEnrollActivate: "activate", authn.Success: "cancel"}[b.state]
	if n >= 82 || event == "" {
		event = []string{"challenge", "verify", "enroll", "activate", "resend", "previous", "skip", "cancel"}[s.rnd.IntN(8)]
	}
	return p.ask(b, event, s.someCode(p), key)
}

// someCode returns the last code that was mailed, an older one, or a guess.
func (s *sim) someCode(p *person) authn.Code {
	n := s.rnd.IntN(10)
	switch last := len(p.inbox) - 1; {
	case last < 0 || n < 2:
		return authn.Code(fmt.Sprintf("%06d", s.rnd.IntN(1e6)))
	case n < 9:
		return p.inbox[last]
	default:
		return p.inbox[s.rnd.IntN(last+1)]
	}
}

func (p *person) begin(r authn.Requirement) *errand {
	e := &errand{what: fmt.Sprintf("%s begins (%d)", p.user, r), kind: "begin", person: p, event: "primary"}
	e.do = func(ctx context.Context, n *node) {
		e.answer, e.err = n.Begin(ctx, authn.Login{User: p.user, Require: r})
		e.told = true
		if e.err == nil {
			b := &tab{token: e.answer.Token, tx: e.tx}
			b.learn(e.answer)
			p.tabs = append(p.tabs, b)
		}
	}
	return e
}

func (p *person) ask(b *tab, event string, code authn.Code, key string) *errand {
	if event != "verify" && event != "activate" {
		code = ""
	}
	ev := map[string]authn.Event{
		"enroll": authn.Enroll{Type: authn.Email}, "activate": authn.Activate{Code: code}, "challenge": authn.Challenge{Factor: p.factors[0].ID},
		"verify": authn.Verify{Code: code}, "resend": authn.Resend{}, "previous": authn.Previous{}, "skip": authn.Skip{}, "cancel": authn.Cancel{},
	}[event]
	if key != "" {
		ev = authn.WithKey(key, ev)
	}
	e := &errand{what: fmt.Sprintf("%s: %s %q in %.4s", p.user, event, key, b.tx), kind: "event", person: p, tx: b.tx, event: event, code: code, key: key}
	b.unanswered = e
	e.do = func(ctx context.Context, n *node) {
		e.answer, e.err = n.Do(ctx, b.token, ev)
		e.told = true
		b.hear(p, e)
	}
	return e
}

// hear updates what the browser knows after an answer.
func (b *tab) hear(p *person, e *errand) {
	var r *authn.Refusal
	switch {
	case e.err == nil:
		b.learn(e.answer)
	case errors.Is(e.err, authn.ErrUnavailable):
		return
	case errors.Is(e.err, authn.ErrFinished):
		p.tabs = slices.DeleteFunc(p.tabs, func(o *tab) bool { return o == b })
	case errors.As(e.err, &r) && r.Answer != nil:
		b.learn(r.Answer)
	}
	if b.unanswered == e {
		b.unanswered = nil
	}
}

func (b *tab) learn(a *authn.Answer) { b.state, b.session = a.State, a.Session }

func (p *person) redeem(b *tab) *errand {
	e := &errand{what: fmt.Sprintf("%s redeems %.4s", p.user, b.tx), kind: "redeem", person: p, tx: b.tx, event: "redeem"}
	e.do = func(ctx context.Context, n *node) {
		e.assertion, e.err = n.Redeem(ctx, b.session)
		e.told = true
	}
	return e
}

func (p *person) status(b *tab) *errand {
	e := &errand{what: fmt.Sprintf("%s looks at %.4s", p.user, b.tx), kind: "status", person: p, tx: b.tx}
	e.do = func(ctx context.Context, n *node) {
		e.answer, e.err = n.Status(ctx, b.token)
		e.told = true
		b.hear(p, e)
	}
	return e
}

func host(what, event string, do func(context.Context, *node) error) *errand {
	e := &errand{what: what, kind: "host", event: event}
	e.do = func(ctx context.Context, n *node) {
		e.err = do(ctx, n)
		e.told = true
	}
	return e
}

func tending() *errand {
	return host("tend", "tend", func(ctx context.Context, n *node) error { _, err := n.Tend(ctx); return err })
}

func reinstating(p *person) *errand {
	return host("reinstate "+p.user, "reinstate", func(ctx context.Context, n *node) error { return n.Reinstate(ctx, p.user, "simulated") })
}

// revoking resets the factor of a user who had to enroll it.
func revoking(p *person) *errand {
	return host("revoke "+p.user, "revoke", func(ctx context.Context, n *node) error {
		if p.factors[0].Required {
			p.factors[0].Status = authn.NotSetUp
		}
		return n.Revoke(ctx, p.user)
	})
}

// signIn checks that a user can sign in when there are no faults.
func (s *sim) signIn(p *person) {
	s.run(p.begin(authn.RequireFactor))
	if s.err != nil || len(p.tabs) == 0 {
		s.fail("%s cannot begin", p.user)
		return
	}
	b := p.tabs[len(p.tabs)-1]
	send, back := "challenge", "verify"
	if b.state == authn.MFAEnroll {
		send, back = "enroll", "activate"
	}
	s.run(p.ask(b, send, "", ""))
	if len(p.inbox) > 0 {
		s.run(p.ask(b, back, p.inbox[len(p.inbox)-1], ""))
	}
	e := p.redeem(b)
	s.run(e)
	if e.assertion == nil || e.assertion.User != p.user {
		s.fail("%s cannot sign in: %v", p.user, e.err)
	}
	s.cover["signed in at the end"]++
}
