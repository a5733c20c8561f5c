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
	w.begin(ada) // a second one, which is locked too
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

// Every tenth consecutive wrong code locks the account, twice as long each time,
// and the end of the lock does not reset the count.
func TestSoftLockDoubles(t *testing.T) {
	w := begun(t, Policy{FailuresPerDay: 100}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, want := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour} {
		w.failing(10)
		if got := time.Duration(w.a.lockedUntil - t0.Add(w.at).UnixNano()); got != want || int(w.a.fails) != 10*(i+1) {
			t.Errorf("lock %d: %v after %d, want %v", i+1, got, w.a.fails, want)
		}
		if w.a.notBefore != 0 {
			t.Error("there are a lock and a back-off")
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
			if i == 1 { // a success of another transaction refunds nothing
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

// A wrong code that leaves the span of a budget at this moment no longer counts.
func TestBudgetAtItsEdge(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		want State
	}{{-1, LockedOut}, {0, MFAChallenge}, {1, MFAChallenge}} {
		w := begun(t, Policy{FailuresPerDay: 2}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		w.do(Verify{Code: w.wrong()})
		w.at = day + c.late
		w.begin(ada)
		w.do(Challenge{adaMail.ID})
		w.want(w.do(Verify{Code: w.wrong()}), c.want)
	}
}

// A wrong code is stored for as long as the longest budget counts it.
func TestFailureSpan(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		span time.Duration
	}{{Policy{}, year}, {Policy{Digits: 8}, day}, {Policy{Digits: 8, FailuresPerYear: 1}, year}} {
		for _, late := range []time.Duration{-1, 0} {
			w := begun(t, c.p, ada, adaMail)
			w.a.failures.add(t0.UnixNano(), 2)
			w.a.failures.by = "\x00"
			w.at = c.span + late
			w.a.seen = t0.Add(w.at).UnixNano()
			var r Result
			if _, err := w.m.Tend(&w.a, t0.Add(w.at), &r); err != nil || (r.Account.failures.at.len() == 1) != (late < 0) {
				t.Errorf("%+v: %d stored after %v%+d ns, %v", c.p, r.Account.failures.at.len(), c.span, late, err)
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

func TestSendLimits(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, wait := range []time.Duration{30 * time.Second, time.Minute} {
		w.at += wait - 1
		if at := w.refuses(Resend{}, ErrTooSoon).RetryAt; !at.Equal(t0.Add(w.at + 1)) {
			t.Errorf("send %d: retry at %v", i+2, at)
		}
		w.at++
		w.do(Resend{})
	}
	w.at += 5 * time.Minute
	w.refuses(Resend{}, ErrExhausted)
	// The seventh send in an hour, over all transactions, reaches the limit.
	w.begin(ada)
	for range 3 {
		w.at += 2 * time.Minute
		ev := Event(Resend{})
		if w.a.txs[w.slot()].name() == MFARequired {
			ev = Challenge{adaMail.ID}
		}
		w.do(ev)
	}
	w.begin(ada)
	first := w.a.sends.until(w.a.sends.len()-1, time.Hour)
	if at := w.refuses(Challenge{adaMail.ID}, ErrTooSoon).RetryAt; at.UnixNano() != first {
		t.Errorf("a send is allowed at %v, want when the first of six leaves", at)
	}
	w.at = time.Hour - 1
	w.begin(ada)
	w.refuses(Challenge{adaMail.ID}, ErrTooSoon)
	w.at++
	w.do(Challenge{adaMail.ID})
}

func TestSendsOfTheDay(t *testing.T) {
	w := begun(t, Policy{SendsPerDay: 2}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for _, at := range []time.Duration{3 * time.Hour, 6 * time.Hour} {
		w.at = at
		w.begin(ada)
		if at == 6*time.Hour {
			if r := w.refuses(Challenge{adaMail.ID}, ErrTooSoon); !r.RetryAt.Equal(t0.Add(24 * time.Hour)) {
				t.Errorf("allowed again at %v", r.RetryAt)
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

// Skip refunds neither failures of the account nor tries of the transaction.
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
