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
	schema  = 1
	sealLen = 16
	maxSize = 8 << 10 // far above the largest account
)

// Seal returns the stored form of an account under its record's key.
func (m *Machine) Seal(a *Account, key string) []byte {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	head := s.sealed(key)
	b := append(head, schema)
	b = number(b, uint64(m.keys[0].id))
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
	if v := r.byte(); r.bad || v != schema {
		return corrupt(fmt.Sprintf("schema %d, not %d", v, schema))
	}
	k := m.keyIndex(uint32(r.number(math.MaxUint32)))
	n := len(b) - sealLen
	if r.bad || k < 0 || n < len(b)-len(r.b) {
		return corrupt("its key is not in the ring")
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

func (a *Account) append(b []byte) []byte {
	b = text(b, a.user)
	b = boolean(b, a.disabled)
	b = number(b, uint64(a.seen), uint64(a.fails), uint64(a.notBefore), uint64(a.lockedUntil))
	b = a.failures.at.append(b)
	b = append(b, a.failures.by...)
	b = a.sends.append(b)
	b = a.starts.append(b)
	for i := range a.txs {
		b = a.txs[i].append(b)
	}
	n := 0
	for n < maxOutbox && a.outbox[n].kind != 0 {
		n++
	}
	b = append(b, byte(n))
	for i := range n {
		b = a.outbox[i].append(b)
	}
	return b
}

func (w window) append(b []byte) []byte {
	b = append(b, byte(w.len()))
	for i := range w.len() {
		if i == 0 {
			b = number(b, uint64(w.at(0)))
		} else {
			b = number(b, uint64(w.at(i-1)-w.at(i)))
		}
	}
	return b
}

func (t *transaction) append(b []byte) []byte {
	b = append(b, t.state)
	if t.state == 0 {
		return b
	}
	b = append(b, t.rev)
	b = append(b, t.id[:]...)
	b = append(b, t.token[:]...)
	b = number(b, uint64(t.born), uint64(t.expires))
	b = t.last.append(b)
	if t.ended() {
		return b
	}
	b = append(b, byte(t.require), t.tries, t.sends, t.chosen, t.proved)
	b = number(b, uint64(t.sendAt), uint64(t.done))
	l := &t.limits
	b = append(b, l.digits, l.codeTries, l.tries, l.sends)
	b = number(b, uint64(l.codeLife))
	for _, d := range l.cooldowns {
		b = number(b, uint64(d))
	}
	if b = boolean(b, t.code.live); t.code.live {
		b = append(b, t.code.tries)
		b = number(b, uint64(t.code.key), uint64(t.code.expires))
		b = append(b, t.code.nonce[:]...)
	}
	b = append(b, t.mail.state, t.mail.rev, t.mail.attempts)
	b = number(b, uint64(t.mail.next))
	if b = boolean(b, t.session.live); t.session.live {
		b = number(b, uint64(t.session.key))
		b = append(b, t.session.nonce[:]...)
	}
	n := 0
	for n < maxFactors && t.factors[n].kind != 0 {
		n++
	}
	b = append(b, byte(n))
	for i := range n {
		b = t.factors[i].append(b)
	}
	return b
}

// ended says that only the tombstone is left: see doFinish.
func (t *transaction) ended() bool {
	return t.name() != Success && slices.Contains(ends, t.name())
}

func (l *lastEvent) append(b []byte) []byte {
	if b = boolean(b, l.set); l.set {
		b = append(b, l.say)
		b = number(b, uint64(l.key))
		b = append(b, l.id[:]...)
		b = append(b, l.print[:]...)
	}
	return b
}

func (p *pin) append(b []byte) []byte {
	b = append(b, p.kind, byte(p.status))
	b = boolean(b, p.required)
	b = append(b, p.recipient[:]...)
	return text(text(b, p.id), p.masked)
}

func (e *entry) append(b []byte) []byte {
	b = append(b, byte(e.kind), e.rev, e.n, e.attempts, e.kindOf)
	b = append(b, e.tx[:]...)
	b = append(b, e.recipient[:]...)
	b = number(b, uint64(e.next), uint64(e.at), uint64(e.until))
	return text(b, e.factor)
}

func text(b []byte, s string) []byte { return append(number(b, uint64(len(s))), s...) }

func number(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func boolean(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
