package authn

import (
	"testing"
	"time"
)

// An answer does not change the account. After a clock fault it shows the lock
// as the next step will correct it.
func TestAnswerOnlyLooks(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	a.txs[0].state = uint8(LockedOut.index() + 1)
	for _, c := range []struct{ ahead, until, want time.Duration }{
		{0, 0, 0}, // ends now
		{0, 1, 1},
		{MaxSkew, 100 * time.Hour, 100 * time.Hour},
		{MaxSkew + 1, 100 * time.Hour, m.policy.LockMax},
		{MaxSkew + 1, time.Hour, time.Hour},
	} {
		a.seen = t0.Add(c.ahead).UnixNano()
		a.lockedUntil = t0.Add(c.until).UnixNano()
		was := a
		want := t0.Add(c.want)
		if c.want == 0 {
			want = time.Time{}
		}
		ans, err := m.describe(&a, 0, &Env{Now: t0})
		if err != nil || !ans.Until.Equal(want) || a != was {
			t.Errorf("saved %v ahead, a lock of %v: until %v, changed %t, %v", c.ahead, c.until, ans.Until, a != was, err)
		}
	}
}

// The factors to choose from: the one proved last comes first, and each has the time
// from which it can be chosen.
func TestFactorsToChoose(t *testing.T) {
	m := newMachine(t, Policy{Sends: 1})
	app := imported(t, m, ada.User, "app")
	w := &walk{TB: t, m: m, fs: []Factor{adaMail, adaSpare, app}, seed: 1}
	w.begin(ada)
	order := func() (ids string) {
		for _, f := range w.answer().Factors {
			ids += f.ID + " "
		}
		return ids
	}
	if got := order(); got != "eml1x7k2 eml2 app " {
		t.Errorf("at first %s", got)
	}
	for _, f := range w.answer().Factors {
		if !f.At.IsZero() || f.Data != nil {
			t.Errorf("%s: at %v", f.ID, f.At)
		}
	}
	w.do(Challenge{adaMail.ID})
	w.do(Previous{})
	ans := w.answer()
	for i, want := range []bool{true, false, true} { // the code that was sent is kept, the app sends none; nothing more is sent
		if f := ans.Factors[i]; f.At.IsZero() != want || !want && !f.At.Equal(ans.Expires) {
			t.Errorf("%s: at %v", f.ID, f.At)
		}
	}
	if at, ok := ans.Allows(EventVerify); !ok || !at.IsZero() {
		t.Errorf("verify: %v, %t", at, ok)
	}
	w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
	w.begin(ada)
	if got := order(); got != "app eml1x7k2 eml2 " {
		t.Errorf("after the app was used %s", got)
	}
}

// An answer shows the address that the code was sent to, or none.
func TestAddressOfTheCode(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	if got := w.answer().Factor; got.Address == "" || got.Status != Active {
		t.Errorf("%+v", got)
	}
	moved := adaMail
	moved.Address = "elsewhere@example.com"
	w.fs = []Factor{moved}
	if got := w.answer().Factor; got.Address != "" || got.ID != adaMail.ID || got.Type != Email || got.Status != Active {
		t.Errorf("%+v", got)
	}
}

// An answer without the list assumes the best: an event that the list may forbid is
// allowed.
func TestAnswerWithoutTheList(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.at += time.Minute
	e := w.env()
	e.Factors, e.ListLater = nil, true
	ans, err := w.m.Status(&w.a, w.h, e)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range []EventName{EventVerify, EventResend, EventPrevious, EventCancel} {
		if at, ok := ans.Allows(ev); !ok || !at.IsZero() {
			t.Errorf("%s: %v, %t", ev, at, ok)
		}
	}
}
