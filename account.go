package authn

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

type (
	id     [16]byte
	digest [32]byte
)

const (
	maxTx   = 3
	maxUser = 128
)

// Account is everything that is stored about one account: its budgets, its
// transactions and the effects that it owes. It is a plain value: == compares it
// and = copies it. The zero value is an account without a record. It holds no
// code, no token, no key and no address. [Account.View] shows it as data.
type Account struct {
	ledger
	txs    [maxTx]transaction
	outbox [maxOutbox]entry
}

// ledger holds what outlives transactions: budgets, locks and counts.
type ledger struct {
	user        string // the host's user id; "" after Erase
	seen        int64  // latest time at which it was saved, Unix nanoseconds like all times here
	disabled    bool   // a factor was disabled: only Reinstate ends it
	fails       uint16 // consecutive wrong codes
	notBefore   int64  // end of the back-off
	lockedUntil int64  // end of the soft lock
	failures    failures
	sends       window
	starts      window
	used        marks   // the last time step used, of each secret of an app
	recent      string  // id of the factor that was proved last
	kept        marks   // the last revision that the Directory took, of each factor with data
	devices     devices // remembered
	claim       string  // of a record of claims: the sealed name, or unnamed; there user is ""
}

// transaction is one sign-in under way, or what is kept of a finished one to
// answer repeats. The zero value is a free slot.
type transaction struct {
	id          id     // public: audit, keys of messages
	token       digest // SHA-256 of the state token's secret
	state       uint8  // 1 + index in states; 0 is a free slot
	require     Requirement
	rev         uint8 // saved steps
	born        int64
	expires     int64 // absolute; in SUCCESS the session token's end, later the slot's
	sendAt      int64 // end of the cool-down
	done        int64 // when it became SUCCESS
	tries       uint8 // wrong codes
	sends       uint8 // codes sent: the last one's generation
	adding      bool  // one more factor is to be enrolled
	offersMore  bool  // after an enrollment, what else can be enrolled is offered
	password    PasswordStatus
	passwordEnd int64 // when it expires, if that is soon
	purpose     string
	reply       uint8  // of another device to the live challenge: index in replies
	owing       bool   // a required factor was missing when the Directory was asked last
	methods     string // what the host has verified, with blanks between; "": "pwd"
	authAt      int64  // when it did, in whole seconds; 0: when the transaction was begun
	accept      string // the types of factors that count here, with blanks between; "": all
	relay       string
	remember    bool   // the device, once the sign-in succeeds
	trusted     string // stands for the factor that need not be proved on the remembered device
	flow        uint8  // 0 a sign-in, else what else it is for: index in flows
	opened      bool   // the link of this claim was
	opener      id     // hash of the key of the client that opened it; zero: it had none
	came        id     // stands for the address that the claim was proved by: no factor there counts; of a claim, for the user by whom it was proved
	cameBy      string // the type by which the code of that claim was sent
	gates       uint32 // print of the list of gates, of a transaction in one or past one
	limits      limits
	code        liveCode
	delivery    uint8 // of the live code: index in deliveries
	session     session
	factor      pin              // at hand: the live code's, or the last one's
	proofs      [maxProofs]proof // the last factors proved here, and behind them zero ones
	last        lastEvent
}

// proof is a factor that a transaction has proved. Its type follows from the
// recipient, which depends on it.
type proof struct {
	id        string
	recipient id
	methods   string // what a Verifier called it, with blanks between; "": as the type does
	at        int64  // in whole seconds
}

// is says that it proves the pinned factor.
func (p *proof) is(f *pin) bool { return p.id == f.id && p.recipient == f.recipient }

func (p pin) proof() proof { return proof{id: p.id, recipient: p.recipient} }

// liveCode holds what the one code that a transaction accepts is derived from, or
// the challenge that it has.
type liveCode struct {
	live    bool
	tries   uint8
	key     uint32
	expires int64
	nonce   id
}

// good says that the code may still be used.
func (c *liveCode) good(now int64) bool { return c.live && now < c.expires }

// session holds what the session token is derived from, until it is redeemed.
type session struct {
	live  bool
	key   uint32
	nonce id
}

// lastEvent remembers the last saved event that had an idempotency key.
type lastEvent struct {
	set   bool
	say   uint8 // index in outcomes
	key   uint32
	id    id // hash of the client's key
	print id // keyed fingerprint of every field
}

var outcomes = [...]Outcome{Done, WrongCode, LateCode, Rejected, Denied}

// copyFrom is *a = *b, but skips what is empty in both: most of an account is
// seldom used.
func (a *Account) copyFrom(b *Account) {
	a.ledger = b.ledger
	for i := range a.txs {
		if a.txs[i].state != 0 || b.txs[i].state != 0 {
			a.txs[i] = b.txs[i]
		}
	}
	for i := range a.outbox {
		switch empty := a.outbox[i].kind == 0 && b.outbox[i].kind == 0; {
		case !empty:
			a.outbox[i] = b.outbox[i]
		case i >= queue:
			return
		}
	}
}

// find returns the slot of the transaction with this token, or -1.
func (a *Account) find(token digest) int {
	for i := range a.txs {
		if a.txs[i].state != 0 && a.txs[i].token == token {
			return i
		}
	}
	return -1
}

// idle says that the account holds no limit, lock, transaction or delivery, so
// that its record can be deleted.
func (a *Account) idle() bool { return a.quiet() && !a.lasting() }

// lasting says that something does not end by itself. The row of failures lasts as long
// as the user does.
func (a *Account) lasting() bool {
	erased := a.user == "" && a.claim == ""
	return a.disabled || a.fails > 0 && !erased
}

// usedEnd is when the last time step that was used may be forgotten; 0 if there is none.
func (a *Account) usedEnd() int64 {
	if end := a.used.end(); end != 0 {
		return end + int64(usedKept)
	}
	return 0
}

// rests says that nothing is under way or owed.
func (a *Account) rests() bool {
	for i := range a.txs {
		if a.txs[i].state != 0 {
			return false
		}
	}
	return a.outbox[queue].kind == 0
}

// quiet says that it rests, and no charge is remembered.
func (a *Account) quiet() bool {
	return a.rests() && a.lockedUntil == 0 && a.notBefore == 0 &&
		a.failures.at == "" && a.sends == "" && a.starts == "" && a.used == "" && a.kept == "" && a.devices == ""
}

// info is the description of the transaction's state; empty for a free slot, and the same
// for all gates.
func (t *transaction) info() *StateInfo {
	switch {
	case t.gate() >= 0:
		return &states[OtherGate.index()]
	case t.state == 0 || int(t.state) > len(states):
		return new(StateInfo)
	}
	return &states[t.state-1]
}

// publicID names it in audit events.
func (t *transaction) publicID() string { return hex.EncodeToString(t.id[:]) }

func (t *transaction) name() State { return t.info().State }

// hasProof says that a factor was proved here.
func (t *transaction) hasProof() bool { return t.proofs[0] != proof{} }

// hasProved says that the factor was proved here.
func (t *transaction) hasProved(f *pin) bool {
	for i := range t.proofs {
		if t.proofs[i].is(f) {
			return true
		}
	}
	return false
}

// proved are the factors that were proved here, the last maxProofs of them.
func (t *transaction) proved() []proof {
	n := slices.Index(t.proofs[:], proof{})
	if n < 0 {
		n = maxProofs
	}
	return t.proofs[:n]
}

// isLive says that the transaction may still lead to a session.
func (t *transaction) isLive() bool {
	return t.state != 0 && (!t.info().Terminal || t.session.live)
}

// before says that t is evicted before o.
func (t *transaction) before(o *transaction, now int64) bool {
	if t.session.live != o.session.live {
		return o.session.live
	}
	if mine, other := t.code.good(now), o.code.good(now); mine != other {
		return other
	}
	return t.born < o.born
}

// forgotten is when nothing more is said of a transaction that has ended, or whose session
// token is redeemed.
func (t *transaction) forgotten() int64 {
	if t.ended() {
		return t.expires
	}
	return t.expires + int64(tombstone)
}

// ended says that only the tombstone is left: see doFinish.
func (t *transaction) ended() bool {
	return t.info().Terminal && t.name() != Success
}

// String describes the account for an operator, without secrets or addresses.
func (a Account) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "account user=%q saved=%s failures=%d", a.user, clock(a.seen), a.fails)
	if a.disabled {
		b.WriteString(" disabled")
	}
	for _, x := range []struct {
		name string
		at   int64
	}{{"backoff", a.notBefore}, {"locked", a.lockedUntil}} {
		if x.at != 0 {
			fmt.Fprintf(&b, " %s=%s", x.name, clock(x.at))
		}
	}
	fmt.Fprintf(&b, " charges: failures=%d sends=%d starts=%d", a.failures.at.len(), a.sends.len(), a.starts.len())
	for i := range a.txs {
		if t := &a.txs[i]; t.state != 0 {
			fmt.Fprintf(&b, "\n  transaction %x %s step=%d tries=%d sends=%d code=%t began=%s ends=%s",
				t.id, t.name(), t.rev, t.tries, t.sends, t.code.live, clock(t.born), clock(t.expires))
		}
	}
	for i := queue; i < maxOutbox; i++ {
		if e := &a.outbox[i]; e.kind != 0 {
			fmt.Fprintf(&b, "\n  owed: %s, attempt %d, next %s", e.kind, e.attempts, clock(e.next))
		}
	}
	return b.String()
}

// Format writes what String returns, for every verb: an account never prints
// its bytes.
func (a Account) Format(f fmt.State, _ rune) { io.WriteString(f, a.String()) }

func unix(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func clock(ns int64) string { return unix(ns).Format(time.RFC3339) }
