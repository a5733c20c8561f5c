package authn

import (
	"crypto/subtle"
	"encoding/binary"
)

// rightCode compares in constant time, on equal lengths, with a code that is
// derived and was never stored.
func (s *step) rightCode() bool {
	if s.ideal {
		return true
	}
	var want [maxDigits]byte
	n := s.tx().limits.digits
	return s.derive(&want) && s.in.digits == n && subtle.ConstantTimeCompare(want[:n], s.in.code[:n]) == 1
}

// derive writes the live code of the transaction; false if its key is gone.
// The code is HMAC-SHA-256 over everything that it is bound to, reduced to
// decimal digits: 64 bits leave a bias below 10¹²/2⁶⁴.
func (s *step) derive(dst *[maxDigits]byte) bool {
	t := s.tx()
	k := s.m.keyIndex(t.code.key)
	if k < 0 || !t.code.live {
		return false
	}
	f := t.factor()
	b := s.buf[:0]
	b = field(b, s.m.tenant)
	b = field(b, t.id[:])
	b = field(b, f.id)
	b = field(b, f.recipient[:])
	b = field(b, t.info().Purpose)
	b = append(b, t.sends)
	b = append(b, t.code.nonce[:]...)
	s.buf = b
	h := s.mac(k, forCode)
	h.Write(b)
	n := binary.BigEndian.Uint64(h.Sum(s.sum[:0]))
	for i := int(t.limits.digits) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return true
}
