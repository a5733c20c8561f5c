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
	kind     effectKind
	tx       id
	rev, n   uint8 // with tx the key of the effect
	attempts uint8 // begun
	next     int64 // of the next attempt
	at       int64 // when it happened
	until    int64 // NotifyLocked: 0 if only the host can unlock
	factor   pin   // that it concerns
	revision uint32
	data     string // sealed: what the host is to keep, of the factor or as a verdict gave it
	gate     string // that was passed
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
	Name        string    `json:"name,omitempty"`        // as in [Transition].Emit: "send code"
	Key         string    `json:"key,omitempty"`         // of this effect, the same on every attempt
	Transaction string    `json:"transaction,omitempty"` // public id
	User        string    `json:"user"`
	Factor      string    `json:"factor,omitempty"`     // id of the factor concerned
	Type        string    `json:"type,omitempty"`       // of that factor
	Generation  int       `json:"generation,omitempty"` // of a code: its number, from 1
	At          time.Time `json:"at,omitzero"`          // when it happened; zero for a code
	Until       time.Time `json:"until,omitzero"`       // of a lock: its end; zero if only the host can unlock
	Attempts    int       `json:"attempts,omitempty"`   // begun
	Next        time.Time `json:"next,omitzero"`        // of the next attempt, unless it is acknowledged before
}

// emit puts the effects of a row in the outbox, after its updates. They concern the
// factor that was submitted for, or that was at hand before: an update may have
// forgotten it.
func (s *step) emit(e *edge, before *pin) error {
	t := s.tx()
	for n, k := range e.row.Emit {
		i, f := s.i, before
		if s.judged.of != nil {
			p := s.pin(s.judged.of)
			f = &p
		}
		if k != sendCode && effectInfos[k].message != "" {
			f = s.notified(f)
		}
		if k == handOver {
			s.supersede(f)
		}
		if k == sendCode {
			f, t.delivery = &t.factor, deliveryPending
		} else if i = s.room(); i < 0 {
			return errOutbox
		}
		o := &s.acct.outbox[i]
		*o = entry{
			kind: k, tx: t.id, rev: t.rev, n: uint8(n), attempts: 1, at: s.now, next: s.claim(n),
			factor: *f,
		}
		switch {
		case k == sendCode:
			o.at = 0 // the code's own times say enough
		case k == handOver && s.judged.data != "":
			o.revision, o.data = s.nextRevision(s.judged.of), s.judged.data
		case k == storePassword, k == passGate:
			form, err := s.sealForm(k)
			if err != nil {
				return err
			}
			if o.data = form; k == passGate {
				o.gate = string(e.State)
			}
		case k == notifyLocked && !s.acct.disabled:
			o.until = s.lockEnd()
		}
	}
	return nil
}

// notified is the factor that a notice goes to: the one at hand, if messages are sent
// to it, else the first active one of which that is so.
func (s *step) notified(f *pin) *pin {
	if typ := s.m.typeOf(f.kind); typ != nil && typ.sendsCode() || s.noList {
		return f
	}
	for i := range s.dir {
		if l := &s.dir[i]; l.status == Active && l.typ.sendsCode() {
			p := s.pin(l)
			return &p
		}
	}
	return f
}

// supersede drops a change of the factor that is still owed: the new one has a higher
// revision, and says all that it said. The acknowledgement of the old one then finds
// nothing.
func (s *step) supersede(f *pin) {
	for i := maxOutbox - 1; i >= queue && s.judged.data != ""; i-- {
		if o := &s.acct.outbox[i]; o.kind == handOver && o.factor == *f {
			s.acct.drop(i)
		}
	}
}

// nextRevision is higher than every one before, whatever the Directory lists.
func (s *step) nextRevision(l *listed) uint32 {
	return max(l.revision, s.acct.kept.last(s.tag(forFactor, l.id, l.kind), s.now)) + 1
}

// claim is when another node may take over an attempt that begins after n others
// that may each take as long as they can.
func (s *step) claim(n int) int64 {
	return s.now + int64(n+1)*int64(s.m.policy.DeliveryTimeout) + int64(margin)
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

// hasData says that what the host is to keep is stored with the effect.
func (k effectKind) hasData() bool { return k == handOver || k == storePassword || k == passGate }

// isReport says that it is for the Auditor.
func (e *entry) isReport() bool { return effectInfos[e.kind].report != "" }

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
		Factor: e.factor.id, Type: e.factor.kind, At: unix(e.at), Until: unix(e.until), Attempts: int(e.attempts), Next: unix(e.next),
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
	a := &r.Account
	for i := range a.outbox {
		if e := &a.outbox[i]; e.kind != 0 && r.causes(e) {
			es = append(es, a.effect(i))
		}
	}
	return es
}

// causes says that a row taken in this step asked for the effect.
func (r *Result) causes(e *entry) bool {
	for i := range r.nmoves {
		if m := &r.moves[i]; m.tx == e.tx && m.rev == e.rev && int(e.n) < len(m.edge.row.Emit) {
			return true
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
		switch {
		case s.m.claiming: // whose answers must not depend on err
		case errors.Is(err, ErrSuperseded):
			t.delivery, t.sendAt, t.code = deliveryFailed, 0, liveCode{}
		case err != nil:
			t.delivery, t.sendAt = deliveryFailed, 0
		}
	}
	if e := &s.acct.outbox[i]; err == nil && e.kind == handOver && e.data != "" {
		s.acct.kept.set(s.tag(forFactor, e.factor.id, e.factor.kind), e.revision, s.now+int64(day))
	}
	s.acct.drop(i)
}

// claimOwed takes over what is owed, whose attempt is over and that claims admits,
// and returns it. A message whose last attempt never came back is given up.
func (s *step) claimOwed(claims func(*entry) bool) (es []Effect) {
	for i := 0; i < maxOutbox; i++ {
		e := &s.acct.outbox[i]
		switch {
		case e.kind == 0 || e.next > s.now:
		case e.isMessage() && e.attempts >= maxAttempts:
			if s.conclude(i, ErrUndeliverable); i >= queue {
				i-- // the next one has moved up
			}
		case claims(e):
			e.attempts, e.next = min(e.attempts, 254)+1, s.claim(len(es))
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
