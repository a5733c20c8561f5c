package authn

import (
	"errors"
	"testing"
	"time"
)

// S24: no time or duration overflows to "still valid".
func TestImpossibleClock(t *testing.T) {
	m := newMachine(t, Policy{})
	a, h := challenged(t, m)
	for _, now := range []time.Time{{}, time.Unix(0, 0), time.Unix(earliest-1, 0), time.Unix(latest, 0), time.Unix(1<<62, 0), time.Unix(-1<<62, 0)} {
		var r Result
		if err := m.Step(&a, h, Cancel{}, Env{Now: now, Entropy: [64]byte{1}}, &r); err == nil {
			t.Errorf("%v was taken for a time", now)
		}
		if err := m.Begin(&a, ada, Env{Now: now, Entropy: [64]byte{1}}, &r); err == nil {
			t.Errorf("%v was taken for a time", now)
		}
	}
}

func TestClockBounds(t *testing.T) {
	m := newMachine(t, Policy{})
	for at, want := range map[time.Time]error{
		time.Unix(earliest, -1): ErrUnavailable, time.Unix(earliest, 0): nil, time.Unix(latest, -1): nil, time.Unix(latest, 0): ErrUnavailable,
	} {
		e := env(0, 1, adaMail)
		e.Now = at
		var r Result
		if err := m.Begin(&Account{}, ada, e, &r); !errors.Is(err, want) {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

func TestClockFault(t *testing.T) {
	for _, c := range []struct {
		back  time.Duration
		fault bool
	}{{MaxSkew, false}, {MaxSkew + 1, true}} {
		w := begun(t, Policy{}, ada, adaMail)
		w.begin(ada)
		w.do(Challenge{adaMail.ID})
		w.do(Verify{Code: w.wrong()})
		w.at = -c.back
		err := w.m.Step(&w.a, w.h, Verify{Code: w.right()}, w.env(), &w.r)
		if err != nil || w.r.Ended != c.fault {
			t.Fatalf("back %v: ended %t, %v", c.back, w.r.Ended, err)
		}
		if !c.fault {
			if w.r.Account.seen != w.a.seen {
				t.Error("the saved time went back without a fault")
			}
			continue
		}
		a := w.r.Account
		if a.seen != t0.Add(w.at).UnixNano() || len(w.r.Moves()) != 2 {
			t.Errorf("after the fault: %s, rows %v", a.String(), w.r.Moves())
		}
		if at := a.failures.at.at(0); at != seconds(a.seen) {
			t.Errorf("a charge from the future stayed at %d", at)
		}
	}
}

// After a clock fault, future times are corrected, not removed: a wait ends no later
// than the longest wait from now, and each charge counts as made now.
func TestClockFaultSetsBack(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	for i := range int64(3) {
		w.a.failures.add(t0.UnixNano()+i*2e9, 0)
		w.a.sends.add(t0.UnixNano() + i*2e9)
	}
	w.at = -MaxSkew - 1
	now := t0.Add(w.at).UnixNano()
	w.a.notBefore, w.a.lockedUntil = now+int64(90*time.Hour), now+int64(90*time.Hour)
	if err := w.m.Step(&w.a, w.h, Cancel{}, w.env(), &w.r); err != nil || !w.r.Ended {
		t.Fatalf("ended %t, %v", w.r.Ended, err)
	}
	a := &w.r.Account
	if a.notBefore != now+int64(w.m.policy.BackoffMax) || a.lockedUntil != now+int64(w.m.policy.LockMax) {
		t.Errorf("back-off until %v, lock until %v from now", time.Duration(a.notBefore-now), time.Duration(a.lockedUntil-now))
	}
	for _, c := range []window{a.failures.at, a.sends} {
		if c.len() != 3 || c.at(0) != seconds(now) || c.at(1) != seconds(now) || c.at(2) != seconds(now) {
			t.Errorf("charges at %d, %d and %d, want %d", c.at(0), c.at(1), c.at(2), seconds(now))
		}
	}
	w.a = *a
	w.at -= time.Hour // a shorter wait does not change
	w.a.seen = t0.UnixNano()
	now = t0.Add(w.at).UnixNano()
	w.a.notBefore, w.a.lockedUntil = now+5e9, now+7e9
	s, err := w.m.look(&w.a, &Env{Now: t0.Add(w.at)})
	if err != nil || s.acct.notBefore != now+5e9 || s.acct.lockedUntil != now+7e9 {
		t.Errorf("waits were changed: %v", err)
	}
}

func TestHundredSteps(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	for range 49 {
		w.do(Challenge{adaMail.ID})
		w.do(Previous{})
	}
	w.do(Challenge{adaMail.ID})
	if err := w.m.Step(&w.a, w.h, Previous{}, w.env(), &w.r); err != nil || !w.r.Ended {
		t.Errorf("step 101: %v, ended %t", err, w.r.Ended)
	}
}

// A transaction that has taken its hundred steps is finished for Status too, and the
// record of its last step can be read.
func TestHundredStepsAreSeen(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	for w.a.txs[0].rev < maxSteps {
		w.do(Challenge{adaMail.ID})
		if _, err := w.m.Status(&w.a, w.h, Env{Now: t0}); (err == nil) != (w.a.txs[0].rev < maxSteps) {
			t.Fatalf("after step %d: %v", w.a.txs[0].rev, err)
		}
		if w.a.txs[0].rev < maxSteps {
			w.do(Previous{})
		}
	}
	if a, err := w.m.describe(&w.a, 0, &Env{Now: t0, Factors: []Factor{adaMail}}); err != nil || len(a.Allowed) != 0 {
		t.Errorf("the answer to the last step: %+v, %v", a, err)
	}
	if err := w.m.Step(&w.a, w.h, Previous{}, w.env(), &w.r); err != nil || w.r.Account.txs[0].rev != maxSteps+1 {
		t.Fatalf("step %d, %v", w.r.Account.txs[0].rev, err)
	}
	if a, err := w.m.Open(w.m.Seal(&w.r.Account, "k"), "k"); err != nil || a != w.r.Account {
		t.Errorf("read back: %v", err)
	}
}

// The step with the most rows begins a transaction when three are overdue.
func TestMostMoves(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.begin(ada)
	w.begin(ada)
	w.at = time.Hour
	w.begin(ada)
	got := ""
	for _, m := range w.r.Moves() {
		got += string(m.Row.Event) + " "
	}
	if got != "expire expire expire primary " || w.r.nmoves != maxMoves {
		t.Errorf("took %s", got)
	}
}

func TestRoomForAnother(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	h1 := w.h
	w.do(Challenge{adaMail.ID})
	w.at = time.Second
	w.begin(ada)
	h2 := w.h
	w.at = 2 * time.Second
	w.begin(Login{User: ada.User, Require: RequireNothing})
	h3 := w.h
	w.at = 3 * time.Second
	gone := func(h TokenSecret) {
		t.Helper()
		w.begin(ada)
		if w.a.find(h.digest()) >= 0 {
			t.Error("the wrong transaction made room")
		}
	}
	gone(h2) // the only one without a code
	w.h, w.fs = h1, []Factor{adaMail}
	w.do(Cancel{})
	w.at = 4 * time.Second
	gone(h1) // finished
	w.at = 5 * time.Second
	w.begin(ada)
	if w.a.find(h3.digest()) < 0 {
		t.Error("an unredeemed SUCCESS made room before others")
	}
}

// A transaction with an expired code makes room like one without a code.
func TestLateCodeMakesRoom(t *testing.T) {
	w := begun(t, Policy{Live: 2}, ada, adaMail)
	first := w.h
	w.do(Challenge{adaMail.ID})
	w.at = 9 * time.Minute
	w.begin(ada)
	second := w.h
	w.begin(ada)
	if w.a.find(first.digest()) >= 0 && w.a.txs[w.a.find(first.digest())].isLive() || w.a.find(second.digest()) < 0 {
		t.Error("the transaction with a live code made room")
	}
}
