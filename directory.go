package authn

import (
	"fmt"
	"slices"
	"strings"
)

// listed is a factor of the Directory's list that can be used.
type listed struct {
	id, kind  string // kind is the name of the type
	canonical string // what the recipient is a pseudonym of
	recipient id     // made when it is needed: see step.pin
	hashed    bool
	typ       *FactorType
	address   string
	status    Status
	required  bool
	plain     []byte // its data
	revision  uint32 // of them
	old       bool   // another key than the one in use seals them
	stale     bool   // the Directory has taken newer ones
}

// consult reads what the Directory says: the factors that can be used. One that
// cannot be used is passed over, but if it is active it still protects the account.
func (s *step) consult(factors []Factor) {
	for i := range factors {
		switch f, fault := s.usable(factors, i); {
		case f.status == Disabled:
			s.block = true
		case fault != "":
			s.faulty = true
			s.unusable = s.unusable || f.status != NotSetUp
		case f.typ != nil:
			s.dir = append(s.dir, f)
		}
	}
}

// usable checks the i-th factor, and says why it cannot be used. One of a type that
// is not known here and that is not set up may be another service's.
func (s *step) usable(factors []Factor, i int) (f listed, fault string) {
	f, fault = s.checked(&factors[i])
	switch {
	case i >= maxFactors:
		return f, fmt.Sprintf("only the first %d of the list count", maxFactors)
	case isListed(factors[:i], factors[i].ID):
		return f, "another factor has the same ID"
	case f.status == NotSetUp && s.m.typeOf(factors[i].Type) == nil:
		return listed{status: NotSetUp}, ""
	}
	return f, fault
}

func isListed(factors []Factor, id string) bool {
	for i := range factors {
		if factors[i].ID == id {
			return true
		}
	}
	return false
}

// Faults says which factors of a user's list cannot be used, and why, as events
// for the Auditor; the key is that of the account's record. The host should
// correct its list. No event holds an address.
func (m *Machine) Faults(key, user string, factors []Factor) (es []AuditEvent) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = &Account{ledger: ledger{user: user}}
	for i := range factors {
		if _, fault := s.usable(factors, i); fault != "" {
			es = append(es, AuditEvent{
				Tenant: m.tenant, Account: key, User: user, Event: EventFactorUnusable,
				Factor: fmt.Sprintf("%.64q", factors[i].ID), Type: fmt.Sprintf("%.64q", factors[i].Type), Err: fmt.Sprintf("type %.64q: %s", factors[i].Type, fault),
			})
		}
	}
	return es
}

// checked checks a factor by itself, and makes the pseudonym of its address. If it
// cannot be used, fault says why, and it has no type.
func (s *step) checked(f *Factor) (l listed, fault string) {
	l = listed{id: f.ID, kind: f.Type, status: f.Status, required: f.Required, address: trimmed(f.Address), revision: f.Revision}
	typ := s.m.typeOf(f.Type)
	switch {
	case f.Status < NotSetUp || f.Status > Disabled:
		l.status = 0
		return l, "it has no status"
	case !validFactorID(f.ID):
		return l, "its ID is not 1 to 64 printable ASCII bytes"
	case typ == nil:
		return l, "its type is not known here"
	}
	addr := f.ID // of a factor without an address
	if typ.Canonical != nil {
		var err error
		if addr, err = typ.Canonical(l.address); err != nil {
			return l, err.Error()
		}
	}
	l.canonical = addr
	owed := s.handedOver(&l)
	if l.status == NotSetUp && (typ.sendsCode() && f.Verified && !s.m.policy.NoAutoActivate || owed != nil) {
		l.status = Active
	}
	if typ.sends() {
		l.typ = typ
		return l, ""
	}
	if owed != nil && owed.revision > f.Revision {
		l.revision = owed.revision
	}
	if kept := s.acct.kept; kept != "" {
		l.stale = l.revision < kept.last(s.tag(forFactor, f.ID, f.Type), s.now)
	}
	if l.status == Active {
		fault = s.openFactor(&l, typ, f, owed)
	}
	if fault == "" {
		l.typ = typ
	}
	return l, fault
}

// openFactor opens the data of an active factor: what the Directory lists or, if that
// is newer, what it is still to be told.
func (s *step) openFactor(l *listed, typ *FactorType, f *Factor, owed *entry) (fault string) {
	data := f.Data
	if l.revision > f.Revision {
		data = []byte(owed.data)
	}
	if len(data) == 0 && typ.codes == nil {
		return "" // its Verifier needs none
	}
	l.plain, l.old, fault = s.openData(s.owner(), f.ID, f.Type, data)
	if fault == "" && typ.codes != nil && !typ.codes.valid(l.plain) {
		return "its data is missing or malformed"
	}
	return fault
}

// pin is the factor as a record has it. Its pseudonym is made when it is needed: a
// user may have many factors, of which an event concerns one.
func (s *step) pin(l *listed) pin {
	if !l.hashed {
		l.recipient, l.hashed = s.recipient(l.kind, l.canonical), true
	}
	return pin{l.id, l.kind, l.recipient}
}

// isPinned says that a factor is the pinned one, at the same address.
func (s *step) isPinned(l *listed, p *pin) bool {
	return l.id == p.id && l.kind == p.kind && s.pin(l) == *p
}

// hasProved says that the transaction at hand has proved a factor, at this address.
func (s *step) hasProved(l *listed) bool {
	if t := s.tx(); t.hasProof() {
		p := s.pin(l)
		return t.hasProved(&p)
	}
	return false
}

// trimmed is an address without the ASCII blanks around it.
func trimmed(address string) string {
	isBlank := func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
	for address != "" && isBlank(address[0]) {
		address = address[1:]
	}
	for address != "" && isBlank(address[len(address)-1]) {
		address = address[:len(address)-1]
	}
	return address
}

// shown is the factor as answers show it.
func (l *listed) shown() Factor {
	f := Factor{ID: l.id, Type: l.kind, Status: l.status, Required: l.required}
	if l.typ.Mask != nil {
		f.Address = l.typ.Mask(l.address)
	}
	return f
}

// handedOver is what the Directory is still to be told of a factor that was
// activated or changed here; nil: nothing.
func (s *step) handedOver(l *listed) *entry {
	for i := range s.acct.outbox {
		if e := &s.acct.outbox[i]; e.kind == handOver && s.isPinned(l, &e.factor) {
			return e
		}
	}
	return nil
}

// counts says that the factor is of a type that this sign-in accepts.
func (s *step) counts(l *listed) bool {
	if s.isCame(l) {
		return false
	}
	if s.in.login != nil {
		return len(s.in.login.Accept) == 0 || slices.Contains(s.in.login.Accept, l.kind)
	}
	accept := s.tx().accept
	return accept == "" || strings.Contains(" "+accept+" ", " "+l.kind+" ")
}

// first is the first factor with this status that counts; nil if there is none.
func (s *step) first(st Status) *listed {
	for i := range s.dir {
		if l := &s.dir[i]; l.status == st && s.counts(l) {
			return l
		}
	}
	return nil
}

// has says whether the Directory has a factor with this status that counts.
func (s *step) has(st Status) bool { return s.first(st) != nil }

// find is what the Directory says now of a factor; nil if it does not list it.
func (s *step) find(p *pin) *listed {
	for i := range s.dir {
		if l := &s.dir[i]; l.id == p.id && l.kind == p.kind {
			return l
		}
	}
	return nil
}

// proves is what the Directory says now of a factor that was proved; nil if it does
// not list it as active at that address.
func (s *step) proves(p proof) *listed {
	for i := range s.dir {
		if l := &s.dir[i]; l.id == p.id && l.status == Active {
			if now := s.pin(l); p.is(&now) {
				return l
			}
		}
	}
	return nil
}

// missing says that the Directory has a required factor that is not set up and that
// neither the transaction has proved, nor this event does.
func (s *step) missing() bool {
	t := s.tx()
	if s.unlisted() {
		return t.owing
	}
	return slices.ContainsFunc(s.dir, func(l listed) bool { return l.required && s.isLeft(&l) })
}

// remains says that a factor, required or not, can be enrolled yet.
func (s *step) remains() bool {
	return slices.ContainsFunc(s.dir, func(l listed) bool { return s.isLeft(&l) })
}

// isLeft says that the factor is to be enrolled, and not by this event.
func (s *step) isLeft(l *listed) bool {
	return l.status == NotSetUp && s.counts(l) && !s.hasProved(l) && (s.op != opActivate || !s.isPinned(l, &s.tx().factor))
}

// isProtected says that the account has an active factor, whether or not it counts or
// can be proved here.
func (s *step) isProtected() bool {
	return s.unusable || s.owesFactor() || slices.ContainsFunc(s.dir, func(l listed) bool { return l.status == Active && !s.isCame(&l) })
}

// owesFactor says that the Directory is still to be told of a factor that was
// activated here, and does not list it at the moment.
func (s *step) owesFactor() bool {
	for i := range s.acct.outbox {
		if e := &s.acct.outbox[i]; e.kind == handOver && !slices.ContainsFunc(s.dir, func(l listed) bool { return l.id == e.factor.id }) {
			return true
		}
	}
	return false
}

// enrollmentOpen says that a factor may be enrolled: none is active or this
// transaction has proved one, and none is disabled.
func (s *step) enrollmentOpen() bool {
	return !s.isDisabled() && (s.tx().hasProof() || !s.isProtected() && !s.isProven())
}

// firstChallenged is the factor that is challenged where a sign-in begins: the one that
// was proved last, or the only one; nil if the user is to choose.
func (s *step) firstChallenged() (l *listed) {
	if s.op != opPrimary || !s.in.login.Challenge || s.now < s.acct.notBefore {
		return nil
	}
	only := 0
	for i := range s.dir {
		f := &s.dir[i]
		if f.status != Active || !s.counts(f) {
			continue
		}
		if f.id == s.acct.recent {
			l, only = f, 1
			break
		}
		l = f
		only++
	}
	if only != 1 || s.sendsTo(l) && s.sendsFreeAt() > s.now {
		return nil
	}
	return l
}

// chosen is the factor that the event chooses, as the Directory offers it now, or
// nil: in MFA_ENROLL one of the type, a required one first; in MFA_REQUIRED the one
// with the ID; else the one at hand.
func (s *step) chosen() *listed {
	t := s.tx()
	if s.unlisted() || s.m.claiming {
		f := &t.factor
		return &listed{id: f.id, kind: f.kind, recipient: f.recipient, hashed: true, typ: s.m.typeOf(f.kind)}
	}
	if s.cand != nil {
		if s.chooses(s.cand) && (s.cand.status == Active || s.enrollmentOpen()) {
			return s.cand
		}
		return nil
	}
	if s.ideal && s.op == opChallenge && t.code.live {
		if l := s.find(&t.factor); l != nil && l.status == Active {
			return l
		}
	}
	var best *listed
	for i := range s.dir {
		l := &s.dir[i]
		if s.chooses(l) && (l.status == Active || s.enrollmentOpen()) && (best == nil || l.required && !best.required) {
			best = l
		}
	}
	return best
}

func (s *step) chooses(l *listed) bool {
	t := s.tx()
	switch {
	case !s.counts(l):
		return false
	case s.op == opPrimary:
		return l == s.firstChallenged()
	case s.op == opEnroll:
		return l.status == NotSetUp && !s.hasProved(l) && (s.ideal || s.in.factor == l.kind)
	case s.op == opVerify && !t.info().AtHand:
		return l.status == Active && (s.ideal && l.typ.atOnce() || s.in.factor == l.id)
	case s.op == opPasskey:
		return l.status == Active && l.kind == s.in.login.claim.by
	case s.op == opChallenge:
		return l.status == Active && (s.ideal || s.in.factor == l.id)
	}
	return l.id == t.factor.id && l.kind == t.factor.kind && l.status == t.stage() && (s.in.factor == "" || s.in.factor == l.id)
}

// stage is what the factor at hand has to be: enrolled, or active.
func (t *transaction) stage() Status {
	if t.info().Purpose == PurposeEnroll {
		return NotSetUp
	}
	return Active
}

// moved says that the Directory does not have the factor at hand any more, or at
// another address.
func (s *step) moved() bool {
	t := s.tx()
	l := s.find(&t.factor)
	return l == nil || l.status != t.stage() || !s.isPinned(l, &t.factor)
}

// withdrawn says that the factor being activated is no longer offered.
func (s *step) withdrawn() bool { return !s.unlisted() && (s.moved() || !s.enrollmentOpen()) }

// sendsTo says that a message goes out to a factor that is chosen: to one of an unknown
// type too, and not to a device that is still to be paired.
func (s *step) sendsTo(l *listed) bool {
	enrolls := s.op == opEnroll || s.isEnrolling()
	return l.typ == nil || l.typ.sends() && !(l.typ.Awaited && enrolls)
}

// isUnlisted says that the Directory does not list the factor at hand any more, which
// cannot be proved without it: or that its type is not known here.
func (s *step) isUnlisted() bool {
	typ := s.m.typeOf(s.tx().factor.kind)
	return typ == nil || !typ.sends() && !s.unlisted() && s.moved()
}

// unlisted says that the list is not known, for an answer that assumes the best.
func (s *step) unlisted() bool { return s.ideal && s.noList }
