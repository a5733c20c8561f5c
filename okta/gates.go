package okta

import (
	"cmp"
	"context"
	"fmt"

	"github.com/authnfsm/authn"
)

// A Gate is how Okta's clients see one of the host's own states, which is an
// [authn.Gate].
type Gate struct {
	// Status is Okta's name of the state, such as "CONSENT_REQUIRED",
	// "PROFILE_REQUIRED" or "DEVICE_ACTIVATE", which have endpoints of their own: see
	// the package documentation. "" is the state's own name.
	Status string
	// Embedded returns what _embedded of answers in this state has beside the user, by
	// name: for CONSENT_REQUIRED Okta's widget reads scopes and target. Values are
	// encoded as JSON. If Embedded is nil or fails, nothing is added.
	Embedded func(ctx context.Context, user string) (map[string]any, error)
}

// The statuses that have endpoints of their own, and the one that stands, in the table,
// for each other state of the host's.
const (
	consentRequired authn.State = "CONSENT_REQUIRED"
	profileRequired authn.State = "PROFILE_REQUIRED"
	deviceActivate  authn.State = "DEVICE_ACTIVATE"
	anyGate         authn.State = "a state of the host's own"
)

// builtIn are the states that are no gates.
func builtIn() map[authn.State]bool {
	states := map[authn.State]bool{}
	for _, t := range authn.Transitions() {
		states[t.From] = true
		if t.Refuse == nil {
			states[t.To] = true
		}
	}
	return states
}

// checkGates says what is wrong with the configuration of gates: clients could not tell
// two states apart, or took a gate for what it is not.
func (h *Handler) checkGates() error {
	seen := map[authn.State]authn.State{}
	for state := range h.cfg.Gates {
		status := h.status(state)
		if h.builtIn[state] || h.builtIn[status] {
			return fmt.Errorf("%q: it is, or is shown as, a state that is no gate", state)
		}
		if !visible(string(state)) || !visible(string(status)) {
			return fmt.Errorf("%q: a name is not 1 to %d printable ASCII bytes without a space", state, maxWord)
		}
		if other, ok := seen[status]; ok {
			return fmt.Errorf("%q and %q: both are shown as %s", min(state, other), max(state, other), status)
		}
		seen[status] = state
	}
	return nil
}

// status is what clients see of a state.
func (h *Handler) status(state authn.State) authn.State {
	return cmp.Or(authn.State(h.cfg.Gates[state].Status), state)
}

// gate is the state that is shown as status.
func (h *Handler) gate(status authn.State) authn.State {
	for state := range h.cfg.Gates {
		if h.status(state) == status {
			return state
		}
	}
	return status
}

// has reports whether the operation is one of a state.
func (h *Handler) has(o *operation, state authn.State) bool {
	switch status := h.status(state); o.in {
	case "", status:
		return true
	case anyGate:
		return !h.builtIn[state] && status != consentRequired && status != profileRequired && status != deviceActivate
	}
	return false
}

func (x *exchange) consent() (any, error) {
	return x.handIn("consent", x.in.consent, x.h.gate(consentRequired))
}

func (x *exchange) register() (any, error) {
	return x.handIn("registration", x.in.registered, x.h.gate(profileRequired))
}

// activateDevice hands in the code that another device shows. Okta's clients read in
// deviceActivationStatus what has become of it.
func (x *exchange) activateDevice() (any, error) {
	switch err := x.needState(); {
	case err != nil:
		return nil, err
	case x.in.userCode == "":
		return nil, fault(invalid, "userCode: it is required")
	}
	a, err := x.do(authn.Pass{Gate: x.h.gate(deviceActivate), Input: authn.Secret(x.in.userCode)})
	switch {
	case err != nil:
		return nil, err
	case a.Outcome == authn.Done:
		x.activation = "DEVICE_ACTIVATED"
	case x.h.status(a.State) == deviceActivate:
		x.activation = "INVALID_USER_CODE"
		return x.transaction(a), nil
	}
	return x.answer(a)
}

func (x *exchange) pass() (any, error) {
	return x.handIn("input", x.in.gateInput, authn.State(x.factor))
}

// handIn hands in the member that a gate asks for: a text as it is, and what else there
// is in JSON as it was written.
func (x *exchange) handIn(name, value string, gate authn.State) (any, error) {
	switch err := x.needState(); {
	case err != nil:
		return nil, err
	case value == "":
		return nil, fault(invalid, "%s: it is required", name)
	}
	return x.event(authn.Pass{Gate: gate, Input: authn.Secret(unquoted(value))})
}

// gated is a transaction in a gate of which the host shows something.
type gated struct {
	*transaction
	Embedded map[string]any `json:"_embedded"` // in the place of the transaction's own
}

// withGate adds what the host shows of its state.
func (x *exchange) withGate(t *transaction, a *authn.Answer) any {
	show := x.h.cfg.Gates[a.State].Embedded
	if show == nil {
		return t
	}
	own, err := show(x.r.Context(), a.User)
	if err != nil || own == nil { // without it the answer is as good
		return t
	}
	g := &gated{t, map[string]any{}}
	for name, v := range own {
		g.Embedded[name] = v
	}
	g.Embedded["user"] = t.Embedded.User
	if x.activation != "" {
		g.Embedded["deviceActivationStatus"] = x.activation
	}
	return g
}
