package authn

import (
	"strings"
	"testing"
)

// code6 is a code as a factor of six digits or more takes it; "" if it is none.
func code6(s string) string {
	in := input{code: s}
	code := in.typed[:0]
	if ok := in.squeeze(); ok {
		code = in.typed[:in.n]
	}
	if len(code) < minDigits || len(code) > maxDigits || !allDigits(code) {
		return ""
	}
	return string(code)
}

func TestSqueezed(t *testing.T) {
	for _, c := range []struct {
		in, want string
	}{
		{"012345", "012345"}, {"012 345", "012345"}, {"012-345", "012345"}, {" 012345\n", "012345"}, {"\t0123\r\n45", "012345"}, {"-012345", "012345"},
		{"0012345", "0012345"}, {"123456789012", "123456789012"},
		{"12345", ""}, {"", ""}, {"1234567890123", ""}, {"+12345", ""}, {"-12345", ""}, {"0x3039", ""}, {"1e5", ""}, {"1_2345", ""}, {"012345.0", ""},
		{"NaN", ""}, {"Infinity", ""}, {"012\u00a0345", ""}, {"012\u2003345", ""}, {"012\u3000345", ""}, {"０１２３４５", ""}, {"٠١٢٣٤٥", ""}, {"01234٥", ""},
		{"०१२३४५", ""}, {"𝟎𝟏𝟐𝟑𝟒𝟓", ""}, {"01234⁵", ""}, {"Ⅻ2345", ""}, {"①23456", ""}, {"012\u200b345", ""}, {"\ufeff012345", ""}, {"012\u00ad345", ""}, {"\u202e012345", ""},
		{"012\u2011345", ""}, {"012\x00345", ""}, {"012345\x00", ""}, {"012\xff45", ""}, {"\xed\xa0\x80", ""}, {"O12345", ""}, {"l23456", ""},
		{"%", ""}, {"_", ""}, {"*", ""}, {"' OR 1=1--", ""}, {`{"$ne":""}`, ""}, {`["012345"]`, ""}, {"true", ""},
		{strings.Repeat(" ", 26) + "012345", "012345"}, {strings.Repeat(" ", 27) + "012345", ""}, {strings.Repeat("1", 33), ""}, {strings.Repeat("1", 1<<20), ""},
	} {
		if got := code6(c.in); got != c.want {
			t.Errorf("%.40q: %q", c.in, got)
		}
	}
}

// A code consists of its letters and digits, in order and in upper case. No other
// characters are letters, digits or blanks.
func FuzzSqueezed(f *testing.F) {
	for _, s := range []string{
		"123456", "123 456", "123-456\r\n", "\t000000", "abcd-efgh-ijkl-mnop", "12345", "", "١٢٣٤٥٦", "１２３４５６", "123\u00a0456", "ſbcdef", "K23456",
		"123\u200b456", "1-2-3-4-5-6-7-8-9-0-1-2", "12345６", "+123456", "0x123456", "1e6", strings.Repeat(" ", 26) + "123456", strings.Repeat(" ", 27) + "123456",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := input{code: s}
		ok := in.squeeze()
		code := in.typed[:in.n]
		var want []byte
		foreign := len(s) > 32
		for i := range len(s) {
			switch c := s[i]; {
			case strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c) >= 0:
				want = append(want, c)
			case strings.IndexByte("abcdefghijklmnopqrstuvwxyz", c) >= 0:
				want = append(want, strings.ToUpper(s[i:i+1])...)
			case strings.IndexByte(" \t\r\n-", c) < 0:
				foreign = true
			}
		}
		if foreign = foreign || len(want) > recoveryChars; ok == foreign {
			t.Fatalf("%q: %t", s, ok)
		}
		if !ok {
			return
		}
		if string(code) != string(want) {
			t.Fatalf("%q is read as %q", s, code)
		}
		if again := (input{code: string(code)}); !again.squeeze() || string(again.typed[:again.n]) != string(code) {
			t.Fatalf("squeezing %q twice gives a different result", s)
		}
	})
}

// A malformed code is refused before any lookup, for every token alike; one of the
// wrong length is refused after it. Neither is counted.
func TestMalformedIsUncounted(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for _, c := range []Code{"", "12345", "0012345", "abc", "12345678", "０１２３４５"} {
		w.refuses(Verify{Code: c}, ErrMalformed)
	}
	known := w.m.Step(&w.a, w.h, Verify{Code: "abc"}, w.env(), &w.r)
	unknown := w.m.Step(&w.a, TokenSecret{}, Verify{Code: "abc"}, w.env(), &w.r)
	if known.Error() != unknown.Error() {
		t.Errorf("%v and %v", known, unknown)
	}
	for _, f := range []string{strings.Repeat("x", 65), "a b", "é", "a\nb", "\x00"} {
		w.refuses(Resend{f}, ErrMalformed)
		w.refuses(Challenge{f}, ErrMalformed)
	}
	w.refuses(Challenge{""}, ErrMalformed)
	w.refuses(Enroll{""}, ErrMalformed)
	w.refuses(Verify{Factor: "__proto__", Code: "012345"}, ErrNotOffered)
	w.refuses(nil, ErrMalformed)
	w.refuses((*Verify)(nil), ErrMalformed)
	w.refuses(WithKey("k", nil), ErrMalformed)
	w.refuses(WithKey("k", WithKey("k", Cancel{})), ErrMalformed)
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

func TestOnce(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	wrong := w.wrong()
	w.do(WithKey("k1", Verify{Code: wrong}))
	before := w.a
	w.do(WithKey("k1", Verify{Code: wrong}))
	if w.a != before || w.r.Changed || w.r.Outcome != WrongCode {
		t.Errorf("a repeat: changed %t, %q", w.r.Changed, w.r.Outcome)
	}
	w.refuses(WithKey("k1", Verify{Code: w.right()}), ErrKeyReused)
	w.refuses(WithKey("k1", Verify{Factor: adaMail.ID, Code: wrong}), ErrKeyReused)
	w.refuses(WithKey("k1", Cancel{}), ErrKeyReused)
	w.do(WithKey("k2", Verify{Code: w.wrong()}))
	w.do(WithKey("k1", Verify{Code: wrong})) // an older key is a new event
	if w.a.fails != 3 {
		t.Errorf("%d wrong codes counted, want 3", w.a.fails)
	}
	right := w.right()
	w.do(WithKey("k3", Verify{Code: right}))
	done := w.a
	w.want(w.do(WithKey("k3", Verify{Code: right})), Success)
	if w.a != done {
		t.Error("a repeat of the success changed something")
	}
	w.refuses(Verify{Code: right}, ErrFinished)
	for _, k := range []string{"", string(make([]byte, 65))} {
		w.refuses(WithKey(k, Cancel{}), ErrMalformed)
	}
	w.do(WithKey(string(make([]byte, 64)), Cancel{}))
}
