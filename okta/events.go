package okta

import (
	"errors"
	"fmt"

	"github.com/authnfsm/authn"
)

// primary begins a transaction, or describes the one whose state token it gets.
func (x *exchange) primary() (any, error) {
	in := &x.in
	switch {
	case in.has&stateToken != 0 && in.has&(username|password) != 0:
		return nil, fault(invalid, "stateToken: send it alone to see where the transaction stands, or username and password to begin one")
	case in.has&stateToken != 0:
		return x.status()
	case in.username == "" || !printable(in.username):
		return nil, fault(invalid, "username: it is required, without control characters")
	case in.password == "":
		return nil, fault(invalid, "password: it is required")
	}
	ctx := x.r.Context()
	who, err := x.h.cfg.Passwords.VerifyPassword(ctx, in.username, authn.Secret(in.password))
	var r *authn.Refusal
	switch {
	case errors.Is(err, ErrPassword):
		return nil, fault(badPassword, "")
	case errors.As(err, &r) && errors.Is(r.Err, authn.ErrTooSoon):
		return nil, x.refusal(&authn.Refusal{Event: authn.EventPrimary, Err: authn.ErrTooSoon, RetryAt: r.RetryAt})
	case err != nil:
		return nil, fmt.Errorf("%w: password verifier: %w", authn.ErrUnavailable, err)
	}
	x.profile = who.Profile
	a, err := x.h.cfg.Service.Begin(ctx, who.Login)
	switch {
	case err == nil:
		return x.answer(a)
	case errors.As(err, &r) && errors.Is(err, authn.ErrLocked):
		return x.lockedOut(r), nil
	}
	return nil, err
}

// status describes a transaction.
func (x *exchange) status() (any, error) {
	a, err := x.state()
	if err != nil {
		return nil, err
	}
	return x.transaction(a), nil
}

// state asks where the transaction stands. One that has succeeded is refused:
// its session token goes to the client that finished it, and to no other.
func (x *exchange) state() (*authn.Answer, error) {
	if err := x.needState(); err != nil {
		return nil, err
	}
	a, err := x.h.cfg.Service.Status(x.r.Context(), unwrap[authn.StateToken](stateMark, x.in.stateToken))
	if err == nil && a.State == authn.Success {
		return nil, fault(badToken, "")
	}
	return a, err
}

// event hands one event over and describes the result.
func (x *exchange) event(ev authn.Event) (any, error) {
	if err := x.needState(); err != nil {
		return nil, err
	}
	a, err := x.do(ev)
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// do hands an event to the service, under the Idempotency-Key if there is one.
func (x *exchange) do(ev authn.Event) (*authn.Answer, error) {
	if x.once != "" {
		ev = authn.WithKey(x.once, ev)
	}
	return x.h.cfg.Service.Do(x.r.Context(), unwrap[authn.StateToken](stateMark, x.in.stateToken), ev)
}

func (x *exchange) previous() (any, error) { return x.event(authn.Previous{}) }
func (x *exchange) skip() (any, error)     { return x.event(authn.Skip{}) }
func (x *exchange) cancel() (any, error)   { return x.event(authn.Cancel{}) }

// enroll chooses a type of factor. It accepts a profile and does not read it:
// the address is the one that the host has.
func (x *exchange) enroll() (any, error) {
	switch {
	case !visible(x.in.factorType):
		return nil, fault(invalid, "factorType: it is required")
	case x.in.provider != providerOf(x.in.factorType):
		return nil, fault(invalid, "provider: %s is expected", providerOf(x.in.factorType))
	}
	return x.event(authn.Enroll{Type: x.in.factorType})
}

func (x *exchange) activate() (any, error) {
	return x.event(authn.Activate{Factor: x.factor, Code: authn.Code(x.in.passCode)})
}

// verify hands in a code; without one it asks for one.
func (x *exchange) verify() (any, error) {
	if x.in.passCode != "" {
		return x.event(authn.Verify{Factor: x.factor, Code: authn.Code(x.in.passCode)})
	}
	if err := x.needState(); err != nil {
		return nil, err
	}
	// Only the state tells whether this is the first code or another one. Asking
	// for the first at once saves a round trip in the common case; the refusal
	// tells the state.
	a, err := x.do(authn.Challenge{Factor: x.factor})
	var r *authn.Refusal
	if errors.As(err, &r) && x.at.has(authn.EventResend, r.State) && (errors.Is(r, authn.ErrNotAllowed) || errors.Is(r, authn.ErrKeyReused)) {
		a, err = x.do(authn.Resend{Factor: x.factor})
	}
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// resendSignIn sends another code in a sign-in, or the first one if none was
// sent yet. The machine has one event resend for signing in and enrolling, so
// the state is asked for first; no transaction ever changes from one of them
// to the other.
func (x *exchange) resendSignIn() (any, error) {
	a, err := x.state()
	if err != nil {
		return nil, err
	}
	switch {
	case x.at.has(authn.EventChallenge, a.State):
		a, err = x.do(authn.Challenge{Factor: x.factor})
	case x.at.has(authn.EventResend, a.State):
		a, err = x.do(authn.Resend{Factor: x.factor})
		if x.once != "" && errors.Is(err, authn.ErrKeyReused) { // the request may repeat the one for the first code
			a, err = x.do(authn.Challenge{Factor: x.factor})
		}
	default:
		err = misdirected(a)
	}
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// resendEnrollment sends another code for the factor that is being enrolled.
func (x *exchange) resendEnrollment() (any, error) {
	a, err := x.state()
	if err != nil {
		return nil, err
	}
	if !x.at.has(authn.EventResend, a.State) {
		return nil, misdirected(a)
	}
	return x.event(authn.Resend{Factor: x.factor})
}

// misdirected refuses to resend where the path belongs to another state.
func misdirected(a *authn.Answer) error {
	return &authn.Refusal{State: a.State, Event: authn.EventResend, Err: authn.ErrNotAllowed, Answer: a}
}
