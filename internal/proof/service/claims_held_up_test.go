package service

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// heldUp hands in what proves the claim of token, and fails unless it is refused with want,
// nothing is saved, and the refusal says that a code can be handed in.
func heldUp(t *testing.T, h *testhost.Host, store *counting, token authn.StateToken, f func() (*authn.Answer, error), want error) *authn.Refusal {
	t.Helper()
	before := store.saves
	if before == 0 {
		t.Fatal("saves are not counted")
	}
	a, err := f()
	var r *authn.Refusal
	if a != nil || !errors.Is(err, want) || !errors.As(err, &r) {
		t.Fatalf("%+v, %v, want %v", a, err, want)
	}
	if r.Event != authn.EventVerify && r.Event != authn.EventOpen {
		t.Errorf("refused: %s", r.Event)
	}
	if n := store.saves - before; n != 0 {
		t.Errorf("refused, and saved %d times", n)
	}
	if b, err := h.Status(t.Context(), token); err != nil || !allows(b, authn.EventVerify) {
		t.Errorf("status: %+v, %v", b, err)
	}
	return r
}

func allows(a *authn.Answer, e authn.EventName) bool {
	_, ok := a.Allows(e)
	return ok
}

// claimsCounted is a host of claims whose saves are counted.
func claimsCounted(t *testing.T, change func(*authn.Config)) (*testhost.Host, *counting) {
	store := new(counting)
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) {
		store.Store, store.Sweeper = c.Store, c.Store.(authn.Sweeper)
		c.Store = store
		change(c)
	})
	return h, store
}

// Where the Limiter holds up what a proved claim leads to, its code stays good, and so
// does its link. The Limiter is asked once about each.
func TestClaimHeldUpByLimiter(t *testing.T) {
	for _, way := range []string{"code", "link"} {
		l := new(limiter)
		h, store := claimsCounted(t, func(c *authn.Config) { c.Limiter = l })
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		prove := func() (*authn.Answer, error) {
			if way == "link" {
				return h.Service.Open(t.Context(), linkOf(t, h, "ada@example.com"), "")
			}
			return h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
		}
		first := map[string]string{"code": "verify", "link": "open"}[way]
		l.events()
		l.only, l.until = authn.EventPrimary, h.Now().Add(time.Minute)
		r := heldUp(t, h, store, a.Token, prove, authn.ErrTooSoon)
		if !r.RetryAt.Equal(l.until) || way == "code" && (r.State != authn.FactorChallenge || r.Answer == nil || !allows(r.Answer, authn.EventVerify)) {
			t.Errorf("%s: %v, %+v", way, r, r.Answer)
		}
		if es := l.events(); es != first+" primary" {
			t.Errorf("%s: asked about %q", way, es)
		}
		l.only, l.until = "", time.Time{}
		if b := testhost.OK(t)(prove()); b.State != authn.Success || b.User != "ada" {
			t.Errorf("%s: %+v", way, b)
		}
		if es := l.events(); es != first+" primary" {
			t.Errorf("%s: asked about %q", way, es)
		}
	}
}

// Nor does an account that refuses it use up the code: not by its limit of starts, a lock,
// or the lack of a factor.
func TestClaimHeldUpByAccount(t *testing.T) {
	for name, c := range map[string]struct {
		claim  authn.Claim
		policy authn.Policy
		before func(*testing.T, *testhost.Host)
		want   error
		after  func(*testing.T, *testhost.Host)
	}{
		"starts": {authn.Claim{Name: "ada", Require: authn.RequireIfActive}, authn.Policy{StartsPerHour: 1},
			func(t *testing.T, h *testhost.Host) { h.MustBegin(t, "ada"); h.Wait(time.Hour - 2*time.Minute) }, authn.ErrTooSoon,
			func(t *testing.T, h *testhost.Host) { h.Wait(2*time.Minute + time.Second) }},
		"lock": {authn.Claim{Name: "ada", For: authn.PurposeRecover}, authn.Policy{LockEvery: 2, BackoffFrom: 2, Lock: time.Minute},
			func(t *testing.T, h *testhost.Host) {
				b := h.MustBegin(t, "ada")
				b = h.MustDo(t, b.Token, authn.Challenge{Factor: "ada-mail"})
				for range 2 {
					h.MustDo(t, b.Token, authn.Verify{Code: testhost.OtherCode(h.Last("ada").Code)})
				}
			}, authn.ErrLocked,
			func(t *testing.T, h *testhost.Host) { h.Wait(time.Minute) }},
		"no factor": {authn.Claim{Name: "ada"}, authn.Policy{}, func(*testing.T, *testhost.Host) {}, authn.ErrNoFactor,
			func(t *testing.T, h *testhost.Host) {
				h.World.SetFactors("ada", authn.Factor{ID: "ada-phone", Type: authn.SMS, Address: "+12025550123", Status: authn.Active})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			h, store := claimsCounted(t, func(cfg *authn.Config) { cfg.Policy = c.policy })
			c.before(t, h)
			a := claim(t, h, c.claim)
			prove := func() (*authn.Answer, error) {
				return h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
			}
			heldUp(t, h, store, a.Token, prove, c.want)
			heldUp(t, h, store, a.Token, prove, c.want)
			c.after(t, h)
			if b := testhost.OK(t)(prove()); b.User != "ada" || b.Token == a.Token {
				t.Errorf("%+v", b)
			}
		})
	}
}

// A claim that is void ends by its right code: it can never be carried on.
func TestVoidClaimEnds(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	must(t, h.Revoke(t.Context(), "ada"))
	for range 2 {
		if b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%+v, %v", b, err)
		}
	}
	if b, err := h.Do(t.Context(), a.Token, authn.Resend{}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("resend: %+v, %v", b, err)
	}
}

// A factor that cannot be used, and so keeps its owner out, is reported.
func TestClaimHeldUpByFaultyFactor(t *testing.T) {
	var told []string
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) {
		c.Auditor = auditing(func(e authn.AuditEvent) {
			if e.Event == authn.EventFactorUnusable {
				told = append(told, e.Factor)
			}
		})
	})
	h.World.SetFactors("ada", authn.Factor{ID: "odd", Type: "strange", Status: authn.Active})
	a := claim(t, h, authn.Claim{Name: "ada"})
	if b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); !errors.Is(err, authn.ErrNoFactor) || len(told) != 1 {
		t.Errorf("%+v, %v, told of %q", b, err, told)
	}
}

type auditing func(authn.AuditEvent)

func (f auditing) Audit(_ context.Context, e authn.AuditEvent) error { f(e); return nil }

// Ports that take longer than a session token lasts, and ports that fail in the words of a
// refusal, use up no code.
func TestClaimHeldUpByPorts(t *testing.T) {
	for _, how := range []string{"late", "refusal", "finished"} {
		h, f, _ := claiming(t, nil)
		p := &heldFinder{finder: f}
		h.Config.Directory = p
		h.Service = h.Open(t)
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		code := codeOf(t, h, "ada@example.com")
		switch how {
		case "late":
			p.before = func() error { h.Wait(time.Minute); return nil }
		case "refusal":
			p.before = func() error { return &authn.Refusal{Event: authn.EventVerify, Err: authn.ErrFinished} }
		case "finished":
			p.before = func() error { return authn.ErrFinished }
		}
		if b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrUnavailable) || errors.As(err, new(*authn.Refusal)) {
			t.Errorf("%s: %+v, %v", how, b, err)
		}
		p.before = nil
		if b := h.MustDo(t, a.Token, authn.Verify{Code: code}); b.State != authn.Success {
			t.Errorf("%s: %+v", how, b)
		}
	}
}

// heldFinder does something before it says which factors there are.
type heldFinder struct {
	*finder
	before func() error
}

func (f *heldFinder) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	if f.before != nil {
		if err := f.before(); err != nil {
			return nil, err
		}
	}
	return f.finder.Factors(ctx, user)
}

// What refuses a claim between its two saves names the event that was sent.
func TestClaimOvertaken(t *testing.T) {
	var slow *slowStore
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) {
		slow = &slowStore{Store: c.Store}
		c.Store, c.Policy.StartsPerHour = slow, 1
	})
	slow.wait = func(time.Duration) {}
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	code := codeOf(t, h, "ada@example.com")
	overtaken := false
	slow.wait = func(time.Duration) {
		if !overtaken {
			overtaken = true
			h.MustBegin(t, "ada")
		}
	}
	b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: code})
	var r *authn.Refusal
	if !errors.As(err, &r) || r.Err != authn.ErrTooSoon || r.Event != authn.EventVerify {
		t.Errorf("%+v, %v", b, err)
	}
}

// What is begun after a revocation stands, however soon after it.
func TestClaimAfterRevoke(t *testing.T) {
	for _, at := range []time.Duration{0, 300 * time.Millisecond, 999 * time.Millisecond} {
		for _, after := range []time.Duration{1, time.Millisecond, time.Second - 1} {
			h, _, _ := claiming(t, nil)
			h.Wait(at)
			must(t, h.Revoke(t.Context(), "ada"))
			h.Wait(after)
			a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
			if b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); b.State != authn.Success {
				t.Errorf("%v, %v later: %+v", at, after, b)
			}
		}
	}
}

// What a claim proves is called what a code of its type is called, and the assertion says
// by which channel the code came.
func TestMethodsOfClaims(t *testing.T) {
	for _, by := range []string{authn.Email, authn.SMS} {
		want := map[string]string{authn.Email: "otp", authn.SMS: "sms"}[by]
		h, _, _ := claiming(t, nil)
		for _, c := range []authn.Claim{{Name: "ada", By: by, Require: authn.RequireNothing}, {Name: "+12025550177", By: by, For: authn.PurposeSignUp}, {Name: "new@example.com", By: by, For: authn.PurposeSignUp}} {
			if c.For == authn.PurposeSignUp && (c.Name[0] == '+') != (by == authn.SMS) {
				continue
			}
			a := claim(t, h, c)
			ms := h.World.Messages("")
			b := h.MustDo(t, a.Token, authn.Verify{Code: ms[len(ms)-1].Code})
			as, err := h.Redeem(t.Context(), b.Session)
			if err != nil || len(as.Methods) != 1 || as.Methods[0] != want || len(as.Channels) != 1 || as.Channels[0] != by {
				t.Fatalf("%s, %s: %+v, %v", by, c.For, as, err)
			}
			if p := as.Proofs; len(p) != 1 || p[0].Type != by || p[0].Channel != by || p[0].Factor != "" || !slices.Equal(p[0].Methods, as.Methods) {
				t.Errorf("%s, %s: %+v", by, c.For, p)
			}
		}
	}
}
