package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// renamed is a finder by which a name can become another user's, or be at another address.
type renamed struct {
	*finder
	is authn.Subject // of every name; the zero value leaves it to the finder
}

func (r *renamed) Find(ctx context.Context, c authn.Claimed) (authn.Subject, error) {
	if r.is.User != "" {
		return r.is, nil
	}
	return r.finder.Find(ctx, c)
}

// What was proved begins for whom it was proved, whoever has the name and the mailbox
// when the client repeats its code.
func TestProvedForAnother(t *testing.T) {
	provedThenMoved(t, authn.Subject{User: "bob", Address: "ada@example.com"})
}

// Nor does it begin at another address that the user has meanwhile: a factor at the address
// that was proved would count as a second one.
func TestProvedAtAnotherAddress(t *testing.T) {
	provedThenMoved(t, authn.Subject{User: "ada", Address: "ada@work.example"})
}

func provedThenMoved(t *testing.T, to authn.Subject) {
	t.Helper()
	for _, flow := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock} {
		between := 0
		for n := range 9 {
			if repeatsFor(t, flow, n+1, to) {
				between++
			}
		}
		if between == 0 {
			t.Errorf("%s: no failure came between the two records", flow)
		}
	}
}

// repeatsFor lets the store fail from call n of a right code on, and gives the name to
// another subject before the code is repeated. It reports whether the claim was proved, and
// nothing begun.
func repeatsFor(t *testing.T, flow authn.Purpose, n int, to authn.Subject) bool {
	t.Helper()
	crash, names := new(crashing), new(renamed)
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) {
		crash.Store, c.Store = c.Store, crash
		names.finder = c.Directory.(*finder)
		c.Directory = names
	})
	h.World.SetFactors("bob", authn.Factor{ID: "bob-key", Type: authn.TOTP, Status: authn.NotSetUp})
	c := authn.Claim{Name: "ada", For: flow}
	if flow == authn.PurposeSignIn {
		c.Require = authn.RequireIfActive
	}
	a := claim(t, h, c)
	ev := authn.WithKey("k", authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	crash.in = n
	_, err := h.Do(t.Context(), a.Token, ev)
	crash.in = 0
	acct, _ := h.Inspect(t.Context(), "ada")
	_, other := h.Do(t.Context(), a.Token, authn.Verify{Code: "00000000"})
	if err == nil || len(acct.View().Transactions) > 0 || !errors.Is(other, authn.ErrFinished) {
		return false
	}
	names.is = to
	if b, err := h.Do(t.Context(), a.Token, ev); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("%s: the name is %+v: %+v, %v", flow, to, b, err)
	}
	if acct, err := h.Inspect(t.Context(), to.User); err != nil || len(acct.View().Transactions) > 0 {
		t.Errorf("%s: %+v: %v, %v", flow, to, acct, err)
	}
	names.is = authn.Subject{}
	if b := h.MustDo(t, a.Token, ev); b.User != "ada" {
		t.Errorf("%s: %+v", flow, b)
	}
	return true
}

// A revocation after the account was erased voids the claims begun since.
func TestErasedAndRevoked(t *testing.T) {
	h, _, _ := claiming(t, nil)
	h.MustBegin(t, "ada")
	must(t, h.Erase(t.Context(), "ada"))
	h.Wait(time.Minute)
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	h.Wait(time.Minute)
	must(t, h.Revoke(t.Context(), "ada"))
	if b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("%+v, %v", b, err)
	}
}

// A locked account can be unlocked where the host asks a question first.
func TestUnlockWithQuestion(t *testing.T) {
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) {
		c.Questions, c.Policy.LockEvery, c.Policy.BackoffFrom = new(quiz), 2, 10
	})
	a, code := h.Challenged(t)
	for range 2 {
		h.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	}
	u := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeUnlock})
	b := h.MustDo(t, u.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if b.State != authn.Recovery {
		t.Fatalf("%+v", b)
	}
	if b = h.MustDo(t, b.Token, authn.AnswerQuestion{Answer: "blue"}); b.State != authn.Success || b.Session != "" {
		t.Errorf("%+v", b)
	}
	h.MustBegin(t, "ada")
}

// A factor that becomes active while a new password is asked for is proved before that
// password is taken: C1.
func TestFactorAppears(t *testing.T) {
	h, _, v := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover})
	b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if b.State != authn.PasswordReset {
		t.Fatalf("%+v", b)
	}
	h.World.SetFactors("ada", authn.Factor{ID: "ada-phone", Type: authn.SMS, Address: "+12025550123", Status: authn.Active})
	c := h.MustDo(t, b.Token, authn.ResetPassword{New: fresh})
	if c.State != authn.MFARequired || len(c.Factors) != 1 || len(v.Checks()) != 0 || len(v.Stores()) != 0 {
		t.Fatalf("%+v; %d passwords are judged, %d stored", c, len(v.Checks()), len(v.Stores()))
	}
	c = h.MustDo(t, c.Token, authn.Challenge{Factor: "ada-phone"})
	if c = h.MustDo(t, c.Token, authn.Verify{Code: codeOf(t, h, "+12025550123")}); c.State != authn.PasswordReset {
		t.Fatalf("%+v", c)
	}
	if c = h.MustDo(t, c.Token, authn.ResetPassword{New: fresh}); c.State != authn.Success || len(v.Stores()) != 1 {
		t.Errorf("%+v; %d passwords are stored", c, len(v.Stores()))
	}
}
