package authn

import (
	"errors"
	"testing"
	"time"
)

func TestTries(t *testing.T) {
	p := Policy{NoBackoff: true, Digits: 8, LockEvery: 50, Cooldowns: []time.Duration{time.Second}}
	for right := range 6 {
		w := begun(t, p, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		for range right {
			w.do(Verify{Code: w.wrong()})
		}
		if right < 5 {
			w.want(w.do(Verify{Code: w.right()}), Success)
			if w.a.fails != 0 || w.a.failures.at != "" {
				t.Errorf("after %d wrong and the right code: %s", right, w.a.String())
			}
			continue
		}
		w.refuses(Verify{Code: "12345678"}, ErrNoCode)
		w.at = time.Second
		w.do(Resend{})
		for range 4 {
			w.do(Verify{Code: w.wrong()})
		}
		w.want(w.do(Verify{Code: w.wrong()}), LockedOut)
		if w.a.lockedUntil != 0 || w.r.Outcome != WrongCode {
			t.Error("the transaction's own tries locked the account")
		}
		w.refuses(Verify{Code: "12345678"}, ErrFinished)
	}
}

func TestCodeLife(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  Outcome
	}{{5*time.Minute - 1, Done}, {5 * time.Minute, LateCode}, {5*time.Minute + 1, LateCode}} {
		w := begun(t, Policy{}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		code := w.right()
		w.at = c.after
		w.do(Verify{Code: code})
		if w.r.Outcome != c.want {
			t.Errorf("after %v: %q, want %q", c.after, w.r.Outcome, c.want)
		}
		if c.want == LateCode {
			w.at -= MaxSkew // a clock that goes back revives nothing
			w.refuses(Verify{Code: code}, ErrNoCode)
		}
	}
}

func TestTransactionLife(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		ended bool
	}{{10*time.Minute - 1, false}, {10 * time.Minute, true}, {10*time.Minute + 1, true}} {
		w := begun(t, Policy{}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		w.at = 9 * time.Minute
		w.do(Resend{}) // does not extend the transaction
		w.at = c.after
		err := w.m.Step(&w.a, w.h, Verify{Code: w.right()}, w.env(), &w.r)
		if err != nil || w.r.Ended != c.ended {
			t.Fatalf("after %v: ended %t, %v", c.after, w.r.Ended, err)
		}
		if st := w.r.Account.txs[0].name(); c.ended != (st == Expired) {
			t.Errorf("after %v: %s", c.after, st)
		}
	}
}

func TestTightenedPolicy(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for range 3 {
		w.do(Verify{Code: w.wrong()})
	}
	code := w.right()
	loose := w.m
	w.m = newMachine(t, Policy{CodeTries: 3})
	w.refuses(Verify{Code: code}, ErrNoCode)
	w.m = newMachine(t, Policy{Tries: 3})
	if err := w.m.Step(&w.a, w.h, Verify{Code: code}, w.env(), &w.r); err != nil || !w.r.Ended {
		t.Errorf("with all tries spent: ended %t, %v", w.r.Ended, err)
	}
	w.m = newMachine(t, Policy{CodeTries: 10, Sends: 5, Digits: 8, CodeLife: 9 * time.Minute})
	w.want(w.do(Verify{Code: code}), Success)
	w.m = loose
}

// While no mail may be sent, challenge leads back only to a live code of the same
// factor and address.
func TestKeptCode(t *testing.T) {
	moved := adaMail
	moved.Address = "new@example.com"
	long := Policy{Cooldowns: []time.Duration{30 * time.Minute}}
	for name, c := range map[string]struct {
		p   Policy
		at  time.Duration
		fs  []Factor
		err error
	}{
		"live":                             {long, 5*time.Minute - 1, []Factor{adaMail}, nil},
		"late":                             {long, 5 * time.Minute, []Factor{adaMail}, ErrTooSoon},
		"moved":                            {long, time.Minute, []Factor{moved}, ErrTooSoon},
		"gone":                             {long, time.Minute, []Factor{adaSpare}, ErrNotOffered},
		"sends exhausted":                  {Policy{Sends: 1}, time.Minute, []Factor{adaMail}, nil},
		"sends exhausted, late":            {Policy{Sends: 1}, 5 * time.Minute, []Factor{adaMail}, ErrExhausted},
		"account send limit reached":       {Policy{SendsPerHour: 1}, time.Minute, []Factor{adaMail}, nil},
		"account send limit reached, late": {Policy{SendsPerHour: 1}, 5 * time.Minute, []Factor{adaMail}, ErrTooSoon},
	} {
		w := begun(t, c.p, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		w.do(Previous{})
		w.at, w.fs = c.at, c.fs
		err := w.m.Step(&w.a, w.h, Challenge{adaMail.ID}, w.env(), &w.r)
		if !errors.Is(err, c.err) || err == nil && w.r.Account.sends != w.a.sends {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Going back and forth sends nothing and keeps the code valid.
func TestReloadKeepsTheCode(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail, adaSpare)
	w.do(Challenge{adaMail.ID})
	code := w.right()
	w.want(w.do(Previous{}), MFARequired)
	w.refuses(Verify{Code: code}, ErrNotAllowed)
	w.refuses(Challenge{adaSpare.ID}, ErrTooSoon)
	w.want(w.do(Challenge{adaMail.ID}), MFAChallenge)
	if w.right() != code || w.a.txs[0].sends != 1 {
		t.Error("a reload changed the code or sent another")
	}
	w.at = time.Minute
	w.do(Previous{})
	w.do(Challenge{adaSpare.ID})
	w.do(Verify{Code: code})
	if w.r.Outcome != WrongCode {
		t.Errorf("the code of another factor: %q", w.r.Outcome)
	}
}

// A send is refused during a back-off, and allowed exactly at its end.
func TestNoSendDuringBackoff(t *testing.T) {
	w := begun(t, Policy{BackoffFrom: 1, Backoff: 2 * time.Minute}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.wrong()})
	w.at = 2*time.Minute - 1
	w.refuses(Resend{}, ErrTooSoon)
	w.refuses(Verify{Code: w.right()}, ErrTooSoon)
	w.do(Previous{})
	w.refuses(Challenge{adaMail.ID}, ErrTooSoon)
	w.do(Challenge{adaMail.ID}.after(w, time.Nanosecond))
	w.want(w.do(Verify{Code: w.right()}), Success)
}

func TestNoEnrollDuringBackoff(t *testing.T) {
	w := begun(t, Policy{BackoffFrom: 1, Backoff: 2 * time.Minute}, grace, graceMail)
	w.do(Enroll{Email})
	w.do(Activate{Code: w.wrong()})
	w.do(Previous{})
	w.at = 2*time.Minute - 1
	w.refuses(Enroll{Email}, ErrTooSoon)
	w.at++
	w.do(Enroll{Email})
}
