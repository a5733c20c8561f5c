package authn

import (
	"fmt"
	"strings"
)

// Status is where a factor stands for its user, in the host's directory.
type Status uint8

// The statuses of a factor. The zero value is none of them and is refused.
const (
	NotSetUp Status = iota + 1 // may be enrolled
	Active                     // may be challenged
	Disabled                   // exists, and must not be used: the sign-in is refused
)

var statusNames = [...]string{"", "NOT_SETUP", "ACTIVE", "DISABLED"}

// String returns the name that Okta's API has for s.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "INVALID"
}

// Email is the factor type of a one-time code sent by e-mail.
const Email = "email"

// A Factor is a second factor of a user, as the host's [Directory] knows it.
type Factor struct {
	ID       string // the host's: 1 to 64 printable ASCII bytes, no space
	Type     string // [Email]; factors of a type that is not known here are passed over
	Address  string // where codes go; in answers it is masked
	Status   Status
	Verified bool   // the host has verified Address: see Policy.NoAutoActivate
	Required bool   // must be enrolled before a sign-in succeeds
	Locale   string // BCP 47 tag for messages; "" is unknown
}

// factorType is what the machine knows of a type of factor: its behavior,
// in one place.
type factorType struct {
	name    string
	method  string // the authentication method reference of RFC 8176
	channel string
	// canonical returns the one spelling that stands for an address.
	canonical func(string) (string, error)
	mask      func(string) string
}

var factorTypes = [...]factorType{
	{name: Email, method: "otp", channel: "email", canonical: canonicalEmail, mask: maskEmail},
}

const (
	maxFactors   = 3
	maxFactorID  = 64
	maxMasked    = 40
	maxAddress   = 254
	maxLocalPart = 64
)

// pin is a factor as a transaction remembers it: no address, but a keyed
// pseudonym of it and a form to show.
type pin struct {
	id        string
	masked    string
	recipient id
	kind      uint8 // 1 + index in factorTypes; 0 is an empty slot
	status    Status
	required  bool
}

func (p *pin) typ() *factorType { return &factorTypes[p.kind-1] }

// shown is the factor as answers show it.
func (p *pin) shown() Factor {
	return Factor{ID: p.id, Type: p.typ().name, Address: p.masked, Status: p.status, Required: p.required}
}

func validFactorID(s string) bool {
	if len(s) == 0 || len(s) > maxFactorID {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

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

// maskEmail shows the first character of the local part and of the domain,
// and the top-level domain; the number of stars is fixed, as it would tell
// the length. A local part of one character is not shown.
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
