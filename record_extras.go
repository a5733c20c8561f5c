package authn

import "math"

// What few transactions have is stored only if they have it: a number says what.
const (
	hasOwing = 1 << iota
	hasAdding
	hasPurpose
	hasPassword
	hasGates
	hasHost
	hasAccept
	hasRelay
	hasRemember
	hasTrusted
	hasFlow
	hasOpened
	hasOffersMore
	hasCameBy
	extras
)

// has says what the transaction has.
func (t *transaction) has() (bits uint64) {
	for i, has := range [...]bool{
		t.owing, t.adding, t.purpose != "", t.password != PasswordFine, t.gates != 0, t.methods != "" || t.authAt != 0, t.accept != "", t.relay != "",
		t.remember, t.trusted != "", t.flow != 0 || t.came != id{}, t.opened, t.offersMore, t.cameBy != "",
	} {
		if has {
			bits |= 1 << i
		}
	}
	return bits
}

func (t *transaction) appendExtras(b []byte) []byte {
	has := t.has()
	if b = appendNumber(b, has); has == 0 {
		return b
	}
	if has&hasPurpose != 0 {
		b = appendText(b, t.purpose)
	}
	if has&hasPassword != 0 {
		b = appendNumber(append(b, byte(t.password)), uint64(t.passwordEnd/1e9))
	}
	if has&hasGates != 0 {
		b = appendNumber(b, uint64(t.gates))
	}
	if has&hasHost != 0 {
		b = appendNumber(appendText(b, t.methods), uint64(t.authAt/1e9))
	}
	if has&hasAccept != 0 {
		b = appendText(b, t.accept)
	}
	if has&hasRelay != 0 {
		b = appendText(b, t.relay)
	}
	if has&hasTrusted != 0 {
		b = append(b, t.trusted...)
	}
	if has&hasFlow != 0 {
		b = append(append(b, t.flow), t.came[:]...)
	}
	if has&hasOpened != 0 {
		b = append(b, t.opener[:]...)
	}
	if has&hasCameBy != 0 {
		b = appendText(b, t.cameBy)
	}
	return b
}

// extras accepts only what appendExtras writes: nothing is said to be there that is not.
func (r *reader) extras(t *transaction) {
	has := r.number(extras - 1)
	if has == 0 {
		return
	}
	t.owing, t.adding, t.remember, t.offersMore = has&hasOwing != 0, has&hasAdding != 0, has&hasRemember != 0, has&hasOffersMore != 0
	if has&hasPurpose != 0 {
		t.purpose = r.text(maxPurpose)
	}
	if has&hasPassword != 0 {
		t.password, t.passwordEnd = PasswordStatus(r.byte()), r.seconds()
		r.check(t.password <= PasswordNeedsReset)
	}
	if has&hasGates != 0 {
		t.gates = uint32(r.number(math.MaxUint32))
	}
	if has&hasHost != 0 {
		t.methods, t.authAt = r.text(maxMethods), r.seconds()
	}
	if has&hasAccept != 0 {
		t.accept = r.text(maxAccept)
	}
	if has&hasRelay != 0 {
		t.relay = r.text(maxRelay)
	}
	if has&hasTrusted != 0 {
		t.trusted = string(r.take(deviceTag))
	}
	if has&hasFlow != 0 {
		t.flow = r.byte()
		copy(t.came[:], r.take(len(t.came)))
		r.check(int(t.flow) < len(flows))
	}
	if t.opened = has&hasOpened != 0; t.opened {
		copy(t.opener[:], r.take(len(t.opener)))
	}
	if has&hasCameBy != 0 {
		t.cameBy = r.text(maxKind)
	}
	r.check(t.has() == has)
}
