package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

var ctx = context.Background()

func makeEvent(c call) authn.Event {
	ev := map[string]authn.Event{
		"enroll": authn.Enroll{Type: c.factor}, "activate": authn.Activate{Factor: c.factor, Code: authn.Code(c.code)},
		"challenge": authn.Challenge{Factor: c.factor}, "verify": authn.Verify{Factor: c.factor, Code: authn.Code(c.code)},
		"resend": authn.Resend{Factor: c.factor}, "previous": authn.Previous{}, "skip": authn.Skip{}, "cancel": authn.Cancel{},
		"change_password": authn.ChangePassword{Old: authn.Secret(c.old), New: authn.Secret(c.new)},
		"reset_password":  authn.ResetPassword{New: authn.Secret(c.new)}, "pass": authn.Pass{Gate: authn.State(c.gate), Input: authn.Secret(c.new)},
	}[c.event]
	if c.key != "" {
		ev = authn.WithKey(c.key, ev)
	}
	return ev
}

// begin, do, respond and redeem call a service and compare the result with the
// oracle's verdict.

func (w *world) begin(a *account, r authn.Requirement) { w.login(a, authn.Login{Require: r}) }

func (w *world) login(a *account, l authn.Login) {
	l.User = a.user
	tx := len(a.tickets)
	want := a.o.begin(tx, l, w.Now())
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		ans, err := s.Begin(ctx, l)
		return ans, nil, err
	})
	w.tell("%s: begin(%d, %t, password %d) tx %d: %s", a.user, l.Require, l.Adding, l.Password, tx, told(g))
	if g.loads > 0 {
		a.key = w.lastKey
	}
	if g.err == nil {
		k := &ticket{token: g.answer.Token, began: want.now}
		a.tickets = append(a.tickets, k)
		for _, e := range g.audits {
			if e.Event == "primary" && e.To != "" {
				k.id = e.Transaction
			}
		}
		if k.token == "" || k.id == "" {
			w.failf("Begin returned no token, or the Auditor got no transaction")
		}
	}
	w.judge(a, tx, "primary", want, g)
}

func (w *world) do(a *account, c call) seen { return w.doWith(a, c, mishap{}) }

// doWith sends an event while something goes wrong.
func (w *world) doWith(a *account, c call, m mishap) seen {
	if c.event == "respond" {
		c.tx = a.o.asksDevice(c.approval)
	}
	if c.tx >= 0 && c.event != "respond" {
		a.tickets[c.tx].last = c
	}
	w.prepare(m)
	var way string
	if c.tx >= 0 {
		way = a.way(c)
	}
	var want want
	decide := func() {
		if c.event == "respond" {
			c.tx = a.o.asksDevice(c.approval)
		}
		if want = a.o.verdict(c, w.Now()); m.needs(a, c, want) {
			was := want
			if want = refuse(want.now, authn.ErrUnavailable); m.port != authntest.Factors {
				want.check, want.ruling = was.check, was.ruling
			}
			if m.port == authntest.Save {
				want.needed = was.needed
			}
		}
	}
	g := w.watch(func(s *authn.Service) (ans *authn.Answer, _ *authn.Assertion, err error) {
		decide()
		w.decide = decide
		ans, err = w.carry(s, a, c)
		return ans, nil, err
	})
	w.restore(m)
	g.respond, g.again = c.event == "respond", m.name != ""
	w.tell("%s: %s%s: %s", a.user, spoken(c), m, told(g))
	w.judge(a, c.tx, c.event, want, g)
	w.blur = false
	if way != "" {
		w.cover[way+" "+verdict(want, g)]++
	}
	return g
}

func (w *world) carry(s *authn.Service, a *account, c call) (*authn.Answer, error) {
	if c.event == "respond" {
		return s.Respond(ctx, authn.Secret(c.approval), authn.Reply{Approve: c.yes, Number: c.number})
	}
	token := authn.StateToken("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	if c.tx >= 0 {
		token = a.tickets[c.tx].token
	}
	return s.Do(ctx, token, makeEvent(c))
}

func spoken(c call) string {
	if c.event == "respond" {
		return fmt.Sprintf("respond of tx %d: %t %q", c.tx, c.yes, c.number)
	}
	c.approval = ""
	if c.new != "" || c.gate != "" {
		return fmt.Sprintf("tx %d %s gate %q old %.20q new %.20q key %q", c.tx, c.event, c.gate, c.old, c.new, c.key)
	}
	return fmt.Sprintf("tx %d %s factor %q code %q key %q", c.tx, c.event, c.factor, c.code, c.key)
}

func (w *world) redeem(a *account, tx int, session authn.SessionToken) {
	if session == "" {
		tx = -1 // its answer was lost, and the client did not ask again
	}
	want := a.o.redeem(tx, w.Now())
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		as, err := s.Redeem(ctx, session)
		return nil, as, err
	})
	g.again = want.stores // after the new password was stored
	w.tell("%s: redeem tx %d: %s", a.user, tx, told(g))
	w.judge(a, tx, "redeem", want, g)
	if g.err != nil {
		return
	}
	k, as := a.tickets[tx], g.assertion
	methods, channels := []string{"pwd"}, []string(nil)
	add := func(list []string, s string) []string {
		if s == "" || slices.Contains(list, s) {
			return list
		}
		return append(list, s)
	}
	proved := a.o.proved(tx)
	for _, id := range proved {
		kind := kinds[a.o.kindOf(id)]
		methods, channels = add(methods, kind.method), add(channels, kind.channel)
	}
	// S25: the assertion names exactly what this transaction proved.
	if as.User != a.user || !slices.Equal(as.Methods, methods) || !slices.Equal(as.Channels, channels) || as.Transaction != k.id ||
		!slices.Equal(as.Factors, proved) || !as.Began.Equal(k.began) || !as.At.Equal(k.succeeded) {
		w.failf("assertion %+v, but the oracle has %v %v %v began %v succeeded %v", as, methods, channels, proved, k.began, k.succeeded)
	}
}

func told(g seen) string {
	var r *authn.Refusal
	switch {
	case g.answer != nil:
		return string(g.answer.State) + " " + string(g.answer.Outcome)
	case g.err == nil:
		return "ok"
	case errors.As(g.err, &r):
		return "refused: " + r.Err.Error()
	}
	return g.err.Error()
}

// judge compares what a service did with the oracle's verdict.
func (w *world) judge(a *account, tx int, event string, want want, g seen) {
	w.t.Helper()
	if errors.Is(g.err, authn.ErrUnavailable) && !slices.Contains(want.errs, authn.ErrUnavailable) && w.stuck(a) > 4 { // a step adds up to four
		if g.saves > 0 || len(g.mails) > 0 || g.answer != nil {
			w.failf("E2: there is no verdict, but an effect")
		}
		w.cover["outbox full"]++
		return
	}
	if want.may && g.saves == 0 {
		want.facts = nil
	}
	w.judgeVerdict(event, want, g)
	w.judgeChecks(want, g)
	w.judgeAsked(a, tx, want, g)
	w.judgeRecord(a, want, g)
	w.judgeMail(a, &want, g)
	w.judgeHandings(a, want, g)
	w.judgeKeeping(a, tx, want, g)
	a.chooseVictim(want, g)
	w.learn(a, want, g)
	w.judgeOnce(a, want)
	w.judgeAudit(a, tx, event, want, g)
	w.judgeAnswer(a, tx, want, g)
	w.count(a, event, want, g)
}

// verdict names what became of an event.
func verdict(want want, g seen) string {
	switch {
	case unavailable(g.err):
		return "unavailable"
	case g.err != nil:
		return "refused: " + reason(g.err).Error()
	case want.repeat:
		return "repeated"
	case g.answer != nil && g.answer.Outcome != "":
		return string(g.answer.Outcome)
	}
	return "taken"
}

// count counts the situations reached.
func (w *world) count(a *account, event string, want want, g seen) {
	w.cover[event+" "+verdict(want, g)]++
	for _, l := range want.letters {
		if l.kind != authn.LockedMessage {
			continue
		}
		switch s := a.o.trouble(); {
		case s.disabled:
			w.cover["account disabled"]++
		case s.locked.Equal(l.until):
			w.cover["account locked"]++
		default:
			w.cover["budget spent"]++
		}
	}
}

func reason(err error) error {
	var r *authn.Refusal
	if errors.As(err, &r) {
		return r.Err
	}
	return err
}

// judgeVerdict checks S1 and S2 (SUCCESS if and only if the oracle says so), S3,
// S4, S7, S8, S10, S16, S17, B1, B2, B3, B5, B6 and B8.
func (w *world) judgeVerdict(event string, want want, g seen) {
	w.t.Helper()
	if want.tomb && g.err == nil && len(want.errs) == 1 {
		if g.answer.State != want.state {
			w.failf("%s again: state %s, want %s", event, g.answer.State, want.state)
		}
		return
	}
	if len(want.errs) == 0 {
		if g.err != nil {
			w.failf("%s: %v; the oracle takes it: %s", event, g.err, want.state)
		}
		if g.answer != nil && (g.answer.State != want.state || g.answer.Outcome != want.outcome) {
			w.failf("%s: %s %q; the oracle says %s %q", event, g.answer.State, g.answer.Outcome, want.state, want.outcome)
		}
		return
	}
	if !slices.ContainsFunc(want.errs, func(err error) bool { return errors.Is(g.err, err) }) {
		w.failf("%s: %s; the oracle says %v", event, told(g), want.errs)
	}
	var r *authn.Refusal
	if errors.Is(g.err, authn.ErrUnavailable) {
		if g.answer != nil || g.assertion != nil || errors.As(g.err, &r) {
			w.failf("%s: %v comes with an answer, or is a refusal", event, g.err)
		}
		return
	}
	if !errors.As(g.err, &r) {
		w.failf("%s: %T is not a Refusal", event, g.err)
	}
	if g.answer != nil || g.assertion != nil || string(r.Event) != event {
		w.failf("%s: the call returns a refusal of %q and an answer", event, r.Event)
	}
	if timed := r.Err == authn.ErrTooSoon || r.Err == authn.ErrLocked || r.Err == authn.ErrUsed; timed && !r.RetryAt.Equal(want.retry) || !timed && !r.RetryAt.IsZero() {
		w.failf("%s: %v until %v; the oracle says %v", event, r.Err, r.RetryAt, want.retry)
	}
	if event != "primary" && r.Err != authn.ErrMalformed || r.Err == authn.ErrLocked {
		if r.State != want.state && !want.tomb || r.Err == authn.ErrFinished && r.State != "" {
			w.failf("%s: refused in state %q; the oracle says %q", event, r.State, want.state)
		}
	}
}

// judgeRecord checks P1 (a refusal changes no byte), P2 (each save changes the
// version), S23 (no other account's record changes) and S11.
func (w *world) judgeRecord(a *account, want want, g seen) {
	w.t.Helper()
	if w.repeated {
		w.failf("P2: a version was used again")
	}
	for key := range join(g.before, g.after) {
		old, had := g.before[key]
		now, has := g.after[key]
		switch changed := had != has || !same(old, now); {
		case changed && key != a.key:
			w.failf("S23: the record of another account changed")
		case changed && !want.writes():
			w.failf("P1: a call without effect changed the record")
		case !changed && want.writes() && key == a.key:
			w.failf("P2: the step was not saved")
		}
	}
	if !want.writes() && g.saves > 0 {
		w.failf("P1: a call without effect made %d saves", g.saves)
	}
	if !g.again && (g.saves > 2 || g.loads > 1) {
		w.failf("%d loads and %d saves in one step", g.loads, g.saves)
	}
}

func join(a, b map[string]authn.Record) map[string]bool {
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	return keys
}

// judgeAnswer compares an answer, or that in a refusal, with the history: S9, S12,
// S14, S15, S18 and the allowed events.
func (w *world) judgeAnswer(a *account, tx int, want want, g seen) {
	w.t.Helper()
	ans := g.answer
	var r *authn.Refusal
	if errors.As(g.err, &r) {
		ans = r.Answer
	}
	if w.blur {
		return
	}
	live := tx >= 0 && tx < len(a.tickets) && !a.o.over(tx) && want.now.Before(a.o.expires(tx)) && !a.o.foreign(tx)
	w.judgeReasons(want, g)
	w.hides(a, tx, ans, g.err)
	switch {
	case g.assertion != nil, errors.Is(g.err, authn.ErrUnavailable):
		return
	case r != nil && r.Event == authn.EventRespond:
		if ans != nil {
			w.failf("S29: a device is told %+v", ans)
		}
		return
	case g.respond:
		w.compareDevice(a, tx, ans, want)
		return
	case ans == nil:
		if live && g.err != nil && !errors.Is(g.err, authn.ErrMalformed) && !errors.Is(g.err, authn.ErrFinished) {
			w.failf("the refusal has no answer, although the transaction is live")
		}
		return
	case !live:
		if ans.Token != "" || ans.Session != "" || len(ans.Allowed) > 0 || !ans.Until.Equal(want.until) && !want.tomb {
			w.failf("an ended transaction answers %+v, want until %v", ans, want.until)
		}
		return
	}
	w.compare(a, tx, ans, want.now, g.err == nil)
}

// compare compares the answer of a live transaction with the oracle's view. Only
// the answer of an event that was taken or repeated has a session token: no
// refusal and no status has one.
func (w *world) compare(a *account, tx int, ans *authn.Answer, t time.Time, taken bool) {
	w.t.Helper()
	v, k := a.o.view(tx, t), a.tickets[tx]
	if ans.State != v.state || ans.Token != k.token || ans.User != a.user || !ans.Now.Equal(t) || !ans.Expires.Equal(v.expires) || !ans.Until.IsZero() {
		w.failf("answer %s now %v expires %v until %v; want %s %v %v (token the same: %t)", ans.State, ans.Now, ans.Expires, ans.Until, v.state, v.now, v.expires, ans.Token == k.token)
	}
	if (ans.Session != "") != (v.state == stateSuccess && taken) || taken && k.session != "" && ans.Session != k.session {
		w.failf("session token given: %t in %s", ans.Session != "", v.state)
	}
	if k.session == "" && ans.Session != "" {
		k.session, k.succeeded = ans.Session, t
	}
	w.compareMoves(v, ans)
	w.comparePrompt(a, tx, v, ans)
	if v.state == stateSuccess {
		return
	}
	if ends := a.o.passwordEnds(tx); !ans.PasswordExpires.Equal(ends) {
		w.failf("the password expires at %v; the oracle says %v", ans.PasswordExpires, ends)
	}
	if ans.TriesLeft != v.tries || ans.Generation != v.generation {
		w.failf("S9, S12: %d tries left, generation %d; want %d, %d", ans.TriesLeft, ans.Generation, v.tries, v.generation)
	}
	if !v.lateCode && (!ans.CodeExpires.Equal(v.codeExpires) || ans.Delivery != v.delivery) {
		w.failf("S18: code expires %v, delivery %q; want %v, %q", ans.CodeExpires, ans.Delivery, v.codeExpires, v.delivery)
	}
	if ans.Factor.ID != v.hand {
		w.failf("factor at hand %q, want %q", ans.Factor.ID, v.hand)
	}
	for _, f := range append(ans.Factors, ans.Factor) {
		if strings.Contains(f.Address, "box") {
			w.failf("E5: an answer shows the address %q", f.Address)
		}
	}
	w.compareFactors(v, ans)
}

func (w *world) compareMoves(v view, ans *authn.Answer) {
	w.t.Helper()
	for _, m := range v.allowed {
		at, ok := ans.Allows(authn.EventName(m.event))
		if !ok || !at.Equal(m.at) {
			w.failf("%s in %s: allowed %t at %v; the oracle says at %v", m.event, v.state, ok, at, m.at)
		}
	}
	for _, x := range ans.Allowed {
		if !slices.ContainsFunc(v.allowed, func(m move) bool { return m.event == string(x.Event) }) {
			w.failf("%s is listed in %s; the oracle says it is not allowed", x.Event, v.state)
		}
	}
}
