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
		"a@localhost": "", "a@[127.0.0.1]": "", "a@[IPv6:::1]": "", "a@127.0.0.1": "",
		strings.Repeat("a", 65) + "@x.co": "", "a@" + strings.Repeat("b", 64) + ".co": "", "a@" + strings.Repeat("b.", 126) + "co": "",
		"a@-x.com": "", "a@x-.com": "", "a@x..com": "", "a@x.com.": "", "a@.com": "", ".a@x.co": "", "a.@x.co": "", "a..b@x.co": "",
		`"a b"@x.com`: "", `"<script>"@x.com`: "", "a@exаmple.com": "", "ä@x.co": "", "a@x_y.co": "",
	} {
		got, err := canonicalEmail(in)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestMaskEmail(t *testing.T) {
	for in, want := range map[string]string{
		"ada@example.com": "a***@e***.com", "a@x.co": "***@x***.co", "ada+tag@mail.example.org": "a***@m***.org",
		"al@" + "b." + strings.Repeat("c", 63): "a***@b***." + strings.Repeat("c", 30),
	} {
		if got := maskEmail(in); got != want || len(got) > maxMasked {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// What a Directory must not say fails closed.
func TestBadFactors(t *testing.T) {
	m := newMachine(t, Policy{})
	for name, change := range map[string]func(f *Factor){
		"no id":       func(f *Factor) { f.ID = "" },
		"id too long": func(f *Factor) { f.ID = strings.Repeat("x", 65) },
		"id in utf-8": func(f *Factor) { f.ID = "é" },
		"no status":   func(f *Factor) { f.Status = 0 },
		"bad status":  func(f *Factor) { f.Status = 9 },
		"no address":  func(f *Factor) { f.Address = "" },
		"bad address": func(f *Factor) { f.Address = "a@x.co\r\nBcc: b@y.co" },
	} {
		f := adaMail
		change(&f)
		var r Result
		err := m.Begin(&Account{}, ada, env(0, 1, f), &r)
		var ref *Refusal
		if !errors.Is(err, ErrUnavailable) || errors.As(err, &ref) {
			t.Errorf("%s: %v", name, err)
		}
		if f.Address != "" && strings.Contains(err.Error(), f.Address) {
			t.Errorf("%s: the error holds the address", name)
		}
	}
	var twice Result
	if err := m.Begin(&Account{}, ada, env(0, 1, adaMail, adaMail), &twice); !errors.Is(err, ErrUnavailable) {
		t.Errorf("two factors with one ID: %v", err)
	}
	sms := Factor{ID: "s", Type: "sms", Address: "not looked at", Status: Active}
	var r Result
	refused(t, &r, m.Begin(&Account{}, ada, env(0, 1, sms), &r), ErrNoFactor)
	taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, sms, adaMail), &r))
}

// There is room for three factors. An active one is never overlooked, wherever
// it stands: else the password alone would be enough for enrolling.
func TestThreeFactors(t *testing.T) {
	m := newMachine(t, Policy{})
	status := map[rune]Factor{'a': {Status: Active}, 'r': {Status: NotSetUp, Required: true}, 'n': {Status: NotSetUp}}
	for in, want := range map[string]string{
		"a": "0", "nra": "012", "aaaa": "012", "nnnn": "012", "nnna": "013", "nnnr": "013", "annn": "012",
		"rrra": "013", "rrrn": "012", "nnnra": "034", "nanara": "135", "rnarnaa": "256", "aaarrr": "012", "nnrrr": "234",
	} {
		var fs []Factor
		for i, c := range in {
			f := status[c]
			f.ID, f.Type, f.Address = string(rune('0'+i)), Email, "a@x.co"
			fs = append(fs, f)
		}
		var r Result
		a := taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, fs...), &r))
		got := ""
		for _, f := range a.txs[0].factors {
			got += f.id
		}
		if got != want || (a.txs[0].name() == MFARequired) != strings.Contains(in, "a") {
			t.Errorf("of %s it pins %s, not %s, and is in %s", in, got, want, a.txs[0].name())
		}
	}
}

func TestFactorID(t *testing.T) {
	for id, want := range map[string]bool{"": false, "!": true, "~": true, " ": false, "a b": false, "\x7f": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false} {
		if validFactorID(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}

func TestBadLogin(t *testing.T) {
	m := newMachine(t, Policy{})
	for _, l := range []Login{{}, {User: strings.Repeat("u", 129)}, {User: "a\nb"}, {User: "a\x00"}, {User: "\u0085"}, {User: "\xff"}, {User: "u", Require: 3}} {
		var r Result
		refused(t, &r, m.Begin(&Account{}, l, env(0, 1, adaMail), &r), ErrMalformed)
	}
	var r Result
	taken(t, &r, m.Begin(&Account{}, Login{User: strings.Repeat("u", 128)}, env(0, 1, adaMail), &r))
}

func TestStatusNames(t *testing.T) {
	for s, want := range map[Status]string{NotSetUp: "NOT_SETUP", Active: "ACTIVE", Disabled: "DISABLED", 99: "INVALID"} {
		if s.String() != want {
			t.Errorf("%d is %q", s, s)
		}
	}
}
