package authn

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// The data of a factor, as the Directory keeps it: a version, the id of the key that
// seals it, a nonce, and AES-256-GCM over the plain data, bound to tenant, user, factor
// and type. Whoever can write the Directory and has no key can neither read nor make
// one. With random nonces a key seals up to 2³² of them (NIST SP 800-38D section 8.3).
const (
	dataVersion = 1
	dataNonce   = 12
	dataHead    = 1 + 4 + dataNonce
	dataTag     = 16
	maxData     = 2 << 10 // sealed
)

// aead is the cipher of the i-th key for a purpose; made on first use.
func (s *step) aead(i int, use keyUse) cipher.AEAD {
	c := &s.aeads[i][use]
	if *c == nil {
		block, err := aes.NewCipher(s.m.ring[i].sub[use])
		if err != nil {
			panic(err) // every key has 32 bytes
		}
		if *c, err = cipher.NewGCM(block); err != nil {
			panic(err)
		}
	}
	return *c
}

// dataOwner is what sealed data is bound to.
func (s *step) dataOwner(user, factor, kind string) []byte {
	s.buf = field(field(field(field(s.buf[:0], s.m.tenant), user), factor), kind)
	return s.buf
}

// sealData seals plain data with the key in use.
func (s *step) sealData(user, factor, kind string, nonce, plain []byte) []byte {
	return s.sealFor(forData, s.dataOwner(user, factor, kind), nonce, plain)
}

// sealFor seals a plain text, bound to its owner, with the key in use for a purpose.
func (s *step) sealFor(use keyUse, owner, nonce, plain []byte) []byte {
	b := make([]byte, 0, dataHead+len(plain)+dataTag)
	b = append(b, dataVersion)
	b = binary.BigEndian.AppendUint32(b, s.m.keys[0].id)
	b = append(b, nonce[:dataNonce]...)
	return s.aead(0, use).Seal(b, nonce[:dataNonce], plain, owner)
}

// openData returns plain data, and whether another key than the one in use seals
// it. If it cannot be opened, fault says why.
func (s *step) openData(user, factor, kind string, data []byte) (plain []byte, old bool, fault string) {
	return s.openFor(forData, s.dataOwner(user, factor, kind), data)
}

// openFor opens what sealFor has sealed.
func (s *step) openFor(use keyUse, owner, data []byte) (plain []byte, old bool, fault string) {
	if len(data) < dataHead+dataTag || len(data) > maxData || data[0] != dataVersion {
		return nil, false, "its data is missing or malformed"
	}
	k := s.m.keyIndex(binary.BigEndian.Uint32(data[1:]))
	if k < 0 {
		return nil, false, "the key of its data is not in the ring"
	}
	plain, err := s.aead(k, use).Open(nil, data[5:dataHead], data[dataHead:], owner)
	if err != nil {
		return nil, false, "its data was altered, or is another factor's"
	}
	return plain, k != 0, ""
}

// Import makes the [Factor].Data of a factor that another system has enrolled. f has at
// least an ID, which was never another factor's, and a Type, which says what from is:
//
//   - of [TOTP] what its QR code says, otpauth://totp/… with a secret of 16 to 128 bytes,
//     the algorithm SHA1, SHA256 or SHA512, 6 or 8 digits and a period of 30 or 60 seconds;
//   - of [RecoveryCodes] ten codes that are not used, apart by blanks: 16 characters of
//     base32 each, between which hyphens do not count;
//   - of a type with a [Verifier] what its [Verdict].Data would have been, 1 byte to 1.9 KiB.
//
// The host keeps the factor that is returned: f, [Active], with Data, Revision 1 and, of a
// [Discoverer], its Handle. An error wraps [ErrMalformed].
func (s *Service) Import(user string, f Factor, from Secret) (Factor, error) {
	typ := s.m.typeOf(f.Type)
	if !validUser(user) || !validFactorID(f.ID) || typ == nil || typ.sends() {
		return Factor{}, fmt.Errorf("%w: user, factor ID or type", ErrMalformed)
	}
	plain := []byte(from)
	if typ.codes != nil {
		var err error
		if plain, err = typ.codes.imported(from); err != nil {
			return Factor{}, err
		}
	} else if len(plain) == 0 || len(plain) > maxVerdict {
		return Factor{}, fmt.Errorf("%w: data of %d bytes, not 1 to %d", ErrMalformed, len(plain), maxVerdict)
	}
	st := s.m.pool.Get().(*step)
	defer s.m.pool.Put(st)
	f.Status, f.Revision, f.Data = Active, 1, st.sealData(user, f.ID, f.Type, freshNonce(), plain)
	l := listed{typ: typ, plain: plain}
	f.Handle = l.handleOf()
	return f, nil
}

// Reseal returns the factor with its Data sealed by the key in use, and whether that
// changed anything. Before a key leaves [Config].Keys, the host calls it for every
// factor with Data that it keeps: records are sealed anew by themselves, what a
// Directory keeps is not. The Revision stays: the host stores the result only if the
// factor that it has still has that Revision. The error of data that cannot be opened
// wraps [ErrCorrupt].
func (s *Service) Reseal(user string, f Factor) (Factor, bool, error) {
	st := s.m.pool.Get().(*step)
	defer s.m.pool.Put(st)
	if len(f.Data) == 0 {
		return f, false, nil
	}
	plain, old, fault := st.openData(user, f.ID, f.Type, f.Data)
	if fault != "" {
		return f, false, corrupt(fault)
	}
	if old {
		f.Data = st.sealData(user, f.ID, f.Type, freshNonce(), plain)
	}
	return f, old, nil
}

func freshNonce() []byte {
	b := make([]byte, dataNonce)
	rand.Read(b)
	return b
}
