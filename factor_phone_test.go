package authn

import (
	"errors"
	"strings"
	"testing"
)

func TestPhoneNumbers(t *testing.T) {
	for in, mask := range map[string]string{
		"+14155551234": "+1 XXX-XXX-1234", "+79161234567": "+7 XXX-XXX-4567", "+442071838750": "+44 XXX-XXX-8750",
		"+35312345678": "+353 XXX-XXX-5678", "+1234567": "+1 XXX-XXX-567", "+6834000": "+683 XXX-XXX-0", "+68340001": "+683 XXX-XXX-01", "+2901234567": "+290 XXX-XXX-4567", "+999123456789012": "+999 XXX-XXX-9012",
	} {
		if got, err := canonicalPhone(in); err != nil || got != in || maskPhone(in) != mask {
			t.Errorf("%s: %s, %v, shown as %s, want %s", in, got, err, maskPhone(in), mask)
		}
	}
	for _, in := range []string{
		"", "+", "14155551234", "+1 415 555 1234", "+1-415-555-1234", "+1(415)5551234", "+1415555CALL", "+123456", "+1234567890123456", "+0123456789",
		"++14155551234", "+१४१५५५५१२३४", "+14155551234\n", "004155551234", "tel:+14155551234",
	} {
		if _, err := canonicalPhone(in); !errors.Is(err, ErrMalformed) || len(in) > 4 && strings.Contains(err.Error(), in) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// An accepted number is its own canonical form, and its mask shows four digits of
// the subscriber at most, and hides three at least.
func FuzzPhone(f *testing.F) {
	for _, s := range []string{"+14155551234", "+442071838750", "+999123456789012", "+1234567", "+", "1", "+1 415", "+14155551234567890"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := canonicalPhone(s)
		if err != nil {
			return
		}
		m := maskPhone(s)
		code, shown, ok := strings.Cut(m, " XXX-XXX-")
		hidden := len(s) - len(code) - len(shown)
		if c != s || !ok || !strings.HasPrefix(s, code) || !strings.HasSuffix(s, shown) || len(shown) > 4 || hidden < 3 || hidden > 3 && len(shown) < 4 {
			t.Fatalf("%q: %q, shown as %q", s, c, m)
		}
	})
}
