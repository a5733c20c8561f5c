package authn

import (
	"errors"
	"fmt"
	"time"
)

// The invariants that hold in every account that an exploration reaches.

func (x *explorer) visit(n int32, s spot, a *Account) {
	fail := func(name, format string, args ...any) {
		x.t.Helper()
		x.t.Fatalf("%s: %s\nby%s\nin %s", name, fmt.Sprintf(format, args...), x.g.story(n), a.String())
	}
	clear(x.alike)
	mem := s.memory
	if again, _ := x.settle(*a, zero, s.fall, &mem); again != s {
		fail("P4", "it reads back as another account, or is not canonical: %x\n%x", again.account, s.account)
	}
	st := x.m.fresh()
	st.acct, st.now = a, max(a.seen, zero.UnixNano())
	locked := a.disabled || st.lockEnd() > st.now
	lives := 0
	for i := range a.txs {
		t := &a.txs[i]
		if t.isLive() {
			lives++
			if locked {
				fail("K4", "a lock, and a live transaction")
			}
			x.applied["K4"]++
		}
		if t.state != 0 && !t.plausible() && !t.ended() {
			fail("S21", "impossible: %+v", *t)
		}
		if t.state != 0 && !t.ended() {
			x.ends(fail, a, i)
		}
		if t.isLive() || t.name() == Success {
			x.promises(fail, a, i)
		}
	}
	if lives > x.m.policy.Live {
		fail("S14", "%d live transactions", lives)
	}
	x.tended = nil
	var r Result
	if _, err := x.m.Tend(a, zero, &r); err != nil {
		fail("B7", "%v", err)
	}
	if r.nmoves > 0 {
		x.tended = &r.Account
	}
}

type failing func(name, format string, args ...any)

// ends: L3. At its end, and a nanosecond before, of which only the first is
// the end.
func (x *explorer) ends(fail failing, a *Account, i int) {
	t := &a.txs[i]
	now := max(zero.UnixNano(), a.seen)
	for _, d := range []int64{-1, 0} {
		e := Env{Now: unix(t.expires + d)}
		if t.expires+d < now {
			continue
		}
		var r Result
		err := x.m.Step(a, secretOf(i), Cancel{}, e, &r)
		ended := err == nil && r.Ended
		if ended != (d == 0) && t.tries < t.limits.tightened(&x.m.limits).tries {
			fail("B2", "%dns from its end it has ended: %t", d, ended)
		}
		if ended && r.Account.txs[i].name() != Expired {
			fail("L3", "it ended as %s", r.Account.txs[i].name())
		}
		x.applied["B2"]++
	}
	// B1: so with the code. One nanosecond decides.
	if !t.code.live || t.name() != MFAChallenge || x.m.overdue(a, i, unix(now)) || t.code.expires-1 < now || t.code.expires-1 < a.notBefore || t.code.tries >= t.limits.tightened(&x.m.limits).codeTries {
		return
	}
	for _, d := range []int64{-1, 0} {
		if t.code.expires+d >= t.expires { // then the transaction is over first
			continue
		}
		var r Result
		err := x.m.Step(a, secretOf(i), Verify{Code: x.m.liveCode(a, i)}, Env{Now: unix(t.code.expires + d)}, &r)
		if late := err == nil && r.Outcome == LateCode; late != (d == 0) {
			fail("B1", "%dns from its expiry the code is late: %t, %v", d, late, err)
		}
		x.applied["B1"]++
	}
}

// promises: A1. What an answer lists as allowed is allowed, what it lists for
// later is so then and not before, and what it does not list is not.
func (x *explorer) promises(fail failing, a *Account, i int) {
	if x.m.overdue(a, i, zero) {
		return
	}
	before := *a
	ans, err := x.m.Status(a, secretOf(i), zero)
	if err != nil {
		fail("A1", "status: %v", err)
	}
	if *a != before {
		fail("A1", "status changed something")
	}
	for o := enroll; o <= redeem; o++ {
		at, listed := ans.Allows(o.name())
		when, can := zero, false
		for wait := zero; !can && when.UnixNano() < a.txs[i].expires; when = wait {
			if can, wait = x.best(a, i, o, when); can || !wait.After(when) {
				break
			}
		}
		if can && when.Equal(zero) {
			when = time.Time{}
		}
		if listed != can || listed && !at.Equal(when) {
			fail("A1", "%s: allowed %t at %v; it is %t, at %v", o, listed, at, can, when)
		}
		x.applied["A1"]++
	}
}

// best tries an event at a time with the best that could come with it: whether
// it is taken, or until when it is too soon.
func (x *explorer) best(a *Account, i int, o op, now time.Time) (can bool, when time.Time) {
	factor := a.txs[i].factor().id
	right := Code("000000")
	if o == verify || o == activate {
		right = x.codeText(a, i, rightText)
	}
	evs := map[op][]Event{
		enroll: {Enroll{Email}}, activate: {Activate{Code: right}}, challenge: {Challenge{"mail"}, Challenge{"spare"}}, verify: {Verify{Code: right}},
		resend: {Resend{}}, previous: {Previous{}}, skip: {Skip{}}, cancel: {Cancel{}}, redeem: {nil},
	}[o]
	if o == challenge && a.txs[i].code.live {
		evs = []Event{Challenge{factor}}
	}
	for _, ev := range evs {
		for v := range len(x.views) + 2 {
			c := act{op: o, slot: i, name: i, ev: ev, view: v % len(x.views), code: rightText}
			e := x.env(a, &c, now)
			if v >= len(x.views) { // and what was proved is active there, at one address or the other
				e.Factors = []Factor{mailbox(Active, []string{usualBox, movedBox}[v-len(x.views)], false), spare(Active, false)}
			}
			var r Result
			err := x.do(a, &c, e, &r)
			var ref *Refusal
			if err == nil && r.Outcome == Done {
				return true, time.Time{}
			}
			if errors.As(err, &ref) && ref.Err == ErrTooSoon && (when.IsZero() || ref.RetryAt.Before(when)) {
				when = ref.RetryAt
			}
		}
	}
	return false, when
}
