package authn

import (
	"encoding/hex"
	"time"
)

// Stored is a record as a test may see it, with the live codes.
type Stored struct {
	Mark                    time.Time
	Fails                   int
	Disabled                bool
	Locked                  time.Time
	Failures, Sends, Starts []time.Time // charges
	Txs                     []StoredTx
	Owed                    []StoredEffect
}

// StoredTx is a transaction of a record.
type StoredTx struct {
	ID                 string
	State              State
	Steps, Tries, Sent int
	Code               Code // the live one; "" if there is none
	CodeExpires        time.Time
	Expires, Born      time.Time
	Session            bool // not redeemed yet
}

// StoredEffect is an effect that a record owes.
type StoredEffect struct {
	Effect
	Attempts int
}

// Look opens a record.
func Look(s *Service, key string, value []byte) (st Stored, err error) {
	a, err := s.m.Open(value, key)
	if err != nil {
		return st, err
	}
	st = Stored{
		Mark: unix(a.seen), Fails: int(a.fails), Disabled: a.disabled, Locked: unix(a.lockedUntil),
		Failures: a.failures.at.times(), Sends: a.sends.times(), Starts: a.starts.times(),
	}
	for i := range a.txs {
		t := &a.txs[i]
		if t.state == 0 {
			continue
		}
		x := StoredTx{
			ID: hex.EncodeToString(t.id[:]), State: t.name(), Steps: int(t.rev), Tries: int(t.tries), Sent: int(t.sends),
			Expires: unix(t.expires), Born: unix(t.born), Session: t.session.live,
		}
		if t.code.live {
			x.Code, x.CodeExpires = s.m.liveCode(&a, i), unix(t.code.expires)
		}
		st.Txs = append(st.Txs, x)
		if t.mail.state == mailPending {
			st.Owed = append(st.Owed, StoredEffect{t.mailEffect(a.user), int(t.mail.attempts)})
		}
	}
	for i := range a.outbox {
		if e := &a.outbox[i]; e.kind != 0 {
			st.Owed = append(st.Owed, StoredEffect{e.effect(a.user), int(e.attempts)})
		}
	}
	return st, nil
}
