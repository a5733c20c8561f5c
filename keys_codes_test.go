package authn

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A code equals one computed independently from its definition.
func TestCodeKnownAnswer(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	tx := &a.txs[0]
	key, err := hkdf.Key(sha256.New, keyA, nil, "authn/v1/code", 32)
	if err != nil {
		t.Fatal(err)
	}
	var msg []byte
	for _, f := range []string{"acme", string(tx.id[:]), adaMail.ID, string(tx.factor.recipient[:]), "sign_in"} {
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

// A code changes with each of its inputs.
func TestCodeBinding(t *testing.T) {
	m := newMachine(t, Policy{Digits: 12})
	a, _ := challenged(t, m)
	codes := map[Code]string{m.liveCode(&a, 0): "itself"}
	for name, change := range map[string]func(x *transaction){
		"transaction": func(x *transaction) { x.id[0]++ },
		"factor":      func(x *transaction) { x.factor.id = "other" },
		"recipient":   func(x *transaction) { x.factor.recipient[0]++ },
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
	other, err := NewMachine(Config{Tenant: "other", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Policy: Policy{Digits: 12}})
	if err != nil {
		t.Fatal(err)
	}
	if c := other.liveCode(&a, 0); codes[c] != "" {
		t.Error("another tenant has the same code")
	}
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

// A code of the wrong length is malformed. One of the right length is compared and
// counted, whether it is old, of another transaction or one digit off.
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
