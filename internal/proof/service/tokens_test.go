package service

import (
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// The session token is in the answer of the event that succeeded and of its exact
// repeat: whoever began a sign-in in somebody else's browser, and polls, does not
// learn it.
func TestSessionTokenIsForWhoSucceeded(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	verify := authn.WithKey("one", authn.Verify{Code: code})
	session := d.MustDo(t, a.Token, verify).Session
	if session == "" {
		t.Fatal("the event that succeeded gives no session token")
	}
	if again := d.MustDo(t, a.Token, verify); again.Session != session {
		t.Error("the exact repeat gives another session token, or none")
	}
	if s := testhost.OK(t)(d.Status(t.Context(), a.Token)); s.State != authn.Success || s.Session != "" {
		t.Errorf("status: %s, a session token: %t", s.State, s.Session != "")
	}
	for _, ev := range []authn.Event{
		authn.Verify{Code: code}, authn.WithKey("two", authn.Verify{Code: code}), authn.WithKey("one", authn.Verify{Code: testhost.OtherCode(code)}),
		authn.Resend{}, authn.Challenge{Factor: "ada-mail"},
	} {
		ans, err := d.Do(t.Context(), a.Token, ev)
		var r *authn.Refusal
		if ans != nil || !errors.As(err, &r) || r.Answer != nil && r.Answer.Session != "" {
			t.Errorf("%T: %v, %v", ev, ans, err)
		}
	}
	if _, err := d.Redeem(t.Context(), session); err != nil {
		t.Error(err)
	}
}

// The repeat of an event is answered after the end only if that event ended the
// transaction.
func TestRepeatAfterTheEnd(t *testing.T) {
	repeat := func(end func(d *testhost.Host, token authn.StateToken), ev func(authn.Code) authn.Event) (*authn.Answer, error) {
		d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.Tries = 2 })
		a, code := d.Challenged(t)
		x := authn.WithKey("one", ev(code))
		d.MustDo(t, a.Token, x)
		end(d, a.Token)
		return d.Do(t.Context(), a.Token, x)
	}
	right := func(c authn.Code) authn.Event { return authn.Verify{Code: c} }
	wrong := func(c authn.Code) authn.Event { return authn.Verify{Code: testhost.OtherCode(c)} }
	ends := map[string]func(*testhost.Host, authn.StateToken){
		"time":            func(d *testhost.Host, _ authn.StateToken) { d.Wait(time.Hour) },
		"time, and Tend":  func(d *testhost.Host, _ authn.StateToken) { d.Wait(11 * time.Minute); d.Tend(t.Context()) },
		"Revoke":          func(d *testhost.Host, _ authn.StateToken) { d.Revoke(t.Context(), "ada") },
		"another, cancel": func(d *testhost.Host, s authn.StateToken) { d.MustDo(t, s, authn.Cancel{}) },
	}
	for name, end := range ends {
		for _, ev := range []func(authn.Code) authn.Event{right, wrong} {
			if ans, err := repeat(end, ev); !errors.Is(err, authn.ErrFinished) {
				t.Errorf("%s: %v, %v", name, ans, err)
			}
		}
	}
	canceled := func(authn.Code) authn.Event { return authn.Cancel{} }
	if ans, err := repeat(func(*testhost.Host, authn.StateToken) {}, canceled); err != nil || ans.State != authn.Canceled {
		t.Errorf("the cancel that ended it: %v, %v", ans, err)
	}
	last := func(d *testhost.Host, s authn.StateToken) {
		d.MustDo(t, s, authn.WithKey("two", authn.Verify{Code: testhost.OtherCode(d.Last("ada").Code)}))
	}
	if ans, err := repeat(last, wrong); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a wrong code before the last one: %v, %v", ans, err)
	}
}
