package authn

import (
	"errors"
	"testing"
	"time"
)

// failing makes n wrong codes in a row, each when it is allowed again.
func (w *walk) failing(n int) {
	w.Helper()
	for range n {
		i := w.slot()
		if i < 0 || !w.a.txs[i].code.live || w.m.overdue(&w.a, i, t0.Add(w.at)) || t0.Add(w.at).UnixNano() >= w.a.txs[i].code.expires {
			w.at += 25 * time.Hour // past every lock but the last, and every budget of sends
			w.begin(ada)
			w.do(Challenge{adaMail.ID})
		}
		w.do(Verify{Code: w.wrong()})
		if end := time.Unix(0, w.a.notBefore); end.After(t0.Add(w.at)) {
			w.at = end.Sub(t0)
		}
	}
}

// The soft lock comes at every tenth wrong code in a row, twice as long each
// time, and its end does not reset the count.
func TestSoftLockDoubles(t *testing.T) {
	w := begun(t, Policy{FailuresPerDay: 100}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, want := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour} {
		w.failing(10)
		if got := time.Duration(w.a.lockedUntil - t0.Add(w.at).UnixNano()); got != want || int(w.a.fails) != 10*(i+1) {
			t.Errorf("lock %d: %v after %d, want %v", i+1, got, w.a.fails, want)
		}
		if w.a.notBefore != 0 {
			t.Error("a lock and a back-off at once")
		}
	}
	w.failing(10)
	if !w.a.disabled {
		t.Errorf("after fifty: %s", w.a.String())
	}
}

func TestLockMax(t *testing.T) {
	w := begun(t, Policy{Lock: time.Hour, LockMax: 3 * time.Hour, LockEvery: 1, FailuresPerDay: 100}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, want := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour, 3 * time.Hour} {
		w.failing(1)
		if got := time.Duration(w.a.lockedUntil - t0.Add(w.at).UnixNano()); got != want {
			t.Errorf("lock %d: %v, want %v", i+1, got, want)
		}
	}
}

// A send is refused during a back-off, and goes out at its very end.
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

// after lets time pass before the event.
func (c Challenge) after(w *walk, d time.Duration) Challenge {
	w.at += d
	return c
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

func TestSendsOfTheDay(t *testing.T) {
	w := begun(t, Policy{SendsPerDay: 2}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for _, at := range []time.Duration{3 * time.Hour, 6 * time.Hour} {
		w.at = at
		w.begin(ada)
		if at == 6*time.Hour {
			if r := w.refuses(Challenge{adaMail.ID}, ErrTooSoon); !r.RetryAt.Equal(t0.Add(24 * time.Hour)) {
				t.Errorf("again at %v", r.RetryAt)
			}
			break
		}
		w.do(Challenge{adaMail.ID})
	}
	w.at = 24*time.Hour - 1
	w.begin(ada)
	w.refuses(Challenge{adaMail.ID}, ErrTooSoon)
	w.at++
	w.do(Challenge{adaMail.ID})
}

// While no mail may go out, only the live code of the very factor at the very
// address leads back to its challenge.
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

// What a sign-in leads to, by what it requires and what the Directory has.
func TestBeginTable(t *testing.T) {
	offered, required := graceMail, graceMail
	required.Required = true
	for _, c := range []struct {
		req  Requirement
		fs   []Factor
		want State
		err  error
	}{
		{RequireFactor, nil, "", ErrNoFactor},
		{RequireFactor, []Factor{offered}, MFAEnroll, nil},
		{RequireFactor, []Factor{offered, adaMail}, MFARequired, nil},
		{RequireFactor, []Factor{adaMail}, MFARequired, nil},
		{RequireIfActive, nil, Success, nil},
		{RequireIfActive, []Factor{offered}, MFAEnroll, nil},
		{RequireIfActive, []Factor{required}, MFAEnroll, nil},
		{RequireIfActive, []Factor{adaMail, offered}, MFARequired, nil},
		{RequireNothing, []Factor{adaMail}, Success, nil},
		{RequireNothing, nil, Success, nil},
	} {
		var r Result
		err := newMachine(t, Policy{}).Begin(&Account{}, Login{User: "u", Require: c.req}, env(0, 1, c.fs...), &r)
		if !errors.Is(err, c.err) || err == nil && r.Account.txs[0].name() != c.want {
			t.Errorf("%d with %v: %s, %v", c.req, c.fs, r.Account.txs[0].name(), err)
		}
	}
	w := begun(t, Policy{}, Login{User: "u", Require: RequireIfActive}, offered)
	w.want(w.do(Skip{}), Success)
	w = begun(t, Policy{}, Login{User: "u", Require: RequireIfActive}, required)
	w.refuses(Skip{}, ErrRequired)
}

// A failure before a skip stays charged; the transaction's own tries do too.
func TestSkipForgivesNothing(t *testing.T) {
	w := begun(t, Policy{}, Login{User: "u", Require: RequireIfActive}, graceMail)
	w.do(Enroll{Email})
	w.do(Activate{Code: w.wrong()})
	w.do(Previous{})
	w.want(w.do(Skip{}), Success)
	if w.a.fails != 1 || w.a.failures.at.len() != 1 || w.a.failures.by != "\x00" {
		t.Errorf("%s", w.a.String())
	}
}
