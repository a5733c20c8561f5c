package passwords

import (
	"crypto/rand"
	"crypto/subtle"

	"golang.org/x/crypto/argon2"
)

// The costs of Argon2id, and the form of a hash: its version, the salt, the key. Other
// costs are another version, so that hashes of both can be told apart.
const (
	version  = 1
	passes   = 2
	saltSize = 16
	keySize  = 32
)

// memory is in KiB; tests lower it.
var memory uint32 = 19 << 10

// hash takes some ten milliseconds.
func hash(password string) []byte {
	form := make([]byte, 1+saltSize, 1+saltSize+keySize)
	form[0] = version
	rand.Read(form[1:])
	return append(form, key(password, form[1:])...)
}

// matches says whether this is the password that was hashed.
func matches(form []byte, password string) bool {
	if len(form) != 1+saltSize+keySize || form[0] != version {
		return false
	}
	salt, want := form[1:1+saltSize], form[1+saltSize:]
	return subtle.ConstantTimeCompare(key(password, salt), want) == 1
}

func key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, passes, memory, 1, keySize)
}
