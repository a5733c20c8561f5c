package model

import (
	"iter"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The oracle is an independent reference for every verdict. It is written from
// the specification and shares no code with the machine. Its only state is the
// history of one account, which it reads from the first fact for every question.
// It is slow and simple by design.

// The states, independent of the constants of the machine.
const (
	stateRequired  authn.State = "MFA_REQUIRED"
	stateChallenge authn.State = "MFA_CHALLENGE"
	stateEnroll    authn.State = "MFA_ENROLL"
	stateActivate  authn.State = "MFA_ENROLL_ACTIVATE"
	stateSuccess   authn.State = "SUCCESS"
	stateLocked    authn.State = "LOCKED_OUT"
	stateCanceled  authn.State = "CANCELED"
	stateExpired   authn.State = "EXPIRED"
)

// happening is the kind of a fact.
type happening string

const (
	began      happening = "began"
	sent       happening = "sent"     // a code, by a committed step
	reused     happening = "reused"   // challenged again without a mail
	erred      happening = "erred"    // a wrong code, evaluated
	late       happening = "late"     // a code after it expired
	accepted   happening = "accepted" // a right code
	went       happening = "went"     // previous, skip
	ended      happening = "ended"    // canceled, locked out, expired
	redeemed   happening = "redeemed"
	reinstated happening = "reinstated"
	saved      happening = "saved"     // by Tend, Revoke or Reinstate
	clockFell  happening = "clockFell" // a save detected that the clock had been wrong
	deleted    happening = "deleted"   // the record
	tried      happening = "tried"     // a message was passed to the Mailer
	handedOver happening = "handedOver"
	notHanded  happening = "notHanded"
)

// fact is one thing that happened. Facts are never removed.
type fact struct {
	what    happening
	at      time.Time   // the machine's time
	tx      int         // number of the transaction, -1 for the account
	to      authn.State // the next state; "" for no change
	factor  string
	code    string // sent
	address string // recipient
	require authn.Requirement
	letter  string // key of the message
	err     error  // of the Mailer
	saves   bool
	by      call // the event, of the transaction's own facts
}

// call is an event as a client sends it.
type call struct {
	tx     int // -1 for a token that was never issued
	event  string
	factor string // of enroll: a type
	code   string
	key    string // idempotency
}

// letter is an expected message.
type letter struct {
	kind    authn.MessageKind
	factor  string
	purpose authn.Purpose
	until   time.Time
}

// want is the oracle's verdict.
type want struct {
	errs    []error // expected errors, one of which must occur; none if the event is accepted
	now     time.Time
	state   authn.State
	outcome authn.Outcome
	retry   time.Time
	until   time.Time
	repeat  bool // answered without being evaluated
	tomb    bool // a repeat of the event that ended the transaction, which may be unknown by now
	facts   []fact
	letters []letter
	may     bool     // the facts may or may not happen
	hands   string   // the factor for Activated
	choice  []string // factors, any of which may be used
	victims []int    // transactions, any of which may be ended to make room
}

// writes reports whether the record changes.
func (w *want) writes() bool { return len(w.facts) > 0 }

type oracle struct {
	p      authn.Policy // with its defaults
	digits int
	ask    func() []authn.Factor // the Directory
	facts  []fact
}

// with returns the oracle after more facts.
func (o *oracle) with(more ...fact) *oracle {
	c := *o
	c.facts = append(slices.Clip(c.facts), more...)
	return &c
}

// clock returns the machine's time if the node's clock says now, and whether the
// record was saved so far in the future that a clock must have been wrong.
func (o *oracle) clock(now time.Time) (t time.Time, wrong bool) {
	var mark time.Time
	for _, f := range o.facts {
		switch {
		case f.what == clockFell:
			mark = f.at
		case f.what == deleted:
			mark = time.Time{}
		case f.saves && f.at.After(mark):
			mark = f.at
		}
	}
	switch {
	case mark.After(now.Add(authn.MaxSkew)):
		return now, true
	case mark.After(now):
		return mark, false
	}
	return now, false
}

// of returns the facts of one transaction.
func (o *oracle) of(tx int) iter.Seq[*fact] {
	return func(yield func(*fact) bool) {
		for i := range o.facts {
			if o.facts[i].tx == tx && !yield(&o.facts[i]) {
				return
			}
		}
	}
}

// first returns the fact with which a transaction began.
func (o *oracle) first(tx int) *fact {
	for f := range o.of(tx) {
		return f
	}
	panic("no such transaction")
}

func (o *oracle) state(tx int) (s authn.State) {
	for f := range o.of(tx) {
		if f.to != "" {
			s = f.to
		}
	}
	return s
}

// over reports whether a transaction has ended or was redeemed.
func (o *oracle) over(tx int) bool { return o.closed(tx) || o.count(tx, redeemed) > 0 }

// closed reports whether the state of a transaction is final: a redeemed SUCCESS
// still becomes EXPIRED.
func (o *oracle) closed(tx int) bool {
	return slices.Contains([]authn.State{"", stateLocked, stateCanceled, stateExpired}, o.state(tx))
}

func (o *oracle) count(tx int, what happening) (n int) {
	for f := range o.of(tx) {
		if f.what == what {
			n++
		}
	}
	return n
}

// steps returns the number of saved steps of a transaction, including its begin.
func (o *oracle) steps(tx int) (n int) {
	for f := range o.of(tx) {
		if f.what == began || f.by.event != "" {
			n++
		}
	}
	return n
}

func (o *oracle) expires(tx int) time.Time {
	var at time.Time
	for f := range o.of(tx) {
		if f.what == began {
			at = f.at.Add(o.p.Life)
		}
		if f.to == stateSuccess {
			at = f.at.Add(o.p.SessionLife)
		}
	}
	return at
}

// open returns the transactions that have a live slot at t.
func (o *oracle) open(t time.Time) (txs []int) {
	for _, f := range o.facts {
		if f.what == began && !o.over(f.tx) && t.Before(o.expires(f.tx)) {
			txs = append(txs, f.tx)
		}
	}
	return txs
}

// unended returns the transactions whose end is not saved, at any time.
func (o *oracle) unended() (txs []int) {
	for _, f := range o.facts {
		if f.what == began && !o.over(f.tx) {
			txs = append(txs, f.tx)
		}
	}
	return txs
}

// code is a transaction's last code.
type code struct {
	text    string
	factor  string
	address string
	expires time.Time
	wrong   int
	letter  string
}

// kept returns the code that the record of tx still has, expired or not.
func (o *oracle) kept(tx int) (c code, ok bool) {
	for f := range o.of(tx) {
		switch {
		case f.what == sent:
			c, ok = code{f.code, f.factor, f.address, earlier(f.at.Add(o.p.CodeLife), o.expires(tx)), 0, f.letter}, true
		case f.what == erred:
			if c.wrong++; c.wrong >= o.p.CodeTries {
				ok = false
			}
		case f.what == late, f.what == accepted, f.what == ended, f.what == went && f.to == stateEnroll:
			ok = false
		}
	}
	return c, ok
}

// live returns the code that would be accepted at t.
func (o *oracle) live(tx int, t time.Time) (c code, ok bool) {
	c, ok = o.kept(tx)
	return c, ok && t.Before(c.expires)
}

// hand returns the current factor: that of the last code.
func (o *oracle) hand(tx int) (id string) {
	for f := range o.of(tx) {
		if f.what == sent || f.what == reused {
			id = f.factor
		}
	}
	return id
}

// factors returns the usable factors. A factor that is confirmed, but not yet
// accepted by the Directory, counts as active, and so does a verified address. At
// most three count: active ones before required ones before the others, each in
// their order.
func (o *oracle) factors() (fs []authn.Factor) {
	for _, f := range o.ask() {
		if f.Type != authn.Email {
			continue
		}
		if f.Status == authn.NotSetUp && (f.Verified && !o.p.NoAutoActivate || o.owed(f.ID)) {
			f.Status = authn.Active
		}
		fs = append(fs, f)
	}
	for _, goes := range []func(authn.Factor) bool{
		func(f authn.Factor) bool { return f.Status == authn.NotSetUp && !f.Required },
		func(f authn.Factor) bool { return f.Status == authn.NotSetUp },
		func(authn.Factor) bool { return true },
	} {
		for i := len(fs) - 1; i >= 0 && len(fs) > 3; i-- {
			if goes(fs[i]) {
				fs = slices.Delete(fs, i, i+1)
			}
		}
	}
	return fs
}

// protected reports whether the user has an active factor of any type.
func (o *oracle) protected() bool {
	return len(o.having(authn.Active)) > 0 || slices.ContainsFunc(o.ask(), func(f authn.Factor) bool { return f.Status == authn.Active })
}

// owed reports whether the call of Activated for a factor is pending.
func (o *oracle) owed(id string) (owed bool) {
	for _, f := range o.facts {
		if f.factor != id {
			continue
		}
		switch {
		case f.what == accepted && f.by.event == "activate":
			owed = true
		case f.what == handedOver:
			owed = false
		}
	}
	return owed
}

// having returns the ids of the factors with a status.
func (o *oracle) having(s authn.Status) (ids []string) {
	for _, f := range o.factors() {
		if f.Status == s {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// missing reports whether a required factor other than except is not set up.
func (o *oracle) missing(except string) bool {
	return slices.ContainsFunc(o.factors(), func(f authn.Factor) bool {
		return f.Required && f.Status == authn.NotSetUp && f.ID != except
	})
}

// proved returns the factors that a transaction proved.
func (o *oracle) proved(tx int) (ids []string) {
	for f := range o.of(tx) {
		if f.what == accepted {
			ids = append(ids, f.factor)
		}
	}
	return ids
}

func (o *oracle) requirement(tx int) authn.Requirement { return o.first(tx).require }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
