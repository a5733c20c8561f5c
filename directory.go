package authn

import (
	"fmt"
	"slices"
	"strings"
)

// consult reads what the Directory says: the factors that can be used, as many
// as a transaction has room for. A factor that cannot be used is passed over,
// but if it is active it still protects the account.
func (s *step) consult(factors []Factor) {
	for i := range factors {
		switch p, fault := s.usable(factors, i); {
		case p.status == Disabled:
			s.block = true
		case fault != "":
			s.faulty = true
			s.unusable = s.unusable || p.status != NotSetUp
		case p.kind != 0:
			s.list(p)
		}
	}
}

// usable pins the i-th factor, or says why it cannot be used. One of a type that
// is not known here and that is not set up may be another service's.
func (s *step) usable(factors []Factor, i int) (p pin, fault string) {
	p, fault = s.pin(&factors[i])
	switch {
	case slices.ContainsFunc(factors[:i], func(o Factor) bool { return o.ID == factors[i].ID }):
		return p, "another factor has the same ID"
	case p.status == NotSetUp && typeOf(factors[i].Type) == nil:
		return pin{status: NotSetUp}, ""
	}
	return p, fault
}

// Faults says which factors of a user's list cannot be used, and why, as events
// for the Auditor; the key is that of the account's record. The host should
// correct its list. No event holds an address.
func (m *Machine) Faults(key, user string, factors []Factor) (es []AuditEvent) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = new(Account)
	for i := range factors {
		if _, fault := s.usable(factors, i); fault != "" {
			es = append(es, AuditEvent{
				Tenant: m.tenant, Account: key, User: user, Event: EventFactorUnusable,
				Factor: fmt.Sprintf("%.64q", factors[i].ID), Err: fmt.Sprintf("type %.64q: %s", factors[i].Type, fault),
			})
		}
	}
	return es
}

// list adds a factor. If there is no room, the last of the least important ones
// goes: an active factor is never overlooked, since without one the password
// alone would permit enrollment.
func (s *step) list(p pin) {
	if len(s.dir) == maxFactors {
		least := 0
		for i := range s.dir {
			if s.dir[i].matters() <= s.dir[least].matters() {
				least = i
			}
		}
		if p.matters() <= s.dir[least].matters() {
			return
		}
		s.dir = slices.Delete(s.dir, least, least+1)
	}
	s.dir = append(s.dir, p)
}

func (p *pin) matters() int {
	switch {
	case p.status == Active:
		return 2
	case p.required:
		return 1
	}
	return 0
}

// pin checks a factor, and replaces its address by a keyed pseudonym. If the
// factor cannot be used, fault says why.
func (s *step) pin(f *Factor) (p pin, fault string) {
	p = pin{id: f.ID, status: f.Status, required: f.Required}
	t := slices.IndexFunc(factorTypes[:], func(t factorType) bool { return t.name == f.Type })
	switch {
	case f.Status < NotSetUp || f.Status > Disabled:
		p.status = 0
		return p, "it has no status"
	case !validFactorID(f.ID):
		return p, "its ID is not 1 to 64 printable ASCII bytes"
	case t < 0:
		return p, "its type is not known here"
	}
	typ := &factorTypes[t]
	addr, err := typ.canonical(trimmed(f.Address))
	if err != nil {
		return p, err.Error()
	}
	p.kind, p.masked = uint8(t+1), typ.mask(trimmed(f.Address))
	sum := s.keyed(len(s.m.keys), forRecipient, s.m.tenant, f.Type, addr)
	copy(p.recipient[:], sum[:])
	if p.status == NotSetUp && (f.Verified && !s.m.policy.NoAutoActivate || s.handedOver(&p)) {
		p.status = Active
	}
	return p, ""
}

// trimmed is an address without the ASCII blanks around it.
func trimmed(address string) string { return strings.Trim(address, " \t\r\n") }

// handedOver says that a factor was activated here and the Directory has not
// taken it yet.
func (s *step) handedOver(p *pin) bool {
	for i := range s.acct.outbox {
		if e := &s.acct.outbox[i]; e.kind == handOver && e.factor == p.id && e.recipient == p.recipient {
			return true
		}
	}
	return false
}

// has says whether the Directory has a factor with this status.
func (s *step) has(st Status) bool {
	for i := range s.dir {
		if s.dir[i].status == st {
			return true
		}
	}
	return false
}

// listed is what the Directory says now of the transaction's i-th factor; nil
// if it no longer has it with that status.
func (s *step) listed(i int) *pin {
	f := &s.tx().factors[i]
	for j := range s.dir {
		if d := &s.dir[j]; d.kind == f.kind && d.id == f.id && d.status == f.status {
			return d
		}
	}
	return nil
}

// isProtected says that the account has an active factor, whether or not it can
// be proved here.
func (s *step) isProtected() bool {
	return s.has(Active) || s.unusable || s.owesFactor()
}

// owesFactor says that the Directory is still to be told of a factor that was
// activated here, and does not list it at the moment.
func (s *step) owesFactor() bool {
	for i := range s.acct.outbox {
		if e := &s.acct.outbox[i]; e.kind == handOver && !slices.ContainsFunc(s.dir, func(p pin) bool { return p.id == e.factor }) {
			return true
		}
	}
	return false
}

// enrollmentOpen says that a factor may be enrolled: none is active or this
// transaction has proved one, and none is disabled.
func (s *step) enrollmentOpen() bool {
	return !s.isDisabled() && (s.tx().proved != 0 || !s.isProtected())
}

// chosen is the index of the factor that the event chooses, or -1: in
// MFA_ENROLL one of the type, in MFA_REQUIRED the one with the ID, else the
// one at hand. The Directory has to offer it now.
func (s *step) chosen() int {
	t := s.tx()
	if s.ideal && s.op == opChallenge && t.code.live {
		return int(t.atHand)
	}
	for i := range t.factors {
		f := &t.factors[i]
		if f.kind != 0 && s.chooses(i, f) && (s.ideal || s.listed(i) != nil && (f.status == Active || s.enrollmentOpen())) {
			return i
		}
	}
	return -1
}

func (s *step) chooses(i int, f *pin) bool {
	switch s.op {
	case opEnroll:
		return f.status == NotSetUp && (s.ideal || s.in.factor == f.typ().name)
	case opChallenge:
		return f.status == Active && (s.ideal || s.in.factor == f.id)
	}
	return i == int(s.tx().atHand) && (s.in.factor == "" || s.in.factor == f.id)
}

// moved says that the Directory has another address now for the factor at hand.
func (s *step) moved() bool {
	if s.ideal {
		return false
	}
	d := s.listed(int(s.tx().atHand))
	return d == nil || d.recipient != s.tx().factor().recipient
}

// withdrawn says that the factor being activated is no longer offered.
func (s *step) withdrawn() bool {
	return !s.ideal && (s.moved() || !s.enrollmentOpen())
}
