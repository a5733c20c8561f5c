package authn

import (
	"errors"
	"testing"
	"time"
)

func TestBackoffAndLock(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	waits := []time.Duration{0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute}
	live := func() {
		t.Helper()
		if i := w.slot(); i >= 0 && w.a.txs[i].code.live && w.a.txs[i].expires > t0.Add(w.at).UnixNano() && w.a.txs[i].code.expires > t0.Add(w.at).UnixNano() {
			return
		}
		w.at += time.Hour // past every budget of sends
		w.begin(ada)
		w.do(Challenge{adaMail.ID})
	}
	for k, wait := range waits {
		live()
		w.want(w.do(Verify{Code: w.wrong()}), MFAChallenge)
		if wait == 0 {
			continue
		}
		end := w.at + wait
		w.at = end - 1
		for _, ev := range []Event{Verify{Code: "000000"}, Resend{}} {
			if w.m.overdue(&w.a, w.slot(), t0.Add(w.at)) {
				continue
			}
			if at := w.refuses(ev, ErrTooSoon).RetryAt; !at.Equal(t0.Add(end)) {
				t.Errorf("failure %d: %T again at %v, want %v", k+1, ev, at, t0.Add(end))
			}
		}
		w.at = end
	}
	live()
	w.begin(ada) // a second one, to be locked with it
	other := w.h
	w.at += time.Minute
	w.h = handleOf(w, MFAChallenge)
	w.want(w.do(Verify{Code: w.wrong()}), LockedOut)
	if w.a.lockedUntil != t0.Add(w.at+30*time.Minute).UnixNano() || w.a.notBefore != 0 {
		t.Errorf("after the tenth: %s", w.a.String())
	}
	if st := w.a.txs[w.a.find(other.digest())].name(); st != LockedOut {
		t.Errorf("the other transaction is in %s", st)
	}
	locked := w.at
	for _, c := range []struct {
		at  time.Duration
		err error
	}{{locked + 30*time.Minute - 1, ErrLocked}, {locked + 30*time.Minute, nil}} {
		w.at = c.at
		if err := w.m.Begin(&w.a, ada, w.env(), &w.r); !errors.Is(err, c.err) {
			t.Errorf("at %v: %v", c.at, err)
		}
	}
}

// handleOf finds the handle of the transaction in a state, by its entropy.
func handleOf(w *walk, st State) TokenSecret {
	for seed := range w.seed + 1 {
		h := handle(env(0, seed))
		if i := w.a.find(h.digest()); i >= 0 && w.a.txs[i].name() == st {
			return h
		}
	}
	w.Fatalf("no transaction in %s", st)
	return TokenSecret{}
}

func TestDisabled(t *testing.T) {
	w := begun(t, Policy{DisableAfter: 2}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.wrong()})
	w.want(w.do(Verify{Code: w.wrong()}), LockedOut)
	w.at = 10 * 365 * 24 * time.Hour
	ref := refused(t, &w.r, w.m.Begin(&w.a, ada, w.env(), &w.r), ErrLocked)
	if !ref.RetryAt.IsZero() || ref.State != LockedOut {
		t.Errorf("refusal: %+v", ref)
	}
	if w.a.idle() {
		t.Error("a disabled account may be deleted")
	}
	if (&Account{ledger: ledger{disabled: true}}).idle() {
		t.Error("an account that is disabled and nothing else may be deleted")
	}
	d := adaMail
	d.Status = Disabled
	w = &walk{TB: t, m: newMachine(t, Policy{}), fs: []Factor{d}, seed: 1}
	refused(t, &w.r, w.m.Begin(&w.a, Login{User: "x", Require: RequireNothing}, w.env(), &w.r), ErrLocked)
}

func TestRollingBudget(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		span time.Duration
	}{
		{Policy{FailuresPerDay: 3, LockEvery: 100, NoBackoff: true, Digits: 8}, 24 * time.Hour},
		{Policy{FailuresPerYear: 3, LockEvery: 100, NoBackoff: true, Digits: 8}, 365 * 24 * time.Hour},
	} {
		w := begun(t, c.p, ada, adaMail)
		for i := range 3 {
			w.at = time.Duration(i) * 2 * time.Hour
			w.begin(ada)
			w.do(Challenge{adaMail.ID})
			if i == 1 { // a success of another transaction forgives nothing
				w.do(Verify{Code: w.wrong()})
				w.begin(ada)
				w.do(Challenge{adaMail.ID})
				w.do(Verify{Code: w.right()})
				continue
			}
			w.do(Verify{Code: w.wrong()})
		}
		w.want(w.a.txs[w.slot()].name(), LockedOut)
		for _, x := range []struct {
			at  time.Duration
			err error
		}{{c.span - 1, ErrLocked}, {c.span, nil}} {
			w.at = x.at
			if err := w.m.Begin(&w.a, ada, w.env(), &w.r); !errors.Is(err, x.err) {
				t.Errorf("%v: at %v: %v", c.span, x.at, err)
			}
		}
	}
}

func TestStarts(t *testing.T) {
	w := begun(t, Policy{StartsPerHour: 2}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.right()}) // does not count
	w.at = time.Second
	w.begin(ada)
	w.at = 2 * time.Second
	w.begin(ada)
	for _, c := range []struct {
		at  time.Duration
		err error
	}{{time.Hour + time.Second - 1, ErrTooSoon}, {time.Hour + time.Second, nil}} {
		w.at = c.at
		if err := w.m.Begin(&w.a, ada, w.env(), &w.r); !errors.Is(err, c.err) {
			t.Errorf("at %v: %v", c.at, err)
		}
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
			t.Error("another one had to go")
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
		t.Error("an unredeemed SUCCESS went before others")
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
				t.Error("the mark went back without a fault")
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

// A code that is late is no longer a reason to stay.
func TestLateCodeMakesRoom(t *testing.T) {
	w := begun(t, Policy{Live: 2}, ada, adaMail)
	first := w.h
	w.do(Challenge{adaMail.ID})
	w.at = 9 * time.Minute
	w.begin(ada)
	second := w.h
	w.begin(ada)
	if w.a.find(first.digest()) >= 0 && w.a.txs[w.a.find(first.digest())].isLive() || w.a.find(second.digest()) < 0 {
		t.Error("the wrong one made room")
	}
}

// Whatever the working copy held before, it is the account afterwards.
func TestWorkingCopy(t *testing.T) {
	as := accounts(t, newMachine(t, Policy{}))
	for before, a := range as {
		for after, b := range as {
			x := a
			if x.copyFrom(&b); x != b {
				t.Errorf("%s over %s:\n%v\nwant\n%v", after, before, &x, &b)
			}
		}
	}
}

// An answer only looks, and does not tell a lock that a clock made which was
// ahead: what it tells is what the next step will find.
func TestAnswerOnlyLooks(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	a.txs[0].state = uint8(LockedOut.index() + 1)
	for _, c := range []struct{ ahead, until, want time.Duration }{
		{0, 0, 0}, // over at this moment
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
		ans, err := m.describe(&a, 0, t0)
		if err != nil || !ans.Until.Equal(want) || a != was {
			t.Errorf("the mark %v ahead, a lock of %v: until %v, changed %t, %v", c.ahead, c.until, ans.Until, a != was, err)
		}
	}
}
