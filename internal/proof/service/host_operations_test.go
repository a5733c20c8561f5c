package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

func TestHostOperations(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	s := d.MustDo(t, a.Token, authn.Verify{Code: code}).Session
	b := d.MustBegin(t, "ada")
	if err := d.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Redeem(t.Context(), s); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a revoked session token: %v", err)
	}
	if _, err := d.Do(t.Context(), b.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a revoked transaction: %v", err)
	}

	d = testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.DisableAfter = 1 })
	a, code = d.Challenged(t)
	if l := d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)}); l.State != authn.LockedOut || !l.Until.IsZero() || l.Token != "" {
		t.Errorf("%+v", l)
	}
	if n := d.Last("ada"); n.Kind != authn.LockedMessage || !n.Until.IsZero() {
		t.Errorf("notice %+v", n)
	}
	_, err := d.Begin(t.Context(), authn.Login{User: "ada"})
	var r *authn.Refusal
	if !errors.As(err, &r) || !errors.Is(err, authn.ErrLocked) || r.State != authn.LockedOut || r.Answer != nil {
		t.Errorf("%v", err)
	}
	if err := d.Erase(t.Context(), "ada"); err != nil || d.Store.Len() != 1 {
		t.Errorf("erasing removed a lock: %v, %d records", err, d.Store.Len())
	}
	if _, err := d.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrLocked) {
		t.Errorf("after erasing: %v", err)
	}
	if err := d.Reinstate(t.Context(), "ada", "ticket 7"); err != nil {
		t.Fatal(err)
	}
	d.MustBegin(t, "ada")
	for _, f := range []func(context.Context, string) error{d.Revoke, d.Erase} {
		if err := f(t.Context(), "nobody"); err != nil {
			t.Error(err)
		}
		if err := f(t.Context(), "a\nb"); !errors.Is(err, authn.ErrMalformed) {
			t.Error(err)
		}
	}
	d = testhost.New(t, nil)
	d.MustBegin(t, "ada")
	d.Wait(time.Hour)
	if err := d.Erase(t.Context(), "ada"); err != nil || d.Store.Len() != 0 {
		t.Errorf("erase: %v, %d records", err, d.Store.Len())
	}
}

func TestInspect(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	acct, err := d.Inspect(t.Context(), "ada")
	for _, want := range []string{`user="ada"`, "MFA_CHALLENGE", "failures=1", "tries=1"} {
		if err != nil || !strings.Contains(acct.String(), want) {
			t.Errorf("%v: %s", err, acct.String())
		}
	}
	if acct, err := d.Inspect(t.Context(), "nobody"); err != nil || acct != (authn.Account{}) {
		t.Error(err)
	}
}

func TestNoUser(t *testing.T) {
	d := testhost.New(t, nil)
	if _, err := d.Begin(t.Context(), authn.Login{User: "nobody"}); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	a, code := d.Challenged(t)
	a = d.MustDo(t, a.Token, authn.Verify{Code: code})
	d.World.Remove("ada")
	if _, err := d.Redeem(t.Context(), a.Session); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	if d.Store.Len() != 1 {
		t.Error("a refused user has a record")
	}
}

// TestErasedIsForgotten: of a user who is gone, what limits an account stays until it ends,
// and then nothing.
func TestErasedIsForgotten(t *testing.T) {
	h := testhost.New(t, nil)
	a, code := h.Challenged(t)
	h.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	must(t, h.Erase(t.Context(), "ada"))
	days := 0
	for ; h.Store.Len() > 0 && days < 400; days++ {
		h.Wait(24 * time.Hour)
		if _, err := h.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if days < 365 || days > 366 { // the span of FailuresPerYear
		t.Errorf("the record is kept for %d days", days)
	}
}

// An answer about a user whom the Directory does not know any more lists only what is
// taken all the same.
func TestAllowedWithoutUser(t *testing.T) {
	d := testhost.New(t, nil)
	a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "grace", Require: authn.RequireIfActive}))
	if !allows(a, authn.EventSkip) {
		t.Fatalf("%+v", a)
	}
	d.World.Remove("grace")
	_, err := d.Do(t.Context(), a.Token, authn.Skip{})
	var r *authn.Refusal
	if !errors.As(err, &r) || r.Err != authn.ErrNoUser || r.Answer == nil || allows(r.Answer, authn.EventSkip) || !allows(r.Answer, authn.EventCancel) {
		t.Errorf("%v, %+v", err, r)
	}
	b := testhost.OK(t)(d.Status(t.Context(), a.Token))
	if allows(b, authn.EventSkip) || !allows(b, authn.EventCancel) {
		t.Errorf("%+v", b)
	}
}

// It lists what the account refuses as little where nothing of its factors is shown.
func TestAllowedInPasswordReset(t *testing.T) {
	d, _, _, _ := testhost.Gated(t, nil)
	d.World.SetFactors("ada")
	a := d.MustLogin(t, authn.Login{User: "ada", Require: authn.RequireIfActive, Password: authn.PasswordNeedsReset})
	if !allows(a, authn.EventResetPassword) {
		t.Fatalf("%+v", a)
	}
	was := d.World.FactorsOf("ada")
	for what, change := range map[string]func(){
		"closed":   func() { d.World.Remove("ada") },
		"unusable": func() { d.World.SetFactors("ada", authn.Factor{ID: "odd", Type: "strange", Status: authn.Active}) },
	} {
		change()
		b := testhost.OK(t)(d.Status(t.Context(), a.Token))
		_, err := d.Do(t.Context(), a.Token, authn.ResetPassword{New: "a difference engine"})
		var r *authn.Refusal
		if !errors.As(err, &r) || r.Answer == nil || allows(r.Answer, authn.EventResetPassword) || allows(b, authn.EventResetPassword) || !allows(b, authn.EventCancel) {
			t.Errorf("%s: %+v, %v, %+v", what, b, err, r)
		}
		d.World.SetFactors("ada", was...)
	}
}
