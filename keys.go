package authn

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// A Key is one secret of the ring from which codes, session tokens and seals
// are derived. Keep it outside the store, for instance in a secret manager.
type Key struct {
	// ID names the key in records; not 0, and never given to another key.
	ID uint32
	// Secret is at least 32 random bytes. The library copies it.
	Secret []byte
}

// Format writes the key's ID only, for every verb.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "key %d %s", k.ID, redacted) }

// MarshalText gives what Format writes; encoding/json and log/slog use it too.
func (k Key) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

// keyUse separates what one secret is used for.
type keyUse uint8

const (
	forCode keyUse = iota
	forSession
	forSeal
	forOnce
	forAccount
	forToken
	forRecipient
	forChallenge
	forData
	forMark
	forFactor
	forApproval
	forForm
	forDevice
	forClaim
	forName
	forMailbox
	forHandOver
	forLink
	forPasskey
	keyUses
)

var keyUseLabels = [keyUses]string{"authn/v1/code", "authn/v1/session", "authn/v1/seal", "authn/v1/once", "authn/v1/account", "authn/v1/token", "authn/v1/recipient", "authn/v1/challenge", "authn/v1/data", "authn/v1/mark", "authn/v1/factor", "authn/v1/approval", "authn/v1/form", "authn/v1/device", "authn/v1/claim", "authn/v1/name", "authn/v1/mailbox", "authn/v1/hand over", "authn/v1/link", "authn/v1/passkey"}

// ringKey is a key and what is derived from it, one for each purpose.
type ringKey struct {
	id  uint32
	sub [keyUses][]byte
}

const minKey = 32

func newRingKey(name string, k Key) (ringKey, error) {
	r := ringKey{id: k.ID}
	switch {
	case len(k.Secret) < minKey:
		return r, fmt.Errorf("authn: %s: %d bytes, at least %d are needed", name, len(k.Secret), minKey)
	case bytes.Count(k.Secret, k.Secret[:1]) == len(k.Secret):
		return r, fmt.Errorf("authn: %s: one byte repeated is no secret", name)
	}
	for p := range keyUses {
		var err error
		if r.sub[p], err = hkdf.Key(sha256.New, k.Secret, nil, keyUseLabels[p], sha256.Size); err != nil {
			return r, fmt.Errorf("authn: %s: %w", name, err)
		}
	}
	return r, nil
}

// newRing checks the keys and derives from them; the pseudonym key comes last.
func newRing(keys []Key, pseudonym []byte) ([]ringKey, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("authn: Keys: at least one is needed")
	}
	var ring []ringKey
	for i, k := range append(keys[:len(keys):len(keys)], Key{Secret: pseudonym}) {
		name := fmt.Sprintf("Keys[%d]", i)
		if i == len(keys) {
			name = "PseudonymKey"
		} else if k.ID == 0 {
			return nil, fmt.Errorf("authn: %s: ID must not be 0", name)
		}
		r, err := newRingKey(name, k)
		if err != nil {
			return nil, err
		}
		for j, o := range ring {
			if o.id == r.id {
				return nil, fmt.Errorf("authn: Keys[%d] and %s have the same ID", j, name)
			}
			if bytes.Equal(o.sub[forCode], r.sub[forCode]) {
				return nil, fmt.Errorf("authn: Keys[%d] and %s have the same secret", j, name)
			}
		}
		ring = append(ring, r)
	}
	return ring, nil
}

// mac returns the pooled keyed hash of the i-th key for a purpose, reset.
func (s *step) mac(i int, p keyUse) hash.Hash {
	h := &s.macs[i][p]
	if *h == nil {
		*h = hmac.New(sha256.New, s.m.ring[i].sub[p])
	} else {
		(*h).Reset()
	}
	return *h
}

// keyed is the HMAC-SHA-256 of fields, each preceded by its length, so that
// no two lists of fields have one message.
func (s *step) keyed(i int, p keyUse, fields ...string) digest {
	b := s.buf[:0]
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	s.buf = b
	h := s.mac(i, p)
	h.Write(b)
	h.Sum(s.sum[:0])
	return s.sum
}

// keyIndex is the place in the ring of the key with this id, or -1.
func (m *Machine) keyIndex(id uint32) int {
	for i := range m.keys {
		if m.keys[i].id == id {
			return i
		}
	}
	return -1
}

// field appends v with its length in front, so that no two lists of fields give
// one message.
func field[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
	return append(b, v...)
}

// rightCode compares in constant time, on equal lengths, with a code that is
// derived and was never stored.
func (s *step) rightCode() bool {
	var want [maxDigits]byte
	n := s.tx().limits.digits
	same := s.derive(&want) && subtle.ConstantTimeCompare(want[:n], s.code()) == 1
	return same && (!s.m.claiming || s.isSomebody() && !s.tx().opened)
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
	f := &t.factor
	if s.m.claiming {
		f = s.subjectPin()
	}
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

// TokenSecret is the secret half of a state token: 32 random bytes. It does not
// print. A [Service] makes tokens of it; the bare [Machine] takes it as it is.
type TokenSecret [32]byte

// Format writes "[secret]" for every verb.
func (TokenSecret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText returns "[secret]"; encoding/json and log/slog use it too.
func (TokenSecret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// digest is what a store sees of a handle.
func (h TokenSecret) digest() digest { return sha256.Sum256(h[:]) }

// A token is 32 random bytes and, masked by a keyed hash of them, the
// account's pseudonym: it leads to the record without a look-up table, and
// two tokens of one account share nothing. Only its canonical spelling is
// accepted.
const (
	tokenLen  = 64 // characters
	tokenSize = 48 // bytes: no rest, so base64 spells them in one way only
)

var tokenEncoding = base64.RawURLEncoding

// pseudonym is the account's name in the store: it depends on the tenant and
// the user and on the key that never changes.
func (m *Machine) pseudonym(user string) id { return m.named(forAccount, user) }

// named is the place of a name in the store, for one class of records.
func (m *Machine) named(use keyUse, name string) (p id) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	sum := s.keyed(len(m.keys), use, m.tenant, name)
	copy(p[:], sum[:])
	return p
}

// Key returns the key of a user's record: 8 hexadecimal digits that stand for the
// tenant, and 32 that are a pseudonym of the user. Both depend on the tenant and on
// the pseudonym key.
func (m *Machine) Key(user string) string { return m.key(m.pseudonym(user)) }

// key is the store's key of the record of an account.
func (m *Machine) key(p id) string { return m.mark + hex.EncodeToString(p[:]) }

// owns says that a store's key is of this tenant, whose mark it begins with.
func (m *Machine) owns(key string) bool { return strings.HasPrefix(key, m.mark) }

// tenantMark makes the mark of the tenant's keys: no list of one field is a list of
// two, so it is no one's pseudonym.
func (m *Machine) tenantMark() string {
	sum := m.fresh().keyed(len(m.keys), forAccount, m.tenant)
	return hex.EncodeToString(sum[:4])
}

const (
	stateKind   = "state"
	sessionKind = "session"

	approvalKind = "approval"
	deviceKind   = "device"
	linkKind     = "link"
	passkeyKind  = "passkey"
)

// mint makes the token of a secret; kind keeps state and session tokens apart.
func (m *Machine) mint(kind string, h TokenSecret, p id) string {
	var b [tokenSize]byte
	copy(b[:], h[:])
	mask := m.mask(kind, h)
	subtle.XORBytes(b[len(h):], mask[:], p[:])
	var text [tokenLen]byte
	tokenEncoding.Encode(text[:], b[:])
	return string(text[:])
}

// parseToken undoes mint. A token of another kind or tenant leads to a record
// that does not exist.
func (m *Machine) parseToken(kind, t string) (h TokenSecret, p id, ok bool) {
	var b [tokenSize]byte
	if len(t) != tokenLen {
		return h, p, false
	}
	if n, err := tokenEncoding.Decode(b[:], []byte(t)); err != nil || n != tokenSize {
		return h, p, false
	}
	copy(h[:], b[:])
	mask := m.mask(kind, h)
	subtle.XORBytes(p[:], mask[:], b[len(h):])
	return h, p, true
}

func (m *Machine) mask(kind string, h TokenSecret) (x id) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	sum := s.keyed(len(m.keys), forToken, m.tenant, kind, string(h[:]))
	copy(x[:], sum[:])
	return x
}

// sessionSecret derives the session token's secret; the record holds only the
// nonce, so that a repeated answer gives the same token.
func (s *step) sessionSecret(t *transaction) (h TokenSecret, ok bool) {
	k := s.m.keyIndex(t.session.key)
	if k < 0 || !t.session.live {
		return h, false
	}
	return TokenSecret(s.keyed(k, forSession, s.m.tenant, string(t.id[:]), string(t.session.nonce[:]))), true
}

// findSession returns the slot whose unredeemed session token has this
// secret, or -1.
func (s *step) findSession(h TokenSecret) int {
	for i := range s.acct.txs {
		if want, ok := s.sessionSecret(&s.acct.txs[i]); ok && subtle.ConstantTimeCompare(want[:], h[:]) == 1 {
			return i
		}
	}
	return -1
}
