package authn

import (
	"encoding/hex"
	"time"
)

// AccountView is an account as data, for operators, tools and tests. It holds
// no secret and no address. The caller owns it.
type AccountView struct {
	User         string            `json:"user"`                  // the host's user id; "" after [Service.Erase]
	Saved        time.Time         `json:"saved,omitzero"`        // the latest time at which it was saved
	Disabled     bool              `json:"disabled,omitempty"`    // a factor is disabled: only [Service.Reinstate] ends that
	Failures     int               `json:"failures,omitempty"`    // consecutive wrong codes
	BackoffUntil time.Time         `json:"backoffUntil,omitzero"` // zero: no back-off
	LockedUntil  time.Time         `json:"lockedUntil,omitzero"`  // end of the soft lock; zero: none
	WrongCodes   []time.Time       `json:"wrongCodes,omitempty"`
	Sends        []time.Time       `json:"sends,omitempty"`
	Starts       []time.Time       `json:"starts,omitempty"`
	Devices      []time.Time       `json:"devices,omitempty"`      // when each remembered device was remembered, the latest first
	Transactions []TransactionView `json:"transactions,omitempty"` // live ones, and finished ones that still answer repeats
	Owed         []Effect          `json:"owed,omitempty"`         // not acknowledged yet: codes first, then the oldest
}

// TransactionView is a transaction of an [AccountView].
type TransactionView struct {
	ID          string    `json:"id"` // public, as in audit events
	State       State     `json:"state"`
	Steps       int       `json:"steps,omitempty"`      // saved steps
	Tries       int       `json:"tries,omitempty"`      // wrong codes
	Sent        int       `json:"sent,omitempty"`       // codes sent
	Factor      string    `json:"factor,omitempty"`     // id of the factor that the last code was sent for
	Proved      []string  `json:"proved,omitempty"`     // ids of the factors proved
	CodeExpires time.Time `json:"codeExpires,omitzero"` // zero: there is no live code
	CodeTries   int       `json:"codeTries,omitempty"`  // wrong codes of the live code
	Delivery    Delivery  `json:"delivery,omitempty"`
	ResendAt    time.Time `json:"resendAt,omitzero"` // end of the cool-down; zero: it has none
	Session     bool      `json:"session,omitempty"` // a session token can be redeemed
	Began       time.Time `json:"began,omitzero"`
	Expires     time.Time `json:"expires,omitzero"` // in SUCCESS of the session token; of a finished one: when its slot is free
}

// View returns the account as data.
func (a *Account) View() AccountView {
	v := AccountView{
		User: a.user, Saved: unix(a.seen), Disabled: a.disabled, Failures: int(a.fails),
		BackoffUntil: unix(a.notBefore), LockedUntil: unix(a.lockedUntil),
		WrongCodes: a.failures.at.times(), Sends: a.sends.times(), Starts: a.starts.times(), Owed: a.owed(),
	}
	for i := range a.devices.len() {
		v.Devices = append(v.Devices, unix(a.devices.moment(i, 0)))
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
		Factor: t.factor.id, CodeTries: int(t.code.tries), Delivery: deliveries[t.delivery], ResendAt: unix(t.sendAt),
		Session: t.session.live, Began: unix(t.born), Expires: unix(t.expires),
	}
	if t.code.live {
		v.CodeExpires = unix(t.code.expires)
	}
	for _, p := range t.proved() {
		v.Proved = append(v.Proved, p.id)
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
	a.used.shift(d)
	a.devices.shift(int64(d))
	a.kept.change(func(at int64) int64 { return at + int64(d) })
	shift(d, &a.seen, &a.notBefore, &a.lockedUntil)
	for i := range a.txs {
		t := &a.txs[i]
		shift(d, &t.born, &t.expires, &t.sendAt, &t.done, &t.code.expires, &t.passwordEnd, &t.authAt)
		for j := range t.proofs {
			shift(d, &t.proofs[j].at)
		}
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
