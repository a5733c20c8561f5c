package authn

import "slices"

// A Prompt is what the user needs to prove the factor at hand, or to enroll it, beyond
// a code that was sent. It is made for each answer, and nothing of it is stored: once a
// factor is active, its secret or its codes are not shown again.
type Prompt struct {
	Secret  Secret // of [TOTP], while it is enrolled: in base32, to type in
	URI     Secret // of [TOTP], while it is enrolled: otpauth://totp/…, for a QR code
	Codes   []Code // of [RecoveryCodes], while they are enrolled
	Left    int    // of [RecoveryCodes]: how many are left, also once one has led to SUCCESS
	Number  string // of a type that is Awaited: to be named on the other device
	Pairing Secret // of a type that is Awaited, while it is enrolled: the token for the device, see [Service.Respond]
	Replied string // of a type that is Awaited: "", "approved", "rejected", or "withdrawn" if another sign-in asks it instead; the last two until an event was answered with [Rejected]
	Options []byte // of a type with a [Verifier]: what its Prompt returned
}

// prompt is that of the factor at hand.
func (s *step) prompt() (p Prompt) {
	t := s.tx()
	typ, l := s.m.typeOf(t.factor.kind), s.find(&t.factor)
	switch {
	case typ != nil && typ.Awaited:
		return s.awaitedPrompt(typ)
	case typ == nil || typ.codes == nil || l == nil:
		return p
	}
	if seed, ok := s.seed(); ok && s.isEnrolling() {
		account := l.address
		if account == "" {
			account = s.acct.user
		}
		typ.codes.show(&p, &seed, s.m.issuer, account)
	} else if l.plain != nil {
		p.Left = typ.codes.left(l.plain)
	}
	return p
}

// counts says that the codes of a type of factor are used up, one after the other.
func (m *Machine) counts(kind string) bool {
	typ := m.typeOf(kind)
	return typ != nil && typ.codes != nil && typ.codes.counts()
}

// awaitedPrompt is that of a factor whose other device is to answer.
func (s *step) awaitedPrompt(typ *FactorType) (p Prompt) {
	t := s.tx()
	switch p.Replied = replies[t.reply]; {
	case !t.code.live || t.reply != unanswered:
	case s.isEnrolling():
		h, _ := s.approvalSecret(t)
		p.Pairing = Secret(s.m.mint(approvalKind, h, s.m.pseudonym(s.acct.user)))
	case !typ.NoNumber:
		p.Number = s.number()
	}
	return p
}

// Checks are what Verifiers are asked: of the factor at hand, for [Prompt].Options, or of
// each factor that can be proved at once, for [Factor].Options. A [Service] asks by itself.
func (m *Machine) Checks(a *Account, h TokenSecret, env Env) ([]Check, error) {
	i := m.unfinished(a, h.digest(), env.Now)
	if i < 0 {
		return nil, nil
	}
	return m.checksAt(a, i, &env)
}

func (m *Machine) checksAt(a *Account, i int, env *Env) (all []Check, err error) {
	t := &a.txs[i]
	atHand, typ := t.info().AtHand, m.typeOf(t.factor.kind)
	switch { // nothing is looked up for what has nothing to show
	case atHand && (!t.code.live || typ == nil || typ.Verifier == nil),
		!atHand && (t.info().Offers != Active || !slices.ContainsFunc(env.Factors, m.promptsAtOnce)):
		return nil, nil
	}
	s, err := m.look(a, env)
	if err != nil {
		return nil, err
	}
	defer m.pool.Put(s)
	s.i = i
	if atHand {
		if l := s.find(&t.factor); l != nil {
			all = append(all, *s.check(l))
		}
		return all, nil
	}
	for j := range s.dir {
		if l := &s.dir[j]; l.status == Active && l.typ.AtOnce && s.counts(l) {
			all = append(all, *s.check(l))
		}
	}
	return all, nil
}

func (m *Machine) promptsAtOnce(f Factor) bool {
	typ := m.typeOf(f.Type)
	return typ != nil && typ.AtOnce && f.Status == Active
}
