package authn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

func TestHostOperations(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	s := d.do(t, a.Token, authn.Verify{Code: code}).Session
	b := d.begin(t, "ada")
	if err := d.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Redeem(t.Context(), s); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a revoked session token: %v", err)
	}
	if _, err := d.Do(t.Context(), b.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a revoked transaction: %v", err)
	}

	d = newDesk(t, func(_ *desk, c *authn.Config) { c.Policy.DisableAfter = 1 })
	a, code = d.challenged(t)
	if l := d.do(t, a.Token, authn.Verify{Code: otherCode(code)}); l.State != authn.LockedOut || !l.Until.IsZero() || l.Token != "" {
		t.Errorf("%+v", l)
	}
	if n := d.mail.Last("ada@example.com"); n.Kind != authn.LockedMessage || !n.Until.IsZero() {
		t.Errorf("notice %+v", n)
	}
	_, err := d.Begin(t.Context(), authn.Login{User: "ada"})
	var r *authn.Refusal
	if !errors.As(err, &r) || !errors.Is(err, authn.ErrLocked) || r.State != authn.LockedOut || r.Answer != nil {
		t.Errorf("%v", err)
	}
	if err := d.Erase(t.Context(), "ada"); err != nil || d.store.Len() != 1 {
		t.Errorf("erasing forgot a lock: %v, %d records", err, d.store.Len())
	}
	if _, err := d.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrLocked) {
		t.Errorf("after erasing: %v", err)
	}
	if err := d.Reinstate(t.Context(), "ada", "ticket 7"); err != nil {
		t.Fatal(err)
	}
	d.begin(t, "ada")
	for _, f := range []func(context.Context, string) error{d.Revoke, d.Erase} {
		if err := f(t.Context(), "nobody"); err != nil {
			t.Error(err)
		}
		if err := f(t.Context(), "a\nb"); !errors.Is(err, authn.ErrMalformed) {
			t.Error(err)
		}
	}
	d = newDesk(t, nil)
	d.begin(t, "ada")
	d.wait(time.Hour)
	if err := d.Erase(t.Context(), "ada"); err != nil || d.store.Len() != 0 {
		t.Errorf("erase: %v, %d records", err, d.store.Len())
	}
}

func TestInspect(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	d.do(t, a.Token, authn.Verify{Code: otherCode(code)})
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
	d := newDesk(t, nil)
	if _, err := d.Begin(t.Context(), authn.Login{User: "nobody"}); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	a, code := d.challenged(t)
	a = d.do(t, a.Token, authn.Verify{Code: code})
	delete(d.users, "ada")
	if _, err := d.Redeem(t.Context(), a.Session); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	if d.store.Len() != 1 {
		t.Error("a refused user has a record")
	}
}
