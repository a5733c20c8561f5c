package model

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The operations of the host (Status, Tend, Revoke and Reinstate), and the checks
// at the end of a run.

// status compares the status of every transaction with the oracle. S16: an ended
// transaction stays ended. S23, B7: each is in the state that follows from its
// own history, independent of others and of Tend.
func (w *world) status() {
	w.t.Helper()
	for _, a := range w.accounts {
		t, wrong := a.o.clock(w.now)
		if wrong {
			continue
		}
		for tx, k := range a.tickets {
			if tx < len(a.tickets)-6 && a.o.over(tx) { // checked often enough
				continue
			}
			saves, mails := w.store.saves, len(w.post.attempts)
			ans, err := w.services[w.turn%len(w.services)].Status(ctx, k.token)
			if w.store.saves > saves || len(w.post.attempts) > mails {
				w.failf("Status wrote or sent something")
			}
			live := !a.o.over(tx) && t.Before(a.o.expires(tx))
			switch {
			case live && err != nil:
				w.failf("status of %s transaction %d: %v; the oracle has it at %s", a.user, tx, err, a.o.state(tx))
			case live:
				w.compare(a, tx, ans, t)
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
	t, wrong := a.o.clock(w.now)
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
	if g.err != nil && w.post.mood == nil && !w.dir.deaf && !w.log.deaf {
		w.failf("Tend: %v", g.err)
	}
	for _, m := range g.mails {
		w.judgeRepeated(m)
	}
	for _, h := range g.hands {
		for _, a := range w.accounts {
			if h.user == a.user && (!a.o.owed(h.factor.ID) || a.owed[h.factor.ID] != h.key || h.factor.Address != w.address(a, h.factor.ID)) {
				w.failf("E3: Activated is repeated: %+v, pending under key %q", h, a.owed[h.factor.ID])
			}
		}
	}
	for _, a := range w.accounts {
		before, had := g.before[a.key]
		now, has := g.after[a.key]
		t, wrong := a.o.clock(w.now)
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
	w.cover["tend taken"]++
}

// judgeRepeated compares a message that Tend sends with the first one.
func (w *world) judgeRepeated(m attempt) {
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
		t, _ := a.o.clock(w.now)
		alive := m.Kind != authn.CodeMessage
		for _, tx := range a.o.open(t) {
			c, ok := a.o.live(tx, t)
			alive = alive || ok && c.letter == m.Key
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
		t, _ := a.o.clock(w.now)
		state := a.o.state(tx)
		if a.o.over(tx) || state == stateSuccess || !t.Before(a.o.expires(tx)) {
			return
		}
		c := w.natural(a, tx)
		ans, err := w.services[0].Status(ctx, a.tickets[tx].token)
		if err != nil {
			w.failf("L2: status: %v", err)
		}
		at, ok := ans.Allows(authn.EventName(c.event))
		switch {
		case !ok:
			return
		case at.After(w.now) && !at.Before(ans.Expires):
			return
		case at.After(w.now):
			w.now = at
			if c = w.natural(a, tx); c.event == "resend" && ans.State == stateChallenge || c.event == "resend" && ans.State == stateActivate {
				continue // the code has expired
			}
		}
		g := w.do(a, c)
		if errors.Is(g.err, authn.ErrUnavailable) {
			return
		}
		// One reason may hide another: after a back-off, no send or no code may be left.
		if g.err != nil && (at.IsZero() || !slices.Contains([]error{authn.ErrTooSoon, authn.ErrExhausted, authn.ErrNoCode}, reason(g.err))) {
			w.failf("L2: %s was allowed, but is refused: %v", c.event, g.err)
		}
	}
}

// natural returns the next event of a legitimate client.
func (w *world) natural(a *account, tx int) call {
	t, _ := a.o.clock(w.now)
	c, live := a.o.live(tx, t)
	k := call{tx: tx}
	switch a.o.state(tx) {
	case stateRequired:
		k.event = "challenge"
		if ids := a.o.having(authn.Active); len(ids) > 0 {
			k.factor = ids[0]
		}
		if live {
			k.factor = c.factor
		}
	case stateEnroll:
		k.event, k.factor = "enroll", authn.Email
	case stateChallenge:
		k.event, k.code = "verify", c.text
	case stateActivate:
		k.event, k.code = "activate", c.text
	default:
		k.event = "cancel"
	}
	if k.code == "" && (k.event == "verify" || k.event == "activate") || k.code != "" && !live {
		k.event, k.code = "resend", ""
	}
	return k
}

// finish ends a run and checks that allowed events succeed (L2), pending
// deliveries arrive (E3), time alone ends every transaction (L1, L3), and a
// record is deleted once it holds no limit, lock or pending delivery.
func (w *world) finish() {
	w.t.Helper()
	w.post.mood, w.dir.deaf, w.log.deaf = nil, false, false
	for _, a := range w.accounts {
		for tx := range a.tickets {
			if _, wrong := a.o.clock(w.now); !wrong {
				w.follow(a, tx)
			}
		}
	}
	for range 20 {
		w.now = w.now.Add(15 * time.Minute)
		w.tend()
	}
	for _, a := range w.accounts {
		for key, m := range a.letters {
			if m.Kind != authn.CodeMessage && a.o.delivery(key) == authn.Pending && a.most <= 6 {
				w.failf("E3: %s to %s was never delivered", m.Kind, a.user)
			}
		}
		for id := range a.owed {
			if a.o.owed(id) {
				w.failf("E3: Activated never succeeded for factor %s", id)
			}
		}
		if t, wrong := a.o.clock(w.now); !wrong && len(a.o.open(t)) > 0 {
			w.failf("L3: a transaction outlived its time")
		}
	}
	w.status()
	w.now = w.now.Add(2 * aYear)
	w.tend()
	for _, a := range w.accounts {
		t, _ := a.o.clock(w.now)
		if _, has := w.store.records[a.key]; has && !a.o.says(t) {
			w.failf("the record of %s is kept, although it holds no limit, lock or pending delivery", a.user)
		}
	}
}
