package passwords

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Characters of a new password, at least: NIST SP 800-63B-4 section 3.1.1.2.
const (
	Alone        = 15 // where the password may be all that is proved
	SecondFactor = 8  // where a second factor is always proved as well
)

// Rules say what a new password must be. There is none for what it is made of, and none
// for how long it lasts: NIST SP 800-63B-4 forbids both.
type Rules struct {
	MinLength int
	// Blocked says that a password, in lower case, is common, expected or known from a
	// breach. Its list is the host's: some thousand of the most common ones are enough, since
	// guesses at the sign-in are limited.
	Blocked func(password string) bool
}

// reasons are for the user to read; nil if the password is good enough.
func (r *Rules) reasons(user, password string) (list []string) {
	if n := utf8.RuneCountInString(password); n < r.MinLength {
		list = append(list, fmt.Sprintf("it has %d characters, and needs %d", n, r.MinLength))
	}
	if lower := strings.ToLower(password); r.Blocked(lower) || lower == strings.ToLower(user) {
		list = append(list, "others would guess it")
	}
	return list
}

// normal is a password in the form that is hashed, whatever keyboard it comes from.
func normal(password string) string { return norm.NFKC.String(password) }
