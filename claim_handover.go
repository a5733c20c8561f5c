package authn

import "strconv"

// pinClaim keeps what a claim was for, and that it was carried on.
func (s *step) pinClaim() {
	if c := s.in.login.claim; c != nil {
		t := s.tx()
		if t.flow, t.came = c.flow, c.came; s.op != opPasskey { // whose proof says so itself
			t.cameBy = c.by
		}
		s.acct.kept.set(s.handOverTag(c.once), 1, c.until)
	}
}

// handOverTag names, in marks, a claim that was carried on, or the request of a passkey.
func (s *step) handOverTag(once digest) string { return s.tag(forHandOver, string(once[:])) }

// The moment before which claims are void, in marks: its second, and the nanosecond in it.
const (
	voidSecond = "void"
	voidWithin = "void, within the second"
)

// voidClaims lets no claim of the user that was begun before be carried on.
func (s *step) voidClaims(user string) {
	until := s.now + int64(s.m.policy.Life) + int64(s.m.policy.SessionLife) + int64(MaxSkew)
	s.acct.kept.set(s.tagFor(user, forHandOver, voidSecond), uint32(s.now/1e9), until)
	s.acct.kept.set(s.tagFor(user, forHandOver, voidWithin), uint32(s.now%1e9), until)
}

// voidedAt is that moment; long ago if there is none.
func (s *step) voidedAt() int64 {
	return int64(s.acct.kept.last(s.tag(forHandOver, voidSecond), s.now))*1e9 + int64(s.acct.kept.last(s.tag(forHandOver, voidWithin), s.now))
}

// askVoid is asked where something begins. No claim is carried on while there is no room
// to remember it, so that it makes none be forgotten.
func askVoid(s *step) guard {
	c := s.in.login.claim
	if c == nil {
		return claimStands
	}
	tag := s.handOverTag(c.once)
	switch {
	case s.now >= c.until, s.voidedAt() >= c.born, s.acct.kept.last(tag, s.now) != 0, s.acct.kept.isFull(tag, s.now):
		return claimVoid
	case s.op != opPasskey && c.subject != s.subjectID(s.owner(), c.came): // a passkey is its owner's by its signature
		return claimVoid
	}
	return claimStands
}

// handOver is the handle of the transaction that a proved claim goes on as, for who began
// it or for who has opened its link; false if there is none.
func (s *step) handOver(t *transaction, opened bool) (h TokenSecret, ok bool) {
	key, nonce, proved := t.session.key, t.session.nonce, t.session.live
	if opened {
		key, nonce, proved = t.code.key, t.code.nonce, t.opened
	}
	k := s.m.keyIndex(key)
	if k < 0 || !proved || flows[t.flow] == PurposeSignUp {
		return h, false
	}
	return TokenSecret(s.keyed(k, forHandOver, s.m.tenant, string(t.id[:]), string(nonce[:]), strconv.FormatBool(opened))), true
}

// carryOn begins what a proved claim leads to, once. If it has begun, nothing changes, and
// r tells where it stands, unless another event has led to SUCCESS: the session is that one's.
func (m *Machine) carryOn(a *Account, o op, in *input, h TokenSecret, env Env, r *Result) error {
	if i := a.find(h.digest()); i >= 0 {
		if t := &a.txs[i]; t.ended() || m.overdue(a, i, env.Now) || t.name() == Success && t.rev > 1 {
			return &Refusal{Event: o.name(), Err: ErrFinished}
		}
		r.Account, r.slot, r.Changed, r.Ended, r.Outcome, r.nmoves, r.Assertion = *a, i, false, false, Done, 0, nil
		return nil
	}
	copy(env.Entropy[16:48], h[:])
	return m.do(r, a, &env, in, func(s *step) error { return s.begin(o) })
}

func doEndLock(s *step) { s.acct.lockedUntil, s.acct.notBefore = 0, 0 }

// recipientOf stands for the address that a claim was proved by.
func (m *Machine) recipientOf(address string) id {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	return s.anyRecipient(address)
}

// handOverOf is what the claim in slot i goes on as; false if it is not proved.
func (m *Machine) handOverOf(a *Account, i int, opened bool) (h TokenSecret, ok bool) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	return s.handOver(&a.txs[i], opened)
}
