package authn

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

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

const (
	stateToken   = "state"
	sessionToken = "session"
)

// pseudonym is the account's name in the store: it depends on the tenant and
// the user and on the key that never changes.
func (m *Machine) pseudonym(user string) (p id) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	sum := s.keyed(len(m.keys), forAccount, m.tenant, user)
	copy(p[:], sum[:])
	return p
}

// Key returns the key of a user's record: a pseudonym that depends on tenant,
// user and pseudonym key.
func (m *Machine) Key(user string) string { return m.pseudonym(user).key() }

// key is the store's key of the record.
func (p id) key() string {
	var text [2 * len(p)]byte
	hex.Encode(text[:], p[:])
	return string(text[:])
}

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
