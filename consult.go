package authn

import (
	"fmt"
	"slices"
	"time"
)

// Times that the machine takes for possible: charges are kept as seconds in
// 32 bits, and the end of every window has to fit.
const (
	earliest = 1e9 // 2001
	latest   = 4e9 // 2096
)

// load takes an instance from the pool that works on a copy of the account: in
// r, or of its own.
func (m *Machine) load(a *Account, r *Result, env *Env, in *input) (*step, error) {
	s, err := m.instance(a, env.Now, in)
	if err != nil {
		return nil, err
	}
	if r == nil || &r.Account == a {
		r = &s.own
	}
	s.copyTo(r)
	s.rnd = env.Entropy
	if err := s.consult(env.Factors); err != nil {
		m.pool.Put(s)
		return nil, err
	}
	return s, nil
}

// look takes an instance for whoever only reads: it works on the account
// itself, or after a clock fault on a copy that is set right.
func (m *Machine) look(a *Account, now time.Time) (*step, error) {
	s, err := m.instance(a, now, new(input))
	if err == nil && s.fault {
		s.copyTo(&s.own)
	}
	return s, err
}

// instance takes one from the pool and gives it the account and what came with
// the event.
func (m *Machine) instance(a *Account, now time.Time, in *input) (*step, error) {
	if u := now.Unix(); u < earliest || u >= latest {
		return nil, fmt.Errorf("%w: the clock says %s", ErrUnavailable, now.UTC().Format(time.RFC3339))
	}
	s := m.pool.Get().(*step)
	s.acct = a
	s.now, s.fault = m.clock(a, now)
	s.ideal, s.block, s.i = false, false, 0
	s.in, s.login, s.dir = *in, Login{}, s.dir[:0]
	return s, nil
}

// copyTo makes the step work on a copy of its account.
func (s *step) copyTo(r *Result) {
	r.Account.copyFrom(s.acct)
	r.nmoves = 0
	s.r, s.acct = r, &r.Account
	if s.fault {
		s.acct.unskew(s.now, &s.m.policy)
	}
}

// clock returns the later of now and the account's mark, or, if the mark lies
// further ahead than clocks may differ, now and that there was a fault.
func (m *Machine) clock(a *Account, now time.Time) (ns int64, fault bool) {
	ns = now.UnixNano()
	if a.seen-ns > int64(MaxSkew) {
		return ns, true
	}
	return max(ns, a.seen), false
}

// unskew sets back what a clock that was ahead has written.
func (a *Account) unskew(now int64, p *Policy) {
	a.seen = now
	a.failures.at.clamp(now)
	a.sends.clamp(now)
	a.starts.clamp(now)
	a.notBefore = min(a.notBefore, now+int64(p.BackoffMax))
	a.lockedUntil = min(a.lockedUntil, now+int64(p.LockMax))
}

// consult pins what the Directory says: the factors that can be used, as many
// as there is room for.
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

// list adds a factor; where there is no room, the last of those that matter
// least goes. An active one must not be overlooked: without one the password
// alone would be enough for enrolling.
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

// pin checks a factor and replaces its address by a keyed pseudonym.
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
