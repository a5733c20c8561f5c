package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

const fresh authn.Secret = "a new password"

// ungated is a host whose gates nobody needs.
func ungated(t testing.TB, change func(*testhost.Host, *authn.Config)) (*testhost.Host, *testhost.Vault) {
	h, v, terms, profile := testhost.Gated(t, change)
	terms.Need, profile.Need = testhost.Never, testhost.Never
	return h, v
}

// handingIn are the three events of which the host has the last word, each with how
// to come to where it is asked for.
func handingIn(t *testing.T, f func(t *testing.T, h *testhost.Host, token authn.StateToken, ev authn.Event, says func(func() (authn.Verdict, error)) (asked func() int))) {
	for name, x := range map[string]struct {
		l  authn.Login
		ev authn.Event
	}{
		"change": {testhost.HasExpired, authn.ChangePassword{Old: testhost.OldPassword, New: fresh}},
		"reset":  {testhost.ToReset, authn.ResetPassword{New: fresh}},
		"pass":   {authn.Login{User: "ada", Require: authn.RequireNothing}, authn.Pass{Gate: "TERMS", Input: "yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, v, terms, profile := testhost.Gated(t, nil)
			profile.Need = testhost.Never
			if name != "pass" {
				terms.Need = testhost.Never
			}
			f(t, h, h.MustLogin(t, x.l).Token, x.ev, func(g func() (authn.Verdict, error)) func() int {
				v.Judge = func(context.Context, authn.PasswordInput) (authn.Verdict, error) { return g() }
				terms.Judge = func(context.Context, authn.GateInput) (authn.Verdict, error) { return g() }
				return func() int { return len(v.Checks()) + len(terms.Checks()) }
			})
		})
	}
}

// A host that cannot judge decides nothing: nothing is counted, and the event may come
// again.
func TestHostCannotJudge(t *testing.T) {
	for name, fault := range map[string]func() (authn.Verdict, error){
		"down":      func() (authn.Verdict, error) { return authn.Verdict{Right: true}, errors.New("down") },
		"panics":    func() (authn.Verdict, error) { panic(string(fresh)) },
		"too much":  func() (authn.Verdict, error) { return authn.Verdict{Right: true, Data: make([]byte, 513)}, nil },
		"way above": func() (authn.Verdict, error) { return authn.Verdict{Right: true, Data: make([]byte, 1<<20)}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			handingIn(t, func(t *testing.T, h *testhost.Host, token authn.StateToken, ev authn.Event, says func(func() (authn.Verdict, error)) func() int) {
				before, _ := h.Inspect(t.Context(), "ada")
				says(fault)
				a, err := h.Do(t.Context(), token, ev)
				var r *authn.Refusal
				if a != nil || !errors.Is(err, authn.ErrUnavailable) || errors.As(err, &r) || strings.Contains(err.Error(), string(fresh)) {
					t.Errorf("%v, %v", a, err)
				}
				if after, _ := h.Inspect(t.Context(), "ada"); after != before {
					t.Errorf("%v became %v", before, after)
				}
				says(func() (authn.Verdict, error) { return authn.Verdict{Right: true}, nil })
				if a := h.MustDo(t, token, ev); a.State != authn.Success {
					t.Errorf("then %s", a.State)
				}
			})
		})
	}
}

// A host that hangs is left when the caller's time is over.
func TestHostHangs(t *testing.T) {
	handingIn(t, func(t *testing.T, h *testhost.Host, token authn.StateToken, ev authn.Event, says func(func() (authn.Verdict, error)) func() int) {
		ctx, stop := context.WithCancel(t.Context())
		says(func() (authn.Verdict, error) {
			stop()
			<-ctx.Done()
			return authn.Verdict{}, ctx.Err()
		})
		if a, err := h.Do(ctx, token, ev); a != nil || !errors.Is(err, context.Canceled) || !errors.Is(err, authn.ErrUnavailable) {
			t.Errorf("%v, %v", a, err)
		}
	})
}

// Store and Passed are left after Policy.DeliveryTimeout, and called again by Tend until
// they return nil, each time with the same key, time and data. A caller who is gone does
// not stop them.
func TestHostHangsKeeping(t *testing.T) {
	h, v, terms, profile := testhost.Gated(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.DeliveryTimeout = 250 * time.Millisecond })
	profile.Need = testhost.Never
	ctx, stop := context.WithCancel(t.Context())
	var told []authn.Change
	hang := func(ctx context.Context, c authn.Change) error {
		stop()
		told = append(told, c)
		<-ctx.Done()
		return ctx.Err()
	}
	v.Take, terms.Take = hang, hang
	a, err := h.Do(ctx, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
	if err != nil || a.State != "TERMS" {
		t.Fatalf("%v, %v", a, err)
	}
	a = h.MustDo(t, a.Token, authn.Pass{Gate: "TERMS", Input: "yes"})
	if as, err := h.Redeem(t.Context(), a.Session); as != nil || !errors.Is(err, authn.ErrUnavailable) {
		t.Fatalf("redeemed before the host has the password: %v, %v", as, err)
	}
	v.Take, terms.Take = nil, nil
	h.Wait(time.Minute)
	if did, err := h.Tend(t.Context()); err != nil || did.Delivered != 2 {
		t.Errorf("%+v, %v", did, err)
	}
	if v.Kept("ada") != testhost.Form(fresh) || len(terms.Passes()) != 1 {
		t.Fatalf("kept %q, told %v", v.Kept("ada"), terms.Passes())
	}
	same := func(a, b authn.Change) bool {
		return a.Key == b.Key && a.User == b.User && a.At.Equal(b.At) && slices.Equal(a.Data, b.Data)
	}
	if !same(told[0], v.Stores()[len(v.Stores())-1]) || !same(told[1], terms.Passes()[0]) || same(told[0], told[1]) {
		t.Errorf("told %+v, then %+v and %+v", told, v.Stores(), terms.Passes())
	}
	h.Wait(time.Hour)
	before := len(v.Stores()) + len(terms.Passes())
	if _, err := h.Tend(t.Context()); err != nil || len(v.Stores())+len(terms.Passes()) != before {
		t.Errorf("told again: %v", err)
	}
}

// A verdict is asked for once in each call, however often its step runs again, and so is
// whether a gate is needed.
func TestVerdictIsAskedOnce(t *testing.T) {
	handingIn(t, func(t *testing.T, h *testhost.Host, token authn.StateToken, ev authn.Event, says func(func() (authn.Verdict, error)) func() int) {
		n := 0
		asked := says(func() (authn.Verdict, error) { n++; return authn.Verdict{Right: n == 1}, nil })
		lost := 0
		h.Config.Store = storetest.Faulty(&h.Store, func(call storetest.Call) storetest.Fault {
			if call.Op == storetest.Save && lost < 3 {
				lost++
				return storetest.Fault{Err: authn.ErrConflict}
			}
			return storetest.Fault{}
		})
		profile := h.Config.Gates[1].Keeper.(*testhost.Guard)
		before := profile.Asked()
		if a := testhost.OK(t)(h.Open(t).Do(t.Context(), token, ev)); a.State != authn.Success || asked() != 1 || lost != 3 || profile.Asked() != before+1 {
			t.Errorf("%s; asked %d times, and %d times about PROFILE, over %d lost saves", a.State, asked(), profile.Asked()-before, lost)
		}
	})
}

// Nobody is asked during a back-off, for an event that is refused, or for an exact
// repeat: G5. What was handed in takes no part in whether it is one, but the gate does.
func TestNobodyIsAskedToJudge(t *testing.T) {
	handingIn(t, func(t *testing.T, h *testhost.Host, token authn.StateToken, ev authn.Event, says func(func() (authn.Verdict, error)) func() int) {
		asked := says(func() (authn.Verdict, error) { return authn.Verdict{}, nil })
		for range 4 {
			h.MustDo(t, token, ev)
		}
		if asked() != 4 {
			t.Fatalf("asked %d times", asked())
		}
		for _, ev := range []authn.Event{
			ev, authn.Pass{Gate: "PROFILE", Input: "yes"}, authn.Pass{Gate: "NOWHERE"}, authn.Verify{Code: "123456"},
			authn.ChangePassword{Old: "x"}, authn.ChangePassword{New: "x"}, authn.ResetPassword{}, authn.ResetPassword{New: "a\x00"}, authn.Pass{},
		} {
			if _, err := h.Do(t.Context(), token, ev); err == nil || errors.Is(err, authn.ErrUnavailable) {
				t.Errorf("%T: %v", ev, err)
			}
		}
		h.Wait(30*time.Second - 1)
		var r *authn.Refusal
		if _, err := h.Do(t.Context(), token, ev); !errors.As(err, &r) || r.Err != authn.ErrTooSoon || !r.RetryAt.Equal(testhost.Start.Add(30*time.Second)) || r.Answer == nil {
			t.Errorf("in the back-off: %v", err)
		}
		if asked() != 4 {
			t.Fatalf("asked %d times", asked())
		}
		h.Wait(1)
		says(func() (authn.Verdict, error) {
			return authn.Verdict{Rejected: true, Reasons: []string{"too short", "leaked"}}, nil
		})
		a := h.MustDo(t, token, authn.WithKey("k", ev))
		if a.Outcome != authn.Rejected || !slices.Equal(a.Reasons, []string{"too short", "leaked"}) || asked() != 5 {
			t.Errorf("%s %v, asked %d times", a.Outcome, a.Reasons, asked())
		}
		other := map[string]authn.Event{
			"change_password": authn.ChangePassword{Old: "another", New: "one"}, "reset_password": authn.ResetPassword{New: "another"}, "pass": authn.Pass{Gate: "TERMS", Input: "another"},
		}
		for _, x := range other {
			a, err := h.Do(t.Context(), token, authn.WithKey("k", x))
			if fmt.Sprintf("%T", x) == fmt.Sprintf("%T", ev) {
				if err != nil || a.Outcome != authn.Rejected || a.Reasons != nil {
					t.Errorf("a repeat: %v, %v", a, err)
				}
			} else if !errors.Is(err, authn.ErrKeyReused) {
				t.Errorf("%T with the key of %T: %v", x, ev, err)
			}
		}
		if _, isPass := ev.(authn.Pass); isPass {
			if _, err := h.Do(t.Context(), token, authn.WithKey("k", authn.Pass{Gate: "PROFILE", Input: "yes"})); !errors.Is(err, authn.ErrKeyReused) {
				t.Errorf("another gate with the same key: %v", err)
			}
		}
		if asked() != 5 {
			t.Errorf("asked %d times", asked())
		}
		if s := testhost.OK(t)(h.Status(t.Context(), token)); s.Reasons != nil || s.Outcome != authn.Done {
			t.Errorf("status has %v %q", s.Reasons, s.Outcome)
		}
	})
}

// The same reload after SUCCESS has the same session token, with whatever password.
func TestPasswordRepeated(t *testing.T) {
	h, v := ungated(t, nil)
	token := h.MustLogin(t, testhost.ToReset).Token
	a := h.MustDo(t, token, authn.WithKey("k", authn.ResetPassword{New: fresh}))
	b := h.MustDo(t, token, authn.WithKey("k", authn.ResetPassword{New: "another"}))
	if a.Session == "" || a.Session != b.Session || len(v.Checks()) != 1 || v.Kept("ada") != testhost.Form(fresh) {
		t.Errorf("%t, %d checks, %q", a.Session == b.Session, len(v.Checks()), v.Kept("ada"))
	}
}

// Two tabs change the password at the same time: one of them does, and the host has its
// password. The other one gets no session.
func TestTwoTabsChangeThePassword(t *testing.T) {
	for range 20 {
		h, v := ungated(t, nil)
		one, two := h.MustLogin(t, testhost.HasExpired).Token, h.MustLogin(t, testhost.HasExpired).Token
		type end struct {
			p   authn.Secret
			a   *authn.Answer
			err error
		}
		ends := make(chan end, 3)
		var begin sync.WaitGroup
		begin.Add(1)
		for i, token := range []authn.StateToken{one, two, two} {
			p := authn.Secret(fmt.Sprint("tab ", i))
			go func() {
				begin.Wait()
				a, err := h.Do(context.Background(), token, authn.ChangePassword{Old: testhost.OldPassword, New: p})
				ends <- end{p, a, err}
			}()
		}
		begin.Done()
		won := 0
		for range 3 {
			switch e := <-ends; {
			case e.err == nil && e.a.State == authn.Success:
				won++
				as, err := h.Redeem(t.Context(), e.a.Session)
				if err != nil || as.User != "ada" || v.Kept("ada") != testhost.Form(e.p) {
					t.Errorf("%v, %v; the host has %q, not that of %s", as, err, v.Kept("ada"), string(e.p))
				}
			case e.err != nil && !errors.Is(e.err, authn.ErrFinished) && !errors.Is(e.err, authn.ErrNotAllowed):
				t.Errorf("%v", e.err)
			}
		}
		if won != 1 {
			t.Fatalf("%d tabs have changed the password", won)
		}
	}
}

// A sign-in that says something of the password needs somebody who judges passwords.
func TestPasswordStatusWithoutPasswords(t *testing.T) {
	h := testhost.New(t, nil)
	for _, l := range []authn.Login{testhost.ToReset, testhost.HasExpired, testhost.ExpiresAt(testhost.Start.Add(time.Hour))} {
		if a, err := h.Begin(t.Context(), l); a != nil || !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%d: %v, %v", l.Password, a, err)
		}
	}
	if n, _ := h.Store.Due(t.Context(), testhost.Start.Add(1e6*time.Hour), 9); len(n) != 0 {
		t.Error("something was saved")
	}
	h.MustLogin(t, authn.Login{User: "ada"})
}

// What cannot be handed in is refused before anything is looked at, and nothing is
// asked; so with what comes from a wire.
func TestBadInput(t *testing.T) {
	type inputs struct {
		l   authn.Login
		at  authn.State
		bad []authn.Event
		ok  []authn.Event
	}
	long := func(n int) authn.Secret { return authn.Secret(strings.Repeat("x", n)) }
	badPasswords := []authn.Secret{"", "\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", long(4097), long(1 << 20)}
	okPasswords := []authn.Secret{"x", " ", "\n", "e\u0301", "\u00e9", "\u202e", "\U0010ffff", long(4096)}
	change := inputs{l: testhost.HasExpired, at: authn.PasswordExpired}
	reset := inputs{l: testhost.ToReset, at: authn.PasswordReset}
	for _, p := range badPasswords {
		change.bad = append(change.bad, authn.ChangePassword{Old: p, New: fresh}, authn.ChangePassword{Old: testhost.OldPassword, New: p}, &authn.ChangePassword{Old: p, New: p})
		reset.bad = append(reset.bad, authn.ResetPassword{New: p}, &authn.ResetPassword{New: p})
	}
	for _, p := range okPasswords {
		change.ok = append(change.ok, authn.ChangePassword{Old: testhost.OldPassword, New: p}, authn.ChangePassword{Old: p, New: fresh}, &authn.ChangePassword{Old: testhost.OldPassword, New: p})
		reset.ok = append(reset.ok, authn.ResetPassword{New: p}, &authn.ResetPassword{New: p})
	}
	pass := inputs{
		l: authn.Login{User: "ada", Require: authn.RequireNothing}, at: "TERMS",
		bad: []authn.Event{
			authn.Pass{}, authn.Pass{Input: "yes"}, authn.Pass{Gate: "TERMS", Input: long(16<<10 + 1)}, authn.Pass{Gate: authn.State(strings.Repeat("T", 33)), Input: "yes"},
			(*authn.Pass)(nil), (*authn.ChangePassword)(nil), (*authn.ResetPassword)(nil), nil, authn.WithKey("", authn.Pass{Gate: "TERMS"}), authn.WithKey(strings.Repeat("k", 65), authn.Pass{Gate: "TERMS"}),
			authn.WithKey("k", authn.WithKey("k", authn.Pass{Gate: "TERMS"})),
		},
		ok: []authn.Event{authn.Pass{Gate: "TERMS"}, authn.Pass{Gate: "TERMS", Input: "\x00\xff"}, authn.Pass{Gate: "TERMS", Input: long(16 << 10)}, &authn.Pass{Gate: "TERMS", Input: "yes"}, authn.WithKey(strings.Repeat("k", 64), authn.Pass{Gate: "TERMS"})},
	}
	for _, x := range []inputs{change, reset, pass} {
		h, v, terms, profile := testhost.Gated(t, nil)
		if profile.Need = testhost.Never; x.at != "TERMS" {
			terms.Need = testhost.Never
		}
		rejects := authn.Verdict{Rejected: true}
		v.Judge = func(context.Context, authn.PasswordInput) (authn.Verdict, error) { return rejects, nil }
		terms.Judge = func(context.Context, authn.GateInput) (authn.Verdict, error) { return rejects, nil }
		a := h.MustLogin(t, x.l)
		before, _ := h.Inspect(t.Context(), "ada")
		for i, ev := range x.bad {
			var r *authn.Refusal
			if _, err := h.Do(t.Context(), a.Token, ev); !errors.As(err, &r) || r.Err != authn.ErrMalformed {
				t.Errorf("%s, bad %d: %v", x.at, i, err)
			}
			if _, err := h.Do(t.Context(), "no token", ev); !errors.Is(err, authn.ErrMalformed) {
				t.Errorf("%s, bad %d, without a token: %v", x.at, i, err)
			}
		}
		if after, _ := h.Inspect(t.Context(), "ada"); after != before || len(v.Checks())+len(terms.Checks()) > 0 {
			t.Errorf("%s: something was saved, or the host was asked", x.at)
		}
		for i, ev := range x.ok {
			if a, err := h.Do(t.Context(), a.Token, ev); err != nil || a.Outcome != authn.Rejected || a.State != x.at {
				t.Errorf("%s, good %d: %v", x.at, i, err)
			}
		}
		if n := len(v.Checks()) + len(terms.Checks()); n != len(x.ok) {
			t.Errorf("%s: the host was asked %d times for %d events", x.at, n, len(x.ok))
		}
	}
	for _, p := range slices.Concat(badPasswords, okPasswords) {
		for name, want := range map[string]authn.Event{
			"change_password": authn.ChangePassword{Old: p, New: p + "2"}, "reset_password": authn.ResetPassword{New: p + "2"}, "pass": authn.Pass{Gate: "TERMS", Input: p},
		} {
			if ev, err := authn.ParseEvent(name, authn.Fields{Old: p, New: p + "2", Gate: "TERMS", Input: p, Factor: "f", Code: "c"}); err != nil || ev != want {
				t.Errorf("%s: %v, %v", name, ev, err)
			}
		}
	}
	for _, name := range []string{"Pass", "change password", "changepassword", "reset", "passed"} {
		if ev, err := authn.ParseEvent(name, authn.Fields{}); ev != nil || !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%s: %v, %v", name, ev, err)
		}
	}
}

// A login that contradicts itself is refused, and nothing is saved.
func TestBadPasswordStatus(t *testing.T) {
	h, _ := ungated(t, nil)
	soon := testhost.Start.Add(time.Hour)
	for i, l := range []authn.Login{
		{Password: authn.PasswordNeedsReset + 1}, {Password: 255}, {Password: authn.PasswordExpiresSoon}, {PasswordExpires: soon},
		{Password: authn.PasswordHasExpired, PasswordExpires: soon}, {Password: authn.PasswordNeedsReset, PasswordExpires: soon},
		{Password: authn.PasswordExpiresSoon, PasswordExpires: time.Unix(1e9-1, 999999999)}, {Password: authn.PasswordExpiresSoon, PasswordExpires: time.Unix(4e9, 0)},
	} {
		l.User = "ada"
		if a, err := h.Begin(t.Context(), l); a != nil || !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%d: %v, %v", i, a, err)
		}
	}
	for _, at := range []time.Time{time.Unix(1e9, 0), time.Unix(4e9-1, 999999999)} {
		h.MustLogin(t, testhost.ExpiresAt(at))
	}
}

// The Limiter and the Auditor learn of passwords and gates as of codes.
func TestPasswordsAreAuditedAndLimited(t *testing.T) {
	h, v, terms, profile := testhost.Gated(t, nil)
	profile.Need = testhost.Never
	strict := new(strictLimiter)
	h.Config.Limiter = strict
	limited := h.Open(t)
	token := h.MustLogin(t, testhost.HasExpired).Token
	ev := authn.ChangePassword{Old: testhost.OldPassword, New: fresh}
	if _, err := limited.Do(t.Context(), token, ev); !errors.Is(err, authn.ErrTooSoon) || len(v.Checks()) != 0 {
		t.Errorf("limited: %v, asked %d times", err, len(v.Checks()))
	}
	h.MustDo(t, token, ev)
	if _, err := limited.Do(t.Context(), token, authn.Pass{Gate: "TERMS", Input: "yes"}); !errors.Is(err, authn.ErrTooSoon) || len(terms.Checks()) != 0 {
		t.Errorf("limited: %v, asked %d times", err, len(terms.Checks()))
	}
	h.MustDo(t, token, authn.Pass{Gate: "TERMS", Input: "yes"})
	if attempts := strict.attempts; len(attempts) != 2 || attempts[0].Event != "change_password" || attempts[1].Event != "pass" || attempts[0].User != "ada" || attempts[0].Factor != "" {
		t.Errorf("%+v", attempts)
	}
	var told []string
	for _, e := range h.Audited() {
		if e.Err == "" {
			told = append(told, fmt.Sprintf("%s %s %s", e.Event, e.From, e.To))
		}
	}
	for _, want := range []string{"change_password PASSWORD_EXPIRED TERMS", "pass TERMS SUCCESS", "signed_in  "} {
		if !slices.Contains(told, want) {
			t.Errorf("the Auditor was not told %q: %q", want, told)
		}
	}
	if m := h.Last("ada"); m.Kind != authn.PasswordMessage || m.To != "ada@example.com" {
		t.Errorf("%+v", m)
	}
}

// strictLimiter lets nothing go on.
type strictLimiter struct{ attempts []authn.Attempt }

func (s *strictLimiter) Allow(_ context.Context, a authn.Attempt) (time.Time, error) {
	s.attempts = append(s.attempts, a)
	return testhost.Start.Add(time.Hour), nil
}

// Redeem hands over the password that is owed first, and once in a call.
func TestRedeemStoresFirst(t *testing.T) {
	h, v := ungated(t, nil)
	v.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	a := h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
	for n := 2; n < 4; n++ {
		if as, err := h.Redeem(t.Context(), a.Session); as != nil || !errors.Is(err, authn.ErrUnavailable) || len(v.Stores()) != n {
			t.Errorf("%v, %v, told %d times", as, err, len(v.Stores()))
		}
	}
	if _, err := h.Redeem(t.Context(), a.Session+"x"); !errors.Is(err, authn.ErrFinished) || len(v.Stores()) != 3 {
		t.Errorf("an unknown token: %v, told %d times", err, len(v.Stores()))
	}
	v.Take = nil
	if as, err := h.Redeem(t.Context(), a.Session); err != nil || as.User != "ada" || v.Kept("ada") != testhost.Form(fresh) {
		t.Errorf("%v, %v, %q", as, err, v.Kept("ada"))
	}
	if _, err := h.Redeem(t.Context(), a.Session); !errors.Is(err, authn.ErrFinished) || len(v.Stores()) != 4 {
		t.Errorf("twice: %v, told %d times", err, len(v.Stores()))
	}
}

// A session waits for any password of the user that the host has not taken, also for
// that of another transaction.
func TestSessionWaitsForAnotherPassword(t *testing.T) {
	h, v := ungated(t, nil)
	v.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
	a := h.MustLogin(t, authn.Login{User: "ada", Require: authn.RequireNothing})
	if as, err := h.Redeem(t.Context(), a.Session); as != nil || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("%v, %v", as, err)
	}
}

// A service without Passwords, on a store that it shares with one that has them, changes
// none and stores none, and says so.
func TestNoPasswordsHere(t *testing.T) {
	h, v := ungated(t, nil)
	token := h.MustLogin(t, testhost.ToReset).Token
	bare := h.Config
	bare.Passwords = nil
	other, err := authn.New(bare)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Do(t.Context(), token, authn.ResetPassword{New: fresh}); !errors.Is(err, authn.ErrUnavailable) || !strings.Contains(err.Error(), "no Passwords here") {
		t.Errorf("a new password: %v", err)
	}
	v.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	ans := h.MustDo(t, token, authn.ResetPassword{New: fresh})
	if _, err := other.Redeem(t.Context(), ans.Session); !errors.Is(err, authn.ErrUnavailable) || !strings.Contains(err.Error(), "not stored yet") {
		t.Errorf("a session that waits for it: %v", err)
	}
	v.Take = nil
	if _, err := h.Redeem(t.Context(), ans.Session); err != nil {
		t.Error(err)
	}
}
