package authn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/looplab/fsm"
)

// Step is pure: it does not change its arguments, and always returns the same.
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
			t.Errorf("%T: two results differ, or the step changed nothing", ev)
		}
	}
}

// A refusal leaves a result that holds the account unchanged, even if the step had
// changed it before: here it has ended another transaction.
func TestRefusedInPlace(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.r.Account = w.a
	w.r.Account.lockedUntil = t0.Add(time.Hour).UnixNano()
	before := w.r.Account
	w.at = 20 * time.Minute
	refused(t, &w.r, w.m.Begin(&w.r.Account, ada, w.env(), &w.r), ErrLocked)
	if w.r.Account != before {
		t.Errorf("changed to %s", w.r.Account.String())
	}
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

// Explain explains what Step would do: after the deadline, that it expires.
func TestExplainAtTheEnd(t *testing.T) {
	for _, first := range []Event{Challenge{adaMail.ID}, nil} {
		w := begun(t, Policy{}, ada, adaMail)
		if first != nil {
			w.do(first)
		}
		for at, want := range map[time.Duration]EventName{10*time.Minute - 1: "cancel", 10 * time.Minute: "expire"} {
			_, row, err := w.m.Explain(&w.a, w.h, Cancel{}, env(at, 1))
			if err != nil || row.Event != want || row.From != w.a.txs[0].name() {
				t.Errorf("%s at %v: %+v, %v", w.a.txs[0].name(), at, row, err)
			}
		}
	}
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Cancel{})
	_, _, err := w.m.Explain(&w.a, w.h, Verify{Code: "123456"}, env(time.Hour, 1))
	var ref *Refusal
	if !errors.As(err, &ref) || ref.Err != ErrFinished || ref.Event != "verify" {
		t.Errorf("a finished one: %v", err)
	}
}

// An engine that disagrees with the table is an internal error, never a refusal, and
// its instance is not used again.
func TestEngineDisagrees(t *testing.T) {
	m := newMachine(t, Policy{})
	a, h := challenged(t, m)
	m.pool.New = func() any { // an engine with every row leading to MFA_ENROLL
		evs := m.events()
		for i := range evs {
			evs[i].Dst = string(MFAEnroll)
		}
		s := m.fresh()
		s.fsm = fsm.NewFSM(string(Unauthenticated), evs, nil)
		return s
	}
	for range 100 { // more than the good instances in the pool
		s := m.pool.Get().(*step)
		if s.fsm.SetState(string(MFAChallenge)); s.fsm.Can("cancel") {
			if s.fsm.Event(background, "cancel"); s.fsm.Current() == string(MFAEnroll) {
				break
			}
		}
	}
	var r Result
	err := m.Step(&a, h, Cancel{}, env(0, 9), &r)
	var ref *Refusal
	if !errors.Is(err, ErrEngine) || errors.As(err, &ref) {
		t.Errorf("%v", err)
	}
}

// Without entropy there is no verdict, because tokens and codes would be known.
func TestZeroEntropy(t *testing.T) {
	m := newMachine(t, Policy{})
	var a Account
	var r Result
	if err := m.Begin(&a, ada, Env{Now: t0, Factors: []Factor{adaMail}}, &r); !errors.Is(err, ErrUnavailable) {
		t.Errorf("begin: %v", err)
	}
	e := env(0, 1, adaMail)
	taken(t, &r, m.Begin(&a, ada, e, &r))
	for _, ev := range []Event{Challenge{adaMail.ID}, Cancel{}} {
		if err := m.Step(&r.Account, handle(e), ev, Env{Now: t0, Factors: []Factor{adaMail}}, new(Result)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%T: %v", ev, err)
		}
	}
}

// Explain lists the questions, but does not reveal whether a code is right.
func TestExplainIsNoOracle(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	var said [2]string
	for i, c := range []Code{w.right(), w.wrong()} {
		asked, row, err := w.m.Explain(&w.a, w.h, Verify{Code: c}, w.env())
		if err != nil || row.Event != "" {
			t.Errorf("%v, %+v", err, row)
		}
		said[i] = fmt.Sprint(asked)
	}
	if said[0] != said[1] {
		t.Errorf("%s\ndiffers from\n%s", said[0], said[1])
	}
}

// Values that hold secrets print none, with any verb, by value and by pointer.
func TestNothingPrints(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	e := env(0, 7, adaMail)
	for _, x := range []any{w.a, &w.a, e, &e, struct{ A Account }{w.a}, []Env{e}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out := fmt.Sprintf(verb, x)
			for _, leak := range []string{"nonce", "recipient", fmt.Sprint(w.a.txs[0].code.nonce[:])[1:12], hex.EncodeToString(w.a.txs[0].code.nonce[:4]), "0x7, 0x7", "[7 7", "ada.lovelace"} {
				if strings.Contains(out, leak) {
					t.Errorf("%s of %T: %.300s", verb, x, out)
				}
			}
		}
	}
}
