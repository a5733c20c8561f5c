package authn

import (
	"fmt"
	"slices"
)

// consult reads what the Directory says: the factors that can be used, as many
// as a transaction has room for.
func (s *step) consult(factors []Factor) error {
	for i := range factors {
		p, err := s.pin(&factors[i])
		if err != nil {
			return err
		}
		for j := range i {
			if factors[j].ID == p.id {
				return fmt.Errorf("%w: directory: two factors have the ID %q", ErrUnavailable, p.id)
			}
		}
		if p.status == Disabled {
			s.block = true
		} else if p.kind != 0 {
			s.list(p)
		}
	}
	return nil
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

// pin checks a factor, and replaces its address by a keyed pseudonym.
func (s *step) pin(f *Factor) (p pin, err error) {
	fault := func(what string) (pin, error) {
		return pin{}, fmt.Errorf("%w: directory: factor %.64q: %s", ErrUnavailable, f.ID, what)
	}
	if !validFactorID(f.ID) {
		return fault("its ID must be 1 to 64 printable ASCII bytes")
	}
	if f.Status < NotSetUp || f.Status > Disabled {
		return fault("it has no status")
	}
	p = pin{id: f.ID, status: f.Status, required: f.Required}
	for i := range factorTypes {
		typ := &factorTypes[i]
		if typ.name != f.Type {
			continue
		}
		addr, err := typ.canonical(f.Address)
		if err != nil {
			return fault(err.Error())
		}
		p.kind, p.masked = uint8(i+1), typ.mask(f.Address)
		sum := s.keyed(len(s.m.keys), forRecipient, s.m.tenant, f.Type, addr)
		copy(p.recipient[:], sum[:])
	}
	if p.status == NotSetUp && (f.Verified && !s.m.policy.NoAutoActivate || s.handedOver(&p)) {
		p.status = Active
	}
	return p, nil
}

// handedOver says that a factor was activated here and the Directory has not
// taken it yet.
func (s *step) handedOver(p *pin) bool {
	for i := range s.acct.outbox {
		if e := &s.acct.outbox[i]; e.kind == FactorActivated && e.factor == p.id && e.recipient == p.recipient {
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

// enrollmentOpen says that the password is enough for enrolling: nobody else's
// factor is active, or this transaction has proved one.
func (s *step) enrollmentOpen() bool { return s.tx().proved != 0 || !s.has(Active) }

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
