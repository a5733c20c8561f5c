package authn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// entry is an effect that is owed: stored by the save that caused it, removed
// by one more save after it was delivered. The zero value is a free place.
type entry struct {
	kind      effectKind
	tx        id
	rev, n    uint8 // with tx the key of the effect
	attempts  uint8 // begun
	next      int64 // of the next attempt
	at        int64 // when it happened
	until     int64 // NotifyLocked: 0 if only the host can unlock
	factor    string
	recipient id
	kindOf    uint8 // as in pin
}

var deliveries = [...]Delivery{NotSent, Pending, Sent, Failed}

// What became of the message with a transaction's live code: an index in
// deliveries.
const (
	deliveryNone uint8 = iota
	deliveryPending
	deliverySent
	deliveryFailed
)

// The outbox has a place for the live code of each transaction, by its slot,
// and behind them a queue of all else, the oldest first.
const (
	queue       = maxTx
	maxQueue    = 8
	maxOutbox   = queue + maxQueue
	maxAttempts = 5                // of a message
	margin      = 30 * time.Second // beyond the delivery timeout, before another node tries
	firstRetry  = 10 * time.Second // doubles with each attempt, up to lastRetry
	lastRetry   = 10 * time.Minute
)

// An Effect is something that a committed step asks the host to do. It is saved
// with the step and carried out after it, at least once, each time with the same
// Key: see [Machine.Job].
type Effect struct {
	Name        string // as in [Transition].Emit: "send code"
	Key         string // of this effect, the same on every attempt
	Transaction string // public id
	User        string
	Factor      string    // id of the factor concerned
	Generation  int       // of a code: its number, from 1
	At          time.Time // when it happened; zero for a code
	Until       time.Time // of a lock: its end; zero if only the host can unlock
	Attempts    int       // begun
	Next        time.Time // of the next attempt, unless it is acknowledged before
}

// A Job is how an effect is carried out: one call of a port. One of its fields is
// set.
type Job struct {
	Message   *Message    // for [Sender].Send of its Channel
	Activated *Factor     // for [Directory].Activated, with the effect's Key and User
	Report    *AuditEvent // for [Auditor].Audit
}

// emit puts the effects of a row in the outbox, after its updates. They concern
// the factor that was at hand before: an update may have forgotten it.
func (s *step) emit(e *edge, before *pin) error {
	t := s.tx()
	for n, k := range e.row.Emit {
		i, f := s.i, before
		if k == sendCode {
			f, t.delivery = t.factor(), deliveryPending
		} else if i = s.room(); i < 0 {
			return errOutbox
		}
		o := &s.acct.outbox[i]
		*o = entry{
			kind: k, tx: t.id, rev: t.rev, n: uint8(n), attempts: 1, at: s.now, next: s.claim(),
			factor: f.id, recipient: f.recipient, kindOf: f.kind,
		}
		switch {
		case k == sendCode:
			o.at = 0 // the code's own times say enough
		case k == notifyLocked && !s.acct.disabled:
			o.until = s.lockEnd()
		}
	}
	return nil
}

// claim is when another node may take over an attempt that begins now.
func (s *step) claim() int64 {
	return s.now + int64(s.m.policy.DeliveryTimeout) + int64(margin)
}

var errOutbox = fmt.Errorf("%w: the outbox is full of deliveries that the Directory or the Auditor has not accepted", ErrUnavailable)

// room finds a place in the queue, or -1: the oldest notice goes first, and
// what the Directory or the Auditor has to be told is never dropped.
func (s *step) room() int {
	o := &s.acct.outbox
	for i := queue; i < maxOutbox; i++ {
		if o[i].kind == 0 {
			return i
		}
	}
	for i := queue; i < maxOutbox; i++ {
		if o[i].isNotice() {
			s.acct.drop(i)
			return maxOutbox - 1
		}
	}
	return -1
}

func (e *entry) isNotice() bool { return e.isMessage() && e.kind != sendCode }

// isMessage says that its attempts are counted: what the Directory or the
// Auditor has to be told is tried until it is taken.
func (e *entry) isMessage() bool { return effectInfos[e.kind].message != "" }

// drop removes the i-th effect; in the queue the others keep their order.
func (a *Account) drop(i int) {
	if i >= queue {
		copy(a.outbox[i:], a.outbox[i+1:])
		i = maxOutbox - 1
	}
	a.outbox[i] = entry{}
}

// effectKey is the idempotency key of an effect.
func effectKey(tx id, rev, n uint8) string {
	b := make([]byte, 0, 40)
	b = hex.AppendEncode(b, tx[:])
	b = strconv.AppendUint(append(b, '-'), uint64(rev), 10)
	return string(strconv.AppendUint(append(b, '-'), uint64(n), 10))
}

func (e *entry) key() string { return effectKey(e.tx, e.rev, e.n) }

// effect is the i-th of the outbox, for the host.
func (a *Account) effect(i int) Effect {
	e := &a.outbox[i]
	x := Effect{
		Name: e.kind.String(), Key: e.key(), Transaction: hex.EncodeToString(e.tx[:]), User: a.user,
		Factor: e.factor, At: unix(e.at), Until: unix(e.until), Attempts: int(e.attempts), Next: unix(e.next),
	}
	if e.kind == sendCode {
		x.Generation = int(a.txs[i].sends)
	}
	return x
}

// owed lists the effects that were not acknowledged yet.
func (a *Account) owed() (es []Effect) {
	for i := range a.outbox {
		if a.outbox[i].kind != 0 {
			es = append(es, a.effect(i))
		}
	}
	return es
}

// Effects lists what the rows that were taken ask for: once the account is
// saved, each is to be carried out and acknowledged.
func (r *Result) Effects() (es []Effect) {
	for _, e := range r.Account.owed() {
		if r.causes(e) {
			es = append(es, e)
		}
	}
	return es
}

// causes says that a row taken in this step asked for the effect.
func (r *Result) causes(e Effect) bool {
	for i := range r.nmoves {
		for n := range r.moves[i].edge.row.Emit {
			if effectKey(r.moves[i].tx, r.moves[i].rev, uint8(n)) == e.Key {
				return true
			}
		}
	}
	return false
}

// findEffect returns the place of the effect with this key, or -1.
func (a *Account) findEffect(key string) int {
	for i := range a.outbox {
		if e := &a.outbox[i]; e.kind != 0 && e.key() == key {
			return i
		}
	}
	return -1
}

// Acknowledge returns the account with what became of attempts at effects,
// errs[i] of es[i], and whether that changed anything. Nil is done, and an error
// that wraps [ErrSuperseded] is final, as is [ErrUndeliverable] for a message.
// After any other error there is another attempt later: of a message five at
// most, of what the Directory or the Auditor has to be told until it is taken.
// The account is not changed in place.
func (m *Machine) Acknowledge(a *Account, es []Effect, errs []error, now time.Time) (next Account, changed bool, err error) {
	s, err := m.load(a, nil, &Env{Now: now}, new(input))
	if err != nil {
		return *a, false, err
	}
	// After a clock fault the next step sets things right, not this.
	for i, e := range es {
		if !s.fault && s.acknowledge(e.Key, errs[i]) {
			changed = true
		}
	}
	next, s.acct.seen = *a, s.now
	if changed {
		next = *s.acct
	}
	m.pool.Put(s)
	return next, changed, nil
}

// acknowledge records what became of an attempt; false if the effect is no
// longer owed.
func (s *step) acknowledge(key string, err error) bool {
	i := s.acct.findEffect(key)
	if i < 0 {
		return false
	}
	e := &s.acct.outbox[i]
	if e.retries(err) {
		e.next = s.now + doubled(firstRetry, int(e.attempts)-1, lastRetry)
		return true
	}
	s.conclude(i, err)
	return true
}

// conclude takes an effect out of the outbox. A code that could not be sent
// waives the cool-down once.
func (s *step) conclude(i int, err error) {
	if s.acct.outbox[i].kind == sendCode {
		t := &s.acct.txs[i]
		t.delivery = deliverySent
		if err != nil {
			t.delivery, t.sendAt = deliveryFailed, 0
		}
		if errors.Is(err, ErrSuperseded) {
			t.code = liveCode{}
		}
	}
	s.acct.drop(i)
}

// claimOwed takes over what is owed and whose attempt is over, and returns it.
// A message whose last attempt never came back is given up.
func (s *step) claimOwed() (es []Effect) {
	for i := 0; i < maxOutbox; i++ {
		e := &s.acct.outbox[i]
		switch {
		case e.kind == 0 || e.next > s.now:
		case e.isMessage() && e.attempts >= maxAttempts:
			if s.conclude(i, ErrUndeliverable); i >= queue {
				i-- // the next one has moved up
			}
		default:
			e.attempts, e.next = min(e.attempts, 254)+1, s.claim()
			es = append(es, s.acct.effect(i))
		}
	}
	return es
}

// retries says whether there is another attempt after err. Only a message may be
// undeliverable, and only its attempts are counted: what the Directory or the
// Auditor has to be told is repeated until it is taken.
func (e *entry) retries(err error) bool {
	switch {
	case err == nil, errors.Is(err, ErrSuperseded):
		return false
	case e.isMessage():
		return !errors.Is(err, ErrUndeliverable) && e.attempts < maxAttempts
	}
	return true
}

// Job returns how to carry out an effect that the account owes. The key is that
// of the account's record, the list of factors is what the Directory says now.
//
// A code, and a factor that was confirmed, belong to the address that was pinned:
// if that has changed, or the effect is not owed any more, the error wraps
// [ErrSuperseded]. So it does if the factor of a message is gone; but a confirmed
// factor is handed over again later, since a list that lacks it for a moment must
// not undo an enrollment. A notice goes to whatever the address is now. A code
// whose time is up is [ErrUndeliverable].
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
			Event: info.report, Factor: e.Factor, Key: e.Key,
		}}, nil
	}
	f, err := m.addressee(a, o, factors)
	switch {
	case err != nil:
		return Job{}, err
	case info.message == "":
		return Job{Activated: &f}, nil
	}
	msg := &Message{
		Key: e.Key, Kind: info.message, Tenant: m.tenant, User: e.User, To: f.Address, Locale: f.Locale,
		Until: e.Until, Channel: typeOf(f.Type).channel,
	}
	if o.kind == sendCode {
		err = m.addCode(a, i, msg, now)
	}
	return Job{Message: msg}, err
}

// needsFactors says that the Directory is asked before the effect is carried out.
func (a *Account) needsFactors(e Effect) bool {
	i := a.findEffect(e.Key)
	return i >= 0 && effectInfos[a.outbox[i].kind].report == ""
}

// addressee returns the factor that an effect concerns, as the Directory lists it
// now.
func (m *Machine) addressee(a *Account, o *entry, factors []Factor) (Factor, error) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = a
	moved := false
	for i := range factors {
		p, _ := s.pin(&factors[i])
		if p.id != o.factor || p.kind == 0 {
			continue
		}
		if p.recipient == o.recipient || o.isNotice() {
			f := factors[i]
			f.Address = trimmed(f.Address)
			return f, nil
		}
		moved = true
	}
	if o.kind == handOver && !moved {
		return Factor{}, fmt.Errorf("%w: directory: the factor is not listed at the moment", ErrUnavailable)
	}
	return Factor{}, ErrSuperseded
}

// addCode adds the live code of the transaction in slot i to its message.
func (m *Machine) addCode(a *Account, i int, msg *Message, now time.Time) error {
	t := &a.txs[i]
	code, ok := m.code(a, i)
	if !ok {
		return ErrSuperseded
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
