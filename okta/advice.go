package okta

import (
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// What a user may do, in words. All of it follows from what the answer allows:
// a wait may end after the code has expired, or after the sign-in has, and then
// nobody must be told to wait for it.

// next says what comes next: to enter a code, to ask for one, or neither.
func next(a *authn.Answer) string {
	if at, ok := entry(a); ok {
		if at.IsZero() {
			return "Check it and try again."
		}
		return fmt.Sprintf("Try again in %d seconds.", seconds(at.Sub(a.Now)))
	}
	switch at, ok := a.Allows(authn.EventResend); {
	case ok && at.IsZero():
		return "Ask for a new one."
	case ok:
		return fmt.Sprintf("Ask for a new one in %d seconds.", seconds(at.Sub(a.Now)))
	}
	return "Sign in again."
}

// last says what is left when no further code is sent.
func last(a *authn.Answer) string {
	if _, ok := entry(a); ok {
		return "Enter the last one, or sign in again."
	}
	return "Sign in again."
}

// wait says how long to wait, if the event that was refused may come then.
func (x *exchange) wait(r *authn.Refusal) string {
	if a := r.Answer; a != nil {
		switch _, ok := a.Allows(r.Event); {
		case ok && !r.RetryAt.Before(a.Expires):
			return "This sign-in ends before that. Sign in again later."
		case !ok && isEntry(r.Event):
			return next(a)
		case !ok:
			return "This sign-in ends before another code can be sent. " + last(a)
		}
	}
	return fmt.Sprintf("Wait %d seconds, then try again.", seconds(r.RetryAt.Sub(x.now(r.Answer))))
}

// fresh says when there is another code than one that was used.
func (x *exchange) fresh(r *authn.Refusal) string {
	if r.RetryAt.IsZero() {
		return "Use another one."
	}
	return fmt.Sprintf("The next one comes in %d seconds.", seconds(r.RetryAt.Sub(x.now(r.Answer))))
}

// next and last are for the rules of refusals. Without an answer there is no
// transaction that could be described.
func (*exchange) next(r *authn.Refusal) string { return next(answerOf(r)) }
func (*exchange) last(r *authn.Refusal) string { return last(answerOf(r)) }

func answerOf(r *authn.Refusal) *authn.Answer {
	if r.Answer == nil {
		return new(authn.Answer)
	}
	return r.Answer
}

// entry reports whether a code, or a password, may be entered that can be the right
// one, and from which time; the zero time is now.
func entry(a *authn.Answer) (at time.Time, ok bool) {
	for _, op := range a.Allowed {
		if isEntry(op.Event) {
			return op.At, true
		}
	}
	return time.Time{}, false
}

// isEntry reports whether an event hands in what is right or wrong.
func isEntry(event authn.EventName) bool {
	switch event {
	case authn.EventVerify, authn.EventActivate, authn.EventChangePassword, authn.EventResetPassword, authn.EventPass, authn.EventAnswer:
		return true
	}
	return false
}
