package model

import (
	"bytes"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// Compare the effects of a step with the oracle, and add them to its history.

// judgeMail checks E1 (one message for each code, which contains it), E2, E5 (the
// address is the user's), S13 and B4. It adds to the oracle's facts what only the
// message reveals: the code, or the token of the other device.
func (w *world) judgeMail(a *account, want *want, g seen) {
	w.t.Helper()
	due := slices.Clone(want.letters)
	for _, e := range g.mails {
		if e.saves <= g.savesBefore {
			w.failf("E2: a mail was sent before the step was saved")
		}
		m := e.Message
		i := slices.IndexFunc(due, func(l letter) bool { return l.kind == m.Kind && l.factor == m.Factor })
		if i < 0 {
			w.failf("E1: a mail %s to %q that the oracle does not expect: %+v", m.Kind, m.To, want.letters)
		}
		l, kind := due[i], kinds[a.o.kindOf(m.Factor)]
		due = slices.Delete(due, i, i+1)
		if _, ok := a.letters[m.Key]; ok || m.Key == "" {
			w.failf("E1: message key %q was used before", m.Key)
		}
		if m.User != a.user || m.Tenant != "authntest" || m.To != w.address(a, m.Factor) || m.Channel != kind.channel || !m.Until.Equal(l.until) || m.Purpose != l.purpose {
			w.failf("E1: %s mail is wrong: %+v, want %+v", m.Kind, m, l)
		}
		if asks := m.Kind == authn.CodeMessage; (m.Code != "") != (asks && kind.coded) || (m.Approval != "") != (asks && kind.awaited) {
			w.failf("E1: %s mail to %s has a code: %t, a token: %t", m.Kind, m.Factor, m.Code != "", m.Approval != "")
		}
		a.letters[m.Key] = m
		if m.Kind == authn.CodeMessage {
			w.learnCode(a, want, m)
		}
	}
	if w.stuck(a) > 4 { // a step adds up to four, and notices make room
		due = slices.DeleteFunc(due, func(l letter) bool { return l.kind != authn.CodeMessage })
	}
	if a.most > 4 { // a step adds up to four to a queue of eight, and the oldest notice makes room
		due = slices.DeleteFunc(due, func(l letter) bool { return l.kind != authn.CodeMessage })
	}
	if len(due) > 0 {
		w.failf("E1: no mail was sent: %+v", due)
	}
}

// learnCode adds to the oracle's facts what a message with a code, or to a device, has.
func (w *world) learnCode(a *account, want *want, m authn.Message) {
	w.t.Helper()
	for j := range want.facts {
		f := &want.facts[j]
		if f.what != sent {
			continue
		}
		f.code, f.letter, f.address = string(m.Code), m.Key, m.To
		c, _ := a.o.with(want.facts...).kept(f.tx)
		n := a.o.count(f.tx, sent) + 1
		if m.Code != "" && (len(m.Code) != w.digits || !isNumber(string(m.Code))) || m.Generation != n || !m.Expires.Equal(c.expires) {
			w.failf("E1: code mail %d digits, generation %d, expires %v; want %d, %d, %v", len(m.Code), m.Generation, m.Expires, w.digits, n, c.expires)
		}
		if f.puzzle.approval = string(m.Approval); m.Approval != "" {
			w.learnToken(a, f.tx, f.puzzle)
		}
	}
}

// learnToken keeps the token by which another device answers.
func (w *world) learnToken(a *account, tx int, p *puzzle) {
	w.t.Helper()
	if slices.ContainsFunc(a.devices, func(d device) bool { return d.approval == p.approval }) {
		w.failf("S29: two challenges have one token")
	}
	a.devices = append(a.devices, device{tx, p})
}

// judgeHandings checks that Activated is called if and only if a factor was
// confirmed or its data have changed, with the factor exactly as the Directory had
// it, and S31: each change has the next revision.
func (w *world) judgeHandings(a *account, want want, g seen) {
	w.t.Helper()
	if n := len(g.hands); n > 1 || (n == 1) != (want.hands != "") {
		w.failf("E1: Activated was called for %d factors, want %q", n, want.hands)
	}
	for _, h := range g.hands {
		if h.saves <= g.savesBefore {
			w.failf("E2: Activated was called before the step was saved")
		}
		if h.User != a.user || h.Factor.ID != want.hands || h.Factor.Address != w.address(a, want.hands) || h.Factor.Status != authn.Active || h.Key == "" {
			w.failf("E5: Activated got %+v, want %q", h, want.hands)
		}
		if d := want.data; d != nil && (h.Factor.Revision != d.revision || len(h.Factor.Data) == 0) || d == nil && (h.Factor.Revision != 0 || len(h.Factor.Data) > 0) {
			w.failf("S31: Activated got revision %d and %d bytes of data; the oracle says %+v", h.Factor.Revision, len(h.Factor.Data), d)
		}
		for id, old := range a.owed {
			if old.Key == h.Key || len(h.Factor.Data) > 0 && bytes.Equal(old.Factor.Data, h.Factor.Data) {
				w.failf("S31: Activated got the key or the data that it got for %s before", id)
			}
		}
		a.owed[want.hands] = h.Call
		if len(h.Factor.Data) > 0 {
			a.hidden = append(a.hidden, string(h.Factor.Data))
		}
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
			a.o.facts = append(a.o.facts, fact{what: tried, at: t, tx: -1, letter: m.Key, err: m.Err})
		}
	}
	w.learnKept(a, t, g)
	a.most = max(a.most, w.pending(a))
	for _, h := range g.hands {
		if h.User == a.user {
			what := handedOver
			if h.Err != nil {
				what = notHanded
			}
			d, _ := a.o.owes(h.Factor.ID)
			a.o.facts = append(a.o.facts, fact{what: what, at: t, tx: -1, factor: h.Factor.ID, data: d})
		}
	}
}

// stuck returns the number of pending effects that are never dropped: what the
// Directory or the Auditor has not taken.
func (w *world) stuck(a *account) (n int) {
	for id := range a.owed {
		if a.o.owed(id) {
			n++
		}
	}
	for _, user := range w.reports {
		if user == a.user {
			n++
		}
	}
	return n + len(a.keeps)
}

// pending returns the number of pending effects. Beyond eight, the oldest notices
// are dropped.
func (w *world) pending(a *account) int {
	n := w.stuck(a)
	for key, m := range a.letters {
		if m.Kind != authn.CodeMessage && a.o.delivery(key) == authn.Pending {
			n++
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
		if k.trail != "" && k.trail != e.From && !(e.From == "GATE" && a.o.foreign(i)) {
			w.failf("T5: %s of transaction %d goes from %s to %s, but it stood at %s", e.Event, i, e.From, e.To, k.trail)
		}
		k.trail = e.To
		if e.Event == "expire" && !a.o.closed(i) {
			if t.Before(a.o.expires(i)) && !early && !a.o.foreign(i) {
				w.failf("B2: transaction %d expired %v before its time", i, a.o.expires(i).Sub(t))
			}
			a.o.facts = append(a.o.facts, fact{what: ended, at: t, tx: i, to: stateExpired, saves: true})
		}
	}
	return found
}
