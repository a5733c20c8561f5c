package authn

import (
	"testing"
	"time"
)

// copyFrom overwrites every field of the working copy.
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

// Locks, back-offs and finished transactions are removed exactly at their end.
func TestForgottenInTime(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		gone bool
	}{{-1, false}, {0, true}, {1, true}} {
		w := begun(t, Policy{}, ada, adaMail)
		w.do(Cancel{})
		now := t0.Add(w.at).UnixNano()
		w.a.lockedUntil, w.a.notBefore = now-int64(c.late), now-int64(c.late)
		var r Result
		if _, err := w.m.Tend(&w.a, unix(now), &r); err != nil || (r.Account.lockedUntil == 0) != c.gone || (r.Account.notBefore == 0) != c.gone {
			t.Errorf("%v late: %s, %v", c.late, r.Account.String(), err)
		}
		if _, err := w.m.Tend(&w.a, t0.Add(w.at+tombstone+c.late), &r); err != nil || (r.Account.txs[0] == transaction{}) != c.gone {
			t.Errorf("%v late: %s, %v", c.late, r.Account.String(), err)
		}
	}
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
		t.Error("an account that is only disabled may be deleted")
	}
	d := adaMail
	d.Status = Disabled
	w = &walk{TB: t, m: newMachine(t, Policy{}), fs: []Factor{d}, seed: 1}
	refused(t, &w.r, w.m.Begin(&w.a, Login{User: "x", Require: RequireNothing}, w.env(), &w.r), ErrLocked)
}
