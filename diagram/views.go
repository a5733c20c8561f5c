package diagram

import (
	"slices"

	"github.com/authnfsm/authn"
)

// Email shows the two ways to SUCCESS by e-mail, for a first look: enroll a
// factor and activate it, or be challenged and verify. Left out are going
// back, going on without, further factors and what may come from everywhere:
// cancel, expire and lock.
func Email() Options {
	return Options{Merge: true, Inside: true, Keep: byEmail, Label: inEmail}
}

func byEmail(t authn.Transition) bool {
	switch t.Event {
	case "primary":
		return t.To == authn.MFAEnroll || t.To == authn.MFARequired
	case "enroll", "challenge", "resend":
		return slices.Contains(t.Emit, authn.SendCode.String())
	case "activate", "verify":
		return t.To != authn.MFAEnroll
	}
	return false
}

func inEmail(t authn.Transition) string {
	switch {
	case t.Refuse != nil:
		return string(t.Event) + ": " + t.Refuse.Error()
	case t.Outcome == authn.WrongCode && t.To != t.From:
		return string(t.Event) + "\n[too many wrong codes]"
	case t.Outcome != authn.Done:
		return string(t.Event) + "\n[" + string(t.Outcome) + "]"
	case slices.Contains(t.Emit, authn.SendCode.String()):
		return string(t.Event) + "\n/ " + authn.SendCode.String()
	case len(t.When) > 0:
		return string(t.Event) + "\n[" + t.When[0] + "]"
	}
	return string(t.Event)
}

// Overview shows every state and every event: one arrow from a state to
// another, with a guard only where the event alone does not decide, and
// cancel, expire and lock once, from a box that lists where they may come.
func Overview() Options {
	return Options{Brief: true, Merge: true, Inside: true, Fold: anywhere}
}

// Full shows every row, with guards, updates and effects, and what each state
// refuses.
func Full() Options {
	return Options{Merge: true, Inside: true, Refusals: true, Fold: anywhere}
}

var anywhere = []authn.EventName{"cancel", "expire", "lock"}
