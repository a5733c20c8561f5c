package authn

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Claim begins without any proof: somebody says who they are, and proves it by a code
// that is sent there. It is how one signs in without a password, recovers a password,
// unlocks an account, or signs up with an address: see [Service.Claim].
type Claim struct {
	// Name is what the user typed: a login name, an address or a phone number, 1 to 254
	// bytes without control characters. It is trimmed and put in lower case. Whose it is
	// is for the [Finder] to say.
	Name string
	// For is PurposeSignIn, which "" is too, PurposeRecover, PurposeUnlock or PurposeSignUp.
	For Purpose
	// By is the type of factor by which the code is sent, such as [SMS]; "" is [Email].
	By string
	// Require is what a sign-in asks for besides. A factor at the address that the code went
	// to does not count: one mailbox is one proof.
	Require Requirement
	// Relay comes back in [Assertion].Relay: see [Login].
	Relay string
	// HandOver is for servers of the host's own that deliver the link themselves, such as a
	// help desk: [Answer].Link has it, and nothing is sent, unless Resend asks for it. Whoever
	// has the link goes on as the user, and the answer tells whether there is one: let no
	// client set it. A factor at the address that a message would go to does not count here
	// either. Not for PurposeSignUp.
	HandOver bool
}

// flows are what a transaction may be for. They are stored by number: append only.
var flows = [...]Purpose{PurposeSignIn, PurposeRecover, PurposeUnlock, PurposeSignUp}

// A Subject is whom a name belongs to.
type Subject struct {
	User    string // the host's user id
	Address string // where the code goes: of the type that was asked for
	Locale  string // "" is unknown
}

// Claimed is what a [Finder] is asked.
type Claimed struct {
	Name Secret // trimmed, in lower case
	By   string // the type of factor by which the code goes
	For  Purpose
}

const (
	maxName       = 254 // RFC 5321 section 4.5.3.1.3
	maxSealedName = maxName + dataHead + dataTag
	unnamed       = "-" // where nothing is under way, no name is kept
	claimDigits   = 8
	claimTries    = 3
)

// claimFacts are what a login carries on from: a claim, or in a record of claims the one to
// begin.
type claimFacts struct {
	name      string
	flow      uint8
	by        string
	came      id     // stands for the address that was proved
	subject   id     // stands for the user by whom it was proved, and for that address
	once      digest // stands for the claim, or the request of a passkey
	challenge digest // of the request
	born      int64  // when the claim was begun
	until     int64  // when it can be carried on no more
	handOver  bool   // to the caller
}

// forClaims is the machine of the records of claims: the same table, and limits that let
// a stranger lock nothing.
func (m *Machine) forClaims() *Machine {
	p := m.policy
	p.Digits, p.Tries, p.CodeTries = max(p.Digits, claimDigits), claimTries, claimTries
	p.StartsPerHour, p.Live = p.ClaimsPerHour, maxTx
	p.BackoffFrom, p.LockEvery, p.DisableAfter, p.FailuresPerDay, p.FailuresPerYear = 10, 100, 100, maxWindow, 0 // never reached
	return &Machine{
		program: m.program, tenant: m.tenant, mark: m.mark, ring: m.ring, keys: m.keys, types: m.types, policy: p, limits: p.limits(),
		least: m.least, issuer: m.issuer, claiming: true,
	}
}

// canClaim says that a claim is well-formed, and returns it as it is begun.
func (m *Machine) canClaim(c *Claim) (x claimFacts, ok bool) {
	x.name, x.by, x.handOver = strings.ToLower(strings.TrimFunc(c.Name, unicode.IsSpace)), c.By, c.HandOver
	if x.by == "" {
		x.by = Email
	}
	flow := PurposeSignIn
	if c.For != "" {
		flow = c.For
	}
	i := slices.Index(flows[:], flow)
	typ := m.typeOf(x.by)
	if i < 0 || !validName(x.name) || typ == nil || !typ.sendsCode() || c.Require > RequireNothing || len(c.Relay) > maxRelay || i > 0 && c.Require != RequireFactor {
		return x, false
	}
	if x.flow = uint8(i); flow == PurposeSignUp && c.HandOver {
		return x, false
	}
	if flow == PurposeSignUp && typ.Canonical != nil {
		_, err := typ.Canonical(x.name)
		return x, err == nil
	}
	return x, true
}

func validName(s string) bool {
	return len(s) > 0 && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

// claimID is the place of the claims of a name in the store: no user's.
func (m *Machine) claimID(name string) id { return m.named(forClaim, name) }

// mailboxID is the place of the budget of a mailbox or a phone, whatever name leads to it
// and by whatever type of factor.
func (m *Machine) mailboxID(address string) id { return m.named(forMailbox, strings.ToLower(address)) }

// claimKey is the key of the record at hand.
func (s *step) claimKey() string { return s.m.key(s.m.claimID(s.claimedName())) }

// claimedName is the name of a record of claims; "" of an account's, or if its key is gone.
func (s *step) claimedName() string {
	if l := s.in.login; l != nil && l.claim != nil && s.m.claiming {
		return l.claim.name
	}
	if s.acct.claim == "" {
		return ""
	}
	plain, _, _ := s.openFor(forName, s.nameOwner(), []byte(s.acct.claim))
	return string(plain)
}

// nameOwner is what a sealed name is bound to, besides the record, whose seal covers it.
func (s *step) nameOwner() []byte {
	s.buf = field(s.buf[:0], s.m.tenant)
	return s.buf
}

// asked is what the Finder is asked of the transaction at hand.
func (s *step) asked() *Claimed {
	t := s.tx()
	return &Claimed{Name: Secret(s.claimedName()), By: t.factor.kind, For: flows[t.flow]}
}

// isSomebody says that the name is somebody's who can be sent a code.
func (s *step) isSomebody() bool { return s.subject != nil && s.subject.User != "" }

// subjectPin is where the code of a claim goes; nobody has an address that nobody has.
func (s *step) subjectPin() *pin {
	p := pin{kind: s.tx().factor.kind}
	if s.isSomebody() {
		p.id, p.recipient = s.subject.User, s.recipient(p.kind, s.subject.Address)
	}
	return &p
}

// recipient stands for an address that is in its canonical form.
func (s *step) recipient(kind, address string) (p id) {
	sum := s.keyed(len(s.m.keys), forRecipient, s.m.tenant, kind, address)
	copy(p[:], sum[:])
	return p
}

// flow is what the transaction at hand is for.
func (s *step) flow() guard {
	if l := s.in.login; l != nil {
		if l.claim == nil {
			return signingIn
		}
		return signingIn + guard(l.claim.flow)
	}
	return signingIn + guard(s.tx().flow)
}

func askFlow(s *step) guard { return s.flow() }

func askClaim(s *step) guard {
	if s.startsFreeAt() > s.now {
		return claimsExhausted
	}
	return mayClaim
}

// askDelivery looks nobody up unless the caller is told anyway.
func askDelivery(s *step) guard {
	switch c := s.in.login.claim; {
	case !c.handOver:
		return serviceDelivers
	case s.subject == nil:
		s.lack = &Lack{Claimed: &Claimed{Name: Secret(c.name), By: c.by, For: flows[c.flow]}}
		return noAnswer
	case !s.isSomebody():
		return callerKnowsNobody
	}
	return callerDelivers
}

// askSessionDue keeps one mailbox from being two proofs.
func askSessionDue(s *step) guard {
	if s.flow() != signingIn && !s.tx().hasProof() && !s.ideal {
		return sessionNotDue
	}
	return sessionDue
}

// notClaimed are the answers that cannot be given in a record of claims: nobody's factor,
// account or session is at hand there.
var notClaimed = []guard{
	noSuchUser, notOffered, sendBackoff, accountSendsExhausted, nothingToSend, replyRejected, backingOff, waiting, codeUsed, otherChallenge,
	factorExhausted, accountExhausted, codeExhausted, challengeUsed, codeTriesLeft,
}

// anyRecipient stands for an address, of whatever type of factor: a text message and a
// call go to one phone.
func (s *step) anyRecipient(address string) id { return s.recipient("", strings.ToLower(address)) }

// isCame says that a factor is at the address that the claim was proved by.
func (s *step) isCame(l *listed) bool {
	came := s.tx().came
	if in := s.in.login; in != nil && in.claim != nil {
		came = in.claim.came
	}
	return came != id{} && l.typ.Canonical != nil && s.anyRecipient(l.canonical) == came
}

// isProven says that a factor is active at the address that the claim was proved by: it
// does not count, but it keeps enrollment closed.
func (s *step) isProven() bool {
	return slices.ContainsFunc(s.dir, func(l listed) bool { return l.status == Active && s.isCame(&l) })
}

func doBeginClaim(s *step) {
	t, c := s.tx(), s.in.login.claim
	s.acct.claim = string(s.sealFor(forName, s.nameOwner(), s.rnd[48:], []byte(c.name)))
	s.acct.starts.add(s.now)
	t.flow, t.require, t.relay, t.methods = c.flow, s.in.login.Require, s.in.login.Relay, strings.Join(s.m.typeOf(c.by).Methods, " ")
	t.born, t.expires, t.limits = s.now, s.now+int64(s.m.policy.Life), s.m.limits
	t.factor = pin{id: c.by, kind: c.by}
	t.token = sha256.Sum256(s.rnd[16:48])
}

// doNoteSubject lets what was proved begin in no other account and for no other address,
// whoever has the name later, and whatever the address is then.
func doNoteSubject(s *step) {
	s.tx().came = s.subjectID(s.subject.User, s.anyRecipient(s.subject.Address))
}

// subjectID stands for the user to whom the code or the link of a claim was sent, and for
// the address, as anyRecipient has it.
func (s *step) subjectID(user string, address id) (x id) {
	sum := s.keyed(len(s.m.keys), forAccount, s.m.tenant, "subject", user, string(address[:]))
	copy(x[:], sum[:])
	return x
}

func doCountTry(s *step) {
	t := s.tx()
	t.tries++
	t.code.tries++
}

// claimedBy is what the Finder is asked of the transaction in slot i; false if there is
// none, or the key of the name is gone.
func (m *Machine) claimedBy(a *Account, i int) (c Claimed, ok bool) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.i, s.in = a, i, input{}
	if i >= maxTx || s.tx().state == 0 {
		return c, false
	}
	c = *s.asked()
	return c, c.Name != ""
}

// claimMessage is the message with the code of the claim in slot i.
func (m *Machine) claimMessage(a *Account, i int, sub Subject, now time.Time) (*Message, error) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.i, s.in, s.subject = a, i, input{}, &sub
	t, e := s.tx(), &a.outbox[i]
	msg := &Message{
		Key: e.key(), Kind: CodeMessage, Tenant: m.tenant, User: sub.User, To: sub.Address, Locale: sub.Locale,
		Channel: m.typeOf(t.factor.kind).Channel, Purpose: flows[t.flow], Generation: int(t.sends), Expires: unix(t.code.expires),
	}
	if flows[t.flow] == PurposeSignUp {
		msg.User = ""
	}
	var code [maxDigits]byte
	if t.code.expires <= now.UnixNano() || !s.derive(&code) {
		return nil, ErrUndeliverable
	}
	msg.Code = Code(code[:t.limits.digits])
	msg.Link = s.link()
	return msg, nil
}
