package authn

import (
	"crypto/subtle"
	"strconv"
)

// A Reply is what the user's other device says to a sign-in, or to being paired.
type Reply struct {
	Approve bool
	Number  string // as the user typed or chose it: that of [Prompt].Number, unless the type has NoNumber; not needed to pair
}

// What another device has said to the last challenge.
const (
	unanswered uint8 = iota
	approved
	rejected
	withdrawn // it was not asked to the end: another sign-in asks it
)

var replies = [...]string{"", "approved", "rejected", "withdrawn"}

// number is what the user reads on one screen and gives on the other: two digits, of
// which a device has one guess.
func (s *step) number() string {
	seed, _ := s.seed()
	return strconv.Itoa(10 + (int(seed[0])<<8|int(seed[1]))%90)
}

// approvalSecret is the secret of the token by which another device answers the live
// challenge; false if none is live.
func (s *step) approvalSecret(t *transaction) (h TokenSecret, ok bool) {
	k := s.m.keyIndex(t.code.key)
	if typ := s.m.typeOf(t.factor.kind); k < 0 || !t.code.live || typ == nil || !typ.Awaited {
		return h, false
	}
	return TokenSecret(s.keyed(k, forApproval, s.m.tenant, string(t.id[:]), string(t.code.nonce[:]))), true
}

// approval is the token for the live challenge of the transaction in slot i; "" if it
// has none.
func (m *Machine) approval(a *Account, i int) Secret {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.i = a, i
	h, ok := s.approvalSecret(&a.txs[i])
	if !ok {
		return ""
	}
	return Secret(m.mint(approvalKind, h, m.pseudonym(a.user)))
}

// findApproval returns the slot whose live challenge has this secret, or -1.
func (s *step) findApproval(h TokenSecret) int {
	for i := range s.acct.txs {
		if want, ok := s.approvalSecret(&s.acct.txs[i]); ok && s.acct.txs[i].info().AtHand && subtle.ConstantTimeCompare(want[:], h[:]) == 1 {
			return i
		}
	}
	return -1
}

// Asked returns the key of the record that a token for another device leads to, which
// has to be loaded for Respond; false if it is no such token.
func (m *Machine) Asked(approval Secret) (key string, ok bool) {
	_, p, ok := m.parseToken(approvalKind, string(approval))
	return m.key(p), ok
}

// Respond takes the answer of another device, by the token that its message or, to be
// paired, [Prompt].Pairing has, and fills r as Step does. Nothing is proved by it: the
// next verify or activate of the transaction is right, until somebody cancels it.
func (m *Machine) Respond(a *Account, approval Secret, reply Reply, env Env, r *Result) error {
	h, _, ok := m.parseToken(approvalKind, string(approval))
	if !ok {
		return &Refusal{Event: EventRespond, Err: ErrFinished}
	}
	return m.respond(a, h, reply, env, r)
}

func (m *Machine) respond(a *Account, h TokenSecret, reply Reply, env Env, r *Result) error {
	return m.do(r, a, &env, &input{reply: &reply}, func(s *step) error {
		if s.i = s.findApproval(h); s.i < 0 {
			return &Refusal{Event: EventRespond, Err: ErrFinished}
		}
		s.op = opRespond
		return s.event()
	})
}
