package testhost

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// Vault is a Passwords in memory. It records its calls. It takes every new password
// beside the old one that it has, and keeps forms as its contract says.
type Vault struct {
	// Judge and Take come in place of what Check and Store do, if they are not nil.
	Judge func(context.Context, authn.PasswordInput) (authn.Verdict, error)
	Take  func(context.Context, authn.Change) error

	mu     sync.Mutex
	checks []authn.PasswordInput
	stores []authn.Change
	forms  map[string]authn.Change
}

// Form is what a Vault keeps of a password.
func Form(p authn.Secret) string { return "form:" + string(p) }

// OldPassword is what the users of a Vault have at first.
const OldPassword authn.Secret = "an old password"

// Check implements [authn.Passwords].
func (v *Vault) Check(ctx context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	v.mu.Lock()
	v.checks = append(v.checks, in)
	kept, has := v.forms[in.User]
	judge := v.Judge
	v.mu.Unlock()
	old := Form(OldPassword)
	if has {
		old = string(kept.Data)
	}
	switch {
	case judge != nil:
		return judge(ctx, in)
	case in.Old != "" && Form(in.Old) != old:
		return authn.Verdict{}, nil
	}
	return authn.Verdict{Right: true, Data: []byte(Form(in.New))}, nil
}

// Store implements [authn.Passwords].
func (v *Vault) Store(ctx context.Context, c authn.Change) error {
	v.mu.Lock()
	v.stores = append(v.stores, c)
	take := v.Take
	v.mu.Unlock()
	if take != nil {
		return take(ctx, c)
	}
	v.Put(c)
	return nil
}

// Put keeps a form, unless one of a later time is there.
func (v *Vault) Put(c authn.Change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.forms == nil {
		v.forms = map[string]authn.Change{}
	}
	if !v.forms[c.User].At.After(c.At) {
		v.forms[c.User] = c
	}
}

// Forget forgets all passwords and calls.
func (v *Vault) Forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checks, v.stores, v.forms = nil, nil, nil
}

// Kept returns the form of a user's password; "" is that of the old one.
func (v *Vault) Kept(user string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return string(v.forms[user].Data)
}

// Checks returns what Check was asked.
func (v *Vault) Checks() []authn.PasswordInput {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.checks)
}

// Stores returns what Store was given.
func (v *Vault) Stores() []authn.Change {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.stores)
}

// Guard is a Gatekeeper in memory. It records its calls. Everybody needs its gate
// until they have passed, and everything passes.
type Guard struct {
	// Need, Judge and Take come in place of what Needed, Check and Passed do, if they
	// are not nil.
	Need  func(ctx context.Context, user string) (bool, error)
	Judge func(context.Context, authn.GateInput) (authn.Verdict, error)
	Take  func(context.Context, authn.Change) error

	mu     sync.Mutex
	needed int
	checks []authn.GateInput
	passes []authn.Change
}

// Needed implements [authn.Gatekeeper].
func (g *Guard) Needed(ctx context.Context, user string) (bool, error) {
	g.mu.Lock()
	g.needed++
	need := g.Need
	passed := slices.ContainsFunc(g.passes, func(c authn.Change) bool { return c.User == user })
	g.mu.Unlock()
	if need != nil {
		return need(ctx, user)
	}
	return !passed, nil
}

// Check implements [authn.Gatekeeper].
func (g *Guard) Check(ctx context.Context, in authn.GateInput) (authn.Verdict, error) {
	g.mu.Lock()
	g.checks = append(g.checks, in)
	judge := g.Judge
	g.mu.Unlock()
	if judge != nil {
		return judge(ctx, in)
	}
	return authn.Verdict{Right: true, Data: []byte("passed with " + string(in.Input))}, nil
}

// Passed implements [authn.Gatekeeper].
func (g *Guard) Passed(ctx context.Context, c authn.Change) error {
	g.mu.Lock()
	take := g.Take
	g.mu.Unlock()
	if take != nil {
		if err := take(ctx, c); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passes = append(g.passes, c)
	return nil
}

// Forget forgets who has passed, and all calls.
func (g *Guard) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.needed, g.checks, g.passes = 0, nil, nil
}

// Asked returns how often Needed was asked.
func (g *Guard) Asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.needed
}

// Checks returns what Check was asked.
func (g *Guard) Checks() []authn.GateInput {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.checks)
}

// Passes returns what Passed has taken.
func (g *Guard) Passes() []authn.Change {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.passes)
}

// Gated returns a host with a Vault and the gates TERMS and PROFILE.
func Gated(t testing.TB, change func(*Host, *authn.Config)) (h *Host, v *Vault, terms, profile *Guard) {
	t.Helper()
	v, terms, profile = new(Vault), new(Guard), new(Guard)
	h = New(t, func(h *Host, c *authn.Config) {
		c.Passwords = v
		c.Gates = []authn.Gate{{State: "TERMS", Keeper: terms}, {State: "PROFILE", Keeper: profile}}
		if change != nil {
			change(h, c)
		}
	})
	return h, v, terms, profile
}

// MustLogin begins a sign-in, which must not be refused.
func (h *Host) MustLogin(t testing.TB, l authn.Login) *authn.Answer {
	t.Helper()
	return OK(t)(h.Begin(t.Context(), l))
}

// Never needs a gate.
func Never(context.Context, string) (bool, error) { return false, nil }

// ToReset is a login of ada with nothing but a password that has to be reset.
var ToReset = authn.Login{User: "ada", Require: authn.RequireNothing, Password: authn.PasswordNeedsReset}

// HasExpired is a login of ada with nothing but a password that has expired.
var HasExpired = authn.Login{User: "ada", Require: authn.RequireNothing, Password: authn.PasswordHasExpired}

// ExpiresAt is a login of ada with nothing but a password that expires soon.
func ExpiresAt(at time.Time) authn.Login {
	return authn.Login{User: "ada", Require: authn.RequireNothing, Password: authn.PasswordExpiresSoon, PasswordExpires: at}
}
