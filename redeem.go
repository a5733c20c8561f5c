package authn

import (
	"slices"
	"strings"
	"time"
)

// An Assertion says who has signed in and how. The host makes its session
// from it, and from nothing else.
type Assertion struct {
	User        string
	Name        string    // of a [Claim] of PurposeSignUp: the address that was proved; User is ""
	Methods     []string  // RFC 8176: those of [Login], "pwd" by default, none after a passkey, and of each factor its type's, such as "otp" of e-mail; never a level of assurance
	Channels    []string  // how codes came, that of a [Claim] first: "email", "sms", "call", or the host's own
	Factors     []string  // ids of the factors proved, the last three of them
	Proofs      []Proof   // what was proved, each with its time: the host's own part first, if there is one
	Remembered  bool      // a factor was required, and not proved, since the device is remembered
	Purpose     string    // as in [Login]
	Relay       string    // as in [Login]
	Transaction string    // public id, as in audit events
	Began       time.Time // when the sign-in was begun
	At          time.Time // when the sign-in succeeded
}

// A Proof is a part of what an [Assertion] rests on. Times are in whole seconds, rounded
// down. The time of OpenID Connect's auth_time is that of the oldest part that counts for
// the host; a remembered device adds none.
type Proof struct {
	Methods []string // RFC 8176
	Factor  string   // id; "" for what the host has verified
	Type    string   // of the factor; or by which the code of a [Claim] was sent, and else ""
	Channel string   // of a code that was sent
	At      time.Time
}

// assertion is that of the transaction at hand, before its session token is used up. The
// Directory has just confirmed its factors.
func (s *step) assertion() *Assertion {
	t := s.tx()
	own := Proof{Methods: []string{"pwd"}, At: unix(wholeSeconds(t.born))}
	if t.methods != "" {
		own.Methods = strings.Fields(t.methods)
	}
	if t.authAt != 0 {
		own.At = unix(t.authAt)
	}
	if typ := s.m.typeOf(s.cameBy()); typ != nil {
		own.Type, own.Channel = typ.Name, typ.Channel
	}
	as := &Assertion{User: s.acct.user, Methods: slices.Clone(own.Methods), Name: s.claimedName(), Remembered: t.trusted != "", Relay: t.relay, Purpose: t.purpose, Transaction: t.publicID(), Began: unix(t.born), At: unix(t.done)}
	if t.methods != noMethods {
		as.Proofs = append(as.Proofs, own)
		if own.Channel != "" {
			as.Channels = []string{own.Channel}
		}
	}
	for _, p := range t.proved() {
		if l := s.proves(p); l != nil {
			as.Factors = append(as.Factors, l.id)
			methods := l.typ.Methods
			if p.methods != "" {
				methods = strings.Fields(p.methods)
			}
			for _, method := range methods {
				as.Methods = appendNew(as.Methods, method)
			}
			if l.typ.sends() {
				as.Channels = appendNew(as.Channels, l.typ.Channel)
			}
			as.Proofs = append(as.Proofs, Proof{Methods: slices.Clone(methods), Factor: l.id, Type: l.kind, Channel: l.typ.Channel, At: unix(p.at)})
		}
	}
	return as
}

// cameBy is the type by which the code of the claim at hand, or of the one that the
// transaction at hand began by, was sent; "" if it began by none.
func (s *step) cameBy() string {
	if s.m.claiming {
		return s.tx().factor.kind
	}
	return s.tx().cameBy
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// Redeem uses up the session token with this secret, fills r as Step does, and returns
// r.Assertion: nil if the token's time was up, which r.Ended says.
func (m *Machine) Redeem(a *Account, h TokenSecret, env Env, r *Result) (*Assertion, error) {
	err := m.do(r, a, &env, new(input), func(s *step) error {
		if s.i = s.findSession(h); s.i < 0 {
			return &Refusal{Event: EventRedeem, Err: ErrFinished}
		}
		s.op = opRedeem
		return s.event()
	})
	if err != nil {
		return nil, err
	}
	return r.Assertion, nil
}

func askSession(s *step) guard {
	if s.tx().session.live {
		return unredeemed
	}
	return redeemed
}

func askStanding(s *step) guard {
	if e := s.owedPassword(); e != nil {
		s.lack = &Lack{Owed: e}
		return noAnswer
	}
	if s.proofsStand() && !s.skipsFactor() {
		return factorsStand
	}
	return factorWithdrawn
}

// proofsStand says that what the transaction rests on is still active at the same
// addresses, and that no factor is disabled.
func (s *step) proofsStand() bool {
	t := s.tx()
	for _, p := range t.proved() {
		if s.proves(p) == nil {
			return false
		}
	}
	return !s.block && (t.trusted == "" || s.tagged(t.trusted))
}

// askAtOnce is asked where a sign-in succeeds. Whatever would keep the token from being
// redeemed leaves it to be redeemed later, which then says why.
func askAtOnce(s *step) guard {
	switch t := s.tx(); {
	case !s.in.atOnce || s.ideal:
	case s.noList:
		s.lack = &Lack{Factors: true}
		return noAnswer
	case s.noUser, s.owedPassword() != nil:
	case (t.remember || s.in.remember) && s.m.policy.Remember != 0: // the token of the device lasts as long as that of the session
	case s.proofsStand() && s.newProofStands():
		return redeemsAtOnce
	}
	return redeemsLater
}

// newProofStands says that the factor that this event proves is active at the same
// address; or if it proves none, that none has become active that was to be proved.
func (s *step) newProofStands() bool {
	switch {
	case s.judged.of != nil:
		return s.judged.of.status == Active
	case s.op == opVerify:
		return !s.moved()
	}
	return !s.skipsFactor()
}

func doUseSession(s *step) {
	t := s.tx()
	s.r.Assertion = s.assertion()
	t.session, t.factor, t.proofs, t.trusted, t.relay, t.cameBy = session{}, pin{}, [maxProofs]proof{}, "", "", ""
}
