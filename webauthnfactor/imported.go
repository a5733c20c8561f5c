package webauthnfactor

import (
	"errors"
	"slices"

	"github.com/authnfsm/authn"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// A Credential is a key that another system has enrolled for the same relying party's id.
type Credential struct {
	ID         []byte // 1 to 1,023 bytes
	PublicKey  []byte // a COSE_Key
	UserHandle []byte // 1 to 64 bytes: the user.id of its creation
	SignCount  uint32
	Transports []string // as the browser has named them, such as "usb"; others are left out
	// Whether the user was verified when it was enrolled (uvInitialized), and whether it can
	// be, and is, backed up. Without the first it does not count as "uv", and is no passkey.
	UserVerified, BackupEligible, BackedUp bool
}

// Imported returns what [authn.Service.Import] takes of a credential.
func Imported(c Credential) (authn.Secret, error) {
	if _, err := webauthncose.ParsePublicKey(c.PublicKey); err != nil {
		return "", errors.New("webauthnfactor: the public key is no COSE_Key that is known")
	}
	if n, m := len(c.ID), len(c.UserHandle); n < 1 || n > maxID || m < 1 || m > maxHandle || c.BackedUp && !c.BackupEligible {
		return "", errors.New("webauthnfactor: ID, UserHandle or backup flags that cannot be")
	}
	k := credential{count: c.SignCount, handle: string(c.UserHandle), id: string(c.ID), key: string(c.PublicKey)}
	k.set(verified, c.UserVerified)
	k.set(eligible, c.BackupEligible)
	k.set(backedUp, c.BackedUp)
	for i, t := range transports {
		if slices.Contains(c.Transports, string(t)) {
			k.transports |= 1 << i
		}
	}
	data, ok := k.encode()
	if !ok {
		return "", errors.New("webauthnfactor: the credential is too long")
	}
	return authn.Secret(data), nil
}
