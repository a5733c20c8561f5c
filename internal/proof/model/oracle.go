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
	sent       happening = "sent"     // a message, by a committed step
	posed      happening = "posed"    // a challenge without a message
	reused     happening = "reused"   // challenged again without a message
	replied    happening = "replied"  // by another device
	learned    happening = "learned"  // by the client: another device has said no
	renewed    happening = "renewed"  // a new password was right
	passed     happening = "passed"   // a gate
	rejected   happening = "rejected" // what was handed in does not meet the host's rules
	voided     happening = "voided"   // the question to a device, for another one
	erred      happening = "erred"    // a wrong code or response, evaluated
	late       happening = "late"     // a code after it expired
	accepted   happening = "accepted" // a right code or response
	imported   happening = "imported" // the data of a factor of another system
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
	kind    string // of the factor at hand
	code    string // sent
	address string // recipient
	require authn.Requirement
	adding  bool   // began: one more factor is to be enrolled
	more    bool   // began: after an enrollment the rest is offered
	owing   bool   // began, sent, posed: a required factor was missing
	letter  string // key of the message
	err     error  // of the Mailer
	saves   bool
	by      call // the event, of the transaction's own facts

	puzzle *puzzle // sent, posed
	reply  string  // replied: "approved" or "rejected"
	direct bool    // erred: without a challenge
	app    *app    // accepted, with the time step
	step   int64
	data   *data // accepted, imported, handedOver: what is kept from then on

	password authn.PasswordStatus // began
	ends     time.Time            // of the password that expires soon
	denied   bool                 // ended: by the host's verdict
	gates    string               // the list of gates that the transaction belongs to from then on
	kept     string               // renewed, passed: what the host is to keep
}

// call is an event as a client sends it, or the answer of another device.
type call struct {
	tx     int // -1 for a token that was never issued
	event  string
	factor string // of enroll: a type
	code   string
	key    string // idempotency

	old, new string // passwords; new is also what is handed in to a gate
	gate     string

	approval string // of respond: the token, and what the device says
	yes      bool
	number   string
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
	may     bool         // the facts may or may not happen
	hands   string       // the factor for Activated,
	data    *data        // with this
	victims []int        // transactions, any of which may be ended to make room
	check   *authn.Check // what the Verifier is asked

	ruling *ruling       // what Passwords or a Gatekeeper is asked, and says
	needed []authn.State // gates of which it is asked whether they are needed
	stores bool          // a new password is to be stored; of redeem: the one that is owed
	passes authn.State   // the gate whose Keeper is told
}

// writes reports whether the record changes.
func (w *want) writes() bool { return len(w.facts) > 0 }

type oracle struct {
	p      authn.Policy // with its defaults
	digits int
	user   string
	own    bool                  // the service has the host's own types
	ask    func() []authn.Factor // the Directory
	facts  []fact

	gates  []authn.State               // of the service at hand
	needs  func(gate authn.State) bool // the host's word, or its fault
	unkept func() bool                 // the host has not taken the last new password
	down   func() bool                 // nor does it now
	holds  func() bool                 // nor something else that it is to keep
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
	mark := o.mark()
	switch {
	case mark.After(now.Add(authn.MaxSkew)):
		return now, true
	case mark.After(now):
		return mark, false
	}
	return now, false
}

// mark returns the time at which the record was saved last.
func (o *oracle) mark() (mark time.Time) {
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
	return mark
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

// code is a transaction's last code, or its last challenge.
type code struct {
	text    string
	factor  string
	kind    string
	address string
	enrolls bool
	expires time.Time
	wrong   int
	letter  string
	puzzle  *puzzle
	reply   string // of another device
}

// kept returns the code that the record of tx still has, expired or not.
func (o *oracle) kept(tx int) (c code, ok bool) {
	end := o.expires(tx)
	for f := range o.of(tx) {
		switch {
		case f.what == sent || f.what == posed:
			c, ok = code{text: f.code, factor: f.factor, kind: f.kind, address: f.address, enrolls: f.to == stateActivate || f.to == "" && c.enrolls, letter: f.letter, puzzle: f.puzzle}, true
			if c.expires = end; f.what == sent {
				c.expires = earlier(f.at.Add(o.p.CodeLife), c.expires)
			}
		case f.what == erred && !f.direct && kinds[f.kind].coded:
			if c.wrong++; c.wrong >= o.p.CodeTries {
				ok = false
			}
		case f.what == replied:
			c.reply = f.reply
			ok = ok && f.reply == "approved"
		case f.what == late, f.what == accepted, f.what == ended, f.what == voided, f.what == went && f.to == stateEnroll:
			ok = false
		}
	}
	return c, ok
}

// reply returns what another device has said to the last challenge.
func (o *oracle) reply(tx int) (reply string) {
	for f := range o.of(tx) {
		switch f.what {
		case sent, posed, learned:
			reply = ""
		case replied:
			reply = f.reply
		case voided:
			reply = "withdrawn"
		}
	}
	return reply
}

// owing reports whether a required factor was missing when the Directory was asked
// last.
func (o *oracle) owing(tx int) (owing bool) {
	for f := range o.of(tx) {
		if f.what == began || f.what == sent || f.what == posed {
			owing = f.owing
		}
	}
	return owing
}

// live returns the code that would be accepted at t.
func (o *oracle) live(tx int, t time.Time) (c code, ok bool) {
	c, ok = o.kept(tx)
	return c, ok && t.Before(c.expires)
}

// hand returns the current factor: that of the last code.
func (o *oracle) hand(tx int) (id, kind string) {
	for f := range o.of(tx) {
		switch f.what {
		case sent, posed, reused, accepted:
			id, kind = f.factor, f.kind
		}
	}
	return id, kind
}

// recent returns the factor that was proved last, in any transaction.
func (o *oracle) recent() (id string) {
	for _, f := range o.facts {
		switch f.what {
		case accepted:
			id = f.factor
		case deleted:
			id = ""
		}
	}
	return id
}

// factors returns the usable factors. A factor that is confirmed, but not yet
// accepted by the Directory, counts as active, and so does a verified address.
func (o *oracle) factors() (fs []authn.Factor) {
	for _, f := range o.ask() {
		k, known := o.kind(f.Type)
		if !known || f.Status == authn.Disabled {
			continue
		}
		if f.Status == authn.NotSetUp && (k.coded && f.Verified && !o.p.NoAutoActivate || o.owed(f.ID)) {
			f.Status = authn.Active
		}
		if f.Status == authn.Active && k.computed && o.data(f.ID).revision == 0 {
			continue // its data are lost
		}
		fs = append(fs, f)
	}
	return fs
}

// protected reports whether the user has an active factor of any type, or one that
// the Directory has not taken.
func (o *oracle) protected() bool {
	return len(o.having(authn.Active)) > 0 || slices.ContainsFunc(o.ask(), func(f authn.Factor) bool { return f.Status == authn.Active }) ||
		slices.ContainsFunc(o.facts, func(f fact) bool { return f.what == accepted && o.owed(f.factor) })
}

// disabled reports whether the Directory has a disabled factor.
func (o *oracle) disabled() bool {
	return slices.ContainsFunc(o.ask(), func(f authn.Factor) bool { return f.Status == authn.Disabled })
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

// active reports whether a factor can be chosen.
func (o *oracle) active(id string) bool { return slices.Contains(o.having(authn.Active), id) }

// contact returns the factor that a notice about a factor goes to: that one, if
// codes are sent to it, else the first active one of which that is so.
func (o *oracle) contact(id, kind string) (to string, ok bool) {
	if kinds[kind].coded {
		return id, o.listed(id).ID != ""
	}
	for _, f := range o.factors() {
		if f.Status == authn.Active && kinds[f.Type].coded {
			return f.ID, true
		}
	}
	return "", false
}

// missing reports whether a required factor other than except is neither set up nor
// proved by a transaction.
func (o *oracle) missing(tx int, except string) bool {
	return slices.ContainsFunc(o.enrollable(tx, except), func(f authn.Factor) bool { return f.Required })
}

// enrollable are the factors that a transaction can enroll yet, but for one.
func (o *oracle) enrollable(tx int, except string) (fs []authn.Factor) {
	proved := o.proved(tx)
	for _, f := range o.factors() {
		if f.Status == authn.NotSetUp && f.ID != except && !slices.Contains(proved, f.ID) {
			fs = append(fs, f)
		}
	}
	return fs
}

// proved returns the last three factors that a transaction proved.
func (o *oracle) proved(tx int) (ids []string) {
	for f := range o.of(tx) {
		if f.what == accepted && !slices.Contains(ids, f.factor) {
			ids = append(ids, f.factor)
		}
	}
	return ids[max(0, len(ids)-3):]
}

// endedBy returns the event of its own that ended a transaction.
func (o *oracle) endedBy(tx int) (c call, ok bool) {
	for i, f := range o.facts {
		if f.tx != tx || f.what != ended {
			continue
		}
		if f.by.event != "" {
			return f.by, true
		}
		if i > 0 && f.to == stateLocked && o.facts[i-1].tx == tx && o.facts[i-1].what == erred { // its last try
			return o.facts[i-1].by, o.facts[i-1].by.event != ""
		}
	}
	return c, false
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
