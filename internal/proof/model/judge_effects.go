package model

import (
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// What a step sends, hands over and tells, held against the oracle, and what
// the oracle learns from it.

// judgeMail: E1 (one mail for each code, carrying it), E2, E5 (to the user's
// own address), S13, B4. It fills the oracle's facts with what only the mail
// tells: the code, and which of several factors was taken.
func (w *world) judgeMail(a *account, want *want, g seen) {
	w.t.Helper()
	due := slices.Clone(want.letters)
	for _, m := range g.mails {
		if m.saves <= g.savesBefore {
			w.failf("E2: a mail went out before the step was saved")
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
		w.failf("E1: no mail went out: %+v", due)
	}
}

// judgeHandings: a factor is handed over when, and only when, its code was
// accepted, exactly as the directory had it.
func (w *world) judgeHandings(a *account, want want, g seen) {
	w.t.Helper()
	if n := len(g.hands); n > 1 || (n == 1) != (want.hands != "") {
		w.failf("E1: %d factors handed over, want %q", n, want.hands)
	}
	for _, h := range g.hands {
		if h.saves <= g.savesBefore {
			w.failf("E2: a factor was handed over before the step was saved")
		}
		if h.user != a.user || h.factor.ID != want.hands || h.factor.Address != w.address(a, want.hands) || h.key == "" {
			w.failf("E5: handed over %+v, want %q", h, want.hands)
		}
		a.owed[want.hands] = h.key
	}
}

// chooseVictim settles which of several transactions made room.
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

// learn adds to the oracle's history what has happened.
func (w *world) learn(a *account, want want, g seen) {
	a.o.facts = append(a.o.facts, want.facts...)
	w.learnDeliveries(a, want.now, g)
	_, had := g.before[a.key]
	if _, has := g.after[a.key]; had && !has {
		if a.o.says(want.now) {
			w.failf("P10: a record was deleted that says something a fresh one would not")
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

// pending is about how much is owed to the host: of the notices the oldest goes
// when there are more than eight entries.
func (a *account) pending() int {
	n := len(a.owed)
	for key, m := range a.letters {
		if m.Kind != authn.CodeMessage && a.o.delivery(key) == authn.Pending {
			n++
		}
	}
	for _, f := range a.o.facts {
		if f.to == stateSuccess {
			n++ // the Auditor may not have heard of it
		}
	}
	return n
}

// judgeAudit: T5 (no transaction moves without a row: each audit event starts
// where the last one of its transaction ended).
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

// followAudit moves the transactions of an account as the Auditor was told,
// and says whether one of the events is the one looked for. What ends because
// its time was up may be written at any later save; a clock that was wrong
// lets it end early.
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
