package service

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// Tokens that somebody makes up fill no audit trail; those of an account do.
func TestMadeUpTokensAreNotAudited(t *testing.T) {
	d := testhost.New(t, nil)
	for i := range 100 {
		token := base64.RawURLEncoding.EncodeToString(append(make([]byte, 47), byte(i)))
		if _, err := d.Do(t.Context(), authn.StateToken(token), authn.Cancel{}); !errors.Is(err, authn.ErrFinished) {
			t.Fatal(err)
		}
		if _, err := d.Redeem(t.Context(), authn.SessionToken(token)); !errors.Is(err, authn.ErrFinished) {
			t.Fatal(err)
		}
	}
	if es := d.Audited(); len(es) != 0 {
		t.Errorf("%d events, such as %+v", len(es), es[0])
	}
	a := d.MustBegin(t, "ada")
	d.MustDo(t, a.Token, authn.Cancel{})
	d.World.Forget()
	d.Do(t.Context(), a.Token, authn.Cancel{})
	if es := d.Audited(); len(es) != 1 || es[0].User != "ada" || es[0].Err == "" {
		t.Errorf("a finished token: %+v", es)
	}
	d.World.Forget()
	d.Begin(t.Context(), authn.Login{User: "nobody"})
	if es := d.Audited(); len(es) != 1 || es[0].User != "nobody" {
		t.Errorf("a begin that is refused: %+v", es)
	}
}

// The report of a sign-in names no factor that took no part in it.
func TestReportNamesNoOtherFactor(t *testing.T) {
	d := testhost.New(t, nil)
	if _, err := d.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireNothing}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range d.Audited() {
		if e.Event == authn.EventSignedIn {
			if n++; e.Factor != "" {
				t.Errorf("by the password alone, it names %q", e.Factor)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d reports", n)
	}
}
