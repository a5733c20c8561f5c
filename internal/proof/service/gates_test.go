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
)

var byPassword = authn.Login{User: "ada", Require: authn.RequireNothing}

// A fault opens no gate: G4.
func TestGateThatCannotBeAsked(t *testing.T) {
	for name, need := range map[string]func(context.Context, string) (bool, error){
		"down":             func(context.Context, string) (bool, error) { return false, authntest.ErrDown },
		"panics":           func(context.Context, string) (bool, error) { panic("boom") },
		"no such user":     func(context.Context, string) (bool, error) { return false, authn.ErrNoUser },
		"says superseded":  func(context.Context, string) (bool, error) { return false, authn.ErrSuperseded },
		"not in this time": func(ctx context.Context, _ string) (bool, error) { <-ctx.Done(); return false, ctx.Err() },
	} {
		h, _, terms, profile := testhost.Gated(t, nil)
		terms.Need, profile.Need = need, testhost.Never
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if a, err := h.Begin(ctx, byPassword); name == "not in this time" {
			if a != nil && a.State != "TERMS" {
				t.Errorf("%s: %s", name, a.State)
			}
		} else if err != nil || a.State != "TERMS" {
			t.Errorf("%s: %v, %v", name, a, err)
		}
		stop()
	}
}

// The gates that are needed come in the order of the list, whatever is asked before; and
// none comes twice, though the host goes on saying that it is needed.
func TestGatesInOrder(t *testing.T) {
	for name, to := range map[string]func(h *testhost.Host) *authn.Answer{
		"password": func(h *testhost.Host) *authn.Answer { return h.MustLogin(t, byPassword) },
		"factor": func(h *testhost.Host) *authn.Answer {
			a, code := h.Challenged(t)
			return h.MustDo(t, a.Token, authn.Verify{Code: code})
		},
		"enrollment": func(h *testhost.Host) *authn.Answer {
			a := h.MustDo(t, h.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.Email})
			return h.MustDo(t, a.Token, authn.Activate{Code: h.Last("grace").Code})
		},
		"reset": func(h *testhost.Host) *authn.Answer {
			return h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
		},
		"warning": func(h *testhost.Host) *authn.Answer {
			return h.MustDo(t, h.MustLogin(t, testhost.ExpiresAt(testhost.Start.Add(time.Hour))).Token, authn.Skip{})
		},
		"no enrollment": func(h *testhost.Host) *authn.Answer {
			return h.MustDo(t, h.MustLogin(t, authn.Login{User: "grace", Require: authn.RequireIfActive}).Token, authn.Skip{})
		},
	} {
		h, _, terms, profile := testhost.Gated(t, nil)
		always := func(context.Context, string) (bool, error) { return true, nil }
		terms.Need, profile.Need = always, always
		a := to(h)
		var came []authn.State
		for range 9 {
			if came = append(came, a.State); a.State == authn.Success {
				break
			}
			if _, err := h.Redeem(t.Context(), a.Session); !errors.Is(err, authn.ErrFinished) {
				t.Errorf("%s: redeemed in %s: %v", name, a.State, err)
			}
			a = h.MustDo(t, a.Token, authn.Pass{Gate: a.State, Input: "yes"})
		}
		if want := []authn.State{"TERMS", "PROFILE", authn.Success}; !slices.Equal(came, want) || len(terms.Passes()) != 1 || len(profile.Passes()) != 1 {
			t.Errorf("%s: came through %v, told %d and %d times", name, came, len(terms.Passes()), len(profile.Passes()))
		}
		if as, err := h.Redeem(t.Context(), a.Session); err != nil || as == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whether a gate is needed is asked only where a sign-in comes to it: not for a refused
// event, a status, a wrong code or a redemption.
func TestGateIsAskedInTime(t *testing.T) {
	h, _, terms, profile := testhost.Gated(t, nil)
	asked := func(want int) {
		t.Helper()
		if n := terms.Asked() + profile.Asked(); n != want {
			t.Errorf("asked %d times, want %d", n, want)
		}
	}
	a, code := h.Challenged(t)
	h.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	testhost.OK(t)(h.Status(t.Context(), a.Token))
	asked(0)
	h.MustDo(t, a.Token, authn.Verify{Code: code})
	asked(1)
	_, _ = h.Do(t.Context(), a.Token, authn.Pass{Gate: "PROFILE", Input: "yes"})
	testhost.OK(t)(h.Status(t.Context(), a.Token))
	terms.Judge = func(context.Context, authn.GateInput) (authn.Verdict, error) { return authn.Verdict{}, nil }
	h.MustDo(t, a.Token, authn.Pass{Gate: "TERMS", Input: "no"})
	asked(1)
	terms.Judge, profile.Need = nil, testhost.Never
	a = h.MustDo(t, a.Token, authn.Pass{Gate: "TERMS", Input: "yes"})
	asked(2)
	if _, err := h.Redeem(t.Context(), a.Session); err != nil {
		t.Error(err)
	}
	asked(2)
	if x := terms.Checks()[0]; x.Tenant != "acme" || x.User != "ada" || x.Input != "no" || len(x.Transaction) != 32 {
		t.Errorf("%+v", x)
	}
}

// A gate that the delivering deployment does not have stays owed, until one that has it
// tells its Keeper.
func TestGateOfAnotherDeploymentStaysOwed(t *testing.T) {
	h, _, terms, profile := testhost.Gated(t, nil)
	profile.Need = testhost.Never
	terms.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	a := h.MustLogin(t, byPassword)
	h.MustDo(t, a.Token, authn.Pass{Gate: "TERMS", Input: "yes"})
	c := h.Config
	c.Gates = []authn.Gate{{State: "PROFILE", Keeper: profile}}
	other, err := authn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	terms.Take = nil
	for range 30 {
		h.Wait(time.Hour)
		if _, err := other.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	owed, _ := h.Inspect(t.Context(), "ada")
	if v := owed.View(); len(v.Owed) != 1 || v.Owed[0].Name != "pass gate" || len(terms.Passes())+len(profile.Passes()) != 0 {
		t.Fatalf("owed %+v, told %v", v.Owed, terms.Passes())
	}
	h.Wait(time.Hour)
	if _, err := h.Tend(t.Context()); err != nil || len(terms.Passes()) != 1 || string(terms.Passes()[0].Data) != "passed with yes" || !terms.Passes()[0].At.Equal(testhost.Start) {
		t.Errorf("%v, told %+v", err, terms.Passes())
	}
}

// A password that is owed is not lost on a deployment that judges none.
func TestPasswordOfAnotherDeploymentStaysOwed(t *testing.T) {
	h, v := ungated(t, nil)
	v.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	a := h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
	c := h.Config
	c.Passwords = nil
	other, err := authn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if as, err := other.Redeem(t.Context(), a.Session); as != nil || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("%v, %v", as, err)
	}
	v.Take = nil
	h.Wait(time.Hour)
	if _, err := other.Tend(t.Context()); err != nil || v.Kept("ada") != "" {
		t.Errorf("%v, %q", err, v.Kept("ada"))
	}
	h.Wait(time.Hour)
	if _, err := h.Tend(t.Context()); err != nil || v.Kept("ada") != testhost.Form(fresh) {
		t.Errorf("%v, %q", err, v.Kept("ada"))
	}
}

// Two deployments with different lists of gates share a store: once in a gate or past
// one, a transaction is good only where it was, and the other one ends it. G7.
func TestDeploymentsWithOtherGates(t *testing.T) {
	guard := new(testhost.Guard)
	lists := [][]string{nil, {"TERMS"}, {"TERMS", "PROFILE"}, {"PROFILE", "TERMS"}, {"CONSENT"}, {"TERMS", "PROFILE", "CONSENT"}}
	for i, mine := range lists {
		for j, others := range lists {
			for past := range 2 {
				h := testhost.New(t, nil)
				open := func(list []string) *authn.Service {
					c := h.Config
					c.Gates = nil
					for _, g := range list {
						c.Gates = append(c.Gates, authn.Gate{State: authn.State(g), Keeper: guard})
					}
					s, err := authn.New(c)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				guard.Need = func(context.Context, string) (bool, error) { return true, nil }
				s, other := open(mine), open(others)
				a := testhost.OK(t)(s.Begin(t.Context(), byPassword))
				for past == 1 && a.State != authn.Success {
					a = testhost.OK(t)(s.Do(t.Context(), a.Token, authn.Pass{Gate: a.State}))
				}
				name := fmt.Sprintf("%v then %v, past %d", mine, others, past)
				if i == j || len(mine) == 0 {
					if a.State == authn.Success {
						if _, err := other.Redeem(t.Context(), a.Session); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					} else if _, err := other.Do(t.Context(), a.Token, authn.Pass{Gate: a.State}); err != nil {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				if _, err := other.Status(t.Context(), a.Token); !errors.Is(err, authn.ErrFinished) {
					t.Errorf("%s: status: %v", name, err)
				}
				testhost.OK(t)(s.Status(t.Context(), a.Token)) // which has changed nothing
				var err error
				if past == 1 {
					_, err = other.Redeem(t.Context(), a.Session)
				} else {
					_, err = other.Do(t.Context(), a.Token, authn.Pass{Gate: a.State})
				}
				if !errors.Is(err, authn.ErrFinished) {
					t.Errorf("%s: %v", name, err)
				}
				for _, s := range []*authn.Service{s, other} {
					if _, err := s.Status(t.Context(), a.Token); !errors.Is(err, authn.ErrFinished) {
						t.Errorf("%s: afterwards: %v", name, err)
					}
					if _, err := s.Redeem(t.Context(), a.Session); !errors.Is(err, authn.ErrFinished) {
						t.Errorf("%s: afterwards: %v", name, err)
					}
				}
			}
		}
	}
}

// What the Keepers have not taken is never dropped. When there is no room for more, a
// sign-in is unavailable, not let in; and goes on once they take it.
func TestKeepersTakeNothing(t *testing.T) {
	h, v, terms, profile := testhost.Gated(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.StartsPerHour = 100 })
	down := func(context.Context, authn.Change) error { return authntest.ErrDown }
	v.Take, terms.Take, profile.Take = down, down, down
	pass := func(l authn.Login) (a *authn.Answer, err error) {
		if a, err = h.Begin(t.Context(), l); err != nil {
			return a, err
		}
		if a.State == authn.PasswordReset {
			if a, err = h.Do(t.Context(), a.Token, authn.ResetPassword{New: fresh}); err != nil {
				return a, err
			}
		}
		for a.State != authn.Success {
			b, err := h.Do(t.Context(), a.Token, authn.Pass{Gate: a.State, Input: "yes"})
			if err != nil {
				return a, err
			}
			a = b
		}
		return a, nil
	}
	var full error
	n := 0
	for ; n < 20 && full == nil; n++ {
		_, full = pass(testhost.ToReset)
	}
	if !errors.Is(full, authn.ErrUnavailable) || n < 3 {
		t.Fatalf("after %d sign-ins: %v", n, full)
	}
	v.Take, terms.Take, profile.Take = nil, nil, nil
	h.Wait(time.Hour)
	if _, err := h.Tend(t.Context()); err != nil || len(terms.Passes()) < n-2 || v.Kept("ada") == "" {
		t.Errorf("%v, told %d times after %d sign-ins", err, len(terms.Passes()), n)
	}
	if a, err := pass(byPassword); err != nil || a.State != authn.Success {
		t.Errorf("%v, %v", a, err)
	}
}

// Tabs that pass a gate at the same time, on two nodes: it is passed once, its Keeper is
// told once, and there is one session.
func TestTabsPassTogether(t *testing.T) {
	for range 10 {
		h, _, terms, profile := testhost.Gated(t, nil)
		profile.Need = testhost.Never
		token := h.MustLogin(t, byPassword).Token
		nodes := []*authn.Service{h.Service, h.Open(t)}
		var sessions sync.Map
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				a, err := nodes[i%2].Do(context.Background(), token, authn.Pass{Gate: "TERMS", Input: "yes"})
				switch {
				case err == nil && a.Session != "":
					sessions.Store(i, a.Session)
				case !errors.Is(err, authn.ErrNotAllowed) && !errors.Is(err, authn.ErrFinished):
					t.Errorf("%v, %v", a, err)
				}
			})
		}
		all.Wait()
		n := 0
		for _, s := range sessions.Range {
			n++
			if _, err := h.Redeem(t.Context(), s.(authn.SessionToken)); err != nil {
				t.Error(err)
			}
		}
		if n != 1 || len(terms.Passes()) != 1 {
			t.Errorf("%d sessions, told %d times", n, len(terms.Passes()))
		}
	}
}

// A gate needs a Keeper.
func TestGateWithoutKeeper(t *testing.T) {
	c := testhost.New(t, nil).Config
	c.Gates = []authn.Gate{{State: "TERMS", Keeper: new(testhost.Guard)}, {State: "PROFILE"}}
	if _, err := authn.New(c); err == nil || !strings.Contains(err.Error(), "Gates[1]") {
		t.Errorf("%v", err)
	}
}
