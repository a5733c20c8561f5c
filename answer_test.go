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
		ans, err := m.describe(&a, 0, t0)
		if err != nil || !ans.Until.Equal(want) || a != was {
			t.Errorf("saved %v ahead, a lock of %v: until %v, changed %t, %v", c.ahead, c.until, ans.Until, a != was, err)
		}
	}
}
