package authn

import (
	"crypto/hmac"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// The stored form: a schema byte, the id of the key that seals it, then the
// account's fields in a fixed order, and last a 16-byte HMAC over the tenant,
// the record's key and every byte before. Numbers are minimal uvarints, texts
// are preceded by their length, times are absolute. Every account has exactly
// one encoding for each key.
const (
	schema  = 2 // the one that is written; all before it are read
	sealLen = 16
	maxSize = 24 << 10 // above the largest account
)

// Record returns what to save of an account under its record's key: its stored
// form, which is empty if the account says nothing that a fresh one would not,
// and when it wants attention. The version must be new, at random, and not 0.
func (m *Machine) Record(a *Account, key string, version uint64) Record {
	r := Record{Version: version, Due: unix(m.nextDue(a))}
	if !a.idle() {
		r.Value = m.Seal(a, key)
	}
	return r
}

// Seal returns the stored form of an account under its record's key.
func (m *Machine) Seal(a *Account, key string) []byte {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	head := s.sealed(key)
	b := append(head, schema)
	b = appendNumber(b, uint64(m.keys[0].id))
	b = a.append(b)
	return slices.Concat(b[len(head):], s.seal(0, b))
}

// Open returns the account that Seal stored under the record's key. What was
// altered, moved from another key or tenant, sealed with a key that is no
// longer in the ring, or made by another schema is an error that wraps
// [ErrCorrupt], never a fresh account. Replacing a record by an older one of
// the same account cannot be seen.
func (m *Machine) Open(b []byte, key string) (a Account, err error) {
	err = m.open(&a, b, key)
	return a, err
}

// open fills in a zero account, which is zero again after an error.
func (m *Machine) open(a *Account, b []byte, key string) error {
	if len(b) > maxSize {
		return corrupt("too long")
	}
	r := reader{b: b}
	if r.schema = r.byte(); r.bad || r.schema < 1 || r.schema > schema {
		return foreign(fmt.Sprintf("schema %d, not 1 to %d", r.schema, schema))
	}
	k := m.keyIndex(uint32(r.number(math.MaxUint32)))
	n := len(b) - sealLen
	if r.bad || n < len(b)-len(r.b) {
		return corrupt("malformed")
	}
	if k < 0 {
		return foreign("its key is not in the ring")
	}
	s := m.pool.Get().(*step)
	ok := hmac.Equal(s.seal(k, append(s.sealed(key), b[:n]...)), b[n:])
	m.pool.Put(s)
	if !ok {
		return corrupt("altered or moved")
	}
	r.b = r.b[:len(r.b)-sealLen]
	return r.account(a)
}

// sealed is what a seal covers before the record itself.
func (s *step) sealed(key string) []byte { return field(field(s.buf[:0], s.m.tenant), key) }

// seal is that of b, which begins with what sealed returns.
func (s *step) seal(k int, b []byte) []byte {
	s.buf = b
	h := s.mac(k, forSeal)
	h.Write(b)
	return h.Sum(s.sum[:0])[:sealLen]
}

// resealed is how long after its last save a record is due at the latest: it is
// then sealed with the key in use, long before the one that sealed it may go.
const resealed = 90 * day

// nextDue is when the account wants attention next; 0 is never.
func (m *Machine) nextDue(a *Account) int64 {
	at := m.nextEnd(a)
	if end := a.seen + int64(resealed); !a.idle() && (at == 0 || end < at) {
		return end
	}
	return at
}

// nextEnd is when the next thing in the account ends; 0 is never.
func (m *Machine) nextEnd(a *Account) int64 {
	var at int64
	soonest := func(t int64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	var over int64 // what has ended already says nothing that could not wait
	for i := range a.txs {
		switch t := &a.txs[i]; {
		case t.state == 0:
		case t.isLive():
			soonest(t.expires)
		case a.claim != "": // the name goes with it
			soonest(t.forgotten())
		default:
			over = max(over, t.forgotten())
		}
	}
	for i := range a.outbox {
		soonest(a.outbox[i].next)
	}
	if at != 0 || a.lasting() {
		return at
	}
	// Nothing is under way: it may go when the last charge and lock are over.
	return max(over, a.lockedUntil, a.notBefore,
		a.failures.at.until(0, m.failureSpan()), a.sends.until(0, day), a.starts.until(0, m.startSpan()), a.usedEnd(), a.kept.end(), a.devices.last(&m.policy))
}

func (a *Account) append(b []byte) []byte {
	b = appendText(b, a.user)
	b = appendBool(b, a.disabled)
	b = appendNumber(b, uint64(a.seen), uint64(a.fails), uint64(a.notBefore), uint64(a.lockedUntil))
	b = a.failures.at.append(b)
	b = append(b, a.failures.by...)
	b = a.sends.append(b)
	b = a.starts.append(b)
	b = appendText(appendText(b, a.used), a.kept)
	b = appendText(b, a.recent)
	b = appendText(appendText(b, a.devices), a.claim)
	for i := range a.txs {
		b = a.txs[i].append(b, &a.outbox[i])
	}
	n := 0
	for n < maxQueue && a.outbox[queue+n].kind != 0 {
		n++
	}
	b = append(b, byte(n))
	for i := range n {
		b = a.outbox[queue+i].append(b)
	}
	return b
}

func (w window) append(b []byte) []byte {
	b = append(b, byte(w.len()))
	for i := range w.len() {
		if i == 0 {
			b = appendNumber(b, uint64(w.at(0)))
		} else {
			b = appendNumber(b, uint64(w.at(i-1)-w.at(i)))
		}
	}
	return b
}

func (t *transaction) append(b []byte, code *entry) []byte {
	b = append(b, t.state)
	if t.state == 0 {
		return b
	}
	b = append(b, t.rev)
	b = append(b, t.id[:]...)
	b = append(b, t.token[:]...)
	b = appendNumber(b, uint64(t.born), uint64(t.expires))
	b = t.last.append(b)
	if t.ended() {
		return b
	}
	b = append(b, byte(t.require)|t.reply<<4, t.tries, t.sends)
	b = t.appendExtras(b)
	b = appendNumber(b, uint64(t.sendAt), uint64(t.done))
	b = t.limits.append(b)
	if b = appendBool(b, t.code.live); t.code.live {
		b = append(b, t.code.tries)
		b = appendNumber(b, uint64(t.code.key), uint64(t.code.expires))
		b = append(b, t.code.nonce[:]...)
	}
	if b = append(b, t.delivery); t.delivery == deliveryPending {
		b = append(b, code.rev, code.attempts)
		b = appendNumber(b, uint64(code.next))
	}
	if b = appendBool(b, t.session.live); t.session.live {
		b = appendNumber(b, uint64(t.session.key))
		b = append(b, t.session.nonce[:]...)
	}
	if b = appendBool(b, t.factor != pin{}); t.factor != (pin{}) {
		b = t.factor.append(b)
	}
	ps := t.proved()
	b = append(b, byte(len(ps)))
	for i := range ps {
		b = appendText(appendText(append(b, ps[i].recipient[:]...), ps[i].id), ps[i].methods)
		b = appendNumber(b, uint64(ps[i].at/1e9))
	}
	return b
}

func (l *lastEvent) append(b []byte) []byte {
	if b = appendBool(b, l.set); l.set {
		b = append(b, l.say)
		b = appendNumber(b, uint64(l.key))
		b = append(b, l.id[:]...)
		b = append(b, l.print[:]...)
	}
	return b
}

func (p *pin) append(b []byte) []byte {
	b = append(b, p.recipient[:]...)
	return appendText(appendText(b, p.id), p.kind)
}

func (e *entry) append(b []byte) []byte {
	b = append(b, byte(e.kind), e.rev, e.n, e.attempts)
	b = append(b, e.tx[:]...)
	b = appendNumber(b, uint64(e.next), uint64(e.at), uint64(e.until))
	if b = appendBool(b, e.factor != pin{}); e.factor != (pin{}) {
		b = e.factor.append(b)
	}
	if e.kind.hasData() {
		b = appendText(appendText(appendNumber(b, uint64(e.revision)), e.data), e.gate)
	}
	return b
}

func appendText[T ~string](b []byte, s T) []byte {
	return append(appendNumber(b, uint64(len(s))), s...)
}

func appendNumber(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// reader takes fields off the front and remembers the first fault. It accepts
// exactly what append writes, and checks every bound that the machine keeps, so
// that no step ever works on an impossible account.
type reader struct {
	b      []byte
	bad    bool
	schema byte
}

func (r *reader) account(a *Account) error {
	a.user = r.text(maxUser)
	a.disabled = r.boolean()
	a.seen = r.time()
	a.fails = uint16(r.number(math.MaxUint16))
	a.notBefore, a.lockedUntil = r.time(), r.time()
	a.failures.at = r.window()
	a.failures.by = string(r.take(a.failures.at.len()))
	a.sends, a.starts = r.window(), r.window()
	if r.schema == 1 {
		r.schema1(a)
	} else {
		r.rest(a)
	}
	for _, by := range []byte(a.failures.by) {
		r.check(by == 0 || by <= maxTx && a.txs[by-1].state != 0)
	}
	r.check(len(r.b) == 0 && (a.user == "" || validUser(a.user)))
	if r.bad {
		*a = Account{}
		return corrupt("malformed")
	}
	return nil
}

// rest is what follows the ledger of schema 1: marks, the transactions, and what is owed.
func (r *reader) rest(a *Account) {
	a.used, a.kept = r.marks(), r.marks()
	a.recent = r.text(maxFactorID)
	r.check(a.recent == "" || validFactorID(a.recent))
	a.devices = devices(r.text(maxDevices * deviceSize))
	r.check(len(a.devices)%deviceSize == 0)
	a.claim = r.text(maxSealedName)
	r.check(a.claim == "" || a.user == "")
	for i := range a.txs {
		r.transaction(&a.txs[i], &a.outbox[i])
	}
	for i := range r.count(maxQueue) {
		r.entry(&a.outbox[queue+i])
	}
}

func (r *reader) window() window {
	n, last := r.count(maxWindow), uint32(0)
	if n == 0 {
		return ""
	}
	var b [maxWindow * moment]byte
	for i := range n {
		v := uint32(r.number(math.MaxUint32))
		if i > 0 {
			r.check(v < last)
			v = last - v
		}
		r.check(v != 0)
		binary.BigEndian.PutUint32(b[i*moment:], v)
		last = v
	}
	return window(b[:n*moment])
}

func (r *reader) marks() marks {
	m := marks(r.text(maxMarks * markSize))
	r.check(len(m)%markSize == 0)
	return m
}

func (r *reader) transaction(t *transaction, code *entry) {
	if t.state = r.byte(); t.state == 0 {
		return
	}
	// No transaction is ever stored before its first step.
	r.check(t.state >= 2 && (int(t.state) <= len(states) || t.gate() >= 0 && t.gate() < maxGates))
	t.rev = r.byte()
	r.bytes(t.id[:])
	r.bytes(t.token[:])
	t.born, t.expires = r.time(), r.time()
	r.last(&t.last)
	r.check(t.rev > 0 && t.rev <= maxSteps+1)
	if r.bad || t.ended() {
		return
	}
	both := r.byte()
	t.require, t.reply = Requirement(both&15), both>>4
	t.tries, t.sends = r.byte(), r.byte()
	r.extras(t)
	t.sendAt, t.done = r.time(), r.time()
	r.limits(&t.limits)
	if t.code.live = r.boolean(); t.code.live {
		t.code.tries = r.byte()
		t.code.key, t.code.expires = uint32(r.number(math.MaxUint32)), r.time()
		r.bytes(t.code.nonce[:])
	}
	r.delivery(t, code)
	if t.session.live = r.boolean(); t.session.live {
		t.session.key = uint32(r.number(math.MaxUint32))
		r.bytes(t.session.nonce[:])
	}
	if r.boolean() {
		r.pin(&t.factor)
	}
	for i := range r.count(maxProofs) {
		p := &t.proofs[i]
		r.bytes(p.recipient[:])
		p.id = r.text(maxFactorID)
		r.check(validFactorID(p.id))
		p.methods = r.text(maxMethods)
		p.at = r.seconds()
	}
	r.check(t.plausible())
	if code.kind != 0 {
		code.factor = t.factor
	}
}

// delivery is what became of the live code's message, or what is owed of it.
func (r *reader) delivery(t *transaction, code *entry) {
	if t.delivery = r.byte(); t.delivery == deliveryPending {
		*code = entry{kind: sendCode, tx: t.id, rev: r.byte(), attempts: r.byte(), next: r.time()}
	}
}

// plausible holds the bounds that one field sets to another.
func (t *transaction) plausible() bool {
	l, c := &t.limits, &t.code
	atHand := t.info().AtHand
	return t.require <= RequireNothing && (t.gate() < 0 || t.gates != 0) &&
		l.digits >= 1 && l.digits <= maxDigits && t.tries <= l.tries && t.sends <= l.sends && c.tries <= l.codeTries &&
		(!c.live || c.expires <= t.expires && t.factor != pin{}) &&
		(!atHand || t.factor != pin{}) &&
		(t.name() == Success) == (t.done != 0) && (!t.session.live || t.name() == Success) &&
		int(t.reply) < len(replies) && int(t.delivery) < len(deliveries) && (t.delivery != deliveryPending || c.live)
}

func (r *reader) last(l *lastEvent) {
	if l.set = r.boolean(); l.set {
		l.say = r.byte()
		l.key = uint32(r.number(math.MaxUint32))
		r.bytes(l.id[:])
		r.bytes(l.print[:])
		r.check(int(l.say) < len(outcomes))
	}
}

func (r *reader) pin(p *pin) {
	r.bytes(p.recipient[:])
	p.id, p.kind = r.text(maxFactorID), r.text(maxKind)
	r.check(validFactorID(p.id) && validFactorID(p.kind))
}

func (r *reader) entry(e *entry) {
	e.kind = effectKind(r.byte())
	e.rev, e.n, e.attempts = r.byte(), r.byte(), r.byte()
	r.bytes(e.tx[:])
	e.next, e.at, e.until = r.time(), r.time(), r.time()
	if r.boolean() {
		r.pin(&e.factor)
	}
	if e.kind.hasData() {
		e.revision, e.data, e.gate = uint32(r.number(math.MaxUint32)), r.text(maxData), r.text(maxGateName)
	}
	r.check(e.kind > sendCode && e.kind < effectKinds)
}

func (r *reader) check(ok bool) { r.bad = r.bad || !ok }

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(dst []byte) { copy(dst, r.take(len(dst))) }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) boolean() bool {
	v := r.byte()
	r.check(v <= 1)
	return v == 1
}

func (r *reader) count(most int) int {
	n := int(r.byte())
	if r.check(n <= most); r.bad {
		return 0
	}
	return n
}

// number takes a uvarint that is minimal and not above the bound.
func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most || n > 1 && r.b[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) time() int64 { return int64(r.number(math.MaxInt64)) }

// seconds is a time of whole seconds, in nanoseconds.
func (r *reader) seconds() int64 { return int64(r.number(math.MaxUint32)) * 1e9 }

func (r *reader) text(most int) string { return string(r.take(int(r.number(uint64(most))))) }
