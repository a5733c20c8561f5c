package okta

import (
	"errors"

	"github.com/authnfsm/authn"
)

// What Okta's clients are told of a factor that another device answers for.
const (
	waiting   = "WAITING"
	rejected  = "REJECTED"
	timedOut  = "TIMEOUT"
	cancelled = "CANCELLED" // its enrollment
)

// result is the factorResult of such a factor. An approval shows as WAITING until
// the client's next poll has taken it.
func result(a *authn.Answer) string {
	live := a.CodeExpires.After(a.Now)
	switch {
	case live && a.Prompt.Replied != "rejected":
		return waiting
	case a.State == authn.MFAEnrollActivate:
		return cancelled
	case a.Prompt.Replied == "rejected":
		return rejected
	}
	return timedOut
}

// poll asks whether the other device has answered, if a factor of such a type is
// at hand: Okta's clients poll by the request that asks for a code elsewhere. It
// tells once that nothing more is to be waited for; the next request asks the device
// anew. done is false if the request is none of that kind.
func (x *exchange) poll(a *authn.Answer, remember bool) (answer any, err error, done bool) {
	switch {
	case x.h.types.polls && a.State == authn.Success && x.once != "": // perhaps a repeat of the poll that led there
		answer, err = x.event(authn.Verify{Factor: x.factor, Remember: remember})
		return answer, err, true
	case a.State != authn.MFAChallenge || !x.h.types.form(a.Factor).polls:
		return nil, nil, false
	}
	ev := authn.Verify{Factor: x.factor, Remember: remember}
	if x.factor == a.Factor.ID && result(a) != waiting {
		answer, err = x.over(a, ev)
	} else {
		answer, err = x.taken(a, ev)
	}
	return answer, err, true
}

// over tells that there is nothing more to wait for, or asks the device anew if that
// was told.
func (x *exchange) over(a *authn.Answer, ev authn.Event) (any, error) {
	next, err := x.do(ev)
	switch untold := a.Prompt.Replied != "" && a.Prompt.Replied != "approved" || !a.CodeExpires.IsZero(); {
	case err == nil && next.Outcome == authn.Rejected && !untold: // a repeat
		a.Prompt.Replied = "rejected"
	case err == nil && next.Outcome != authn.Rejected && next.Outcome != authn.LateCode:
		return x.answer(next)
	case err == nil:
	case untold && (errors.Is(err, authn.ErrNoCode) || errors.Is(err, authn.ErrTooSoon)):
	case errors.Is(err, authn.ErrNoCode), errors.Is(err, authn.ErrKeyReused): // which the message was sent under
		return x.event(authn.Resend{Factor: x.factor})
	default:
		return nil, err
	}
	return x.transaction(a), nil
}

// pollEnrollment does the same while the device is being paired. A pairing that is
// over begins again if restart says so: Okta's clients ask for that by a request to
// activate.
func (x *exchange) pollEnrollment(restart bool) (any, error) {
	if err := x.needState(); err != nil {
		return nil, err
	}
	a, err := x.h.cfg.Service.Status(x.r.Context(), x.token())
	switch {
	case err != nil:
		return nil, err
	case a.State == authn.Success && x.once != "":
		return x.event(authn.Activate{Factor: x.factor})
	case a.State == authn.Success:
		return nil, fault(badToken, "")
	case a.State != authn.MFAEnrollActivate:
		return nil, &authn.Refusal{State: a.State, Event: authn.EventActivate, Err: authn.ErrNotAllowed, Answer: a}
	case !x.h.types.form(a.Factor).polls:
		return nil, &authn.Refusal{State: a.State, Event: authn.EventActivate, Err: authn.ErrMalformed, Answer: a}
	case restart && result(a) != waiting && x.factor == a.Factor.ID:
		if _, err := x.h.cfg.Service.Do(x.r.Context(), x.token(), authn.Previous{}); err != nil {
			return nil, err
		}
		return x.event(authn.Enroll{Type: a.Factor.Type})
	}
	return x.taken(a, authn.Activate{Factor: x.factor})
}

func (x *exchange) pairing() (any, error) { return x.pollEnrollment(false) }

// taken hands ev over, which takes the answer of the other device, if there is one.
// Nothing else is a verdict: what a poll finds is in factorResult.
func (x *exchange) taken(a *authn.Answer, ev authn.Event) (any, error) {
	switch {
	case x.factor != a.Factor.ID:
		return nil, &authn.Refusal{State: a.State, Event: authn.EventVerify, Err: authn.ErrNotOffered, Answer: a}
	case a.Prompt.Replied != "approved" || result(a) != waiting:
		return x.transaction(a), nil
	}
	next, err := x.do(ev)
	var r *authn.Refusal
	switch {
	case err == nil && next.Outcome != authn.LateCode:
		return x.answer(next)
	case err == nil:
		return x.transaction(next), nil
	case errors.As(err, &r) && r.Answer != nil && (errors.Is(err, authn.ErrWaiting) || errors.Is(err, authn.ErrNoCode)):
		return x.transaction(r.Answer), nil // another client was faster
	}
	return nil, err
}
