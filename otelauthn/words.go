package otelauthn

import (
	"strings"

	"github.com/authnfsm/authn"
)

// other stands for every word that is not known.
const other = "_OTHER"

// words is a closed set: only its members become labels.
type words map[string]bool

func setOf[T ~string](list ...T) words {
	w := words{}
	for _, x := range list {
		w[string(x)] = true
	}
	return w
}

// bounded returns the word, or [other].
func bounded[T ~string](w words, word T) string {
	if w[string(word)] {
		return string(word)
	}
	return other
}

// A vocabulary has the words that the table, and the library beside it, may say.
type vocabulary struct {
	events, states, outcomes, refusals, kinds words
	causes                                    words // guards that tell why a sign-in is locked out
}

// newVocabulary reads the table. What is not in the table is listed here.
func newVocabulary() vocabulary {
	v := vocabulary{
		events: setOf(
			authn.EventStatus, authn.EventInspect, authn.EventRevoke, authn.EventReinstate, authn.EventErase, authn.EventForgetDevices,
			authn.EventSignedIn, authn.EventFactorActivated, authn.EventFactorDisabled, authn.EventFactorUnusable,
		),
		states:   words{},
		outcomes: words{},
		refusals: words{},
		kinds: setOf(
			authn.CodeMessage, authn.BackoffMessage, authn.LockedMessage, authn.ActivatedMessage, authn.RecoveryMessage, authn.StartsMessage, authn.PasswordMessage,
		),
		causes: words{},
	}
	ref, table := authn.NewReference(), authn.Transitions()
	for _, e := range ref.Events {
		v.events[e.Name] = true
	}
	for _, s := range ref.States {
		v.states[string(s.State)] = true
	}
	for _, err := range []error{authn.ErrNotAllowed, authn.ErrFinished, authn.ErrMalformed, authn.ErrKeyReused} {
		v.refusals[err.Error()] = true
	}
	for _, t := range table {
		if t.Refuse != nil {
			v.refusals[t.Refuse.Error()] = true
		} else {
			v.outcomes[outcomeOf(t.Outcome)] = true
		}
		if locksOut(t.To, t.Event) {
			for _, guard := range t.When {
				v.causes[guard] = true
			}
		}
	}
	for _, t := range table { // only what leads nowhere else is a cause
		if !locksOut(t.To, t.Event) {
			for _, guard := range t.When {
				delete(v.causes, guard)
			}
		}
	}
	return v
}

// locksOut says that a row ends a sign-in for what its user did. The lock of the
// account, which ends the others too, is not counted again for each.
func locksOut(to authn.State, event authn.EventName) bool {
	return to == authn.LockedOut && event != authn.EventLock
}

// cause is the guard that says why a sign-in is locked out.
func (v *vocabulary) cause(guards string) string {
	for guard := range strings.SplitSeq(guards, ", ") {
		if v.causes[guard] {
			return guard
		}
	}
	return other
}

// outcomeOf names an outcome: that of an event that was taken as asked has no text.
func outcomeOf(o authn.Outcome) string {
	if o == authn.Done {
		return "done"
	}
	return string(o)
}

// typesOf are the types of factors that a configuration may have.
func typesOf(types []authn.FactorType) words {
	w := setOf(authn.Email, authn.SMS, authn.Call, authn.TOTP, authn.RecoveryCodes)
	for _, t := range types {
		w[t.Name] = true
	}
	return w
}
