package model

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// The operations of the host (Status, Tend, Revoke and Reinstate), and the checks
// at the end of a run.

// status compares the status of every transaction with the oracle. S16: an ended
// transaction stays ended. S23, B7: each is in the state that follows from its
// own history, independent of others and of Tend.
func (w *world) status() {
	w.t.Helper()
	for _, a := range w.accounts {
		t, wrong := a.o.clock(w.Now())
		if wrong {
			continue
		}
		for tx, k := range a.tickets {
			if tx < len(a.tickets)-6 && a.o.over(tx) { // checked often enough
				continue
			}
			saves, mails := w.saves, len(w.mails)
			ans, err := w.services[w.turn%len(w.services)].Status(ctx, k.token)
			if w.saves > saves || len(w.mails) > mails {
				w.failf("Status wrote or sent something")
			}
			live := !a.o.over(tx) && t.Before(a.o.expires(tx)) && !a.o.foreign(tx)
			switch {
			case live && err != nil:
				w.failf("status of %s transaction %d: %v; the oracle has it at %s", a.user, tx, err, a.o.state(tx))
			case live:
				w.compare(a, tx, ans, t, false)
			case err == nil:
				if len(ans.Allowed) > 0 || ans.Session != "" || ans.Token != "" {
					w.failf("S16: status of a transaction that is over: %+v", ans)
				}
			case !errors.Is(err, authn.ErrFinished):
				w.failf("S16: status of a transaction that is over: %v", err)
			}
		}
	}
}

// host runs f, an operation that ends transactions of an account.
func (w *world) host(a *account, name string, f func(*authn.Service) error, facts ...fact) {
	w.t.Helper()
	t, wrong := a.o.clock(w.Now())
	if wrong {
		return // the specification allows such a save to repair the clock or not
	}
	for _, tx := range a.o.unended() {
		facts = append(facts, fact{what: ended, tx: tx, to: stateCanceled})
	}
	open := len(a.o.open(t))
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) { return nil, nil, f(s) })
	w.tell("%s: %s: %v", a.user, name, g.err)
	if g.err != nil || len(g.mails) > 0 {
		w.failf("%s: %v, %d mails", name, g.err, len(g.mails))
	}
	before, had := g.before[a.key]
	now, has := g.after[a.key]
	changed := had != has || !same(before, now)
	if open > 0 && !changed {
		w.failf("%s: %d transactions end, but nothing was saved", name, open)
	}
	if changed {
		w.followAudit(a, t, true, g.audits, func(int, authn.AuditEvent) bool { return false })
		for i := range facts {
			facts[i].at, facts[i].saves = t, true
		}
		facts = append(facts, fact{what: saved, at: t, tx: -1, saves: true})
		w.learn(a, want{now: t, facts: facts}, g)
		if open == 0 {
			w.floor = later(w.floor, t) // a save that ends nothing may or may not advance the saved time
		}
	}
	w.cover[name+" taken"]++
}

func (w *world) revoke(a *account) {
	w.host(a, "revoke", func(s *authn.Service) error { return s.Revoke(ctx, a.user) })
}

func (w *world) reinstate(a *account) {
	w.host(a, "reinstate", func(s *authn.Service) error { return s.Reinstate(ctx, a.user, "test") },
		fact{what: reinstated, tx: -1})
}

// tend runs Tend and checks E3 (a delivery that was not accepted is retried with
// the same key, code and generation), E4 (a replaced or expired code is never
// sent) and B7.
func (w *world) tend() {
	w.t.Helper()
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		_, err := s.Tend(ctx)
		return nil, nil, err
	})
	w.tell("tend: %d mails, %d saves, %v", len(g.mails), g.saves, g.err)
	effects := w.Calls(authntest.Send, authntest.Activated, authntest.Audit)
	w.judgeKept(g)
	if g.err != nil && !slices.ContainsFunc(effects, func(c authntest.Call) bool { return c.Err != nil }) {
		w.failf("Tend: %v", g.err)
	}
	for _, m := range g.mails {
		w.judgeRepeated(m)
	}
	for _, h := range g.hands {
		for _, a := range w.accounts {
			if first := a.owed[h.Factor.ID]; h.User == a.user && (!a.o.owed(h.Factor.ID) || first.Key != h.Key || !sameFactor(first.Factor, h.Factor)) {
				w.failf("E3: Activated is repeated: %+v, pending is %+v", h, first)
			}
		}
	}
	for _, a := range w.accounts {
		before, had := g.before[a.key]
		now, has := g.after[a.key]
		t, wrong := a.o.clock(w.Now())
		var facts []fact
		if had != has || !same(before, now) {
			if wrong {
				facts = a.o.closing(t)
			}
			facts = append(facts, fact{what: saved, at: t, tx: -1, saves: true})
		}
		w.followAudit(a, t, wrong, g.audits, func(int, authn.AuditEvent) bool { return false })
		w.learn(a, want{now: t, facts: facts}, g)
	}
	w.learnGivenUp()
	w.cover["tend taken"]++
}

// learnGivenUp notes which messages Tend has given up because their code was over: whether
// it does so before the next attempt is due, the specification leaves open.
func (w *world) learnGivenUp() {
	for _, a := range w.accounts {
		for tx, k := range a.tickets {
			ans, err := w.services[0].Status(ctx, k.token)
			if err != nil || ans.Delivery != authn.Failed || ans.CodeExpires.After(ans.Now) {
				continue
			}
			letter := ""
			for f := range a.o.of(tx) {
				if f.what == sent {
					letter = f.letter
				}
			}
			if letter != "" && a.o.delivery(letter) == authn.Pending {
				a.o.facts = append(a.o.facts, fact{what: tried, at: ans.Now, tx: tx, letter: letter, err: authn.ErrUndeliverable})
			}
		}
	}
}

// judgeRepeated compares a message that Tend sends with the first one.
func (w *world) judgeRepeated(m effect) {
	w.t.Helper()
	for _, a := range w.accounts {
		if a.user != m.User {
			continue
		}
		first, ok := a.letters[m.Key]
		if !ok || !reflect.DeepEqual(first, m.Message) {
			w.failf("E3: Tend sends %+v, which is not the message %+v", m.Message, first)
		}
		if d := a.o.delivery(m.Key); d != authn.Pending {
			w.failf("E3: Tend sends a message again that is %s", d)
		}
		t, _ := a.o.clock(w.Now())
		alive := m.Message.Kind != authn.CodeMessage
		for _, tx := range a.o.open(t) {
			c, ok := a.o.live(tx, t)
			alive = alive || ok && c.letter == m.Key && c.reply == ""
		}
		if !alive {
			w.failf("E4: Tend sends an expired or replaced code")
		}
	}
}

// follow sends events that the answers allow, when they allow them, until
// SUCCESS. L2: an allowed event must not be refused.
func (w *world) follow(a *account, tx int) {
	w.t.Helper()
	for range 12 {
		t, _ := a.o.clock(w.Now())
		state := a.o.state(tx)
		if a.o.over(tx) || state == stateSuccess || !t.Before(a.o.expires(tx)) || a.o.foreign(tx) {
			return
		}
		w.agree(a, tx)
		c := w.natural(a, tx)
		ans, err := w.services[0].Status(ctx, a.tickets[tx].token)
		if err != nil {
			w.failf("L2: status: %v", err)
		}
		at, ok := ans.Allows(authn.EventName(c.event))
		if first := soonest(ans); first.ID != "" && (c.event == "challenge" || c.event == "enroll") {
			if c.factor, at = first.ID, first.At; c.event == "enroll" {
				c.factor = first.Type
			}
		}
		switch {
		case !ok:
			return
		case at.After(w.Now()) && !at.Before(ans.Expires):
			return
		case at.After(w.Now()):
			w.wait(at)
			if c.event == "challenge" || c.event == "enroll" {
				break
			}
			if c = w.natural(a, tx); c.event == "resend" && ans.State == stateChallenge || c.event == "resend" && ans.State == stateActivate {
				continue // the code has expired
			}
		}
		g := w.do(a, c)
		var r *authn.Refusal
		switch {
		case unavailable(g.err):
			return
		case errors.As(g.err, &r) && r.Err == authn.ErrUsed && !r.RetryAt.IsZero():
			w.wait(r.RetryAt) // the app shows the next code
			continue
		}
		// One reason may hide another: after a back-off, no send or no code may be left.
		if g.err != nil && (at.IsZero() || !slices.Contains([]error{authn.ErrTooSoon, authn.ErrExhausted, authn.ErrNoCode}, reason(g.err))) {
			w.failf("L2: %s was allowed, but is refused: %v", c.event, g.err)
		}
	}
}

// soonest returns the factor that an answer lets be chosen first.
func soonest(ans *authn.Answer) (f authn.Factor) {
	for _, x := range ans.Factors {
		if x.At.Before(ans.Expires) && (f.ID == "" || x.At.Before(f.At)) {
			f = x
		}
	}
	return f
}

// natural returns the next event of a legitimate client.
func (w *world) natural(a *account, tx int) call {
	t, _ := a.o.clock(w.Now())
	c, live := a.o.live(tx, t)
	k := call{tx: tx}
	switch a.o.state(tx) {
	case stateRequired:
		k.event = "challenge"
		if ids := a.o.having(authn.Active); len(ids) > 0 {
			k.factor = ids[0]
		}
		if live && a.o.active(c.factor) {
			k.factor = c.factor
		}
		return k
	case stateEnroll:
		k.event, k.factor = "enroll", authn.Email
		for _, f := range a.o.factors() {
			if f.Status == authn.NotSetUp && slices.Contains(a.o.offered(tx, f.Type), f.ID) {
				k.factor = f.Type
				break
			}
		}
		return k
	case stateChallenge:
		k.event = "verify"
	case stateActivate:
		k.event = "activate"
	case stateWarn, stateOld, stateReset:
		return w.naturalInput(a, k)
	default:
		if a.o.gateOf(tx) != "" {
			return w.naturalInput(a, k)
		}
		k.event = "cancel"
		return k
	}
	id, name := a.o.hand(tx)
	if text, ok := w.rightCode(a, name, id, c, k.event == "activate", t); ok && live {
		k.code = text
		return k
	}
	if k.event = "resend"; !kinds[name].sends(a.o.state(tx) == stateActivate) {
		k.event = "previous"
	}
	return k
}

// finish ends a run and checks that allowed events succeed (L2), pending
// deliveries arrive (E3), time alone ends every transaction (L1, L3), and a
// record is deleted once it holds no limit, lock or pending delivery.
func (w *world) finish() {
	w.t.Helper()
	w.Heal()
	w.atHome()
	w.healHost()
	for _, a := range w.accounts {
		for tx := range a.tickets {
			if _, wrong := a.o.clock(w.Now()); !wrong {
				w.follow(a, tx)
			}
		}
	}
	for range 20 {
		w.Advance(15 * time.Minute)
		w.tend()
		if w.elsewhere != nil { // gates are told by whoever has them
			w.goElsewhere()
			w.tend()
			w.atHome()
		}
	}
	for _, a := range w.accounts {
		for key, m := range a.letters {
			if m.Kind != authn.CodeMessage && a.o.delivery(key) == authn.Pending && a.most <= 4 { // a step adds up to four, and there is room for eight
				w.failf("E3: %s to %s was never delivered", m.Kind, a.user)
			}
		}
		w.judgeLast(a)
		for id := range a.owed {
			if a.o.owed(id) {
				w.failf("E3: Activated never succeeded for factor %s", id)
			}
		}
		if t, wrong := a.o.clock(w.Now()); !wrong && len(a.o.open(t)) > 0 {
			w.failf("L3: a transaction outlived its time")
		}
	}
	w.status()
	w.Advance(2 * aYear)
	w.tend()
	w.Advance(15 * time.Minute) // what has only ended now still answers repeats
	w.tend()
	for _, a := range w.accounts {
		t, _ := a.o.clock(w.Now())
		if _, has := w.records()[a.key]; has && !a.o.says(t) {
			w.failf("the record of %s is kept, although it holds no limit, lock or pending delivery", a.user)
		}
	}
}
