package service

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

func TestBothPaths(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	if a.State != authn.MFAChallenge || a.Delivery != authn.Sent || a.Generation != 1 || a.TriesLeft != 5 || a.Factor.Address != "a...a@example.com" {
		t.Errorf("challenged: %+v", a)
	}
	if a.User != "ada" || !a.CodeExpires.Equal(testhost.Start.Add(5*time.Minute)) || !a.Expires.Equal(testhost.Start.Add(10*time.Minute)) {
		t.Errorf("times: %v %v", a.CodeExpires, a.Expires)
	}
	if at, ok := a.Allows("resend"); !ok || !at.Equal(testhost.Start.Add(30*time.Second)) {
		t.Errorf("resend allowed %t at %v", ok, at)
	}
	a = d.MustDo(t, a.Token, authn.Verify{Code: code})
	if a.State != authn.Success || a.Session == "" || string(a.Session) == string(a.Token) {
		t.Fatalf("verified: %+v", a)
	}
	who, err := d.Redeem(t.Context(), a.Session)
	if err != nil || who.User != "ada" || fmt.Sprint(who.Methods, who.Channels, who.Factors) != "[pwd otp] [email] [ada-mail]" {
		t.Fatalf("%+v, %v", who, err)
	}

	g := d.MustBegin(t, "grace")
	if g.State != authn.MFAEnroll || g.Factors[0].Status != authn.NotSetUp {
		t.Fatalf("%+v", g)
	}
	g = d.MustDo(t, g.Token, authn.Enroll{Type: authn.Email})
	m := d.Last("grace")
	if m.Purpose != authn.PurposeEnroll || m.Locale != "en" || m.Tenant != "acme" || m.Generation != 1 {
		t.Errorf("mail: %+v", m)
	}
	g = d.MustDo(t, g.Token, authn.Activate{Code: m.Code})
	if g.State != authn.Success || len(d.Took()) != 1 || d.Took()[0].Address != "grace@example.com" {
		t.Errorf("%+v, Activated got %+v", g, d.Took())
	}
	if n := d.Last("grace"); n.Kind != authn.ActivatedMessage || n.Code != "" {
		t.Errorf("notice: %+v", n)
	}
	if a := d.MustBegin(t, "grace"); a.State != authn.MFARequired {
		t.Errorf("the next sign-in is in %s", a.State)
	}
}

// A refusal lists the allowed events.
func TestRefusalHelps(t *testing.T) {
	d := testhost.New(t, nil)
	a := d.MustBegin(t, "ada")
	_, err := d.Do(t.Context(), a.Token, authn.Verify{Code: "123456"})
	var r *authn.Refusal
	if !errors.As(err, &r) || !errors.Is(err, authn.ErrNotAllowed) || r.State != authn.MFARequired || r.Answer == nil || r.Answer.Token != a.Token {
		t.Fatalf("%#v", r)
	}
	if got := err.Error(); got != "authn: verify in MFA_REQUIRED: not allowed in this state (needs a challenge); allowed: challenge, cancel" {
		t.Error(got)
	}
	for _, e := range []authn.Event{authn.Verify{Code: "123456"}, authn.Skip{}} { // a row refuses, and a cell without rows
		_, err := d.Do(t.Context(), a.Token, e)
		if !errors.As(err, &r) {
			t.Fatal(err)
		}
		if _, err := d.Do(t.Context(), d.MustBegin(t, "ada").Token, e); !errors.Is(err, authn.ErrNotAllowed) || r.Answer.Token != a.Token {
			t.Errorf("%v; the token of the earlier refusal changed: %t", err, r.Answer.Token != a.Token)
		}
	}
	b := d.MustDo(t, r.Answer.Token, authn.Challenge{Factor: r.Answer.Factors[0].ID})
	_, err = d.Do(t.Context(), b.Token, authn.Resend{})
	if !errors.As(err, &r) || !r.RetryAt.Equal(testhost.Start.Add(30*time.Second)) || r.Guard != "cooling down" || r.Answer.State != authn.MFAChallenge {
		t.Errorf("%v %+v", err, r)
	}
}

// Unknown, foreign, finished and expired tokens get one answer.
func TestOneAnswerForDeadTokens(t *testing.T) {
	d := testhost.New(t, nil)
	other := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Tenant = "other" })
	foreign := other.MustBegin(t, "ada").Token
	canceled := d.MustBegin(t, "ada").Token
	d.MustDo(t, canceled, authn.Cancel{})
	done, code := d.Challenged(t)
	session := d.MustDo(t, done.Token, authn.Verify{Code: code}).Session
	if _, err := d.Redeem(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	expired := d.MustBegin(t, "ada").Token
	d.Wait(10 * time.Minute)
	for name, token := range map[string]authn.StateToken{
		"empty": "", "garbage": "garbage", "unknown": authn.StateToken(strings.Repeat("A", 64)), "foreign": foreign, "canceled": canceled,
		"finished": done.Token, "expired": expired, "session token": authn.StateToken(session), "upper case": authn.StateToken(strings.ToUpper(string(done.Token))),
	} {
		_, err := d.Do(t.Context(), token, authn.Verify{Code: "123456"})
		var r *authn.Refusal
		if !errors.As(err, &r) || err.Error() != "authn: verify: transaction is unknown or finished" || r.State != "" || r.Answer != nil || r.Guard != "" || !r.RetryAt.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Status(t.Context(), token); err == nil || err.Error() != "authn: status: transaction is unknown or finished" {
			t.Errorf("status of %s: %v", name, err)
		}
		if _, err := d.Redeem(t.Context(), authn.SessionToken(token)); err == nil || err.Error() != "authn: redeem: transaction is unknown or finished" {
			t.Errorf("redeem %s: %v", name, err)
		}
	}
}

func TestStatusChangesNothing(t *testing.T) {
	var n storetest.Counter
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) { c.Store = n.Wrap(&d.Store) })
	a, _ := d.Challenged(t)
	loads, saves := n.Loads(), n.Saves()
	s, err := d.Status(t.Context(), a.Token)
	if err != nil || s.State != a.State || s.Token != a.Token || len(s.Allowed) != len(a.Allowed) {
		t.Errorf("%+v, %v", s, err)
	}
	if n.Loads() != loads+1 || n.Saves() != saves {
		t.Errorf("%d loads, %d saves", n.Loads()-loads, n.Saves()-saves)
	}
}

// A step makes one load and one save, and one more save if it sends a message.
func TestRoundTrips(t *testing.T) {
	var n storetest.Counter
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) { c.Store, c.Auditor = n.Wrap(&d.Store), nil })
	step := func(name string, loads, saves int, f func()) {
		t.Helper()
		l, s := n.Loads(), n.Saves()
		f()
		if n.Loads()-l != loads || n.Saves()-s != saves {
			t.Errorf("%s: %d loads and %d saves, want %d and %d", name, n.Loads()-l, n.Saves()-s, loads, saves)
		}
	}
	var a *authn.Answer
	step("begin", 1, 1, func() { a = d.MustBegin(t, "ada") })
	step("challenge", 1, 2, func() { d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"}) })
	code := d.Last("ada").Code
	step("refused", 1, 0, func() { d.Do(t.Context(), a.Token, authn.Resend{}) })
	step("wrong", 1, 1, func() { d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)}) })
	step("right", 1, 1, func() { a = d.MustDo(t, a.Token, authn.Verify{Code: code}) })
	step("redeem", 1, 1, func() { d.Redeem(t.Context(), a.Session) })
	step("malformed", 0, 0, func() { d.Do(t.Context(), a.Token, authn.Verify{Code: "x"}) })
	step("garbage", 0, 0, func() { d.Do(t.Context(), "garbage", authn.Cancel{}) })
}

// A repeat of the last event gets the same answer without being evaluated, until
// its session token is redeemed.
func TestRepeats(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	ev := authn.WithKey("key-1", authn.Verify{Code: code})
	one := d.MustDo(t, a.Token, ev)
	two := d.MustDo(t, a.Token, ev)
	if one.Session == "" || one.Session != two.Session || two.State != authn.Success {
		t.Errorf("%+v and %+v", one, two)
	}
	if _, err := d.Redeem(t.Context(), two.Session); err != nil {
		t.Fatal(err)
	}
	if three, err := d.Do(t.Context(), a.Token, ev); err == nil && three.Session != "" {
		t.Error("the repeat returns a session token after it was redeemed")
	}
	if _, err := d.Redeem(t.Context(), one.Session); !errors.Is(err, authn.ErrFinished) {
		t.Error(err)
	}
}

// The audit trail and every error are free of secrets and addresses.
func TestNothingLeaks(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	wrong := testhost.OtherCode(code)
	var out bytes.Buffer
	note := func(a *authn.Answer, err error) { fmt.Fprintf(&out, "%+v %+v %v\n", a, err, err) }
	note(d.Do(t.Context(), a.Token, authn.Verify{Code: wrong}))
	note(d.Do(t.Context(), a.Token, authn.Verify{Code: "1"}))
	note(d.Do(t.Context(), a.Token, authn.Resend{}))
	note(d.Do(t.Context(), a.Token+"x", authn.Cancel{}))
	s := d.MustDo(t, a.Token, authn.Verify{Code: code})
	note(s, nil)
	fmt.Fprintf(&out, "%+v\n", d.Audited())
	for _, secret := range []string{string(code), string(wrong), string(a.Token), string(s.Session), "ada@example.com"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in the output", secret)
		}
	}
	if len(d.Audited()) < 5 {
		t.Errorf("%d audit events", len(d.Audited()))
	}
}
