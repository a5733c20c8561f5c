package authn

import (
	"encoding/hex"
	"time"
)

// Delivery says whether the message with the live code was sent.
type Delivery string

// The deliveries. After [Failed] the user may resend before the cool-down ends.
const (
	NotSent Delivery = ""        // no code is live, or none was sent
	Pending Delivery = "pending" // not accepted yet; retried
	Sent    Delivery = "sent"    // accepted by the Sender
	Failed  Delivery = "failed"  // given up
)

// Answer says where a transaction stands and what it allows. The caller owns it.
type Answer struct {
	State       State
	Outcome     Outcome      // of the event that was just taken
	Token       StateToken   // the state token to use next; "" if no event is allowed any more
	Session     SessionToken // in SUCCESS, until it is redeemed; [Service.Redeem] takes it
	User        string       // the host's user id
	Factors     []Factor     // to choose from, addresses masked
	Factor      Factor       // the one that a code was sent for, address masked
	Allowed     []Allowed    // the events that are allowed, now or later
	TriesLeft   int          // wrong codes left before this transaction ends
	Generation  int          // number of the last code, from 1; messages carry it too
	CodeExpires time.Time    // zero: there is no live code
	Delivery    Delivery     // of the live code
	Expires     time.Time    // of the transaction; in SUCCESS of the session token
	Until       time.Time    // in LOCKED_OUT: end of the account's lock; zero: only this transaction ended, or a factor is disabled
	Now         time.Time    // the machine's time, for countdowns
}

// Allowed is an event that the state allows.
type Allowed struct {
	Event EventName
	At    time.Time // from which time, if nothing else happens first; zero: now
}

// Allows says whether event, such as [EventResend], is allowed, and from which
// time: the zero time means now.
func (a *Answer) Allows(event EventName) (at time.Time, ok bool) {
	for _, x := range a.Allowed {
		if x.Event == event {
			return x.At, true
		}
	}
	return time.Time{}, false
}

// describe describes the transaction in slot i, without its tokens.
func (m *Machine) describe(a *Account, i int, now time.Time) (*Answer, error) {
	s, err := m.look(a, now)
	if err != nil {
		return nil, err
	}
	defer m.pool.Put(s)
	s.ideal, s.i = true, i
	t := s.tx()
	one := new(struct { // in one piece of memory
		Answer
		allowed [4]Allowed
	})
	ans := &one.Answer
	*ans = Answer{State: t.name(), User: a.user, Expires: unix(t.expires), Now: unix(s.now)}
	switch {
	case t.name() == LockedOut:
		if end := s.lockEnd(); end > s.now && !a.disabled {
			ans.Until = unix(end)
		}
		ans.Expires = time.Time{}
		return ans, nil
	case t.ended():
		ans.Expires = time.Time{}
		return ans, nil
	}
	ans.Allowed = s.allowed(one.allowed[:0])
	if t.name() == Success {
		return ans, nil
	}
	ans.TriesLeft = int(s.maxTries()) - int(t.tries)
	ans.Generation, ans.Delivery = int(t.sends), deliveries[t.delivery]
	if t.code.live {
		ans.CodeExpires = unix(t.code.expires)
	}
	s.listFactors(ans)
	return ans, nil
}

// listFactors adds the factors: the one at hand, or those to choose from.
func (s *step) listFactors(ans *Answer) {
	t, st := s.tx(), s.tx().info()
	if st.AtHand {
		ans.Factor = t.factor().shown()
	}
	for i := range t.factors {
		if f := &t.factors[i]; st.Offers != 0 && f.kind != 0 && f.status >= st.Offers {
			ans.Factors = append(ans.Factors, f.shown())
		}
	}
}

// allowed asks each cell of the state with an ideal payload, and lists the
// events that would be taken.
func (s *step) allowed(list []Allowed) []Allowed {
	for s.op = opEnroll; s.op <= opRedeem; s.op++ {
		if at, ok := s.soonest(); ok {
			list = append(list, Allowed{Event: s.op.name(), At: unix(at)})
		}
	}
	return list
}

// soonest is when the event at hand would be taken if nothing else happens
// first; 0 is now. One wait may lead to another, or to a refusal that waiting
// does not end, and the transaction's deadline comes first.
func (s *step) soonest() (at int64, ok bool) {
	now := s.now
	defer func() { s.now = now }()
	for ; s.now < s.tx().expires; s.now = at {
		switch e := s.pick(); {
		case e == nil:
			return 0, false
		case e.row.Refuse == nil:
			return at, e.row.Outcome == Done
		case e.row.Refuse != ErrTooSoon:
			return 0, false
		default:
			if at = s.retryAt(e); at <= s.now {
				return 0, false
			}
		}
	}
	return 0, false
}

// An Assertion says who has signed in and how. The host makes its session
// from it, and from nothing else.
type Assertion struct {
	User        string
	Methods     []string  // RFC 8176: "pwd", and "otp" for a code; never a level of assurance
	Channels    []string  // "email" where a code came by e-mail
	Factors     []string  // ids of the factors proved
	Transaction string    // public id, as in audit events
	Began       time.Time // when the password was right
	At          time.Time // when the sign-in succeeded
}

func assertion(a *Account, i int) *Assertion {
	t := &a.txs[i]
	as := &Assertion{User: a.user, Methods: []string{"pwd"}, Transaction: hex.EncodeToString(t.id[:]), Began: unix(t.born), At: unix(t.done)}
	for j := range t.factors {
		if t.proved&(1<<j) == 0 {
			continue
		}
		f := &t.factors[j]
		as.Factors = append(as.Factors, f.id)
		as.Methods = appendNew(as.Methods, f.typ().method)
		as.Channels = appendNew(as.Channels, f.typ().channel)
	}
	return as
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}
