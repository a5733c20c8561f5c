package authn

import (
	"fmt"
	"strings"
)

// The factor types of a one-time code that is sent to a phone. They are known to a
// [Service] that has a [Sender] for their channel, "sms" or "call", in
// [Config].Senders. NIST SP 800-63B section 3.1.3.3 restricts the telephone network
// as an authenticator: offer another type beside it.
const (
	SMS  = "sms"  // a text message
	Call = "call" // a voice that reads the code
)

var (
	smsType  = FactorType{Name: SMS, Channel: "sms", Methods: []string{"sms"}, Canonical: canonicalPhone, Mask: maskPhone}
	callType = FactorType{Name: Call, Channel: "call", Methods: []string{"tel"}, Canonical: canonicalPhone, Mask: maskPhone}
)

// The digits of a number in the form of ITU-T E.164, without the plus sign. No
// country has numbers of fewer than seven with its code.
const (
	minPhone = 7
	maxPhone = 15
)

// canonicalPhone accepts a plus sign and the digits, nothing else: what people write
// beside them has no one meaning.
func canonicalPhone(s string) (string, error) {
	digits, ok := strings.CutPrefix(s, "+")
	switch {
	case !ok:
		return "", fmt.Errorf("%w: a phone number begins with +", ErrMalformed)
	case strings.Trim(digits, "0123456789") != "":
		return "", fmt.Errorf("%w: a phone number has only digits after +", ErrMalformed)
	case len(digits) < minPhone || len(digits) > maxPhone:
		return "", fmt.Errorf("%w: a phone number has %d to %d digits", ErrMalformed, minPhone, maxPhone)
	case digits[0] == '0':
		return "", fmt.Errorf("%w: no country code begins with 0", ErrMalformed)
	}
	return s, nil
}

// maskPhone shows the country code and the last four digits, as Okta does, and not
// how long the number is. Of a short number it shows fewer: three are always hidden.
func maskPhone(s string) string {
	code := countryCode(s[1:])
	shown := min(4, len(s)-1-len(code)-3)
	return "+" + code + " XXX-XXX-" + s[len(s)-shown:]
}

// twoDigits are the country codes of two digits (ITU-T E.164, list of assigned
// codes); 1 and 7 are the only ones of one digit, and all others have three.
const twoDigits = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

func countryCode(digits string) string {
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return digits[:1]
	case strings.Contains(twoDigits, " "+digits[:2]+" "):
		return digits[:2]
	}
	return digits[:3]
}
