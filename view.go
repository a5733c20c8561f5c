package authn

import (
	"encoding/hex"
	"time"
)

// AccountView is an account as data, for operators, tools and tests. It holds
// no secret and no address. The caller owns it.
type AccountView struct {
	User         string    // the host's user id; "" after [Service.Erase]
	Saved        time.Time // the latest time at which it was saved
	Disabled     bool      // a factor is disabled: only [Service.Reinstate] ends that
	Failures     int       // consecutive wrong codes
	BackoffUntil time.Time // zero: no back-off
	LockedUntil  time.Time // end of the soft lock; zero: none
	WrongCodes   []time.Time
	Sends        []time.Time
	Starts       []time.Time
	Transactions []TransactionView // live ones, and finished ones that still answer repeats
	Owed         []Effect          // not acknowledged yet: codes first, then the oldest
}

// TransactionView is a transaction of an [AccountView].
type TransactionView struct {
	ID          string // public, as in audit events
	State       State
	Steps       int       // saved steps
	Tries       int       // wrong codes
	Sent        int       // codes sent
	Factor      string    // id of the factor at hand
	Proved      []string  // ids of the factors proved
	CodeExpires time.Time // zero: there is no live code
	CodeTries   int       // wrong codes of the live code
	Delivery    Delivery
	ResendAt    time.Time // end of the cool-down; zero: it has none
	Session     bool      // a session token can be redeemed
	Began       time.Time
	Expires     time.Time // in SUCCESS of the session token; of a finished one: when its slot is free
}

// View returns the account as data.
func (a *Account) View() AccountView {
	v := AccountView{
		User: a.user, Saved: unix(a.seen), Disabled: a.disabled, Failures: int(a.fails),
		BackoffUntil: unix(a.notBefore), LockedUntil: unix(a.lockedUntil),
		WrongCodes: a.failures.at.times(), Sends: a.sends.times(), Starts: a.starts.times(), Owed: a.owed(),
	}
	for i := range a.txs {
		if t := &a.txs[i]; t.state != 0 {
			v.Transactions = append(v.Transactions, t.view())
		}
	}
	return v
}

func (t *transaction) view() TransactionView {
	v := TransactionView{
		ID: hex.EncodeToString(t.id[:]), State: t.name(), Steps: int(t.rev), Tries: int(t.tries), Sent: int(t.sends),
		Factor: t.factor().id, CodeTries: int(t.code.tries), Delivery: deliveries[t.delivery], ResendAt: unix(t.sendAt),
		Session: t.session.live, Began: unix(t.born), Expires: unix(t.expires),
	}
	if t.code.live {
		v.CodeExpires = unix(t.code.expires)
	}
	for j := range t.factors {
		if t.proved&(1<<j) != 0 {
			v.Proved = append(v.Proved, t.factors[j].id)
		}
	}
	return v
}

// times are the charges, newest first.
func (w window) times() (at []time.Time) {
	for i := range w.len() {
		at = append(at, time.Unix(int64(w.at(i)), 0).UTC())
	}
	return at
}

// Shift moves every time in the account by d: it is then what it would be if
// all of it had happened so much later. It is for tests and simulations.
func (a *Account) Shift(d time.Duration) {
	for _, w := range []*window{&a.failures.at, &a.sends, &a.starts} {
		w.shift(d)
	}
	shift(d, &a.seen, &a.notBefore, &a.lockedUntil)
	for i := range a.txs {
		t := &a.txs[i]
		shift(d, &t.born, &t.expires, &t.sendAt, &t.done, &t.code.expires)
	}
	for i := range a.outbox {
		e := &a.outbox[i]
		shift(d, &e.next, &e.at, &e.until)
	}
}

// shift leaves 0 as it is: it stands for "never".
func shift(d time.Duration, times ...*int64) {
	for _, t := range times {
		if *t != 0 {
			*t += int64(d)
		}
	}
}
