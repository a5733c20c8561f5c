package authn

import (
	"fmt"
	"io"
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
}

// transaction is one sign-in under way, or what is kept of a finished one to
// answer repeats. The zero value is a free slot.
type transaction struct {
	id       id     // public: audit, keys of messages
	token    digest // SHA-256 of the state token's secret
	state    uint8  // 1 + index in states; 0 is a free slot
	require  Requirement
	rev      uint8 // saved steps
	born     int64
	expires  int64 // absolute; in SUCCESS the session token's end, later the slot's
	sendAt   int64 // end of the cool-down
	done     int64 // when it became SUCCESS
	tries    uint8 // wrong codes
	sends    uint8 // codes sent: the last one's generation
	atHand   uint8 // index of the factor at hand
	proved   uint8 // bits: factors proved here
	limits   limits
	code     liveCode
	delivery uint8 // of the live code: index in deliveries
	session  session
	factors  [maxFactors]pin
	last     lastEvent
}

// limits are pinned when a transaction starts; see [Policy].
type limits struct {
	digits, codeTries, tries, sends uint8
	codeLife                        int64
	cooldowns                       [maxCooldown]int64
}

// liveCode holds what the one code that a transaction accepts is derived from.
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

var outcomes = [...]Outcome{Done, WrongCode, LateCode}

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
func (a *Account) idle() bool {
	return a.quiet() && a.fails == 0 && !a.disabled
}

// quiet says that nothing is under way or owed, and no charge is remembered.
func (a *Account) quiet() bool {
	for i := range a.txs {
		if a.txs[i].state != 0 {
			return false
		}
	}
	return a.outbox[queue].kind == 0 && a.lockedUntil == 0 && a.notBefore == 0 &&
		a.failures.at == "" && a.sends == "" && a.starts == ""
}

// info is the description of the transaction's state; empty for a free slot.
func (t *transaction) info() *StateInfo {
	if t.state == 0 || int(t.state) > len(states) {
		return new(StateInfo)
	}
	return &states[t.state-1]
}

func (t *transaction) name() State { return t.info().State }

// factor is the factor at hand.
func (t *transaction) factor() *pin { return &t.factors[t.atHand] }

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
