package okta

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// A rule says what a refusal is on the wire.
type rule struct {
	why    error             // the sentinel; nil: whatever it is
	events []authn.EventName // that were refused; nil: whichever it is
	code   *code
	text   string                                 // of the first cause; {state} and {typed} are filled in
	advice func(*exchange, *authn.Refusal) string // what the user may do, added to the text; nil: nothing
	offers bool                                   // further causes name what is allowed instead,
	only   authn.EventName                        // if it is this event; "": all of it
	report error                                  // a fault of the host's, for Config.Report
}

// sends has the events that send a code.
var sends = []authn.EventName{authn.EventEnroll, authn.EventChallenge, authn.EventResend}

// newPasswords has the events that bring one.
var newPasswords = []authn.EventName{authn.EventChangePassword, authn.EventResetPassword}

// rules has one rule for each refusal: the first that fits. The last one is for
// a token that leads nowhere and for a user who may not sign in any more: what
// exactly is wrong is nobody's business.
var rules = []rule{
	{events: []authn.EventName{authn.EventRedeem}, code: badToken},
	{why: authn.ErrNoUser, events: []authn.EventName{authn.EventPrimary}, code: badPassword},
	{why: authn.ErrNoUser, events: []authn.EventName{authn.EventClaim}, code: noSubject}, // told to servers of the host's own only
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventPrimary}, code: internal, report: errNobody},
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventEnroll}, code: invalid, text: "factorType: a name is expected"},
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventClaim}, code: invalid, text: "username: 1 to 254 bytes without control characters are expected; factorType: one that this host has"},
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventAnswer}, code: invalid, text: "answer: it has a character that no answer has"},
	{why: authn.ErrNotAllowed, events: []authn.EventName{authn.EventClaim}, code: noRecovery},
	{why: authn.ErrLocked, code: locked, advice: (*exchange).wait},
	{why: authn.ErrMalformed, events: newPasswords, code: invalid, text: "oldPassword, newPassword: one has a character that no password has"},
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventPass}, code: invalid, text: "gate: a name, and an input of at most 16 KiB, are expected"},
	{why: authn.ErrMalformed, code: invalid, text: "{typed}"},
	{why: authn.ErrKeyReused, code: invalid, text: "Idempotency-Key: it was used for another request"},
	{why: authn.ErrNotAllowed, code: wrongState, text: "The transaction is in {state}.", offers: true},
	{why: authn.ErrRequired, code: wrongState, text: "A factor that is required is missing.", offers: true},
	{why: authn.ErrNotOffered, events: []authn.EventName{authn.EventEnroll}, code: invalid, text: "factorType: it is not offered here"},
	{why: authn.ErrNotOffered, code: noFactor},
	{why: authn.ErrNoFactor, code: noAccess},
	{why: authn.ErrUsed, code: wrongCode, text: "This code was used before. ", advice: (*exchange).fresh},
	{why: authn.ErrNoCode, code: wrongCode, text: "There is no code to compare with any more. ", advice: (*exchange).next, offers: true, only: authn.EventResend},
	{why: authn.ErrTooSoon, events: sends, code: tooSoon, advice: (*exchange).wait},
	{why: authn.ErrTooSoon, code: tooMany, advice: (*exchange).wait},
	{why: authn.ErrExhausted, code: tooSoon, text: "This sign-in sends no more codes. ", advice: (*exchange).last},
	{code: badToken},
}

var errNobody = errors.New("okta: the password verifier gave a Login that the service cannot take")

// ruleOf returns the rule for an event that was refused with err.
func ruleOf(event authn.EventName, err error) *rule {
	return &rules[slices.IndexFunc(rules, func(r rule) bool {
		return (r.why == nil || errors.Is(err, r.why)) && (r.events == nil || slices.Contains(r.events, event))
	})]
}

// refusal returns what a refusal is on the wire.
func (x *exchange) refusal(r *authn.Refusal) *failure {
	u := ruleOf(r.Event, r.Err)
	f := &failure{code: u.code, answer: r.Answer, retry: r.RetryAt, err: u.report}
	if errors.Is(r.Err, authn.ErrExhausted) && r.Answer != nil {
		f.retry = r.Answer.Expires // waiting helps only in so far as another sign-in may begin then
	}
	text := strings.ReplaceAll(u.text, "{state}", string(x.h.status(r.State)))
	if text == "{typed}" {
		text = x.toType(r)
	}
	if u.advice != nil {
		text += u.advice(x, r)
	}
	if text != "" {
		f.causes = []cause{{Summary: text}}
	}
	if errors.Is(r.Err, authn.ErrUsed) {
		f.causes[0].At = notBefore(r.RetryAt)
	}
	if u.offers {
		f.causes = append(f.causes, x.alternatives(r.Answer, u.only)...)
	}
	return f
}

// emptyCode refuses a code that was left empty, and says by which event there is one.
func (x *exchange) emptyCode(state authn.State, a *authn.Answer, by authn.EventName) *failure {
	f := x.refusal(&authn.Refusal{State: state, Event: authn.EventVerify, Err: authn.ErrMalformed, Answer: a})
	f.causes = append(f.causes, x.alternatives(a, by)...)
	return f
}

// outcomeCode is the code for an event that was taken: nil if all is well. A code
// that came with it was wrong or late, or a new password, or what a gate asks for, was
// not good enough. The state tells which it was: it is as before.
func outcomeCode(a *authn.Answer) *code {
	switch {
	case a.Outcome == authn.Done:
		return nil
	case a.Outcome == authn.Denied:
		return denied
	case a.State == authn.LockedOut:
		return locked
	case a.State == authn.PasswordWarn, a.State == authn.PasswordExpired:
		return badUpdate
	case a.State == authn.PasswordReset:
		return badReset
	case a.State == authn.Recovery:
		return badAnswer
	case a.Outcome == authn.Rejected:
		return invalid
	}
	return wrongCode
}

// codeFailure returns what a wrong or late code is on the wire, and what else was not
// accepted.
func (x *exchange) codeFailure(c *code, a *authn.Answer, of *form) *failure {
	f := &failure{code: c, answer: a}
	switch a.Outcome {
	case authn.Rejected:
		for _, why := range a.Reasons {
			f.causes = append(f.causes, cause{Summary: why})
		}
		if f.causes == nil { // a repeat has none
			f.causes = []cause{{Summary: "It was not good enough. Try another."}}
		}
		return f
	case authn.Denied:
		f.answer = nil // nothing is live any more
		return f
	}
	f.causes = []cause{{Summary: whatWasWrong(a, of)}}
	if _, ok := entry(a); !ok {
		f.causes = append(f.causes, x.alternatives(a, authn.EventResend)...)
	}
	return f
}

// formAt is the form of the factor at hand, or of the one that the path names, or of
// what is handed in where no factor is proved.
func (x *exchange) formAt(a *authn.Answer) *form {
	switch {
	case a.State == authn.PasswordWarn, a.State == authn.PasswordExpired:
		return oldPasswordForm
	case a.State == authn.Recovery:
		return answerForm
	case !x.h.builtIn[a.State]:
		return gateForm
	}
	f := a.Factor
	for i := range a.Factors {
		if f.ID == "" && a.Factors[i].ID == x.factor {
			f = a.Factors[i]
		}
	}
	return x.h.types.form(f)
}

// whatWasWrong tells the user about a code that was not accepted, and what to do.
func whatWasWrong(a *authn.Answer, of *form) string {
	switch {
	case a.State == authn.LockedOut && a.Until.IsZero():
		return "That was the last try of this sign-in."
	case a.State == authn.LockedOut:
		return "That was the last try. The account is locked for some time."
	case a.Outcome == authn.LateCode:
		return "The code has expired. " + next(a)
	case of.wrong != "":
		return of.wrong + " " + next(a)
	case a.Generation == 0:
		return "That is not the code. " + next(a)
	case a.CodeExpires.IsZero():
		return "That was the last try for this code. " + next(a)
	case a.Generation > 1:
		return fmt.Sprintf("That is not code %d, the one sent last. ", a.Generation) + next(a)
	}
	return "That is not the code that was sent. " + next(a)
}

// toType says what is to be entered. Of what cannot be a code of any factor the
// machine has not looked up whose it is.
func (x *exchange) toType(r *authn.Refusal) string {
	a := r.Answer
	if a == nil && x.in.stateToken != "" {
		a, _ = x.h.cfg.Service.Status(x.r.Context(), x.token())
	}
	if a != nil {
		if typed := x.formAt(a).typed; typed != "" {
			return typed
		}
	}
	return "Enter the digits of the code from the message."
}
