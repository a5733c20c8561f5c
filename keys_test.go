package authn

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The list of key uses in internal/proof/secrets is complete.
func TestKeyUses(t *testing.T) {
	known := []string{"code", "session", "seal", "once", "account", "token", "recipient", "challenge", "data", "mark", "factor", "approval", "form", "device", "claim", "name", "mailbox", "hand over", "link", "passkey"}
	for i, label := range keyUseLabels {
		if i >= len(known) || label != "authn/v1/"+known[i] {
			t.Errorf("key use %q is not in internal/proof/secrets", label)
		}
	}
}

// Different lists of fields give different messages.
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

func TestKeyRotation(t *testing.T) {
	ring := func(keys ...Key) *Machine {
		m, err := NewMachine(Config{Tenant: "acme", Keys: keys, PseudonymKey: pseudo})
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
		t.Errorf("sealed with a removed key: %v", err)
	}
	w.do(Verify{Code: code})
	if w.r.Outcome != LateCode {
		t.Errorf("made with a removed key: %q", w.r.Outcome)
	}
	if _, err := NewMachine(Config{Tenant: "acme", Keys: []Key{k1}, PseudonymKey: pseudo}); err != nil {
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
		if _, err := NewMachine(Config{Keys: c.keys, PseudonymKey: c.pseudo}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
