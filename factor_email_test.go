package authn

import (
	"errors"
	"strings"
	"testing"
)

func TestCanonicalEmail(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.com": "ada@example.com", "Ada@EXAMPLE.com": "ada@example.com", "a+1@x.co": "a+1@x.co", "a.b.c@x.co": "a.b.c@x.co",
		"%0d%0aBcc:@x.co": "", "o'hara!#$%&*/=?^_`{|}~-@x.co": "o'hara!#$%&*/=?^_`{|}~-@x.co", "a@xn--exmple-cua.com": "a@xn--exmple-cua.com",
		"0a9z@0a9z.0a9z": "0a9z@0a9z.0a9z", "AZ@AZ.AZ": "az@az.az", "a@x/.co": "", "a@x:.co": "", "a@x@.co": "", "a@x[.co": "", "a@x`.co": "", "a@x{.co": "",
		"a@" + strings.Repeat("b.", 124) + "co.jp": "",
		"ab@" + strings.Repeat("b.", 124) + "com":  "ab@" + strings.Repeat("b.", 124) + "com", // 254 bytes
		"abc@" + strings.Repeat("b.", 124) + "com": "",
		strings.Repeat("a", 64) + "@x.co":          strings.Repeat("a", 64) + "@x.co",
		"a@" + strings.Repeat("b", 63) + ".co":     "a@" + strings.Repeat("b", 63) + ".co",
		"":                                         "", "a": "", "@": "", "a@": "", "@x.co": "", "a@@x.co": "", "a@b@x.co": "",
		"a@example.com\r\nBcc: x@evil": "", "a@x.co\n": "", "a@x.co\r": "", "a@x.co\u0085": "", "a@x.co\u2028": "", "a@x.co\x00": "", "\ta@x.co": "", " a@x.co": "", "a@x.co ": "",
		"A <a@example.com>": "", "a@x.com, b@y.com": "", "g:a@x;": "", "a(c)@x.co": "", "=?utf-8?q?=0d=0a?= <a@x.co>": "",
		"a@localhost": "a@localhost", "a@[127.0.0.1]": "", "a@[IPv6:::1]": "", "a@127.0.0.1": "",
		strings.Repeat("a", 65) + "@x.co": "", "a@" + strings.Repeat("b", 64) + ".co": "", "a@" + strings.Repeat("b.", 126) + "co": "",
		"a@-x.com": "", "a@x-.com": "", "a@x..com": "", "a@x.com.": "", "a@.com": "", ".a@x.co": ".a@x.co", "a.@x.co": "a.@x.co", "a..b@docomo.example": "a..b@docomo.example",
		`"a b"@x.com`: "", `"<script>"@x.com`: "", "a@exаmple.com": "", "ä@x.co": "", "a@x_y.co": "a@x_y.co",
	} {
		got, err := canonicalEmail(in)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestMaskEmail(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.com": "a...a@example.com", "jane.doe@example.com": "j...e@example.com", "a@x.co": "...@x.co", "al@x.co": "a...@x.co",
		"ada+tag@mail.example.org": "a...g@mail.example.org", "Ada@Example.COM": "A...a@Example.COM",
	} {
		if got := maskEmail(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// An accepted address has one canonical spelling, cannot contain a second header or
// recipient, and has a mask that does not reveal it.
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
		if m, ok := strings.CutSuffix(maskEmail(s), "@"+domain); !ok || len(m) > 5 || len(strings.ReplaceAll(m, ".", "")) >= len(local) {
			t.Fatalf("%q is shown as %q", s, maskEmail(s))
		}
	})
}
