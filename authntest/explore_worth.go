package authntest

import (
	"slices"

	"github.com/authnfsm/authn"
)

// What a submission is worth, by what its sender holds: the rules go by this, and never
// ask the machine.

type worth uint8

const (
	worthWrong     worth = iota
	worthRight           // it proves its factor
	worthUsed            // it would, but was used before
	worthUnfit           // no response to this challenge
	worthMalformed       // not of the form of the factor's codes
	worthWaiting         // the other device has not answered
)

// subject is the factor that a code or a response is for, as the machine takes it: the
// one at hand, or in MFA_REQUIRED the one that the event names. Of a response it is the
// one that is proved. Zero: there is none.
func (t *Trial) subject() (f authn.Factor) {
	was := t.Was()
	switch {
	case was == nil || t.g == nil:
		return f
	case was.State != authn.MFARequired:
		f = t.g.hand
	case t.leg.Factor != "":
		f = t.active(t.leg.Factor)
	}
	if t.Typed == TypedAnother && t.Event == authn.EventVerify && t.check != nil && len(t.check.Others) > 0 {
		f = t.active(t.check.Others[0].ID)
	}
	return f
}

// active is an active factor, as the machine takes it; zero if there is none.
func (t *Trial) active(id string) authn.Factor {
	for _, f := range t.offered() {
		if f.ID == id && f.Status == authn.Active {
			return f
		}
	}
	return authn.Factor{}
}

// kind is how the factor at hand, or named, is proved.
func (t *Trial) kind() kind { return t.x.kind(t.subject().Type) }

// atHand says that a challenge can be answered in the state.
func atHand(s authn.State) bool { return s == authn.MFAChallenge || s == authn.MFAEnrollActivate }

// addressed says that an answer of a device is one to what it is asked, for all that the
// device can know.
func (t *Trial) addressed() bool {
	was := t.Was()
	return t.Event == authn.EventRespond && was != nil && t.Typed != TypedOld && t.g.asked != "" &&
		atHand(was.State) && !was.CodeExpires.IsZero() && t.x.kind(t.g.hand.Type) == byDevice && t.g.hand.ID == was.Factor
}

// replied says that an answer of a device counts.
func (t *Trial) replied() bool {
	return t.addressed() && !t.overdue(t.Was()) && t.g.reply == TypedNothing && !t.Now.Before(t.Before.BackoffUntil) && t.Now.Before(t.Was().CodeExpires)
}

// isTold says that the client is told of a device that will not approve, which happens once.
func (t *Trial) isTold() bool { return t.Taken() && t.isOver() }

// hasToTell says that a client asks for that, and nothing stands against an answer.
func (t *Trial) hasToTell() bool {
	named := t.leg.Factor == "" || t.leg.Factor == t.g.hand.ID
	return t.isOver() && named && t.Typed == TypedNothing && t.kind() == byDevice && !t.overdue(t.Was()) && !t.hostRefuses() && !t.stale()
}

// isOver says that the event is for a device that will not approve, of which the client has
// not been told.
func (t *Trial) isOver() bool {
	was := t.Was()
	return t.isCode() && was != nil && atHand(was.State) && t.subject().ID == was.Factor && t.g.reply != TypedNothing && t.g.reply != TypedRight
}

// tested says that something is handed in, by whatever event, that is found right or wrong
// or for some reason neither.
func (t *Trial) tested() bool { return t.inTime() || t.replied() || t.judged() }

// isWrong says that something is handed in that counts as a wrong code.
func (t *Trial) isWrong() bool { return t.tested() && t.worth() == worthWrong }

// worth is what a submission is worth that may be looked at.
func (t *Trial) worth() worth {
	switch {
	case isInput(t.Event) && (t.Typed == TypedRejected || t.Typed == TypedDenied):
		return worthUnfit
	case isInput(t.Event), t.Event == authn.EventRespond:
		if t.Typed == TypedRight {
			return worthRight
		}
		return worthWrong
	}
	switch t.kind() {
	case byApp:
		return t.appWorth()
	case byList:
		return t.listWorth()
	case byResponse:
		return t.responseWorth()
	case byDevice:
		return t.pollWorth()
	}
	switch t.Typed {
	case TypedRight:
		return worthRight
	case TypedLong:
		return worthMalformed
	}
	return worthWrong
}

// kit is what the user has for the factor.
func (t *Trial) kit() held {
	if t.Event == authn.EventActivate {
		return held{app: t.g.app, codes: t.g.codes}
	}
	if h := t.s.holds(t.subject().ID); h != nil {
		return *h
	}
	return held{}
}

func (t *Trial) appWorth() worth {
	h := t.kit()
	if h.app.key == "" {
		return worthWrong
	}
	switch step := h.app.match(codeOf(t.Payload), t.Now, &t.Policy); {
	case t.Typed == TypedLong:
		return worthMalformed
	case step == 0:
		return worthWrong
	case step <= h.step:
		return worthUsed
	}
	return worthRight
}

func (t *Trial) listWorth() worth {
	h := t.kit()
	switch i := h.place(codeOf(t.Payload)); {
	case t.Typed == TypedLong:
		return worthMalformed
	case i < 0:
		return worthWrong
	case h.spent&(1<<i) != 0:
		return worthUsed
	}
	return worthRight
}

func (t *Trial) responseWorth() worth {
	switch t.Typed {
	case TypedRight, TypedChanged:
		return worthRight
	case TypedMalformed:
		return worthUnfit
	case TypedAnother:
		if t.Event == authn.EventVerify && t.check != nil && len(t.check.Others) > 0 {
			return worthRight
		}
	}
	return worthWrong
}

func (t *Trial) pollWorth() worth {
	switch {
	case t.Typed != TypedNothing:
		return worthMalformed
	case t.g.reply == TypedRight:
		return worthRight
	}
	return worthWaiting
}

// mayProve says that a code or a response in MFA_REQUIRED is for an active factor that
// needs no challenge.
func (t *Trial) mayProve() bool {
	f := t.subject()
	return f.ID != "" && t.x.atOnce(f.Type)
}

// stands says that the Directory lists the factor at hand as it was chosen. About a factor
// that messages go to it is not asked.
func (t *Trial) stands(was *authn.TransactionView) bool {
	switch k := t.x.kind(t.g.hand.Type); {
	case t.Event == authn.EventActivate:
		return t.mayEnroll(was)
	case k == byMessage || k == byDevice:
		return true
	}
	return slices.ContainsFunc(t.offered(), func(f authn.Factor) bool { return f.Status == authn.Active && sameFactor(&f, &t.g.hand) })
}

// unread says that something malformed was refused before it was known whose it is.
func (t *Trial) unread() bool { return t.Refused(authn.ErrMalformed) && t.Refusal.Guard == "" }

// stale says that what the Directory says is older than what it has taken: then there is
// no verdict.
func (t *Trial) stale() bool {
	return t.Err != nil && t.Refusal == nil && t.s.disbelieves(&t.leg.Listing)
}
