package authn

import "crypto/subtle"

// linkSecret is that of the link to the claim at hand, whose newest message has it.
func (s *step) linkSecret() (h TokenSecret, ok bool) {
	t := s.tx()
	k := s.m.keyIndex(t.code.key)
	if k < 0 || !t.code.live {
		return h, false
	}
	p := s.subjectPin()
	return TokenSecret(s.keyed(k, forLink, s.m.tenant, string(t.id[:]), p.id, string(p.recipient[:]), string(t.code.nonce[:]))), true
}

// link is what Service.Open takes for the claim at hand; "" if there is none.
func (s *step) link() Secret {
	h, ok := s.linkSecret()
	if !ok || flows[s.tx().flow] == PurposeSignUp {
		return ""
	}
	return Secret(s.m.mint(linkKind, h, s.m.claimID(s.claimedName())))
}

// linkOf is the link of the claim in slot i, of the subject.
func (m *Machine) linkOf(a *Account, i int, sub *Subject) Secret {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.i, s.in, s.subject = a, i, input{}, sub
	return s.link()
}

// isLinked says that the link that came is that of the claim at hand, used or not.
func (s *step) isLinked() bool {
	want, ok := s.linkSecret()
	return subtle.ConstantTimeCompare(want[:], s.in.link[:]) == 1 && ok && s.isSomebody()
}

// rightLink says that it may still be used. It is good once.
func (s *step) rightLink() bool {
	return s.isLinked() && !s.tx().opened && s.tx().code.good(s.now)
}

func doNoteOpened(s *step) {
	t := s.tx()
	if t.opened = true; s.in.once != "" {
		t.opener = s.onceKey(0)
	}
}

// reopens says that it was opened before, with the same key, and that the claim lasts.
func (s *step) reopens() bool {
	if !s.tx().opened || s.in.once == "" || !s.isLinked() || s.m.timeUp(s.acct, s.i, s.now) {
		return false
	}
	key := s.onceKey(0)
	return subtle.ConstantTimeCompare(key[:], s.tx().opener[:]) == 1
}

// leadsTo says that a link is to the claim in slot i, of the subject.
func (m *Machine) leadsTo(link TokenSecret, a *Account, i int, sub *Subject) bool {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.i, s.in, s.subject = a, i, input{link: &link}, sub
	return s.isLinked()
}

// openLink takes the link of the claim in slot i. If it was opened before with the same key,
// nothing changes.
func (m *Machine) openLink(a *Account, i int, link TokenSecret, key string, env Env, r *Result) error {
	return m.do(r, a, &env, &input{link: &link, once: key}, func(s *step) error {
		s.op, s.i = opOpen, i
		if s.reopens() {
			return nil
		}
		return s.event()
	})
}
