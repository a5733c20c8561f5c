package authn

import (
	"fmt"
	"strings"
)

// Email is the factor type of a one-time code sent by e-mail.
const Email = "email"

var emailType = factorType{name: Email, method: "otp", channel: mailChannel, canonical: canonicalEmail, mask: maskEmail}

// canonicalEmail returns the spelling under which an address is compared: in
// lower case. It accepts an exact addr-spec with an unquoted ASCII local part
// of at most 64 bytes and a host name of at least two labels, 254 bytes in all
// (RFC 5321 4.5.3.1). An internationalized domain has to be given as A-labels.
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
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !letterOrDigit(atom[i]) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", rune(atom[i])) {
				return false
			}
		}
	}
	return true
}

func validDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := range len(l) {
			if l[i] != '-' && !letterOrDigit(l[i]) {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return len(labels) >= 2 && strings.Trim(last, "0123456789") != ""
}

func letterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// maskEmail shows the first character of the local part and of the domain, and
// the top-level domain. The number of stars is fixed, so that it does not reveal
// a length. A local part of one character is not shown.
func maskEmail(s string) string {
	local, domain, _ := strings.Cut(s, "@")
	first := ""
	if len(local) > 1 {
		first = local[:1]
	}
	tld := domain[strings.LastIndexByte(domain, '.'):]
	m := first + "***@" + domain[:1] + "***" + tld
	return m[:min(len(m), maxMasked)]
}
