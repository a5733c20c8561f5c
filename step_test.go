package authn

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"
)

// walk is one transaction of one account, stepped by hand.
type walk struct {
	testing.TB
	m    *Machine
	a    Account
	h    Handle
	fs   []Factor
	at   time.Duration
	seed int
	r    Result
}

func begun(t testing.TB, p Policy, l Login, fs ...Factor) *walk {
	w := &walk{TB: t, m: newMachine(t, p), fs: fs, seed: 1}
	w.begin(l)
	return w
}

func (w *walk) env() Env {
	w.seed++
	return env(w.at, w.seed, w.fs...)
}

func (w *walk) begin(l Login) {
	w.Helper()
	e := w.env()
	w.h = handle(e)
	w.a = taken(w, &w.r, w.m.Begin(&w.a, l, e, &w.r))
}

// do takes an event and returns the state it led to.
func (w *walk) do(ev Event) State {
	w.Helper()
	w.a = taken(w, &w.r, w.m.Step(&w.a, w.h, ev, w.env(), &w.r))
	return w.a.txs[w.slot()].name()
}

func (w *walk) slot() int { return w.a.find(w.h.digest()) }

// refuses checks that an event is refused and changes nothing.
func (w *walk) refuses(ev Event, want error) *Refusal {
	w.Helper()
	before := w.a
	ref := refused(w, &w.r, w.m.Step(&w.a, w.h, ev, w.env(), &w.r), want)
	if w.a != before {
		w.Fatal("a refused event changed the account")
	}
	return ref
}

func (w *walk) right() Secret { return w.m.liveCode(&w.a, w.slot()) }
func (w *walk) wrong() Secret { return w.m.wrongCode(&w.a, w.slot()) }

func (w *walk) want(got, want State) {
	w.Helper()
	if got != want {
		w.Fatalf("in %s, not in %s", got, want)
	}
}

func TestVerifiedAddress(t *testing.T) {
	verified := Factor{ID: "m", Type: Email, Address: "ada@example.com", Status: NotSetUp, Verified: true}
	w := begun(t, Policy{}, ada, verified)
	w.want(w.a.txs[0].name(), MFARequired)
	if w.a.txs[0].mail.state != noMail {
		t.Error("mail went out before a factor was chosen")
	}
	w.want(w.do(Challenge{"m"}), MFAChallenge)
	w.want(w.do(Verify{Code: w.right()}), Success)

	w = begun(t, Policy{NoAutoActivateEmail: true}, ada, verified)
	w.want(w.a.txs[0].name(), MFAEnroll)
}

func TestEnrolment(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	w.want(w.a.txs[0].name(), MFAEnroll)
	w.refuses(Skip{}, ErrRequired)
	w.refuses(Enroll{"sms"}, ErrNotOffered)
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.wrong()}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.right()}), Success)
	if es := w.a.owed(1 << 62); len(es) != 3 || es[0].Do != FactorActivated || es[0].Factor != graceMail.ID {
		t.Errorf("owed: %+v", es)
	}
}

func TestSeveralRequiredFactors(t *testing.T) {
	one := Factor{ID: "one", Type: Email, Address: "one@example.com", Status: NotSetUp, Required: true}
	two := Factor{ID: "two", Type: Email, Address: "two@example.com", Status: NotSetUp, Required: true}
	w := begun(t, Policy{}, grace, one, two)
	w.do(Enroll{Email})
	w.want(w.do(Activate{Code: w.right()}), MFAEnroll)
	w.refuses(Skip{}, ErrRequired)
	w.refuses(Enroll{Email}, ErrTooSoon)
	w.at = time.Minute
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	if id := w.a.txs[0].factor().id; id != "two" {
		t.Fatalf("enrolling %q", id)
	}
	w.want(w.do(Activate{Code: w.right()}), Success)
}

// Enrolment on the password alone is only for an account without a factor.
func TestEnrolmentIsCheckedWhenUsed(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	active := graceMail
	active.Status = Active
	w.fs = []Factor{active}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail}
	w.do(Enroll{Email})
	code := w.right()
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Activate{Code: code}, ErrNoCode)
	moved := graceMail
	moved.Address = "other@example.com"
	w.fs = []Factor{moved}
	w.refuses(Activate{Code: code}, ErrNoCode)
	w.fs = []Factor{graceMail}
	w.want(w.do(Activate{Code: code}), Success)
}

// Two tabs enrol; the first to finish ends the other.
func TestActivationCancelsOthers(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	other := w.h
	w.do(Enroll{Email})
	w.begin(grace)
	w.do(Enroll{Email})
	w.do(Activate{Code: w.right()})
	if st := w.a.txs[w.a.find(other.digest())].name(); st != Cancelled {
		t.Errorf("the other tab is in %s", st)
	}
	if len(w.r.Moves()) != 2 {
		t.Errorf("rows taken: %v", w.r.Moves())
	}
	// The factor counts as active before the Directory has taken it.
	w.begin(grace)
	w.want(w.a.txs[w.slot()].name(), MFARequired)
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
			w.at -= MaxSkew // a clock that falls back revives nothing
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
		w.do(Resend{}) // extends nothing
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
	w.refuses(Resend{}, ErrSpent)
	// The mailbox is full at the seventh in an hour, over all transactions.
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
		t.Errorf("mailbox free at %v, not when the first of six leaves", at)
	}
	w.at = time.Hour - 1
	w.begin(ada)
	w.refuses(Challenge{adaMail.ID}, ErrTooSoon)
	w.at++
	w.do(Challenge{adaMail.ID})
}

// Going back and forth sends nothing, and leaves the code good.
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
			if w.m.due(&w.a, w.slot(), t0.Add(w.at)) {
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
func handleOf(w *walk, st State) Handle {
	for seed := range w.seed + 1 {
		h := handle(env(0, seed))
		if i := w.a.find(h.digest()); i >= 0 && w.a.txs[i].name() == st {
			return h
		}
	}
	w.Fatalf("no transaction in %s", st)
	return Handle{}
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
	gone := func(h Handle) {
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

func TestOnce(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	wrong := w.wrong()
	w.do(Once("k1", Verify{Code: wrong}))
	before := w.a
	w.do(Once("k1", Verify{Code: wrong}))
	if w.a != before || w.r.Changed || w.r.Outcome != WrongCode {
		t.Errorf("a repeat: changed %t, %q", w.r.Changed, w.r.Outcome)
	}
	w.refuses(Once("k1", Verify{Code: w.right()}), ErrKeyReused)
	w.refuses(Once("k1", Verify{Factor: adaMail.ID, Code: wrong}), ErrKeyReused)
	w.refuses(Once("k1", Cancel{}), ErrKeyReused)
	w.do(Once("k2", Verify{Code: w.wrong()}))
	w.do(Once("k1", Verify{Code: wrong})) // an older key is a new event
	if w.a.fails != 3 {
		t.Errorf("%d wrong codes counted, not 3", w.a.fails)
	}
	right := w.right()
	w.do(Once("k3", Verify{Code: right}))
	done := w.a
	w.want(w.do(Once("k3", Verify{Code: right})), Success)
	if w.a != done {
		t.Error("a repeat of the success changed something")
	}
	w.refuses(Verify{Code: right}, ErrFinished)
	for _, k := range []string{"", string(make([]byte, 65))} {
		w.refuses(Once(k, Cancel{}), ErrMalformed)
	}
	w.do(Once(string(make([]byte, 64)), Cancel{}))
}

func TestRedeem(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.right()})
	s := w.m.pool.New().(*step)
	secret, _ := s.sessionSecret(&w.a.txs[0])
	redeem := func(at time.Duration, fs ...Factor) (*Assertion, error) {
		return w.m.redeem(&w.a, secret, env(at, 50, fs...), &w.r)
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
