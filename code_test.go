package authn

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crypto/hkdf"

	"pgregory.net/rapid"
)

// The code, computed a second time from its definition.
func TestCodeKnownAnswer(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	tx := &a.txs[0]
	key, err := hkdf.Key(sha256.New, keyA, nil, "authn/v1/code", 32)
	if err != nil {
		t.Fatal(err)
	}
	var msg []byte
	for _, f := range []string{"acme", string(tx.id[:]), adaMail.ID, string(tx.factors[0].recipient[:]), "sign_in"} {
		msg = binary.BigEndian.AppendUint32(msg, uint32(len(f)))
		msg = append(msg, f...)
	}
	msg = append(append(msg, 1), tx.code.nonce[:]...)
	h := hmac.New(sha256.New, key)
	h.Write(msg)
	want := fmt.Sprintf("%06d", binary.BigEndian.Uint64(h.Sum(nil))%1e6)
	if got := string(m.liveCode(&a, 0)); got != want || got != "641661" {
		t.Errorf("code %s, want %s", got, want)
	}
}

// A code is bound to everything that it is made from: change one, and it is
// another.
func TestCodeBinding(t *testing.T) {
	m := newMachine(t, Policy{Digits: 12})
	a, _ := challenged(t, m)
	codes := map[Code]string{m.liveCode(&a, 0): "itself"}
	for name, change := range map[string]func(x *transaction){
		"transaction": func(x *transaction) { x.id[0]++ },
		"factor":      func(x *transaction) { x.factors[0].id = "other" },
		"recipient":   func(x *transaction) { x.factors[0].recipient[0]++ },
		"purpose":     func(x *transaction) { x.state = uint8(MFAEnrollActivate.index() + 1) },
		"generation":  func(x *transaction) { x.sends++ },
		"nonce":       func(x *transaction) { x.code.nonce[15]++ },
	} {
		b := a
		change(&b.txs[0])
		c := m.liveCode(&b, 0)
		if was, ok := codes[c]; ok {
			t.Errorf("%s gives the code of %s", name, was)
		}
		codes[c] = name
	}
	other, err := NewMachine("other", []Key{{ID: 1, Secret: keyA}}, pseudo, Policy{Digits: 12})
	if err != nil {
		t.Fatal(err)
	}
	if c := other.liveCode(&a, 0); codes[c] != "" {
		t.Error("another tenant has the same code")
	}
}

// No two lists of fields give one message.
func TestFieldsInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.StringN(0, 3, 6), 1, 4)
		x, y := list.Draw(t, "x"), list.Draw(t, "y")
		enc := func(fs []string) (b []byte) {
			for _, f := range fs {
				b = field(b, f)
			}
			return b
		}
		if bytes.Equal(enc(x), enc(y)) != (fmt.Sprintf("%q", x) == fmt.Sprintf("%q", y)) {
			t.Fatalf("%q and %q", x, y)
		}
	})
}

// H5: codes are uniform: every digit at every place, leading zeros kept.
func TestCodesUniform(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	const n = 200_000
	var count [6][10]int
	zero := 0
	for i := range n {
		binary.BigEndian.PutUint64(a.txs[0].code.nonce[:], uint64(i))
		c := m.liveCode(&a, 0)
		if len(c) != 6 {
			t.Fatalf("%d digits", len(c))
		}
		if c[0] == '0' {
			zero++
		}
		for p := range c {
			count[p][c[p]-'0']++
		}
	}
	for p := range count {
		chi := 0.0
		for _, k := range count[p] {
			d := float64(k) - n/10
			chi += d * d / (n / 10)
		}
		if chi > 44.8 { // 9 degrees of freedom, p = 1e-6
			t.Errorf("place %d: chi-square %.1f", p, chi)
		}
	}
	if zero < n/10-1000 || zero > n/10+1000 {
		t.Errorf("%d of %d codes begin with 0", zero, n)
	}
}

func TestNormalize(t *testing.T) {
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
		var in input
		ok := in.normalize(Code(c.in), minDigits)
		if got := string(in.code[:in.digits]); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%.40q: %q, %t", c.in, got, ok)
		}
	}
}

// Malformed codes are refused before any look-up, the same for every token;
// a well-formed one of another length after it. Neither is counted.
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

// A code of another length is malformed, of the right length it is compared
// and counted, whatever it is: old, another transaction's, one digit off.
func TestEveryWrongCodeIsAlike(t *testing.T) {
	w := begun(t, Policy{Cooldowns: []time.Duration{time.Second}, NoBackoff: true, Digits: 8}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	old := w.right()
	w.at = time.Second
	w.do(Resend{})
	mine, right := w.h, w.right()
	w.begin(ada)
	w.do(Challenge{adaMail.ID})
	other := w.right()
	w.h = mine
	for i, c := range []Code{old, other, right[:7] + "x", "00000000"} {
		if strings.HasSuffix(string(c), "x") {
			c = right[:7] + Code(rune('0'+(right[7]-'0'+1)%10))
		}
		w.want(w.do(Verify{Code: c}), MFAChallenge)
		if w.r.Outcome != WrongCode || int(w.a.fails) != i+1 {
			t.Errorf("code %d: %q, %d counted", i, w.r.Outcome, w.a.fails)
		}
	}
	w.want(w.do(Verify{Code: right}), Success)
}

func TestKeyRotation(t *testing.T) {
	ring := func(keys ...Key) *Machine {
		m, err := NewMachine("acme", keys, pseudo, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	k1, k2 := Key{1, keyA}, Key{2, keyB}
	w := begun(t, Policy{}, ada, adaMail)
	w.m = ring(k1)
	w.do(Challenge{adaMail.ID})
	code, rec := w.right(), w.m.Seal(&w.a, "k")
	w.m = ring(k2, k1)
	if _, err := w.m.Open(rec, "k"); err != nil {
		t.Errorf("after rotation: %v", err)
	}
	b := w.a
	w.want(w.do(Verify{Code: code}), Success)
	if w.a.txs[0].session.key != 2 {
		t.Error("the session token is derived from the old key")
	}
	w.a, w.m = b, ring(k2)
	if _, err := w.m.Open(rec, "k"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("sealed with a key that is gone: %v", err)
	}
	w.do(Verify{Code: code})
	if w.r.Outcome != LateCode {
		t.Errorf("made with a key that is gone: %q", w.r.Outcome)
	}
	if _, err := NewMachine("acme", []Key{k1}, pseudo, Policy{}); err != nil {
		t.Fatal(err)
	}
}

func TestBadKeys(t *testing.T) {
	for name, c := range map[string]struct {
		keys   []Key
		pseudo []byte
		want   string
	}{
		"none":                {nil, pseudo, "Keys"},
		"31 bytes":            {[]Key{{1, keyA[:31]}}, pseudo, "Keys[0]"},
		"zeros":               {[]Key{{1, make([]byte, 32)}}, pseudo, "Keys[0]"},
		"repeated":            {[]Key{{1, bytes.Repeat([]byte("x"), 40)}}, pseudo, "Keys[0]"},
		"no id":               {[]Key{{0, keyA}}, pseudo, "Keys[0]"},
		"same id":             {[]Key{{1, keyA}, {1, keyB}}, pseudo, "same ID"},
		"same secret":         {[]Key{{1, keyA}, {2, keyA}}, pseudo, "same secret"},
		"pseudonym key":       {[]Key{{1, keyA}}, nil, "PseudonymKey"},
		"pseudonym in ring":   {[]Key{{1, keyA}}, keyA, "same secret"},
		"pseudonym too short": {[]Key{{1, keyA}}, pseudo[:31], "PseudonymKey"},
	} {
		if _, err := NewMachine("", c.keys, c.pseudo, Policy{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// SEC-09: secrets do not print, whatever prints them.
func TestSecretsDoNotPrint(t *testing.T) {
	const canary = "canary-135790"
	h := TokenSecret([]byte("canary-135790-canary-135790-cana"))
	var out bytes.Buffer
	for _, x := range []any{Code(canary), Verify{Code: canary}, Activate{Code: canary}, WithKey("k", Verify{Code: canary}), Answer{Token: canary, Session: canary}, &Message{Code: canary}, h, []Code{canary}, map[string]Code{"a": canary}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&out, verb, x)
		}
		fmt.Fprint(&out, fmt.Errorf("%w: %v", io.EOF, x))
		json.NewEncoder(&out).Encode(x)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "x", x)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "x", x)
	}
	gob.NewEncoder(&out).Encode(struct{ S Code }{canary})
	s := out.String()
	for _, form := range []string{canary, "135790", fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if i := strings.Index(s, form); i >= 0 {
			t.Errorf("%q is printed: …%s", form, s[max(0, i-60):i+20])
		}
	}
	if !strings.Contains(s, redacted) {
		t.Error("nothing was printed at all")
	}
}
