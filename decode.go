package authn

import (
	"encoding/binary"
	"math"
)

// reader takes fields off the front; the first fault sticks. It accepts what
// append writes and nothing else: every bound that the machine keeps is
// checked here, so that no step ever meets an impossible account.
type reader struct {
	b   []byte
	bad bool
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
	for i := range a.txs {
		r.transaction(&a.txs[i])
	}
	for i := range r.count(maxOutbox) {
		r.entry(&a.outbox[i])
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

func (r *reader) transaction(t *transaction) {
	if t.state = r.byte(); t.state == 0 {
		return
	}
	// No transaction is ever stored before its first step.
	r.check(t.state >= 2 && int(t.state) <= len(states))
	t.rev = r.byte()
	r.bytes(t.id[:])
	r.bytes(t.token[:])
	t.born, t.expires = r.time(), r.time()
	r.last(&t.last)
	r.check(t.rev > 0 && t.rev <= maxSteps+1)
	if r.bad || t.ended() {
		return
	}
	t.require = Requirement(r.byte())
	t.tries, t.sends, t.chosen, t.proved = r.byte(), r.byte(), r.byte(), r.byte()
	t.sendAt, t.done = r.time(), r.time()
	l := &t.limits
	l.digits, l.codeTries, l.tries, l.sends = r.byte(), r.byte(), r.byte(), r.byte()
	l.codeLife = r.time()
	for i := range l.cooldowns {
		l.cooldowns[i] = r.time()
	}
	if t.code.live = r.boolean(); t.code.live {
		t.code.tries = r.byte()
		t.code.key, t.code.expires = uint32(r.number(math.MaxUint32)), r.time()
		r.bytes(t.code.nonce[:])
	}
	t.mail = mail{state: r.byte(), rev: r.byte(), attempts: r.byte(), next: r.time()}
	if t.session.live = r.boolean(); t.session.live {
		t.session.key = uint32(r.number(math.MaxUint32))
		r.bytes(t.session.nonce[:])
	}
	for i := range r.count(maxFactors) {
		r.pin(&t.factors[i])
	}
	r.check(t.plausible())
}

// plausible holds the bounds that one field sets to another.
func (t *transaction) plausible() bool {
	l, c := &t.limits, &t.code
	out := t.name() == MFAEnrollActivate || t.name() == MFAChallenge
	return t.require <= RequireNothing &&
		l.digits >= 1 && l.digits <= maxDigits && t.tries <= l.tries && t.sends <= l.sends && c.tries <= l.codeTries &&
		t.chosen < maxFactors && t.proved < 1<<maxFactors &&
		(!c.live || t.sends > 0 && c.expires <= t.expires && t.factor().kind != 0) &&
		(!out || t.factor().kind != 0) &&
		(t.name() == Success) == (t.done != 0) && (!t.session.live || t.name() == Success) &&
		int(t.mail.state) < len(deliveries) && (t.mail.state != mailPending || c.live)
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
	p.kind, p.status = r.byte(), Status(r.byte())
	p.required = r.boolean()
	r.bytes(p.recipient[:])
	p.id, p.masked = r.text(maxFactorID), r.text(maxMasked)
	r.check(p.kind >= 1 && int(p.kind) <= len(factorTypes) && (p.status == NotSetUp || p.status == Active) && validFactorID(p.id))
}

func (r *reader) entry(e *entry) {
	e.kind = EffectKind(r.byte())
	e.rev, e.n, e.attempts, e.kindOf = r.byte(), r.byte(), r.byte(), r.byte()
	r.bytes(e.tx[:])
	r.bytes(e.recipient[:])
	e.next, e.at, e.until = r.time(), r.time(), r.time()
	e.factor = r.text(maxFactorID)
	r.check(e.kind > SendCode && e.kind < effectKinds && int(e.kindOf) <= len(factorTypes))
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

func (r *reader) text(most int) string { return string(r.take(int(r.number(uint64(most))))) }
