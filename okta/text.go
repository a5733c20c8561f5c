package okta

import (
	"fmt"
	"strings"
	"unicode"
)

// What text a request may bring. These are rules of the wire: the machine
// checks what it is given once more, by rules of its own.

// visible reports whether s is a word: 1 to 64 bytes of printable ASCII without
// a space. Ids of factors, names of their types and idempotency keys are words.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= maxWord
}

// printable reports whether s has no control character, as a user name must.
func printable(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) }

// shown returns a client's name for a member as an error may repeat it: one that some
// request has, in any case of letters. Any other may be a code, a token or a password that
// was sent in the wrong place, and stays secret.
func shown(name string) string {
	for known := range members {
		if strings.EqualFold(known, name) {
			return fmt.Sprintf("%q", name)
		}
	}
	return "a member that no request has"
}
