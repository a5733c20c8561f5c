package authn

import (
	"slices"
	"strings"
)

// codes is a type of factor whose codes the user has, from an app or a list: pure
// functions of the plain data, the code and the time. Adding such a type is one file.
type codes interface {
	// enrolled makes the plain data of a new factor, and valid says that plain
	// data is of the type.
	enrolled(seed *digest) []byte
	valid(plain []byte) bool
	// imported makes it of what another system has; the error has nothing of that.
	imported(from Secret) ([]byte, error)
	// show adds to a prompt what the user needs to enroll.
	show(p *Prompt, seed *digest, issuer, account string)
	// formed says that a squeezed code has the form of a factor's codes; without
	// data, of some factor's.
	formed(code, plain []byte) bool
	// judge says what a code is worth; last is the mark of the one used last.
	judge(plain, code []byte, now int64, drift int, last uint32) judgment
	// next is when there is another code than the one used last; 0: waiting does not
	// bring one. counts says that codes are used up, and left how many are left.
	next(plain []byte, last uint32) int64
	counts() bool
	left(plain []byte) int
}

// worth is what a submission is worth.
type worth uint8

const (
	wrong worth = iota
	used        // right, but it was used before
	unfit       // no response to this challenge
	right
)

// judgment is what is said of a code: for one that is right also how its use is
// remembered, as a mark of the account until a time or in the factor's data.
type judgment struct {
	worth worth
	at    uint32
	until int64
	plain []byte // changed
}

// judged is what came of the submission of the event at hand, whose type sends no
// code. It is found out once.
type judged struct {
	judgment
	done    bool
	typ     *FactorType
	of      *listed // the factor that was proved
	tag     string  // of the mark
	next    int64   // when there is another code than a used one
	methods string  // as the Verifier calls it
	data    string  // sealed: what is to be kept of the factor; "": as it is
}

// submitted is the factor that a code is for, as the Directory lists it: the one at
// hand, or in MFA_REQUIRED the one that the event names. Nil: it is not listed.
func (s *step) submitted() *listed {
	if l := s.chosen(); l != nil && l.typ != nil {
		return l
	}
	return nil
}

// submittedType is the type of that factor; nil if it is not known here.
func (s *step) submittedType() *FactorType {
	if typ := s.judged.typ; typ != nil {
		return typ
	}
	var typ *FactorType
	if t := s.tx(); t.info().AtHand {
		typ = s.m.typeOf(t.factor.kind)
	} else if l := s.submitted(); l != nil {
		typ = l.typ
	}
	if !s.ideal { // which looks at one event after the other
		s.judged.typ = typ
	}
	return typ
}

// isFormed says that the submission has the form that its type of factor asks for.
// Nothing is said of a factor that cannot be proved here.
func (s *step) isFormed(typ *FactorType) bool {
	switch l := s.submitted(); {
	case typ == nil:
		return true
	case typ.Awaited:
		return s.in.code == ""
	case typ.sends():
		return len(s.code()) == int(s.tx().limits.digits) && allDigits(s.code())
	case typ.codes != nil:
		return l == nil || typ.codes.formed(s.code(), s.plain(l))
	}
	return true
}

// code is the submitted code, squeezed; empty if it can be none.
func (s *step) code() []byte { return s.in.typed[:s.in.n] }

// plain is the plain data of a factor: that of one being enrolled is derived.
func (s *step) plain(l *listed) []byte {
	if seed, ok := s.seed(); ok && s.isEnrolling() {
		return l.typ.codes.enrolled(&seed)
	}
	return l.plain
}

func (s *step) isEnrolling() bool { return s.tx().info().Purpose == PurposeEnroll }

// seed is what the secrets of a challenge are derived from: a new factor's, or what a
// response is for. False: there is no live challenge, or its key is gone.
func (s *step) seed() (digest, bool) {
	t := s.tx()
	k := s.m.keyIndex(t.code.key)
	if k < 0 || !t.code.live {
		return digest{}, false
	}
	f := &t.factor
	return s.keyed(k, forChallenge, s.m.tenant, string(t.id[:]), f.id, f.kind, string(f.recipient[:]), string(t.info().Purpose), string(t.code.nonce[:])), true
}

// judge finds out what the submission is worth. False: the Verifier has not said.
func (s *step) judge() (j *judged, ok bool) {
	j = &s.judged
	if j.done || s.ideal {
		return j, true
	}
	if s.m.claiming && s.subject == nil {
		s.lack = &Lack{Claimed: s.asked()}
		return nil, false
	}
	if typ := s.submittedType(); typ == nil || typ.sends() {
		if j.done = true; s.isRight(typ) {
			j.worth = right
		}
		return j, true
	}
	l := s.submitted()
	switch {
	case l == nil: // the Directory lists it no more: it is not looked at
	case l.typ.codes != nil:
		s.judgeCode(l)
	case s.verdict == nil:
		c := s.check(l)
		c.Response = []byte(s.in.code)
		s.lack = &Lack{Check: c}
		return nil, false
	default:
		s.judgeResponse(l)
	}
	j.done = true
	return j, true
}

// isRight says that the code that was sent comes back, or that the other device has
// approved; and in respond, that it does so now.
func (s *step) isRight(typ *FactorType) bool {
	switch {
	case s.op == opOpen:
		return s.rightLink()
	case s.op == opRespond:
		return s.in.reply.Approve && (s.isEnrolling() || typ.NoNumber || s.in.reply.Number == s.number())
	case typ != nil && typ.Awaited:
		return s.tx().reply == approved
	}
	return s.rightCode()
}

// judgeCode is for a code that the user has.
func (s *step) judgeCode(l *listed) {
	j, c := &s.judged, l.typ.codes
	plain := s.plain(l)
	j.of, j.tag = l, s.tag(forMark, string(plain))
	last := s.acct.used.last(j.tag, s.now)
	j.judgment = c.judge(plain, s.code(), s.now, s.drift(), last)
	if j.worth == right && j.until != 0 && s.acct.used.isFull(j.tag, s.now) {
		j.worth = used
	}
	j.next = c.next(plain, last)
	switch {
	case j.worth != right:
	case j.plain != nil && !s.isEnrolling():
		plain = j.plain
		fallthrough
	case l.old || s.isEnrolling():
		j.data = s.sealedFor(l, plain)
	}
}

// judgeResponse is for a response of which the Verifier has spoken.
func (s *step) judgeResponse(l *listed) {
	j, v := &s.judged, s.verdict
	j.of = l
	if i := slices.IndexFunc(s.dir, func(o listed) bool { return o.id == v.Factor && o.typ == l.typ && o.status == Active }); i >= 0 && !s.isEnrolling() {
		j.of = &s.dir[i]
	} else if v.Factor != "" && v.Factor != l.id {
		return // it proves a factor that is not the user's
	}
	switch {
	case v.Malformed, v.Rejected, v.Denied:
		j.worth = unfit
	case v.Right:
		j.methods = strings.Join(v.Methods, " ")
		if j.worth = right; v.Data != nil {
			j.data = s.sealedFor(j.of, v.Data)
		} else if j.of.old || s.isEnrolling() {
			j.data = s.sealedFor(j.of, j.of.plain)
		}
	}
}

// sealedFor is what the Directory is to keep of a factor.
func (s *step) sealedFor(l *listed, plain []byte) string {
	return string(s.sealData(s.owner(), l.id, l.kind, s.rnd[48:], plain))
}

// drift is how many steps a code of an app may be off.
func (s *step) drift() int {
	if s.m.policy.NoTOTPDrift {
		return 0
	}
	return 1
}

// tag names a secret or a factor of the account in marks.
func (s *step) tag(use keyUse, of ...string) string { return s.tagFor(s.owner(), use, of...) }

// tagFor does so in an account that may have forgotten whose it is.
func (s *step) tagFor(user string, use keyUse, of ...string) string {
	sum := s.keyed(len(s.m.keys), use, append([]string{s.m.tenant, user}, of...)...)
	return string(sum[:markTag])
}

// useUp remembers that the code was used.
func (s *step) useUp(j *judged) {
	if j.until != 0 {
		s.acct.used.set(j.tag, j.at, j.until)
	}
}
