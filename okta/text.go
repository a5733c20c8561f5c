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

// shown returns a client's name for a member as an error may repeat it: a name
// that looks like a code or a token, sent in the wrong place, stays secret.
func shown(name string) string {
	if len(name) == 0 || len(name) > maxWord/2 {
		return "a member"
	}
	for i := range len(name) {
		if c := name[i] | 0x20; (c < 'a' || c > 'z') && name[i] != '_' {
			return "a member"
		}
	}
	return fmt.Sprintf("%q", name)
}
