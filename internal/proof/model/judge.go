package model

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

var ctx = context.Background()

func makeEvent(c call) authn.Event {
	ev := map[string]authn.Event{
		"enroll": authn.Enroll{Type: c.factor}, "activate": authn.Activate{Factor: c.factor, Code: authn.Code(c.code)},
		"challenge": authn.Challenge{Factor: c.factor}, "verify": authn.Verify{Factor: c.factor, Code: authn.Code(c.code)},
		"resend": authn.Resend{Factor: c.factor}, "previous": authn.Previous{}, "skip": authn.Skip{}, "cancel": authn.Cancel{},
	}[c.event]
	if c.key != "" {
		ev = authn.WithKey(c.key, ev)
	}
	return ev
}

// begin, do and redeem call a service and compare the result with the oracle's
// verdict.

func (w *world) begin(a *account, r authn.Requirement) {
	tx := len(a.tickets)
	want := a.o.begin(tx, r, w.now)
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		ans, err := s.Begin(ctx, authn.Login{User: a.user, Require: r})
		return ans, nil, err
	})
	w.tell("%s: begin(%d) tx %d: %s", a.user, r, tx, told(g))
	a.key = w.store.lastKey
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

func (w *world) do(a *account, c call) seen {
	token := authn.StateToken("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	if c.tx >= 0 {
		token = a.tickets[c.tx].token
		a.tickets[c.tx].last = c
	}
	want := a.o.event(c, w.now)
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		ans, err := s.Do(ctx, token, makeEvent(c))
		return ans, nil, err
	})
	w.tell("%s: %+v: %s", a.user, c, told(g))
	w.judge(a, c.tx, c.event, want, g)
	return g
}

func (w *world) redeem(a *account, tx int, session authn.SessionToken) {
	want := a.o.redeem(tx, w.now)
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		as, err := s.Redeem(ctx, session)
		return nil, as, err
	})
	w.tell("%s: redeem tx %d: %s", a.user, tx, told(g))
	w.judge(a, tx, "redeem", want, g)
	if g.err != nil {
		return
	}
	k, as := a.tickets[tx], g.assertion
	methods, channels := []string{"pwd"}, []string(nil)
	proved := a.o.proved(tx)
	if len(proved) > 0 {
		methods, channels = append(methods, "otp"), []string{"email"}
	}
	// S25: the assertion names exactly what this transaction proved.
	if as.User != a.user || !slices.Equal(as.Methods, methods) || !slices.Equal(as.Channels, channels) || as.Transaction != k.id ||
		!slices.Equal(slices.Sorted(slices.Values(as.Factors)), slices.Sorted(slices.Values(proved))) ||
		!as.Began.Equal(k.began) || !as.At.Equal(k.succeeded) {
		w.failf("assertion %+v, but the oracle has %v began %v succeeded %v", as, proved, k.began, k.succeeded)
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
	if errors.Is(g.err, authn.ErrUnavailable) && a.pending() >= 8 {
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
	w.judgeRecord(a, want, g)
	w.judgeMail(a, &want, g)
	w.judgeHandings(a, want, g)
	a.chooseVictim(want, g)
	w.learn(a, want, g)
	w.judgeAudit(a, tx, event, want, g)
	w.judgeAnswer(a, tx, want, g)
	w.count(a, event, want, g)
}

// count counts the situations reached.
func (w *world) count(a *account, event string, want want, g seen) {
	verdict := "taken"
	switch {
	case g.err != nil:
		verdict = "refused: " + reason(g.err).Error()
	case want.repeat:
		verdict = "repeated"
	case g.answer != nil && g.answer.Outcome != "":
		verdict = string(g.answer.Outcome)
	}
	w.cover[event+" "+verdict]++
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
	if !errors.As(g.err, &r) {
		w.failf("%s: %T is not a Refusal", event, g.err)
	}
	if g.answer != nil || g.assertion != nil || string(r.Event) != event {
		w.failf("%s: the call returns a refusal of %q and an answer", event, r.Event)
	}
	if (r.Err == authn.ErrTooSoon || r.Err == authn.ErrLocked) && !r.RetryAt.Equal(want.retry) || r.Err != authn.ErrTooSoon && r.Err != authn.ErrLocked && !r.RetryAt.IsZero() {
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
	if w.store.repeated {
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
	if most := 2; g.saves > most || g.loads > 1 {
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
	live := tx >= 0 && tx < len(a.tickets) && !a.o.over(tx) && want.now.Before(a.o.expires(tx))
	switch {
	case g.assertion != nil:
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
	w.compare(a, tx, ans, want.now)
}

// compare compares the answer of a live transaction with the oracle's view.
func (w *world) compare(a *account, tx int, ans *authn.Answer, t time.Time) {
	w.t.Helper()
	v, k := a.o.view(tx, t), a.tickets[tx]
	if ans.State != v.state || ans.Token != k.token || ans.User != a.user || !ans.Now.Equal(t) || !ans.Expires.Equal(v.expires) || !ans.Until.IsZero() {
		w.failf("answer %s now %v expires %v until %v; want %s %v %v (token the same: %t)", ans.State, ans.Now, ans.Expires, ans.Until, v.state, v.now, v.expires, ans.Token == k.token)
	}
	if (ans.Session != "") != (v.state == stateSuccess) || k.session != "" && ans.Session != k.session {
		w.failf("session token given: %t in %s", ans.Session != "", v.state)
	}
	if k.session == "" && ans.Session != "" {
		k.session, k.succeeded = ans.Session, t
	}
	w.compareMoves(v, ans)
	if v.state == stateSuccess {
		return
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
		if strings.Contains(f.Address, "box") || strings.Contains(f.Address, "user") {
			w.failf("E5: an answer shows the address %q", f.Address)
		}
	}
	for _, id := range v.factors {
		if !slices.ContainsFunc(ans.Factors, func(f authn.Factor) bool { return f.ID == id }) {
			w.failf("factor %q is not among those to choose from: %+v", id, ans.Factors)
		}
	}
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
		if x.Event == "redeem" && v.state == stateSuccess {
			continue
		}
		if !slices.ContainsFunc(v.allowed, func(m move) bool { return m.event == string(x.Event) }) {
			w.failf("%s is listed in %s; the oracle says it is not allowed", x.Event, v.state)
		}
	}
}
