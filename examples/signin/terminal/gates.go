package terminal

import (
	"context"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// The states of the demo's own.
const (
	termsGate authn.State = "TERMS"
	nameGate  authn.State = "NAME"
)

// Gates are the states of the demo's own, which some accounts pass once.
func (d *People) Gates() []authn.Gate {
	return []authn.Gate{
		{State: termsGate, Means: "The terms are not accepted yet.", Shows: "The terms.", Keeper: gate{d, termsGate}},
		{State: nameGate, Means: "The host does not know what to call the user.", Shows: "A field for a name.", Keeper: gate{d, nameGate}},
	}
}

// asks is what each of them asks for.
var asks = map[authn.State]string{
	termsGate: "These are the terms: be kind. Type accept, or decline.",
	nameGate:  "What shall we call you? Type a name of 2 to 20 letters.",
}

type gate struct {
	*People
	state authn.State
}

// Needed implements [authn.Gatekeeper].
func (g gate) Needed(_ context.Context, user string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.byName[user].gates, g.state), nil
}

// Check implements [authn.Gatekeeper].
func (g gate) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	said := strings.TrimSpace(string(in.Input))
	switch {
	case g.state == termsGate && said == "decline":
		return authn.Verdict{Denied: true}, nil
	case g.state == termsGate && said != "accept":
		return authn.Verdict{Rejected: true, Reasons: []string{"Type accept, or decline."}}, nil
	case g.state == nameGate && (len(said) < 2 || len(said) > 20):
		return authn.Verdict{Rejected: true, Reasons: []string{"That has not 2 to 20 letters."}}, nil
	}
	return authn.Verdict{Right: true, Data: []byte(said)}, nil
}

// Passed implements [authn.Gatekeeper]. It may come twice.
func (g gate) Passed(_ context.Context, c authn.Change) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.byName[c.User]
	a.gates = slices.DeleteFunc(slices.Clone(a.gates), func(st authn.State) bool { return st == g.state })
	g.byName[c.User] = a
	return nil
}

// showAsked shows what is asked for after the last proof.
func (t *Terminal) showAsked(a *authn.Answer) {
	switch {
	case asks[a.State] != "":
		t.say("   %s", asks[a.State])
	case a.State == authn.Recovery:
		t.say("   %s", a.Question)
	case a.State == authn.PasswordWarn:
		t.say("   Your password expires%s. Press Enter to change it, or type skip.", when(" on ", a.PasswordExpires))
	case a.State == authn.PasswordExpired:
		t.say("   Your password has expired. Press Enter to change it.")
	case a.State == authn.PasswordReset:
		t.say("   Press Enter to set a password of your own.")
	}
}

// wanted is what was asked for in a state.
func wanted(a *authn.Answer) string {
	switch {
	case isPassword(a.State):
		return "old password"
	case a.State == authn.Recovery:
		return "answer"
	}
	return "code"
}
