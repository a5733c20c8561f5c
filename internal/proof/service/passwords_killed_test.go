package service

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// reaper ends the process, which is a goroutine here, at one call of a port: before it, or
// after what it did and before its answer.
type reaper struct {
	n, at int
	after bool
}

func (r *reaper) around(call func()) {
	r.n++
	n := r.n
	if n == r.at && !r.after {
		runtime.Goexit()
	}
	call()
	if n == r.at && r.after {
		runtime.Goexit()
	}
}

func (r *reaper) plan(context.Context, authntest.Call) (f authntest.Fault) {
	if r.n++; r.n == r.at {
		f.Exit, f.After = true, r.after
	}
	return f
}

// mortalVault and mortalGuard are ports of a process that dies.
type mortalVault struct {
	*testhost.Vault
	r *reaper
}

func (v mortalVault) Check(ctx context.Context, in authn.PasswordInput) (x authn.Verdict, err error) {
	v.r.around(func() { x, err = v.Vault.Check(ctx, in) })
	return x, err
}

func (v mortalVault) Store(ctx context.Context, c authn.Change) (err error) {
	v.r.around(func() { err = v.Vault.Store(ctx, c) })
	return err
}

type mortalGuard struct {
	*testhost.Guard
	r *reaper
}

func (g mortalGuard) Needed(ctx context.Context, user string) (yes bool, err error) {
	g.r.around(func() { yes, err = g.Guard.Needed(ctx, user) })
	return yes, err
}

func (g mortalGuard) Check(ctx context.Context, in authn.GateInput) (x authn.Verdict, err error) {
	g.r.around(func() { x, err = g.Guard.Check(ctx, in) })
	return x, err
}

func (g mortalGuard) Passed(ctx context.Context, c authn.Change) (err error) {
	g.r.around(func() { err = g.Guard.Passed(ctx, c) })
	return err
}

// A process dies at any call of a port, while a password is changed, a gate is passed or
// a session is redeemed. Another one goes on: the client's event comes again, or only
// Tend comes. Nothing is lost, and nothing comes with another key. P11, E3, G6.
func TestKilledWhileChanging(t *testing.T) {
	always := func(context.Context, string) (bool, error) { return true, nil }
	steps := []string{"begin", "change", "pass", "redeem"}
	deaths := 0
	for _, at := range steps {
		for _, after := range []bool{false, true} {
			for _, again := range []bool{true, false} {
				for point := 1; ; point++ {
					h, v, terms, profile := testhost.Gated(t, nil)
					terms.Need, profile.Need = always, testhost.Never
					r := &reaper{after: after}
					c := h.Config
					c.Store, c.Passwords = &h.World, mortalVault{v, r}
					c.Gates = []authn.Gate{{State: "TERMS", Keeper: mortalGuard{terms, r}}, {State: "PROFILE", Keeper: mortalGuard{profile, r}}}
					victim, err := authn.New(c)
					if err != nil {
						t.Fatal(err)
					}
					h.World.Plan = r.plan
					var a *authn.Answer
					var as *authn.Assertion
					run := map[string]func(s *authn.Service) error{
						"begin": func(s *authn.Service) (err error) { a, err = s.Begin(ctxt, testhost.HasExpired); return err },
						"change": func(s *authn.Service) error {
							return keep(&a)(s.Do(ctxt, a.Token, authn.WithKey("c", authn.ChangePassword{Old: testhost.OldPassword, New: fresh})))
						},
						"pass": func(s *authn.Service) error {
							return keep(&a)(s.Do(ctxt, a.Token, authn.WithKey("p", authn.Pass{Gate: "TERMS", Input: "yes"})))
						},
						"redeem": func(s *authn.Service) (err error) { as, err = s.Redeem(ctxt, a.Session); return err },
					}
					died := false
					for _, step := range steps {
						if step != at {
							if err := run[step](h.Service); err != nil && !(died && !again) {
								t.Fatalf("%s after death %d at %s: %v", step, point, at, err)
							}
							continue
						}
						if r.n, r.at = 0, point; step == "redeem" {
							v.Take = nil
						}
						done := make(chan bool, 1)
						go func() {
							defer func() { done <- true }()
							died = true
							err = run[step](victim)
							died = false
						}()
						<-done
						if r.at = 0; !died && err != nil {
							t.Fatalf("%s, point %d: %v", step, point, err)
						}
						if died && !again {
							break
						}
						if !died {
							continue
						}
						if err := run[step](h.Service); err != nil && !(step == "redeem" && errors.Is(err, authn.ErrFinished)) {
							t.Fatalf("%s again, after death %d: %v", step, point, err)
						}
					}
					for range 4 {
						h.Wait(time.Hour)
						if _, err := h.Tend(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					judgeKilled(t, h, v, terms, as, at, point, again || !died)
					if !died {
						break
					}
					deaths++
				}
			}
		}
	}
	if deaths < 100 {
		t.Errorf("only %d deaths", deaths)
	}
}

var ctxt = context.Background()

// keep keeps an answer unless there is an error.
func keep(to **authn.Answer) func(*authn.Answer, error) error {
	return func(a *authn.Answer, err error) error {
		if err == nil {
			*to = a
		}
		return err
	}
}

// judgeKilled checks what the host has in the end. Whoever goes on comes to the end.
func judgeKilled(t *testing.T, h *testhost.Host, v *testhost.Vault, terms *testhost.Guard, as *authn.Assertion, at string, point int, goesOn bool) {
	t.Helper()
	keys := map[string]bool{}
	for _, c := range v.Stores() {
		keys[c.Key+c.At.String()+string(c.Data)] = true
	}
	told := map[string]bool{}
	for _, c := range terms.Passes() {
		told[c.Key+c.At.String()+string(c.Data)] = true
	}
	owed, err := h.Inspect(t.Context(), "ada")
	switch {
	case len(keys) > 1 || len(told) > 1:
		t.Errorf("%s, point %d: the host was told %v and %v", at, point, keys, told)
	case goesOn && (len(keys) != 1 || len(told) != 1 || v.Kept("ada") != testhost.Form(fresh)):
		t.Errorf("%s, point %d: the host was told %v and %v", at, point, keys, told)
	case len(keys) == 1 && v.Kept("ada") != testhost.Form(fresh):
		t.Errorf("%s, point %d: the host has %q", at, point, v.Kept("ada"))
	case as != nil && v.Kept("ada") == "":
		t.Errorf("%s, point %d: a session without the password", at, point)
	case err != nil || len(owed.View().Owed) > 0:
		t.Errorf("%s, point %d: owed %+v, %v", at, point, owed.View().Owed, err)
	}
	steps := len(keys) // what was saved was also told
	for _, e := range h.Audited() {
		if e.Event == "change_password" && e.To != "" && steps == 0 {
			t.Errorf("%s, point %d: a change is lost", at, point)
		}
	}
}
