package sim

import (
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// stored is a record as the ledger sees it, with the live codes.
type stored struct {
	Mark                    time.Time
	Fails                   int
	Disabled                bool
	Locked                  time.Time
	Failures, Sends, Starts []time.Time // charges
	Txs                     []storedTx
	Owed                    []authn.Effect
}

// storedTx has the fields of a transaction that only a step may change.
type storedTx struct {
	ID                 string
	State              authn.State
	Steps, Tries, Sent int
	Code               authn.Code // the live one; "" if there is none
	CodeExpires        time.Time
	Expires, Born      time.Time
	Session            bool // not yet redeemed
}

// look opens a record. It learns a new code from its pending message.
func (l *ledger) look(key string, value []byte) (st stored, err error) {
	m := l.sim.machine
	a, err := m.Open(value, key)
	if err != nil {
		return st, err
	}
	v := a.View()
	for _, e := range v.Owed {
		name := generation(e.Transaction, e.Generation)
		if e.Name != sendCode || l.known[name] != "" {
			continue
		}
		job, err := m.Job(&a, key, e, l.sim.person(e.User).factors, v.Saved)
		if err != nil {
			return st, fmt.Errorf("the message of %+v: %w", e, err)
		}
		l.known[name] = job.Message.Code
	}
	st = stored{
		Mark: v.Saved, Fails: v.Failures, Disabled: v.Disabled, Locked: v.LockedUntil,
		Failures: v.WrongCodes, Sends: v.Sends, Starts: v.Starts, Owed: v.Owed,
	}
	for _, t := range v.Transactions {
		x := storedTx{ID: t.ID, State: t.State, Steps: t.Steps, Tries: t.Tries, Sent: t.Sent, Expires: t.Expires, Born: t.Began, Session: t.Session}
		if !t.CodeExpires.IsZero() {
			x.Code, x.CodeExpires = l.known[generation(t.ID, t.Sent)], t.CodeExpires
		}
		st.Txs = append(st.Txs, x)
	}
	return st, nil
}

// generation returns the key of a code.
func generation(tx string, n int) string { return fmt.Sprint(tx, " ", n) }
