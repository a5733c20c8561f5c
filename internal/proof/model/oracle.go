package model

import (
	"iter"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The oracle is a second opinion on every verdict. It was written from the
// specification alone, shares no code with the machine, and keeps no state:
// only the history of what happened to one account, which it reads again,
// from the first fact, for every question. It is slow and plain on purpose.

// The states, spelled here once more.
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

// happening says what a fact is about.
type happening string

const (
	began      happening = "began"
	sent       happening = "sent"     // a code, by a committed step
	reused     happening = "reused"   // challenged again without a mail
	erred      happening = "erred"    // a wrong code, evaluated
	late       happening = "late"     // a code that came too late
	accepted   happening = "accepted" // a right code
	went       happening = "went"     // previous, skip
	ended      happening = "ended"    // canceled, locked out, expired
	redeemed   happening = "redeemed"
	reinstated happening = "reinstated"
	saved      happening = "saved"     // by Tend, Revoke or Reinstate
	clockFell  happening = "clockFell" // a save noticed that the clock had been wrong
	deleted    happening = "deleted"   // the record
	tried      happening = "tried"     // to hand a message to the Mailer
	handedOver happening = "handedOver"
	notHanded  happening = "notHanded"
)

// fact is one thing that happened. Facts are only ever added.
type fact struct {
	what    happening
	at      time.Time   // the machine's time
	tx      int         // number of the transaction, -1 for the account
	to      authn.State // where it led; "" where it was
	factor  string
	code    string // that was sent
	address string // where to
	require authn.Requirement
	letter  string // key of the message
	err     error  // of the Mailer
	saves   bool
	by      call // the event, of the transaction's own facts
}

// call is an event as a client sends it.
type call struct {
	tx     int // -1: a token that nobody issued
	event  string
	factor string // of enroll: a type
	code   string
	key    string // idempotency
}

// letter is a message that is to go out.
type letter struct {
	kind    authn.MessageKind
	factor  string
	purpose authn.Purpose
	until   time.Time
}

// want is the oracle's verdict.
type want struct {
	errs    []error // one of these; none: the event is taken
	now     time.Time
	state   authn.State
	outcome authn.Outcome
	retry   time.Time
	until   time.Time
	repeat  bool // answered without being evaluated
	tomb    bool // a repeat of the event that ended the transaction: it may also be unknown by now
	facts   []fact
	letters []letter
	may     bool     // the facts may be left out: nobody can tell
	hands   string   // the factor that is handed to the Directory
	choice  []string // factors, any of which may be taken
	victims []int    // transactions, any of which may make room
}

// writes says whether the record changes.
func (w *want) writes() bool { return len(w.facts) > 0 }

type oracle struct {
	p      authn.Policy // with its defaults
	digits int
	ask    func() []authn.Factor // the Directory
	facts  []fact
}

// with is the oracle after more facts.
func (o *oracle) with(more ...fact) *oracle {
	c := *o
	c.facts = append(slices.Clip(c.facts), more...)
	return &c
}

// clock returns the machine's time when the wall says now, and whether the
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

// of are the facts of one transaction.
func (o *oracle) of(tx int) iter.Seq[*fact] {
	return func(yield func(*fact) bool) {
		for i := range o.facts {
			if o.facts[i].tx == tx && !yield(&o.facts[i]) {
				return
			}
		}
	}
}

// first is how a transaction began.
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

// over says whether a transaction has nothing more to give.
func (o *oracle) over(tx int) bool { return o.closed(tx) || o.count(tx, redeemed) > 0 }

// closed says whether a transaction can move no more: a redeemed SUCCESS still
// becomes EXPIRED.
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

// steps is how many saved steps a transaction took, its begin among them.
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

// open are the transactions that hold a live slot at t.
func (o *oracle) open(t time.Time) (txs []int) {
	for _, f := range o.facts {
		if f.what == began && !o.over(f.tx) && t.Before(o.expires(f.tx)) {
			txs = append(txs, f.tx)
		}
	}
	return txs
}

// unended are those whose end was not written yet, whatever the time.
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

// kept returns the code that the record of tx still holds, its time being up
// or not.
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

// hand is the factor at hand: that of the last code.
func (o *oracle) hand(tx int) (id string) {
	for f := range o.of(tx) {
		if f.what == sent || f.what == reused {
			id = f.factor
		}
	}
	return id
}

// factors are the usable factors as they stand now: one that was handed over,
// but that the Directory has not taken yet, counts as active; so does a
// verified address. There is room for three: first the others go, from the
// last to the first, then the required ones, then the active ones.
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

// protected says whether the user has an active factor of whatever type.
func (o *oracle) protected() bool {
	return len(o.having(authn.Active)) > 0 || slices.ContainsFunc(o.ask(), func(f authn.Factor) bool { return f.Status == authn.Active })
}

// owed says whether the Directory is still to be told that a factor was
// activated.
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

// having are the ids of the factors with a status.
func (o *oracle) having(s authn.Status) (ids []string) {
	for _, f := range o.factors() {
		if f.Status == s {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// missing says whether a required factor is not set up, but for one.
func (o *oracle) missing(except string) bool {
	return slices.ContainsFunc(o.factors(), func(f authn.Factor) bool {
		return f.Required && f.Status == authn.NotSetUp && f.ID != except
	})
}

// proved are the factors that a transaction proved.
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
