package model

import (
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// Compare the effects of a step with the oracle, and add them to its history.

// judgeMail checks E1 (one mail for each code, which contains it), E2, E5 (the
// address is the user's), S13 and B4. It adds to the oracle's facts what only the
// mail reveals: the code, and which of several factors was used.
func (w *world) judgeMail(a *account, want *want, g seen) {
	w.t.Helper()
	due := slices.Clone(want.letters)
	for _, m := range g.mails {
		if m.saves <= g.savesBefore {
			w.failf("E2: a mail was sent before the step was saved")
		}
		factor := w.owner(a, m.To)
		i := slices.IndexFunc(due, func(l letter) bool {
			return l.kind == m.Kind && (l.factor == factor || l.kind == authn.CodeMessage && slices.Contains(want.choice, factor))
		})
		if i < 0 {
			w.failf("E1: a mail %s to %q that the oracle does not expect: %+v", m.Kind, m.To, want.letters)
		}
		l := due[i]
		due = slices.Delete(due, i, i+1)
		if _, ok := a.letters[m.Key]; ok || m.Key == "" {
			w.failf("E1: message key %q was used before", m.Key)
		}
		if m.User != a.user || m.Tenant != "acme" || !m.Until.Equal(l.until) || m.Purpose != l.purpose || (m.Code == "") != (m.Kind != authn.CodeMessage) {
			w.failf("E1: %s mail is wrong: %+v, want %+v", m.Kind, m.Message, l)
		}
		a.letters[m.Key] = m.Message
		if m.Kind != authn.CodeMessage {
			continue
		}
		for j := range want.facts {
			if f := &want.facts[j]; f.what == sent {
				f.factor, f.code, f.letter, f.address = factor, string(m.Code), m.Key, m.To
				c, _ := a.o.with(want.facts...).kept(f.tx)
				n := a.o.count(f.tx, sent) + 1
				if len(m.Code) != w.digits || strings.Trim(string(m.Code), "0123456789") != "" || m.Generation != n || !m.Expires.Equal(c.expires) {
					w.failf("E1: code mail %d digits, generation %d, expires %v; want %d, %d, %v", len(m.Code), m.Generation, m.Expires, w.digits, n, c.expires)
				}
			}
		}
	}
	if len(due) > 0 {
		w.failf("E1: no mail was sent: %+v", due)
	}
}

// judgeHandings checks that Activated is called if and only if a code was
// accepted, with the factor exactly as the directory had it.
func (w *world) judgeHandings(a *account, want want, g seen) {
	w.t.Helper()
	if n := len(g.hands); n > 1 || (n == 1) != (want.hands != "") {
		w.failf("E1: Activated was called for %d factors, want %q", n, want.hands)
	}
	for _, h := range g.hands {
		if h.saves <= g.savesBefore {
			w.failf("E2: Activated was called before the step was saved")
		}
		if h.user != a.user || h.factor.ID != want.hands || h.factor.Address != w.address(a, want.hands) || h.key == "" {
			w.failf("E5: Activated got %+v, want %q", h, want.hands)
		}
		a.owed[want.hands] = h.key
	}
}

// chooseVictim finds out which of several transactions was ended to make room.
func (a *account) chooseVictim(want want, g seen) {
	for _, tx := range want.victims {
		if slices.ContainsFunc(g.audits, func(e authn.AuditEvent) bool { return e.Transaction == a.tickets[tx].id && e.To == stateCanceled }) {
			for i := range want.facts {
				if want.facts[i].what == ended && want.facts[i].to == stateCanceled {
					want.facts[i].tx = tx
				}
			}
		}
	}
}

// learn adds the new facts to the oracle's history.
func (w *world) learn(a *account, want want, g seen) {
	a.o.facts = append(a.o.facts, want.facts...)
	w.learnDeliveries(a, want.now, g)
	_, had := g.before[a.key]
	if _, has := g.after[a.key]; had && !has {
		if a.o.says(want.now) {
			w.failf("P10: a record was deleted that still holds a limit, lock or pending delivery")
		}
		a.o.facts = append(a.o.facts, fact{what: deleted, at: want.now, tx: -1})
	}
}

func (w *world) learnDeliveries(a *account, t time.Time, g seen) {
	for _, m := range g.mails {
		if m.User == a.user {
			a.o.facts = append(a.o.facts, fact{what: tried, at: t, tx: -1, letter: m.Key, err: m.err})
		}
	}
	a.most = max(a.most, a.pending())
	for _, h := range g.hands {
		if h.user == a.user {
			what := handedOver
			if h.err != nil {
				what = notHanded
			}
			a.o.facts = append(a.o.facts, fact{what: what, at: t, tx: -1, factor: h.factor.ID})
		}
	}
}

// pending returns roughly the number of pending effects. Beyond eight entries,
// the oldest notices are dropped.
func (a *account) pending() int {
	n := len(a.owed)
	for key, m := range a.letters {
		if m.Kind != authn.CodeMessage && a.o.delivery(key) == authn.Pending {
			n++
		}
	}
	for _, f := range a.o.facts {
		if f.to == stateSuccess {
			n++ // the Auditor may not have accepted it
		}
	}
	return n
}

// judgeAudit checks T5: no state changes without a row, so that each audit event
// starts in the state in which the last one of its transaction ended.
func (w *world) judgeAudit(a *account, tx int, event string, want want, g seen) {
	w.t.Helper()
	told := w.followAudit(a, want.now, false, g.audits, func(i int, e authn.AuditEvent) bool {
		return i == tx && string(e.Event) == event && e.To == want.state && e.Outcome == want.outcome
	})
	if len(want.errs) == 0 && !want.repeat && !told {
		w.failf("the Auditor was not told of %s to %s: %+v", event, want.state, g.audits)
	}
	for _, f := range want.facts {
		if f.tx >= 0 && f.to != "" && a.o.count(f.tx, redeemed) == 0 && a.tickets[f.tx].trail != a.o.state(f.tx) {
			w.failf("T5: transaction %d went to %s, but the Auditor has it at %s", f.tx, a.o.state(f.tx), a.tickets[f.tx].trail)
		}
	}
}

// followAudit applies audit events to the transactions of an account, and reports
// whether one of them satisfies is. A transaction that expired may end at any
// later save, and a wrong clock may end it early.
func (w *world) followAudit(a *account, t time.Time, early bool, es []authn.AuditEvent, is func(int, authn.AuditEvent) bool) (found bool) {
	w.t.Helper()
	for _, e := range es {
		i := slices.IndexFunc(a.tickets, func(k *ticket) bool { return k.id == e.Transaction })
		if e.To == "" || i < 0 {
			continue
		}
		k := a.tickets[i]
		if e.Key != "" && w.keys[e.Key] { // a repetition
			continue
		}
		w.keys[e.Key] = true
		found = found || is(i, e)
		if k.trail != "" && k.trail != e.From {
			w.failf("T5: %s of transaction %d goes from %s to %s, but it stood at %s", e.Event, i, e.From, e.To, k.trail)
		}
		k.trail = e.To
		if e.Event == "expire" && !a.o.closed(i) {
			if t.Before(a.o.expires(i)) && !early {
				w.failf("B2: transaction %d expired %v before its time", i, a.o.expires(i).Sub(t))
			}
			a.o.facts = append(a.o.facts, fact{what: ended, at: t, tx: i, to: stateExpired, saves: true})
		}
	}
	return found
}
