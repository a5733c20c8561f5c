package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/authnfsm/authn"
)

// person is a user with some tabs open.
type person struct {
	user string
	kind kind

	clumsy bool // often mistaken
	own    belongings
	count  int // of what the token has said,
	said   authn.Code
	tabs   []*tab
}

// tab has what a browser knows of one transaction.
type tab struct {
	token      authn.StateToken
	session    authn.SessionToken
	tx         string // unknown to the browser
	state      authn.State
	unanswered *errand // its result is unknown
	shown
}

func (s *sim) addPerson(i int, k kind) {
	p := &person{user: fmt.Sprintf("user-%d", i), kind: k, clumsy: s.rnd.IntN(4) == 0}
	for range 2 { // so that an old list has them, too
		s.world.SetFactors(p.user, k.factor(p.user))
	}
	s.people = append(s.people, p)
}

// errand is a request to a node, and its result.
type errand struct {
	what, kind string // kind: begin, event, respond, redeem, status, host, tend
	person     *person
	tx         string
	request
	reply authn.Reply
	do    func(context.Context, *node)

	told      bool // false: the node died before it answered
	answer    *authn.Answer
	assertion *authn.Assertion
	err       error
}

// request is an event of a transaction.
type request struct {
	event, factor string
	code          authn.Code
	key           string
}

// errand draws the next request.
func (s *sim) errand() *errand {
	p := s.people[s.rnd.IntN(len(s.people))]
	n := s.rnd.IntN(100)
	if len(p.tabs) == 0 || n < 8 {
		return p.begin([]authn.Requirement{authn.RequireFactor, authn.RequireFactor, authn.RequireIfActive, authn.RequireNothing}[s.rnd.IntN(4)])
	}
	b := p.tabs[len(p.tabs)-1-min(s.rnd.IntN(3), s.rnd.IntN(3), len(p.tabs)-1)]
	switch {
	case n < 11:
		return revoking(p)
	case n < 12:
		return reinstating(p)
	case n < 18:
		return p.status(b)
	case n < 60 && b.unanswered != nil:
		s.cover["asked again"]++
		return p.ask(b, b.unanswered.request)
	case n < 80 && b.session != "":
		return p.redeem(b)
	case p.kind.id == phone && n < 74 && (b.state == authn.MFAChallenge || b.state == authn.MFAEnrollActivate):
		return s.answering(p, b, s.rnd.IntN(8))
	}
	key := ""
	if s.rnd.IntN(2) == 0 {
		key = fmt.Sprintf("key-%d", s.rnd.Uint32())
	}
	event := map[authn.State]string{authn.MFARequired: "challenge", authn.MFAChallenge: "verify", authn.MFAEnroll: "enroll", authn.MFAEnrollActivate: "activate", authn.Success: "cancel"}[b.state]
	if n >= 88 || event == "" {
		event = []string{"challenge", "verify", "enroll", "activate", "resend", "previous", "skip", "cancel"}[s.rnd.IntN(8)]
	}
	r := request{event: event, key: key}
	if b.state == authn.MFARequired && p.kind.atOnce() && (event == "verify" || event == "challenge" && n < 75) {
		r.event, r.factor = "verify", p.kind.id
	}
	if r.event == "verify" || r.event == "activate" {
		r.code = s.typed(p, b)
	}
	return p.ask(b, r)
}

// someCode returns the last code that was mailed, an older one, or a guess.
func (s *sim) someCode(p *person, n int) authn.Code {
	inbox := s.inbox[p.user]
	switch last := len(inbox) - 1; {
	case last < 0 || n < 2:
		return authn.Code(fmt.Sprintf("%06d", s.rnd.IntN(1e6)))
	case n < 9:
		return inbox[last]
	default:
		return inbox[s.rnd.IntN(last+1)]
	}
}

func (p *person) begin(r authn.Requirement) *errand {
	e := &errand{what: fmt.Sprintf("%s begins (%d)", p.user, r), kind: "begin", person: p, request: request{event: "primary"}}
	e.do = func(ctx context.Context, n *node) {
		e.answer, e.err = n.Begin(ctx, authn.Login{User: p.user, Require: r})
		e.told = true
		if e.err == nil {
			b := &tab{token: e.answer.Token, tx: e.tx}
			b.learn(e.answer)
			p.tabs = append(p.tabs, b)
			n.sim.ledger.tokens[e.tx] = e.answer.Token
		}
	}
	return e
}

func (p *person) ask(b *tab, r request) *errand {
	ev := map[string]authn.Event{
		"enroll": authn.Enroll{Type: p.kind.typ}, "activate": authn.Activate{Code: r.code}, "challenge": authn.Challenge{Factor: p.kind.id},
		"verify": authn.Verify{Factor: r.factor, Code: r.code}, "resend": authn.Resend{}, "previous": authn.Previous{}, "skip": authn.Skip{}, "cancel": authn.Cancel{},
	}[r.event]
	if r.key != "" {
		ev = authn.WithKey(r.key, ev)
	}
	e := &errand{what: fmt.Sprintf("%s: %s %q in %.4s", p.user, r.event, r.key, b.tx), kind: "event", person: p, tx: b.tx, request: r}
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
		p.close(b)
	case errors.As(e.err, &r) && r.Answer != nil:
		b.learn(r.Answer)
	}
	if b.unanswered == e {
		b.unanswered = nil
	}
}

func (p *person) close(b *tab) {
	p.tabs = slices.DeleteFunc(p.tabs, func(o *tab) bool { return o == b })
}

func (b *tab) learn(a *authn.Answer) {
	b.state, b.session = a.State, a.Session
	if a.Prompt.Replied == "" { // else the number is not shown any more
		b.shown = show(a.Prompt)
	}
}

func (p *person) redeem(b *tab) *errand {
	e := &errand{what: fmt.Sprintf("%s redeems %.4s", p.user, b.tx), kind: "redeem", person: p, tx: b.tx, request: request{event: "redeem"}}
	e.do = func(ctx context.Context, n *node) {
		e.assertion, e.err = n.Redeem(ctx, b.session)
		e.told = true
		if errors.Is(e.err, authn.ErrFinished) {
			p.close(b)
		}
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
	e := &errand{what: what, kind: "host", request: request{event: event}}
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

// revoking resets the factor of a user who had to enroll it. What the Directory has
// stays there: it only counts no more.
func revoking(p *person) *errand {
	return host("revoke "+p.user, "revoke", func(ctx context.Context, n *node) error {
		if f := n.sim.world.FactorsOf(p.user)[0]; f.Required {
			f.Status = authn.NotSetUp
			n.sim.world.SetFactors(p.user, f)
		}
		return n.Revoke(ctx, p.user)
	})
}

// signIn checks that a user can sign in when there are no faults.
func (s *sim) signIn(p *person) {
	if p.kind.id == list && !slices.Contains(p.own.gone, false) {
		s.run(revoking(p))
	}
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
	s.run(p.ask(b, request{event: send}))
	s.proves(p, b, back)
	e := p.redeem(b)
	s.run(e)
	if e.assertion == nil || e.assertion.User != p.user {
		s.fail("%s cannot sign in: %v", p.user, e.err)
	}
	s.cover["signed in at the end"]++
}
