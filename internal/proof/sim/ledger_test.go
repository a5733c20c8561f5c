package sim

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// simReached lists the situations that the fixed seeds must reach.
var simReached = []string{
	"success", "wrong", "EXPIRED", "LOCKED_OUT", "CANCELED", "redeemed", "conflict", "asked again", "answered again", "room was made", "signed in at the end",
	"load failed before", "save failed before", "save failed after", "save lost", "send failed before", "send failed after", "send lost",
	"activated failed after", "audit failed before", "factors failed before", "due failed before",
	"died before save", "died after save", "died before send", "died after send", "died before load", "died after audit", "died after activated",
	"offered again", "given up", "unavailable", "unavailable, and saved",
	"proved by mail", "proved by app", "proved by list", "proved by token", "proved by phone", "wrong app", "wrong list", "wrong token", "wrong phone",
	"used before", "polled", "approved", "rejected", "question taken back", "hand-over overtaken", "verify failed before", "factors lost", "list too old",
}

// ledger sees every stored record, every effect and every answer, and reports
// violations of the rules.
type ledger struct {
	sim      *sim
	records  map[string]authn.Record
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

	eye    *eye
	tokens map[string]authn.StateToken // of transactions
	seen   map[string]challenge
	asked  map[authn.Secret]string // transactions, by what the phone was given
	spent  map[string]int          // what has proved a factor
	handed map[string]authn.Factor // what the Directory is to be handed, by key of the effect
	newest map[string]authn.Factor // of that, by user
	listed map[string]uint32       // the Revision that the Directory had last, by user
}

func newLedger(s *sim) *ledger {
	return &ledger{
		sim: s, records: map[string]authn.Record{}, was: map[string]stored{}, codes: map[string]storedTx{}, owed: map[string]int{}, taken: map[string]bool{}, hopeless: map[string]bool{},
		calls: map[string]int{}, used: map[string]int{}, redeemed: map[string]int{}, done: map[string]bool{}, last: map[string]string{}, known: map[string]authn.Code{},
		tokens: map[string]authn.StateToken{}, seen: map[string]challenge{}, asked: map[authn.Secret]string{},
		spent: map[string]int{}, handed: map[string]authn.Factor{}, newest: map[string]authn.Factor{}, listed: map[string]uint32{},
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

// saved checks a save by task t, after which the record is this one.
func (l *ledger) saved(t *task, key string, after authn.Record) {
	before := l.records[key]
	if l.records[key] = after; before.Version == after.Version && before.Due.Equal(after.Due) && bytes.Equal(before.Value, after.Value) {
		return
	}
	t.wrote++
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
			l.stepped(t, w, x, was, is, now)
		case w != x:
			l.unstepped(t, w, x)
		}
		stepped = stepped || !had || w.Steps != x.Steps
	}
	if stepped {
		if t.did[key]++; t.did[key] > 1 && t.what != "tend" { // which saves once for each effect
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
	case !t.told && t.met >= dieBefore:
	case !t.told:
		fail("the call ended without an answer")
	case errors.Is(t.err, authn.ErrUnavailable):
		l.sim.cover["unavailable"]++
		if strings.Contains(t.err.Error(), "before what it has taken") {
			l.sim.cover["list too old"]++
		}
		if did > 0 {
			l.sim.cover["unavailable, and saved"]++
		}
	case t.kind == "host":
		if t.err != nil {
			fail("a call of the host was refused")
		}
	case t.kind == "status":
		if did > 0 || t.wrote > 0 {
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
	case errors.Is(t.err, authn.ErrWaiting) && t.wrote > 0:
		fail("a poll has changed the record")
	case errors.Is(t.err, authn.ErrWaiting):
		l.sim.cover["polled"]++
	case errors.Is(t.err, authn.ErrUsed):
		l.sim.cover["used before"]++
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
	l.keeps()
}

// mailed checks that a message equals the one that was stored before, and puts
// its code into the inbox.
func (l *ledger) mailed(m authn.Message) {
	x, code, to := l.codes[m.Key], m.Code, address(m.User)
	if m.Approval != "" {
		code, to = authn.Code(m.Approval), ""
	}
	if m.Kind == authn.CodeMessage && (code == "" || code != x.Code || m.Generation != x.Sent) {
		l.sim.fail("a mail and its step have different codes")
	}
	if m.To != to {
		l.sim.fail("a mail to %q", m.To)
	}
	if m.Kind == authn.CodeMessage {
		l.sim.inbox[m.User] = append(l.sim.inbox[m.User], code)
	}
}

// offered checks that a save has claimed the attempt of an effect before it is
// made.
func (l *ledger) offered(c authntest.Call) {
	key := c.Key
	if l.calls[key]++; l.calls[key] == 2 {
		l.sim.cover["offered again"]++
	}
	if l.calls[key] > l.owed[key] {
		l.sim.fail("attempt %d of effect %s, but %d are stored", l.calls[key], key, l.owed[key])
	}
	switch c.Port {
	case authntest.Send:
		l.mailed(c.Message)
	case authntest.Activated:
		l.directed(c.User)
	}
}

// answered records the result of an effect that the node got from the port.
func (l *ledger) answered(key string, err error) {
	l.taken[key] = l.taken[key] || err == nil
	l.hopeless[key] = l.hopeless[key] || errors.Is(err, authn.ErrUndeliverable)
}
