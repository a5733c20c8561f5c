package script

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// inputs is the host that judges passwords and what its gates ask for: it says of each
// input what the line says.
type inputs struct {
	says  string        // of the current line
	gates []authn.State // in order
	needs []authn.State // those that are needed

	names    []string // by which ada is found
	question bool     // the users have a question
}

func (in *inputs) verdict() authn.Verdict {
	return authn.Verdict{Right: in.says == "right", Rejected: in.says == "rejected", Denied: in.says == "denied"}
}

// config adds the ports.
func (in *inputs) config(c *authn.Config) {
	c.Passwords, c.Questions, c.Directory = passwords{in}, questions{in}, finder{c.Directory, in}
	c.Gates = nil
	for _, g := range in.gates {
		c.Gates = append(c.Gates, authn.Gate{State: g, Keeper: keeper{in, g}})
	}
}

// statesOf reads "TERMS PROFILE", or "nothing".
func statesOf(words []string) (list []authn.State) {
	for _, w := range words {
		if w != "nothing" {
			list = append(list, authn.State(w))
		}
	}
	return list
}

type passwords struct{ *inputs }

func (p passwords) Check(context.Context, authn.PasswordInput) (authn.Verdict, error) {
	return p.verdict(), nil
}

func (p passwords) Store(context.Context, authn.Change) error { return nil }

// Unlock implements [authn.Unlocker].
func (p passwords) Unlock(context.Context, string, string) error { return nil }

type questions struct{ *inputs }

// Question implements [authn.Questions].
func (q questions) Question(context.Context, string) (string, error) {
	if q.question {
		return "What was the name of your first machine?", nil
	}
	return "", nil
}

// Check implements [authn.Questions].
func (q questions) Check(context.Context, authn.QuestionInput) (authn.Verdict, error) {
	return q.verdict(), nil
}

// finder finds ada at ada@example.com, by the names that the script says.
type finder struct {
	authn.Directory
	*inputs
}

// Find implements [authn.Finder].
func (f finder) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	if !slices.Contains(f.names, string(c.Name)) {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: "ada", Address: "ada@example.com"}, nil
}

type keeper struct {
	*inputs
	gate authn.State
}

func (k keeper) Needed(context.Context, string) (bool, error) {
	return slices.Contains(k.needs, k.gate), nil
}

func (k keeper) Check(context.Context, authn.GateInput) (authn.Verdict, error) {
	return k.verdict(), nil
}

func (k keeper) Passed(context.Context, authn.Change) error { return nil }

// statuses are the words for what the host knows of a password.
var statuses = map[string]authn.PasswordStatus{
	"expiring": authn.PasswordExpiresSoon, "expired": authn.PasswordHasExpired, "to-reset": authn.PasswordNeedsReset,
}

// expiring is how long a password lasts that expires soon.
const expiring = 48 * time.Hour

// input reads "change_password wrong", "reset_password rejected", "pass TERMS right".
func (s *Stage) input(words []string) (authn.Event, error) {
	f := authn.Fields{Old: "the old password", New: "a new password", Input: "an input"}
	if words[0] == "pass" && len(words) > 2 {
		f.Gate = authn.State(words[1])
	}
	s.inputs.says = words[len(words)-1]
	if !slices.Contains([]string{"right", "wrong", "rejected", "denied"}, s.inputs.says) {
		return nil, fmt.Errorf("no host says %q", s.inputs.says)
	}
	return authn.ParseEvent(words[0], f)
}
