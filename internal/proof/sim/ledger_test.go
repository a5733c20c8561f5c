package sim

import (
	"bytes"
	"errors"
	"time"

	"github.com/authnfsm/authn"
)

// simReached lists the situations that the fixed seeds must reach.
var simReached = []string{
	"success", "wrong", "EXPIRED", "LOCKED_OUT", "CANCELED", "redeemed", "conflict", "asked again", "answered again", "room was made", "signed in at the end",
	"load failed before", "save failed before", "save failed after", "save lost", "mail failed before", "mail failed after", "mail lost",
	"activated failed after", "audit failed before", "factors failed before", "due failed before",
	"died before save", "died after save", "died before mail", "died after mail", "died before load", "died after audit", "died after activated",
	"offered again", "given up", "unavailable", "unavailable, and saved",
}

// ledger sees every stored record, every effect and every answer, and reports
// violations of the rules.
type ledger struct {
	sim      *sim
	was      map[string]stored // by record
	codes    map[string]storedTx
	owed     map[string]int  // stored attempts, by key of the effect
	taken    map[string]bool // effects that their port accepted
	hopeless map[string]bool
	calls    map[string]int
	used     map[string]int  // codes accepted, by transaction
	redeemed map[string]int  // assertions, by transaction
	done     map[string]bool // idempotency keys, by transaction
	last     map[string]string
	known    map[string]authn.Code // by transaction and generation
}

func newLedger(s *sim) *ledger {
	return &ledger{
		sim: s, was: map[string]stored{}, codes: map[string]storedTx{}, owed: map[string]int{}, taken: map[string]bool{}, hopeless: map[string]bool{},
		calls: map[string]int{}, used: map[string]int{}, redeemed: map[string]int{}, done: map[string]bool{}, last: map[string]string{}, known: map[string]authn.Code{},
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func over(x authn.State) bool {
	return x == authn.LockedOut || x == authn.Canceled || x == authn.Expired
}

func find(st stored, id string) (storedTx, bool) {
	for _, x := range st.Txs {
		if x.ID == id {
			return x, true
		}
	}
	return storedTx{}, false
}

// saved checks a save by task t.
func (l *ledger) saved(t *task, key string, before, after authn.Record) {
	if before.Version == after.Version && before.Due.Equal(after.Due) && bytes.Equal(before.Value, after.Value) {
		return
	}
	was, is := l.was[key], stored{}
	if len(after.Value) > 0 {
		var err error
		if is, err = l.look(key, after.Value); err != nil {
			l.sim.fail("%s: %v", t.what, err)
		}
	}
	l.was[key] = is
	now, stepped := later(was.Mark, t.read), false
	for _, x := range is.Txs {
		w, had := find(was, x.ID)
		switch {
		case !had:
			l.began(t, x, is)
		case w.Steps != x.Steps:
			l.stepped(t, w, x, is, now)
		case w != x:
			l.sim.fail("%s: %+v became %+v without a step", t.what, w, x)
		}
		stepped = stepped || !had || w.Steps != x.Steps
	}
	if stepped {
		if t.did[key]++; t.did[key] > 1 {
			l.sim.fail("%s: one call made two steps", t.what)
		}
	}
	for _, w := range was.Txs {
		if _, ok := find(is, w.ID); !ok {
			l.gone(t, w, is, now)
		}
	}
	l.budgets(t, was, is, now)
	l.outbox(t, was, is, now)
}

// ended checks a task that has ended, with or without an answer.
func (l *ledger) ended(t *task) {
	did := 0
	for _, n := range t.did {
		did += n
	}
	var r *authn.Refusal
	fail := func(what string) { l.sim.fail("%s: told %+v, %v: %s", t.what, t.answer, t.err, what) }
	l.sim.tell("%s: %s is over: told %t, %v, %d steps", t.node.name, t.what, t.told, t.err, did)
	switch {
	case !t.told && t.died:
	case !t.told:
		fail("the call ended without an answer")
	case errors.Is(t.err, authn.ErrUnavailable):
		l.sim.cover["unavailable"]++
		if did > 0 {
			l.sim.cover["unavailable, and saved"]++
		}
	case t.kind == "host":
		if t.err != nil {
			fail("a call of the host was refused")
		}
	case t.kind == "status":
		if did > 0 {
			fail("Status changed the record")
		}
	case t.err == nil && did == 0:
		if t.key == "" || !l.done[t.tx+t.key] {
			fail("the step was not saved")
		}
		l.sim.cover["answered again"]++
	case t.err == nil && t.kind == "redeem":
		if l.redeemed[t.tx]++; l.redeemed[t.tx] > 1 || t.led != authn.Success || t.assertion.Transaction != t.tx || t.assertion.User != t.person.user {
			fail("the session token was redeemed before, or by another user")
		}
		l.sim.cover["redeemed"]++
	case t.err == nil:
		if t.answer.State != t.led || (t.answer.Outcome == authn.WrongCode) != t.wrong {
			fail("the saved state is " + string(t.led))
		}
	case !errors.As(t.err, &r):
		fail("the error wraps no sentinel")
	case did > 0 && (!errors.Is(t.err, authn.ErrFinished) || t.led != authn.Expired):
		fail("a refused call was saved")
	}
}

// settled checks that nothing is pending after a long time without faults.
func (l *ledger) settled() {
	for key, st := range l.was {
		for _, e := range st.Owed {
			l.sim.fail("record %.4s still has the pending effect %+v", key, e)
		}
		for _, x := range st.Txs {
			if !over(x.State) && (x.State != authn.Success || x.Session) {
				l.sim.fail("%+v did not end", x)
			}
		}
	}
}

// mailed checks that a message equals the one that was stored before.
func (l *ledger) mailed(m authn.Message) {
	l.offered(m.Key)
	x := l.codes[m.Key]
	if m.Kind == authn.CodeMessage && (m.Code == "" || m.Code != x.Code || m.Generation != x.Sent) {
		l.sim.fail("a mail and its step have different codes")
	}
	if m.To != l.sim.person(m.User).factors[0].Address {
		l.sim.fail("a mail to %q", m.To)
	}
}

// offered checks that a save has claimed the attempt before it is made.
func (l *ledger) offered(key string) {
	if l.calls[key]++; l.calls[key] == 2 {
		l.sim.cover["offered again"]++
	}
	if l.calls[key] > l.owed[key] {
		l.sim.fail("attempt %d of effect %s, but %d are stored", l.calls[key], key, l.owed[key])
	}
}

// answered records the result of an effect that the node got from the port.
func (l *ledger) answered(key string, err error) {
	l.taken[key] = l.taken[key] || err == nil
	l.hopeless[key] = l.hopeless[key] || errors.Is(err, authn.ErrUndeliverable)
}
