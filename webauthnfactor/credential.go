package webauthnfactor

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/authnfsm/authn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

var base64url = base64.RawURLEncoding

// credential is what is kept of a key: what the next assertion is checked against, and
// where the key may be found. In [authn.Factor].Data, before it is sealed, it is
//
//	version     1 byte: 1
//	flags       1 byte
//	transports  1 byte
//	sign count  4 bytes, big endian
//	user handle 1 byte of length, then 1 to 64 bytes
//	id          2 bytes of length, then 1 to 1,023 bytes
//	public key  the rest: a COSE_Key
type credential struct {
	flags      byte
	transports byte // a bit for each of transports
	count      uint32
	handle     string // names the user to authenticators, in all of the user's credentials
	id         string
	key        string
}

const (
	version   = 1
	dataHead  = 1 + 1 + 1 + 4
	maxHandle = 64
	maxID     = 1023

	// maxData is how much data a factor can have, before it is sealed.
	maxData = 2015
)

// Flags of a credential.
const (
	verified byte = 1 << iota // the user was verified when it was enrolled: uvInitialized of Level 3
	eligible                  // it can be backed up
	backedUp
	flagsEnd
)

// transports are the ways to reach an authenticator that are remembered, in the order of
// their bits. Append only.
var transports = [...]protocol.AuthenticatorTransport{
	protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal,
}

// encode returns the data; false if it is more than can be kept.
func (c *credential) encode() (data []byte, ok bool) {
	b := []byte{version, c.flags, c.transports}
	b = binary.BigEndian.AppendUint32(b, c.count)
	b = append(append(b, byte(len(c.handle))), c.handle...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(c.id))), c.id...)
	b = append(b, c.key...)
	return b, len(b) <= maxData
}

var errData = errors.New("webauthnfactor: the data of a factor is not of this version")

// decode reads what encode has written, and nothing else.
func decode(data []byte) (c credential, err error) {
	if len(data) < dataHead || len(data) > maxData || data[0] != version || data[1] >= flagsEnd || data[2]>>len(transports) != 0 {
		return c, errData
	}
	c.flags, c.transports, c.count = data[1], data[2], binary.BigEndian.Uint32(data[3:])
	rest := string(data[dataHead:])
	var okHandle, okID bool
	c.handle, rest, okHandle = cut(rest, 1, maxHandle)
	c.id, c.key, okID = cut(rest, 2, maxID)
	if !okHandle || !okID || c.key == "" || c.has(backedUp) && !c.has(eligible) {
		return credential{}, errData
	}
	return c, nil
}

// cut cuts a field of 1 to most bytes off, before which its length is.
func cut(s string, head, most int) (field, rest string, ok bool) {
	if len(s) < head {
		return "", "", false
	}
	n := int(s[head-1])
	if head == 2 {
		n |= int(s[0]) << 8
	}
	if n < 1 || n > most || len(s)-head < n {
		return "", "", false
	}
	return s[head : head+n], s[head+n:], true
}

func (c *credential) has(flag byte) bool { return c.flags&flag != 0 }

func (c *credential) set(flag byte, on bool) {
	if c.flags &^= flag; on {
		c.flags |= flag
	}
}

// enrolled is the credential that the library has accepted.
func enrolled(w *webauthn.Credential, handle string) credential {
	c := credential{count: w.Authenticator.SignCount, handle: handle, id: string(w.ID), key: string(w.PublicKey)}
	c.set(verified, w.Flags.UserVerified)
	c.set(eligible, w.Flags.BackupEligible)
	c.set(backedUp, w.Flags.BackupState)
	for i, t := range transports {
		for _, has := range w.Transport {
			if has == t {
				c.transports |= 1 << i
			}
		}
	}
	return c
}

// library is the credential as the library wants it, with the backup flags of the
// response: whether they may change is our business.
func (c *credential) library(flags protocol.AuthenticatorFlags) webauthn.Credential {
	w := webauthn.Credential{
		ID: []byte(c.id), PublicKey: []byte(c.key),
		Flags:         webauthn.CredentialFlags{BackupEligible: flags.HasBackupEligible()},
		Authenticator: webauthn.Authenticator{SignCount: c.count},
	}
	for i, t := range transports {
		if c.transports&(1<<i) != 0 {
			w.Transport = append(w.Transport, t)
		}
	}
	return w
}

// used returns the credential after a response, and whether its sign count allows
// that: one that has not risen tells of a second copy of the key. A response decides
// with what was known before of it, since whoever has a copy can set any flag.
func (c credential) used(flags protocol.AuthenticatorFlags, count uint32) (next credential, ok bool) {
	if count <= c.count && (count != 0 || c.count != 0) && !c.has(eligible) {
		return c, false
	}
	c.count = max(c.count, count)
	c.set(eligible, flags.HasBackupEligible())
	c.set(backedUp, flags.HasBackupState())
	return c, true
}

// key is a credential of the user, and the factor that it belongs to.
type key struct {
	factor string
	credential
}

// keys returns the user's keys that may respond, that of the factor at hand first.
func (v *verifier) keys(c *authn.Check) (keys []key, err error) {
	for _, f := range append([]authn.Factor{c.Factor}, c.Others...) {
		if len(f.Data) == 0 {
			continue // it is being enrolled, or the Directory has lost its data
		}
		k, err := decode(f.Data)
		if err != nil {
			return nil, err
		}
		if !v.required && !c.First || k.has(verified) {
			keys = append(keys, key{f.ID, k})
		}
	}
	return keys, nil
}
