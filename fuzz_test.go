package authn

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// A code has few spellings: what is taken is its digits, in their order, and
// nothing else is a digit or a blank.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{
		"123456", "123 456", "123-456\r\n", "\t000000", "123456789012", "1234567890123", "12345", "", "١٢٣٤٥٦", "１２３４５６", "123\u00a0456",
		"123\u200b456", "1-2-3-4-5-6-7-8-9-0-1-2", "12345６", "+123456", "0x123456", "1e6", strings.Repeat(" ", 26) + "123456", strings.Repeat(" ", 27) + "123456",
	} {
		f.Add(s, uint8(6))
	}
	f.Fuzz(func(t *testing.T, s string, least uint8) {
		least = least%maxDigits + 1
		var in, again input
		ok := in.normalize(Code(s), least)
		var digits []byte
		foreign := false
		for i := range len(s) {
			switch c := s[i]; {
			case strings.IndexByte("0123456789", c) >= 0:
				digits = append(digits, c)
			case strings.IndexByte(" \t\r\n-", c) < 0:
				foreign = true
			}
		}
		if want := !foreign && len(s) <= 32 && len(digits) >= int(least) && len(digits) <= 12; ok != want {
			t.Fatalf("%q with at least %d digits: %t", s, least, ok)
		}
		if !ok {
			return
		}
		if got := string(in.code[:in.digits]); got != string(digits) {
			t.Fatalf("%q is read as %q", s, got)
		}
		if !again.normalize(Code(in.code[:in.digits]), least) || again != in {
			t.Fatalf("%q is read in another way the second time", s)
		}
	})
}

// An address that is taken has one canonical spelling, no place for a second
// header or recipient, and a mask that does not give it away.
func FuzzEmail(f *testing.F) {
	for _, s := range []string{
		"ada@example.com", "Ada.Lovelace+tag@Sub.Example.COM", "a@b.co", "a@b", "@example.com", "ada@", "a@b@c.de", `"a b"@example.com`, "ada@[127.0.0.1]",
		"ada@example.com\r\nBcc: eve@example.com", "ada@example.com,eve@example.com", "ada@exämple.com", "ada@127.0.0.1", "a..b@example.com", "ada@-x.com",
		"<ada@example.com>", strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 65) + "@example.com", "ada@" + strings.Repeat("b.", 124) + "co", "a@b.\u2028c", "ada@example.com ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := canonicalEmail(s)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || len(s) > 3 && strings.Contains(err.Error(), s) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if again, err := canonicalEmail(c); err != nil || again != c || !strings.EqualFold(c, s) {
			t.Fatalf("%q becomes %q, and that %q, %v", s, c, again, err)
		}
		for i := range len(s) {
			if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(`()<>[]:;,\"`, s[i]) >= 0 {
				t.Fatalf("%q is taken", s)
			}
		}
		local, domain, _ := strings.Cut(s, "@")
		m := maskEmail(s)
		if len(m) > maxMasked || strings.Contains(m, local+"@") || len(domain) > 4 && strings.Contains(m, domain) {
			t.Fatalf("%q is shown as %q", s, m)
		}
	})
}

// Whatever comes from a wire is a refusal with one of the sentinels, or is
// taken; it never ends in SUCCESS without the code, and no error repeats it.
func FuzzEvent(f *testing.F) {
	m := newMachine(f, Policy{})
	a, h := challenged(f, m)
	right := m.liveCode(&a, 0)
	sentinels := []error{
		ErrNotAllowed, ErrFinished, ErrMalformed, ErrNotOffered, ErrNoFactor, ErrNoUser, ErrNoCode, ErrRequired, ErrExhausted, ErrTooSoon, ErrLocked, ErrKeyReused,
	}
	for _, name := range []string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel", "primary", "redeem", "expire", "", "VERIFY", "verify\x00"} {
		f.Add(name, adaMail.ID, string(m.wrongCode(&a, 0)), "", 0)
		f.Add(name, "email", "123 456", "key", 40)
		f.Add(name, "\x00", "１２３４５６", strings.Repeat("k", 65), 700)
	}
	f.Fuzz(func(t *testing.T, name, factor, code, key string, seconds int) {
		ev, err := ParseEvent(name, factor, Code(code))
		var r Result
		if err == nil {
			if key != "" {
				ev = WithKey(key, ev)
			}
			err = m.Step(&a, h, ev, env(time.Duration(seconds%3600)*time.Second, 9, adaMail), &r)
		}
		if err != nil {
			var ref *Refusal
			if !errors.As(err, &ref) || !slices.Contains(sentinels, ref.Err) {
				t.Fatalf("%q: %v", name, err)
			}
			if strings.ContainsAny(err.Error(), "0123456789\r\n\x00") {
				t.Fatalf("the error repeats what came: %q", err)
			}
			return
		}
		var in input
		if in.normalize(Code(code), minDigits); r.Account.txs[r.slot].name() == Success && string(in.code[:in.digits]) != string(right) {
			t.Fatalf("SUCCESS by %q %q", name, code)
		}
		if b := m.Seal(&r.Account, "k"); len(b) > 4096 {
			t.Fatalf("a record of %d bytes", len(b))
		}
	})
}
