package model

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// Fixed sequences for situations that random ones rarely reach or cannot check.

// fixed returns a world with one user who has one active factor.
func fixed(t *testing.T, p authn.Policy) (*world, *account) {
	w := newWorld(t, p, 0, 1, false)
	return w, w.add(authn.Factor{Status: authn.Active})
}

// challenged returns a world in which the user was sent a code.
func challenged(t *testing.T, p authn.Policy) (w *world, a *account, code string) {
	w, a = fixed(t, p)
	w.begin(a, authn.RequireFactor)
	w.do(a, call{event: "challenge", factor: "f0-0"})
	c, _ := a.o.kept(0)
	return w, a, c.text
}

func other(code string) string {
	if code[0] == '0' {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}

// service returns another service on the world's store.
func (w *world) service(t *testing.T, change func(*authn.Config)) *authn.Service {
	c := config(w, w.p)
	change(&c)
	s, err := authn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verify(s *authn.Service, a *account, code string) (*authn.Answer, error) {
	return s.Do(ctx, a.tickets[0].token, authn.Verify{Code: authn.Code(code)})
}

// TestCodesAcrossKeyRotation checks S20: codes of an old key are valid while the
// key is listed, new codes are made with the new key, and without the old key its
// codes are not accepted.
func TestCodesAcrossKeyRotation(t *testing.T) {
	w, a, code := challenged(t, authn.Policy{})
	without := w.service(t, func(c *authn.Config) { c.Keys = []authn.Key{keyTwo} })
	if ans, err := verify(without, a, code); err == nil && ans.State == stateSuccess {
		t.Fatal("a code was accepted without its key")
	}
	same := w.service(t, func(c *authn.Config) { c.Keys = []authn.Key{{ID: keyOne.ID, Secret: keyTwo.Secret}} })
	if ans, err := verify(same, a, code); err == nil && ans.State == stateSuccess {
		t.Fatal("a code was accepted with another key of the same id")
	}
	both := w.service(t, func(c *authn.Config) { c.Keys = []authn.Key{keyTwo, keyOne} })
	if ans, err := verify(both, a, code); err != nil || ans.State != stateSuccess {
		t.Fatalf("after the rotation: %v, %v", ans, err)
	}
	w.services = []*authn.Service{both}
	w.Advance(time.Hour)
	ans, err := both.Begin(ctx, authn.Login{User: a.user})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = both.Do(ctx, ans.Token, authn.Challenge{Factor: "f0-0"}); err != nil {
		t.Fatal(err)
	}
	fresh := string(w.Code(a.user))
	alone := w.service(t, func(c *authn.Config) { c.Keys = []authn.Key{keyTwo} })
	if ans, err = alone.Do(ctx, ans.Token, authn.Verify{Code: authn.Code(fresh)}); err != nil || ans.State != stateSuccess {
		t.Fatalf("a code of the new key, without the old one: %v, %v", ans, err)
	}
}

// TestPolicyChange checks S22: a stricter policy applies at once, a more lenient
// one never to a transaction that has begun.
func TestPolicyChange(t *testing.T) {
	for _, tt := range []struct {
		before, after authn.Policy
		wrong         int // before the change
		left          int // tries, after it
		more          int // wrong codes until the transaction ends
	}{
		{authn.Policy{Tries: 5}, authn.Policy{Tries: 3}, 1, 2, 2},
		{authn.Policy{Tries: 3}, authn.Policy{Tries: 5}, 1, 2, 2},
		{authn.Policy{Tries: 5}, authn.Policy{Tries: 3}, 3, 0, 1},
		{authn.Policy{Tries: 5}, authn.Policy{Tries: 2}, 3, 0, 1},
	} {
		name := fmt.Sprintf("from %d to %d tries after %d", tt.before.Tries, tt.after.Tries, tt.wrong)
		for _, right := range []bool{false, true} {
			w, a, code := challenged(t, tt.before)
			for range tt.wrong {
				w.do(a, call{event: "verify", code: other(code)})
			}
			s := w.service(t, func(c *authn.Config) { c.Policy = tt.after })
			ans, err := s.Status(ctx, a.tickets[0].token)
			if tt.left == 0 && errors.Is(err, authn.ErrFinished) {
				err, ans = nil, &authn.Answer{} // no tries left: ended
			}
			if err != nil || max(0, ans.TriesLeft) != tt.left {
				t.Fatalf("%s: %+v, %v", name, ans, err)
			}
			if right {
				if ans, err = verify(s, a, code); (err == nil && ans.State == stateSuccess) != (tt.left > 0) {
					t.Errorf("%s: the right code gives %v, %v", name, ans, err)
				}
				continue
			}
			for i := 1; i <= tt.more; i++ {
				ans, err = verify(s, a, other(code))
				if tt.left == 0 && err != nil {
					break
				}
				if err != nil || (ans.State == stateLocked) != (i == tt.more) {
					t.Errorf("%s: wrong code %d gives %v, %v", name, i, ans, err)
				}
			}
		}
	}
}

// TestPolicyChangeSends checks the same for sends and for the tries of a code.
func TestPolicyChangeSends(t *testing.T) {
	for _, tt := range []struct{ before, after authn.Policy }{
		{authn.Policy{Sends: 3}, authn.Policy{Sends: 1}},
		{authn.Policy{Sends: 1}, authn.Policy{Sends: 3}},
	} {
		w, a, _ := challenged(t, tt.before)
		w.Advance(time.Minute)
		s := w.service(t, func(c *authn.Config) { c.Policy = tt.after })
		if _, err := s.Do(ctx, a.tickets[0].token, authn.Resend{}); !errors.Is(err, authn.ErrExhausted) {
			t.Errorf("from %d to %d sends: %v", tt.before.Sends, tt.after.Sends, err)
		}
	}
	for _, tt := range []struct{ before, after authn.Policy }{
		{authn.Policy{CodeTries: 3}, authn.Policy{CodeTries: 2}},
		{authn.Policy{CodeTries: 2}, authn.Policy{CodeTries: 3}},
	} {
		w, a, code := challenged(t, tt.before)
		w.do(a, call{event: "verify", code: other(code)})
		s := w.service(t, func(c *authn.Config) { c.Policy = tt.after })
		if ans, err := verify(s, a, other(code)); err != nil || !ans.CodeExpires.IsZero() {
			t.Errorf("from %d to %d tries for a code: %+v, %v", tt.before.CodeTries, tt.after.CodeTries, ans, err)
		}
		if _, err := verify(s, a, code); !errors.Is(err, authn.ErrNoCode) {
			t.Errorf("from %d to %d tries for a code: %v", tt.before.CodeTries, tt.after.CodeTries, err)
		}
	}
}

// TestNoAbsurdPolicy checks S24: New rejects numbers that could overflow or mean
// "forever".
func TestNoAbsurdPolicy(t *testing.T) {
	w, _ := fixed(t, authn.Policy{})
	typ := reflect.TypeFor[authn.Policy]()
	for i := range typ.NumField() {
		for _, n := range []int64{-1, -1 << 62, 1<<63 - 1, 1 << 62} {
			var p authn.Policy
			f := reflect.ValueOf(&p).Elem().Field(i)
			if !f.CanInt() {
				continue
			}
			f.SetInt(n)
			c := config(w, p)
			if _, err := authn.New(c); err == nil {
				t.Errorf("New accepts a policy with %s %d", typ.Field(i).Name, n)
			}
		}
	}
	for _, cool := range [][]time.Duration{{}, {0}, {-1}, {time.Second - 1}, {1 << 62}, make([]time.Duration, 5)} {
		if _, err := authn.New(config(w, authn.Policy{Cooldowns: cool})); err == nil {
			t.Errorf("New accepts Cooldowns %v", cool)
		}
	}
	if _, err := authn.New(config(w, authn.Policy{NoBackoff: true, Digits: 7})); err == nil {
		t.Error("New accepts 7 digits without a back-off")
	}
}

// TestStepsEnd checks that previous and challenge without a mail cannot be
// repeated without end.
func TestStepsEnd(t *testing.T) {
	w, a, _ := challenged(t, authn.Policy{})
	steps := 2 // begin, challenge
	for ; steps < 200; steps++ {
		ev := authn.Event(authn.Previous{})
		if steps%2 == 1 {
			ev = authn.Challenge{Factor: "f0-0"}
		}
		saves := w.saves
		_, err := w.services[0].Do(ctx, a.tickets[0].token, ev)
		if errors.Is(err, authn.ErrFinished) {
			if w.saves != saves+1 {
				t.Error("the end was not saved")
			}
			break
		}
		if err != nil || w.saves != saves+1 {
			t.Fatalf("step %d: %v, %d saves", steps+1, err, w.saves-saves)
		}
	}
	if steps != 100 && steps != 101 { // begin may or may not count
		t.Errorf("%d saved steps were taken", steps)
	}
	if n := len(w.mails); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// TestRepeatedMail checks E3: a mail that was not accepted is retried while its
// code is valid, with the same key, code and generation. After five attempts it
// has failed, and the user may resend once without waiting.
func TestRepeatedMail(t *testing.T) {
	w, a := fixed(t, authn.Policy{CodeLife: 9 * time.Minute, Life: 30 * time.Minute, Cooldowns: []time.Duration{25 * time.Minute}})
	w.begin(a, authn.RequireFactor)
	w.Fail(authntest.Send, down)
	g := w.do(a, call{event: "challenge", factor: "f0-0"})
	if g.answer.Delivery != authn.Pending {
		t.Fatalf("delivery %q", g.answer.Delivery)
	}
	for range 52 {
		w.Advance(10 * time.Second)
		w.tend()
		w.status()
	}
	first := w.mails[0]
	for _, m := range w.mails {
		if m.Message != first.Message {
			t.Errorf("attempts differ: %+v, %+v", m.Message, first.Message)
		}
	}
	if n := len(w.mails); n < 2 || n > 5 {
		t.Errorf("%d attempts in 9 minutes", n)
	}
	if a.o.delivery(first.Key) != authn.Failed {
		t.Fatalf("%d attempts in the life of a code: the mail never fails permanently", len(w.mails))
	}
	w.Heal(authntest.Send)
	w.do(a, call{event: "resend"})
	w.do(a, call{event: "resend"}) // refused; do checks it
}

// TestRedeemAsksAgain checks that an account gets no session if it was closed or
// its factor was removed after SUCCESS.
func TestRedeemAsksAgain(t *testing.T) {
	for name, change := range map[string]func(w *world, a *account) error{
		"closed": func(w *world, a *account) error { w.Remove(a.user); return authn.ErrNoUser },
		"removed": func(w *world, a *account) error {
			w.SetFactors(a.user, authn.Factor{ID: "new", Type: authn.Email, Address: "a@b.example", Status: authn.Active})
			return authn.ErrNotOffered
		},
		"directory down": func(w *world, a *account) error { w.Fail(authntest.Factors, down); return authn.ErrUnavailable },
	} {
		w, a, code := challenged(t, authn.Policy{})
		w.do(a, call{event: "verify", code: code})
		want := change(w, a)
		if as, err := w.services[0].Redeem(ctx, a.tickets[0].session); as != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v", name, as, err)
		}
	}
}

// TestTokensAsSpelled checks that a token has one use, and is accepted only in its
// exact spelling.
func TestTokensAsSpelled(t *testing.T) {
	w, a, code := challenged(t, authn.Policy{})
	token := string(a.tickets[0].token)
	for _, bad := range []string{"", "x", token + "=", token + "A", token[:len(token)-1], " " + token, token[:len(token)-1] + "!", token[:9] + "\n" + token[9:]} {
		g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
			ans, err := s.Do(ctx, authn.StateToken(bad), authn.Verify{Code: authn.Code(code)})
			return ans, nil, err
		})
		if !errors.Is(g.err, authn.ErrFinished) || g.saves > 0 {
			t.Errorf("token %d bytes: %v, %d saves", len(bad), g.err, g.saves)
		}
	}
	w.do(a, call{event: "verify", code: code})
	session := a.tickets[0].session
	if _, err := w.services[0].Do(ctx, authn.StateToken(session), authn.Cancel{}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a session token as a state token: %v", err)
	}
	w.redeem(a, -1, authn.SessionToken(a.tickets[0].token))
	w.redeem(a, 0, session)
	w.redeem(a, 0, session)
}

// TestErase checks that Erase ends live transactions and keeps spent budgets.
// Otherwise an attacker who can request an erasure gets the guesses back.
func TestErase(t *testing.T) {
	w, a, code := challenged(t, authn.Policy{FailuresPerDay: 2})
	w.do(a, call{event: "verify", code: other(code)})
	s := w.services[0]
	if err := s.Erase(ctx, a.user); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(s, a, code); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("after Erase: %v", err)
	}
	ans, err := s.Begin(ctx, authn.Login{User: a.user})
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	if ans, err = s.Do(ctx, ans.Token, authn.Challenge{Factor: "f0-0"}); err != nil {
		t.Fatal(err)
	}
	fresh := string(w.Code(a.user))
	ans, err = s.Do(ctx, ans.Token, authn.Verify{Code: authn.Code(other(fresh))})
	if err != nil || ans.State != stateLocked {
		t.Fatalf("the second wrong code of the day, after Erase: %+v, %v", ans, err)
	}
	if err = s.Erase(ctx, a.user); err != nil {
		t.Fatal(err)
	}
	var r *authn.Refusal
	if _, err = s.Begin(ctx, authn.Login{User: a.user}); !errors.As(err, &r) || r.Err != authn.ErrLocked || !r.RetryAt.Equal(ans.Until) {
		t.Errorf("locked until %v, after Erase: %v", ans.Until, err)
	}
}

// TestEraseKeepsUsedCodes checks S26: a code of an app that has signed in is no good
// again because the user was erased meanwhile.
func TestEraseKeepsUsedCodes(t *testing.T) {
	w := newWorld(t, authn.Policy{}, 0, 1, false)
	a := w.add(authn.Factor{Type: authn.TOTP, Status: authn.Active})
	x := a.o.data("f0-0").app
	used := x.code(x.at(w.Now()))
	w.begin(a, authn.RequireFactor)
	w.do(a, call{event: "verify", factor: "f0-0", code: used})
	if err := w.services[0].Erase(ctx, a.user); err != nil {
		t.Fatal(err)
	}
	ans, err := w.services[0].Begin(ctx, authn.Login{User: a.user})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.services[0].Do(ctx, ans.Token, authn.Verify{Factor: "f0-0", Code: authn.Code(used)}); !errors.Is(err, authn.ErrUsed) {
			t.Errorf("after Erase: %v", err)
		}
		w.Advance(30 * time.Second)
	}
}

// TestHostAfterClockFault checks that Revoke and Reinstate end live transactions
// even if the record was saved in the future.
func TestHostAfterClockFault(t *testing.T) {
	for name, f := range map[string]func(*authn.Service, string) error{
		"revoke":    func(s *authn.Service, user string) error { return s.Revoke(ctx, user) },
		"reinstate": func(s *authn.Service, user string) error { return s.Reinstate(ctx, user, "test") },
		"erase":     func(s *authn.Service, user string) error { return s.Erase(ctx, user) },
	} {
		w, a, code := challenged(t, authn.Policy{})
		w.Advance(-time.Hour)
		if err := f(w.services[0], a.user); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(w.services[0], a, code); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%s: %v", name, err)
		}
		w.Advance(time.Hour)
		if _, err := verify(w.services[0], a, code); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%s, later: %v", name, err)
		}
	}
}

// TestLockEndsOthers checks that a lock in one tab locks the other tabs and
// invalidates an unredeemed session token.
func TestLockEndsOthers(t *testing.T) {
	w, a, code := challenged(t, authn.Policy{LockEvery: 2, BackoffFrom: 10})
	w.begin(a, authn.RequireNothing)
	w.begin(a, authn.RequireFactor)
	w.do(a, call{event: "verify", code: other(code)})
	w.do(a, call{event: "verify", code: other(code)})
	w.do(a, call{tx: 2, event: "challenge", factor: "f0-0"})
	w.redeem(a, 1, a.tickets[1].session)
	w.begin(a, authn.RequireNothing) // refused: locked
	w.Advance(30*time.Minute - 1)
	w.begin(a, authn.RequireFactor)
	w.Advance(1)
	w.begin(a, authn.RequireFactor)
	if len(a.tickets) != 4 {
		t.Errorf("%d transactions were begun", len(a.tickets))
	}
}

// TestForgiveness checks that an accepted code refunds the wrong codes of its
// transaction and no others.
func TestForgiveness(t *testing.T) {
	w, a, one := challenged(t, authn.Policy{FailuresPerDay: 4, BackoffFrom: 10})
	w.do(a, call{event: "verify", code: other(one)})
	w.Advance(time.Minute)
	w.begin(a, authn.RequireFactor)
	w.do(a, call{tx: 1, event: "challenge", factor: "f0-0"})
	c, _ := a.o.kept(1)
	two := c.text
	for range 2 {
		w.do(a, call{tx: 1, event: "verify", code: other(two)})
	}
	w.Advance(time.Minute)
	w.do(a, call{event: "verify", code: one}) // refunds one of three, the oldest
	w.do(a, call{tx: 1, event: "verify", code: other(two)})
	w.begin(a, authn.RequireFactor)
	w.do(a, call{tx: 2, event: "challenge", factor: "f0-0"})
	three, _ := a.o.kept(2)
	w.do(a, call{tx: 2, event: "verify", code: other(three.text)}) // the fourth that counts locks the account for a day from minute 1
	if s := a.o.state(2); s != stateLocked {
		t.Errorf("state %s", s)
	}
}
