package authn

import (
	"fmt"
	"strings"
)

// Email is the factor type of a one-time code sent by e-mail.
const Email = "email"

var emailType = FactorType{Name: Email, Channel: mailChannel, Methods: []string{"otp"}, Canonical: canonicalEmail, Mask: maskEmail}

// canonicalEmail returns the spelling under which an address is compared: in
// lower case. It accepts an ASCII local part of at most 64 bytes without quotes,
// with dots anywhere, as some carriers have them, and a host name, which may have
// underscores and a single label; 254 bytes in all (RFC 5321 4.5.3.1). The host
// gives an internationalized domain as A-labels.
func canonicalEmail(s string) (string, error) {
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok || strings.Contains(domain, "@"):
		return "", fmt.Errorf("%w: an address has exactly one @", ErrMalformed)
	case len(s) > maxAddress || len(local) > maxLocalPart:
		return "", fmt.Errorf("%w: address is too long", ErrMalformed)
	case !validLocal(local):
		return "", fmt.Errorf("%w: local part of the address", ErrMalformed)
	case !validDomain(domain):
		return "", fmt.Errorf("%w: domain of the address", ErrMalformed)
	}
	return strings.ToLower(s), nil
}

func validLocal(s string) bool {
	for i := range len(s) {
		if !letterOrDigit(s[i]) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", rune(s[i])) {
			return false
		}
	}
	return s != ""
}

func validDomain(s string) bool {
	for more := true; more; {
		var l string
		l, s, more = strings.Cut(s, ".")
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		number := true
		for i := range len(l) {
			if l[i] != '-' && l[i] != '_' && !letterOrDigit(l[i]) {
				return false
			}
			number = number && '0' <= l[i] && l[i] <= '9'
		}
		if !more {
			return !number
		}
	}
	return false
}

// maskEmail shows the first and the last character of the local part and the whole
// domain, as Okta does, so that a user can tell two addresses apart. It shows no
// whole local part, and not how long it is.
func maskEmail(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	first, last := "", ""
	if len(local) > 1 {
		first = local[:1]
	}
	if len(local) > 2 {
		last = local[len(local)-1:]
	}
	return first + "..." + last + "@" + domain
}
