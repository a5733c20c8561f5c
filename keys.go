package authn

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
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

// purpose separates what one secret is used for.
type keyUse uint8

const (
	forCode keyUse = iota
	forSession
	forSeal
	forOnce
	forAccount
	forToken
	forRecipient
	keyUses
)

var keyUseLabels = [keyUses]string{"authn/v1/code", "authn/v1/session", "authn/v1/seal", "authn/v1/once", "authn/v1/account", "authn/v1/token", "authn/v1/recipient"}

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

// field appends v behind its length, so that no two lists of fields give one
// message.
func field[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
	return append(b, v...)
}
