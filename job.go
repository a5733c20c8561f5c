package authn

import (
	"fmt"
	"strconv"
	"time"
)

// A Job is how an effect is carried out: one call of a port. One of its fields is
// set.
type Job struct {
	Message   *Message    // for [Sender].Send of its Channel
	Activated *Factor     // for [Directory].Activated, with the effect's Key and User
	Report    *AuditEvent // for [Auditor].Audit
	Password  *Change     // for [Passwords].Store
	Passed    *Change     // for the Keeper of Gate
	Unlock    bool        // for [Unlocker].Unlock, with the effect's Key and User
	Gate      State       // of Passed
}

// Job returns how to carry out an effect that the account owes. The key is that
// of the account's record, the list of factors is what the Directory says now.
//
// A code, and a factor that was confirmed, belong to the address that was pinned:
// if that has changed, or the effect is not owed any more, the error wraps
// [ErrSuperseded]. So it does if the factor of a message is gone; but a confirmed
// factor is handed over again later, since a list that lacks it for a moment must
// not undo an enrollment. A notice goes to whatever the address is now or, if
// nothing is sent to the factor that it concerns, to the first active one of the list
// that codes are sent to. A code whose time is up is [ErrUndeliverable].
func (m *Machine) Job(a *Account, key string, e Effect, factors []Factor, now time.Time) (Job, error) {
	i := a.findEffect(e.Key)
	if i < 0 {
		return Job{}, ErrSuperseded
	}
	o := &a.outbox[i]
	info := &effectInfos[o.kind]
	if info.report != "" {
		return Job{Report: &AuditEvent{
			Time: e.At, Tenant: m.tenant, Account: key, User: e.User, Transaction: e.Transaction,
			Event: info.report, Factor: e.Factor, Type: e.Type, Key: e.Key,
		}}, nil
	}
	switch o.kind {
	case storePassword, passGate:
		return m.changeJob(a, o)
	case unlockUser:
		return Job{Unlock: true}, nil
	}
	f, err := m.addressee(a, o, factors)
	switch {
	case err != nil:
		return Job{}, err
	case info.message == "":
		if f.Status = Active; o.data != "" {
			f.Data, f.Revision = []byte(o.data), o.revision
		}
		return Job{Activated: &f}, nil
	}
	msg := &Message{
		Key: e.Key, Kind: info.message, Tenant: m.tenant, User: e.User, To: f.Address, Locale: f.Locale,
		Until: e.Until, Channel: m.typeOf(f.Type).Channel, Factor: f.ID,
	}
	if o.kind == sendCode {
		err = m.addCode(a, i, msg, now)
	}
	return Job{Message: msg}, err
}

// changeJob is the job of what a verdict has decided.
func (m *Machine) changeJob(a *Account, o *entry) (Job, error) {
	c, err := m.change(a, o)
	if err != nil || o.kind == storePassword {
		return Job{Password: c}, err
	}
	return Job{Passed: c, Gate: State(o.gate)}, nil
}

// needsFactors says that the Directory is asked before the effect is carried out.
func (a *Account) needsFactors(e Effect) bool {
	i := a.findEffect(e.Key)
	if i < 0 {
		return false
	}
	k := a.outbox[i].kind
	return k == handOver || effectInfos[k].message != ""
}

// addressee returns the factor that an effect concerns, as the Directory lists it
// now.
func (m *Machine) addressee(a *Account, o *entry, factors []Factor) (Factor, error) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = a
	moved, anyone := false, false
	if typ := m.typeOf(o.factor.kind); o.isNotice() && (typ == nil || !typ.sendsCode()) {
		anyone = true // no message can be sent to the factor itself
	}
	for i := range factors {
		l, fault := s.usable(factors, i)
		switch {
		case fault != "":
			continue
		case anyone && (l.status != Active || !l.typ.sendsCode()):
			continue
		case !anyone && (l.id != o.factor.id || l.kind != o.factor.kind):
			continue
		}
		if o.isNotice() || s.isPinned(&l, &o.factor) {
			f := factors[i]
			f.Address, f.Handle = l.address, l.handleOf()
			return f, nil
		}
		moved = true
	}
	switch {
	case anyone:
		return Factor{}, fmt.Errorf("%w: no active factor of the user takes messages", ErrUndeliverable)
	case o.kind == handOver && !moved:
		return Factor{}, fmt.Errorf("%w: directory: the factor is not listed at the moment", ErrUnavailable)
	}
	return Factor{}, ErrSuperseded
}

// notice is the message of an effect to the i-th of the user's contacts.
func (m *Machine) notice(e Effect, kind MessageKind, contact Factor, i int) (*Message, error) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = &Account{ledger: ledger{user: e.User}}
	contact.ID, contact.Status = "contact", Active
	l, fault := s.checked(&contact)
	if fault != "" || !l.typ.sendsCode() {
		return nil, ErrUndeliverable
	}
	return &Message{
		Key: e.Key + "-" + strconv.Itoa(i), Kind: kind, Tenant: m.tenant, User: e.User, To: l.address, Locale: contact.Locale,
		Until: e.Until, Channel: l.typ.Channel,
	}, nil
}

// addCode adds the live code of the transaction in slot i to its message.
func (m *Machine) addCode(a *Account, i int, msg *Message, now time.Time) error {
	t := &a.txs[i]
	code, ok := m.code(a, i)
	if !ok {
		return ErrSuperseded
	}
	if m.typeOf(t.factor.kind).Awaited {
		code, msg.Approval = "", m.approval(a, i)
	}
	if at, _ := m.clock(a, now); !t.code.good(at) {
		return ErrUndeliverable // too late to be of use
	}
	msg.Code, msg.Generation = code, int(t.sends)
	msg.Purpose, msg.Expires = t.info().Purpose, unix(t.code.expires)
	return nil
}

// code is the live code of the transaction in slot i; false if it is dead.
func (m *Machine) code(a *Account, i int) (Code, bool) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.i = a, i
	var code [maxDigits]byte
	if !s.derive(&code) {
		return "", false
	}
	return Code(code[:s.tx().limits.digits]), true
}
