package service

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// The caller gets the link, and nothing is sent: whoever has it goes on, once.
func TestHandOver(t *testing.T) {
	h, f, v := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "Ada", For: authn.PurposeRecover, HandOver: true})
	if a.State != authn.RecoveryChallenge || a.Link == "" || a.User != "" || a.Delivery != authn.NotSent || len(f.asked) != 1 {
		t.Fatalf("%+v; the Finder is asked %d times", a, len(f.asked))
	}
	tend(t, h)
	if n := len(h.World.Messages("")); n != 0 {
		t.Errorf("%d messages", n)
	}
	for _, s := range []string{fmt.Sprint(*a), fmt.Sprintf("%+v", *a), fmt.Sprintf("%#v", a)} {
		if link := string(a.Link); len(link) < 32 || strings.Contains(s, link[len(link)-32:]) {
			t.Errorf("the link is printed: %s", s)
		}
	}
	b := testhost.OK(t)(h.Service.Open(t.Context(), a.Link, "key"))
	if b.State != authn.PasswordReset || b.User != "ada" || b.Link != "" {
		t.Fatalf("%+v", b)
	}
	if _, err := h.Service.Open(t.Context(), a.Link, ""); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("the link again: %v", err)
	}
	if b = h.MustDo(t, b.Token, authn.ResetPassword{New: fresh}); b.State != authn.Success || b.Session != "" || v.Kept("ada") != testhost.Form(fresh) {
		t.Errorf("%+v; kept is %q", b, v.Kept("ada"))
	}
}

// A sign-in by such a link is one by a link that was mailed: a factor at the same mailbox
// does not count, and a new password voids it.
func TestHandOverSignIn(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive, HandOver: true, Relay: "/x"})
	if a.State != authn.FactorChallenge {
		t.Fatalf("%+v", a)
	}
	b := testhost.OK(t)(h.Service.Open(t.Context(), a.Link, ""))
	who, err := h.Service.Redeem(t.Context(), b.Session)
	if err != nil || who.User != "ada" || who.Relay != "/x" {
		t.Errorf("%+v, %v", who, err)
	}
	a = claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive, HandOver: true})
	h.Wait(time.Second)
	must(t, h.Revoke(t.Context(), "ada"))
	if b, err := h.Service.Open(t.Context(), a.Link, ""); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("after a revocation: %+v, %v", b, err)
	}
}

// Nobody's name, and a Finder that fails, are told, and change nothing. What is over the
// limits of the name is refused before the Finder is asked, whoever asks.
func TestHandOverRefused(t *testing.T) {
	h, f, _ := claiming(t, nil)
	h.World.Forget()
	hand := func(name string) error {
		_, err := h.Claim(t.Context(), authn.Claim{Name: name, For: authn.PurposeUnlock, HandOver: true})
		return err
	}
	for range 9 { // which charges nothing
		var r *authn.Refusal
		if err := hand("nobody"); !errors.Is(err, authn.ErrNoUser) || !errors.As(err, &r) || r.Event != authn.EventClaim || r.Guard != "may claim, nobody's" {
			t.Fatalf("nobody: %v", err)
		}
	}
	f.err = errors.New("down")
	if err := hand("ada"); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("a Finder that fails: %v", err)
	}
	f.err = nil
	for key, err := range h.Config.Store.(authn.Lister).Keys(t.Context()) {
		t.Errorf("a record: %s, %v", key, err)
	}
	if _, err := h.Claim(t.Context(), authn.Claim{Name: "new@example.com", For: authn.PurposeSignUp, HandOver: true}); !errors.Is(err, authn.ErrMalformed) {
		t.Errorf("a sign-up: %v", err)
	}
	for range 3 {
		must(t, hand("ada"))
	}
	asked := len(f.asked)
	if err := hand("ada"); !errors.Is(err, authn.ErrTooSoon) || len(f.asked) != asked {
		t.Errorf("over the limit: %v; the Finder is asked %d times", err, len(f.asked)-asked)
	}
}

// Resend sends the user a link of its own, and the one that was handed over is void.
func TestHandOverThenSend(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover, HandOver: true})
	h.Wait(30 * time.Second)
	if b := h.MustDo(t, a.Token, authn.Resend{}); b.Generation != 2 || b.Link != "" {
		t.Errorf("%+v", b)
	}
	must(t, h.Service.Wait(t.Context()))
	if _, err := h.Service.Open(t.Context(), a.Link, ""); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("the link before: %v", err)
	}
	if b := testhost.OK(t)(h.Service.Open(t.Context(), linkOf(t, h, "ada@example.com"), "")); b.State != authn.PasswordReset {
		t.Errorf("%+v", b)
	}
}

// The host's Limiter is asked before the Finder.
func TestHandOverLimited(t *testing.T) {
	l := new(limiter)
	h, f, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) { c.Limiter = l })
	l.until = h.Now().Add(time.Minute)
	for _, name := range []string{"ada", "nobody"} {
		if _, err := h.Claim(t.Context(), authn.Claim{Name: name, HandOver: true}); !errors.Is(err, authn.ErrTooSoon) || len(f.asked) != 0 || l.events() != "claim" {
			t.Errorf("%s: %v; the Finder is asked %d times", name, err, len(f.asked))
		}
	}
}
