package authn

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"
)

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
		t.Errorf("%d wrong codes counted, not 3", w.a.fails)
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

func TestRedeem(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.right()})
	s := w.m.pool.New().(*step)
	secret, _ := s.sessionSecret(&w.a.txs[0])
	redeem := func(at time.Duration, fs ...Factor) (*Assertion, error) {
		return w.m.Redeem(&w.a, secret, env(at, 50, fs...), &w.r)
	}
	moved := adaMail
	moved.Address = "new@example.com"
	disabled := adaSpare
	disabled.Status = Disabled
	for _, fs := range [][]Factor{nil, {moved}, {adaSpare}, {adaMail, disabled}} {
		if _, err := redeem(0, fs...); !errors.Is(err, ErrNotOffered) {
			t.Errorf("with %v: %v", fs, err)
		}
	}
	if as, err := redeem(time.Minute, adaMail); err != nil || as != nil || !w.r.Ended {
		t.Errorf("at its end: %v, %v", as, err)
	}
	as, err := redeem(time.Minute-1, adaMail)
	if err != nil {
		t.Fatal(err)
	}
	if as.User != ada.User || !slices.Equal(as.Methods, []string{"pwd", "otp"}) || !slices.Equal(as.Channels, []string{"email"}) || !slices.Equal(as.Factors, []string{adaMail.ID}) {
		t.Errorf("assertion: %+v", as)
	}
	w.a, w.at = w.r.Account, time.Minute-1
	if _, err := redeem(w.at, adaMail); !errors.Is(err, ErrFinished) {
		t.Errorf("again: %v", err)
	}
	w.refuses(Cancel{}, ErrFinished)
}

// Step is pure: nothing that goes in is changed, and it always gives the same.
func TestPure(t *testing.T) {
	m := newMachine(t, Policy{})
	a, h := challenged(t, m)
	fs := []Factor{adaMail}
	for _, ev := range []Event{Verify{Code: m.liveCode(&a, 0)}, Verify{Code: m.wrongCode(&a, 0)}, Resend{}, Previous{}, Cancel{}} {
		before, e := a, env(time.Minute, 9, fs...)
		var r1, r2 Result
		if err := errors.Join(m.Step(&a, h, ev, e, &r1), m.Step(&a, h, ev, e, &r2)); err != nil {
			t.Fatal(err)
		}
		if a != before || !reflect.DeepEqual(e, env(time.Minute, 9, adaMail)) {
			t.Errorf("%T changed its arguments", ev)
		}
		if r1 != r2 || r1.Account == a {
			t.Errorf("%T: not the same twice, or nothing happened", ev)
		}
	}
}
