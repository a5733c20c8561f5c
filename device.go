package authn

import (
	"crypto/subtle"
	"encoding/binary"
)

// devices are the remembered ones, newest first: of each the first 16 bytes of the
// token's SHA-256, 8 that stand for the factor that was proved on it and for its address,
// and the seconds in which it was remembered and ends, 4 bytes each. A string is a value:
// nothing aliases it.
type devices string

const (
	deviceHash = 16
	deviceTag  = 8
	deviceSize = deviceHash + deviceTag + 4 + 4
	maxDevices = 10
)

func (d devices) len() int { return len(d) / deviceSize }

func (d devices) hash(i int) string { return string(d[i*deviceSize:][:deviceHash]) }

func (d devices) tag(i int) string { return string(d[i*deviceSize+deviceHash:][:deviceTag]) }

func (d devices) moment(i, n int) int64 {
	return int64(binary.BigEndian.Uint32([]byte(d[i*deviceSize+deviceHash+deviceTag+4*n:][:4]))) * 1e9
}

// end is when the i-th device is not remembered any more: at its own end, or earlier if
// the policy has become stricter.
func (d devices) end(i int, p *Policy) int64 {
	return min(d.moment(i, 1), d.moment(i, 0)+int64(p.Remember))
}

// trim forgets those whose time is over, and those from the future.
func (d *devices) trim(now int64, p *Policy) {
	var kept devices
	for i := range d.len() {
		if d.end(i, p) > now && d.moment(i, 0) <= now {
			kept += (*d)[i*deviceSize : (i+1)*deviceSize]
		}
	}
	if len(kept) < len(*d) {
		*d = kept
	}
}

// last is when the last of them ends; 0 if there is none.
func (d devices) last(p *Policy) (at int64) {
	for i := range d.len() {
		at = max(at, d.end(i, p))
	}
	return at
}

// shift moves their times.
func (d *devices) shift(ns int64) {
	b := []byte(*d)
	for i := range d.len() {
		for n := range 2 {
			binary.BigEndian.PutUint32(b[i*deviceSize+deviceHash+deviceTag+4*n:], uint32((d.moment(i, n)+ns)/1e9))
		}
	}
	*d = devices(b)
}

// trusted is the tag of the factor for which the login's device is remembered, if that
// is enough here; "" if it is not: the factor has to be active, to count, and to have the
// address that it had, and nothing that guards the account is to be changed.
func (s *step) trusted() string {
	l := s.in.login
	if l.Device == "" || l.Fresh || l.Adding || l.Password != PasswordFine || s.missing() {
		return ""
	}
	h, _, ok := s.m.parseToken(deviceKind, string(l.Device))
	if !ok {
		return ""
	}
	sum := h.digest()
	for i := range s.acct.devices.len() {
		d := s.acct.devices
		if subtle.ConstantTimeCompare([]byte(d.hash(i)), sum[:deviceHash]) == 1 && s.now < d.end(i, &s.m.policy) && s.tagged(d.tag(i)) {
			return d.tag(i)
		}
	}
	return ""
}

// tagged says that a factor that a tag stands for is active and counts here.
func (s *step) tagged(tag string) bool {
	for i := range s.dir {
		if l := &s.dir[i]; l.status == Active && s.counts(l) {
			if p := s.pin(l); s.deviceTag(p.id, p.recipient) == tag {
				return true
			}
		}
	}
	return false
}

// deviceTag stands for a factor at an address.
func (s *step) deviceTag(factor string, recipient id) string {
	return s.tag(forDevice, "factor", factor, string(recipient[:]))
}

// doTrust notes for which factor the device is remembered.
func doTrust(s *step) { s.tx().trusted = s.trusted() }

// rememberDevice is called where a sign-in succeeds. Only a proof of a factor asks for it.
func (s *step) rememberDevice() {
	t := s.tx()
	secret, ok := s.deviceSecret(t)
	if !ok {
		return
	}
	sum, ps := secret.digest(), t.proved()
	last := &ps[len(ps)-1]
	b := append(sum[:deviceHash:deviceHash], s.deviceTag(last.id, last.recipient)...)
	b = binary.BigEndian.AppendUint32(b, uint32(s.now/1e9)) // rounded down: never longer
	b = binary.BigEndian.AppendUint32(b, uint32((s.now+int64(s.m.policy.Remember))/1e9))
	d := devices(b) + s.acct.devices
	s.acct.devices = d[:min(len(d), maxDevices*deviceSize)]
}

// deviceSecret is that of the token for the device on which the transaction has
// succeeded, the same one as long as the session token is not redeemed.
func (s *step) deviceSecret(t *transaction) (h TokenSecret, ok bool) {
	k := s.m.keyIndex(t.session.key)
	if k < 0 || !t.session.live || !t.remember || s.m.policy.Remember == 0 {
		return h, false
	}
	return TokenSecret(s.keyed(k, forDevice, s.m.tenant, "token", string(t.id[:]), string(t.session.nonce[:]))), true
}
