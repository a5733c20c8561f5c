package diagram

import (
	"slices"

	"github.com/authnfsm/authn"
)

// Email shows the two paths to SUCCESS with a code by email: enroll a factor and
// activate it, or challenge a factor and verify. It omits previous, skip,
// further factors, and the events that any state allows: cancel, expire and lock.
func Email() Options {
	return Options{Merge: true, Inside: true, Keep: byEmail, Label: inEmail}
}

// sendCode is the name of the effect that sends a code.
const sendCode = "send code"

func byEmail(t authn.Transition) bool {
	switch t.Event {
	case "primary":
		return t.To == authn.MFAEnroll || t.To == authn.MFARequired
	case "enroll", "challenge", "resend":
		return slices.Contains(t.Emit, sendCode)
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
	case slices.Contains(t.Emit, sendCode):
		return string(t.Event) + "\n/ " + sendCode
	case len(t.When) > 0:
		return string(t.Event) + "\n[" + t.When[0] + "]"
	}
	return string(t.Event)
}

// Overview shows every state and every event: one arrow from a state to another,
// with a guard only if the event leads to several states. It draws cancel,
// expire and lock once, from a box that lists the states that allow them.
func Overview() Options {
	return Options{Brief: true, Merge: true, Inside: true, Fold: anywhere}
}

// Full shows every row, with guards, updates and effects, and the refusals of
// each state.
func Full() Options {
	return Options{Merge: true, Inside: true, Refusals: true, Fold: anywhere}
}

var anywhere = []authn.EventName{"cancel", "expire", "lock"}
