package authn

import (
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	m := newMachine(t, Policy{})
	other, err := NewMachine(Config{Tenant: "other", Keys: []Key{{1, keyA}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	p := m.pseudonym("ada")
	h := handle(env(0, 1))
	tok := m.mint(stateKind, h, p)
	if len(tok) != tokenLen || strings.Trim(string(tok), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Fatalf("token of %d characters", len(tok))
	}
	if h2, p2, ok := m.parseToken(stateKind, tok); !ok || h2 != h || p2 != p {
		t.Error("a token does not lead to its account")
	}
	if _, p2, _ := m.parseToken(sessionKind, tok); p2 == p {
		t.Error("a state token leads to the account as a session token")
	}
	if _, p2, _ := other.parseToken(stateKind, tok); p2 == p || other.pseudonym("ada") == p {
		t.Error("a token leads to another tenant's account")
	}
	two := m.mint(stateKind, handle(env(0, 2)), p)
	for i := 0; i+8 <= tokenLen; i++ {
		if strings.Contains(string(two), string(tok[i:i+8])) {
			t.Error("two tokens of one account have a common part")
		}
	}
	s := string(tok)
	for _, bad := range []string{"", s[:63], s + "A", s + "=", s[:62] + "==", strings.ToUpper(s), " " + s[1:], s[:63] + "\n", s[:10] + "\n" + s[11:], strings.Replace(s, s[:1], "+", 1), strings.Repeat("/", 64), "../" + s[3:], s[:60] + "\x00:*>", strings.Repeat("A", 1<<20)} {
		if h2, p2, ok := m.parseToken(stateKind, bad); ok && h2 == h && p2 == p {
			t.Errorf("%.70q leads to the account", bad)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	m := newMachine(f, Policy{})
	f.Add(string(m.mint(stateKind, TokenSecret{1}, m.pseudonym("ada"))))
	f.Add(strings.Repeat("A", 64))
	f.Fuzz(func(t *testing.T, s string) {
		if h, p, ok := m.parseToken(stateKind, s); ok && string(m.mint(stateKind, h, p)) != s {
			t.Errorf("%q is a second spelling", s)
		}
	})
}
