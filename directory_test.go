package authn

import (
	"errors"
	"strings"
	"testing"
)

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

func TestVerifiedAddress(t *testing.T) {
	verified := Factor{ID: "m", Type: Email, Address: "ada@example.com", Status: NotSetUp, Verified: true}
	w := begun(t, Policy{}, ada, verified)
	w.want(w.a.txs[0].name(), MFARequired)
	if w.a.txs[0].delivery != deliveryNone || w.a.outbox[0].kind != 0 {
		t.Error("mail went out before a factor was chosen")
	}
	w.want(w.do(Challenge{"m"}), MFAChallenge)
	w.want(w.do(Verify{Code: w.right()}), Success)

	w = begun(t, Policy{NoAutoActivate: true}, ada, verified)
	w.want(w.a.txs[0].name(), MFAEnroll)
}

// Enrollment on the password alone is only for an account without a factor.
func TestEnrollmentIsCheckedWhenUsed(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	active := graceMail
	active.Status = Active
	w.fs = []Factor{active}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail}
	w.do(Enroll{Email})
	code := w.right()
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Activate{Code: code}, ErrNoCode)
	moved := graceMail
	moved.Address = "other@example.com"
	w.fs = []Factor{moved}
	w.refuses(Activate{Code: code}, ErrNoCode)
	w.fs = []Factor{graceMail}
	w.want(w.do(Activate{Code: code}), Success)
}
