package okta

import (
	"errors"
	"fmt"
	"slices"

	"github.com/authnfsm/authn"
)

// primary begins a transaction, or describes the one whose state token it gets.
func (x *exchange) primary() (any, error) {
	in := &x.in
	switch {
	case isStepUp(in.stateToken) && in.has&(username|password) != 0:
		return x.stepUp()
	case in.has&stateToken != 0 && in.has&(username|password) != 0:
		return nil, fault(invalid, "stateToken: send it alone to see where the transaction stands, or username and password to begin one")
	case in.has&stateToken != 0:
		return x.status()
	case in.has&token != 0:
		return x.activateAccount()
	}
	return x.signIn(nil)
}

// signIn begins a transaction with a password, for a step-up if there is one.
func (x *exchange) signIn(s *StepUp) (any, error) {
	in := &x.in
	switch {
	case in.username == "" || !printable(in.username):
		return nil, fault(invalid, "username: it is required, without control characters")
	case in.password == "":
		return nil, fault(invalid, "password: it is required")
	}
	warn, err := in.option("warnBeforePasswordExpired")
	if err != nil {
		return nil, err
	}
	more, err := in.option("multiOptionalFactorEnroll")
	if err != nil {
		return nil, err
	}
	said, err := in.saidDevice()
	if err != nil {
		return nil, err
	}
	who, err := x.h.cfg.Passwords.VerifyPassword(x.r.Context(), in.username, authn.Secret(in.password))
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
	if !warn {
		quiet(&who.Login)
	}
	who.OfferMore = who.OfferMore || more
	if who.Device == "" {
		who.Device = x.device(who.User, said)
	}
	if s != nil && !s.narrow(&who.Login) {
		return nil, fault(badPassword, "")
	}
	return x.begin(who.Login)
}

// begin begins a transaction of somebody whom the host knows.
func (x *exchange) begin(l authn.Login) (any, error) {
	a, err := x.h.cfg.Service.Begin(x.r.Context(), l)
	var r *authn.Refusal
	switch {
	case err == nil:
		return x.answer(a)
	case errors.As(err, &r) && errors.Is(err, authn.ErrLocked):
		return x.lockedOut(r), nil
	}
	return nil, err
}

// status describes a transaction, or goes on from a step-up, of which nothing is kept.
func (x *exchange) status() (any, error) {
	if isStepUp(x.in.stateToken) {
		return x.stepUp()
	}
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
	a, err := x.h.cfg.Service.Status(x.r.Context(), x.token())
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
	return x.h.cfg.Service.Do(x.r.Context(), x.token(), ev)
}

func (x *exchange) token() authn.StateToken {
	return unwrap[authn.StateToken](stateMark, x.in.stateToken)
}

func (x *exchange) previous() (any, error) { return x.event(authn.Previous{}) }
func (x *exchange) skip() (any, error)     { return x.event(authn.Skip{}) }
func (x *exchange) cancel() (any, error)   { return x.event(authn.Cancel{}) }

// enroll chooses a type of factor. It reads nothing of a profile but a question and
// its answer: an address is the one that the host has.
func (x *exchange) enroll() (any, error) {
	in := &x.in
	if !visible(in.factorType) {
		return nil, fault(invalid, "factorType: it is required")
	}
	name, err := x.h.types.called(in.factorType, in.provider)
	if err != nil {
		return nil, err
	}
	if name == "" {
		a, err := x.state()
		if err != nil {
			return nil, err
		}
		return nil, &authn.Refusal{State: a.State, Event: authn.EventEnroll, Err: authn.ErrNotOffered, Answer: a}
	}
	var code authn.Code
	if enrolls := formOf(in.factorType).enrolls; enrolls != nil {
		if code, err = enrolls(in); err != nil {
			return nil, err
		}
	}
	switch {
	case code != "":
		return x.enrollAtOnce(name, code)
	case in.has&passCode != 0:
		return nil, fault(invalid, "passCode: it is not expected here, or empty")
	}
	return x.event(authn.Enroll{Type: name})
}

// enrollAtOnce takes two steps for one request: some of Okta's types are confirmed
// by what enrolls them. If the second one fails, the first is taken back, so that a
// client of Okta's stands where it believes to stand. A client with an
// Idempotency-Key stays where it is: its request again goes on from there.
func (x *exchange) enrollAtOnce(name string, code authn.Code) (any, error) {
	if err := x.needState(); err != nil {
		return nil, err
	}
	activate := authn.Activate{Code: code}
	a, err := x.h.cfg.Service.Status(x.r.Context(), x.token())
	if err != nil {
		return nil, err
	}
	begun := a.State == authn.MFAEnrollActivate && a.Factor.Type == name
	if x.once != "" && a.State != authn.MFAEnrollActivate { // it may be a repeat of one that has led on
		a, err := x.do(activate)
		if r := (*authn.Refusal)(nil); a != nil || !errors.As(err, &r) || r.State != authn.MFAEnroll || !errors.Is(r, authn.ErrNotAllowed) {
			return x.outcome(a, err)
		}
	}
	if !begun {
		if _, err := x.h.cfg.Service.Do(x.r.Context(), x.token(), authn.Enroll{Type: name}); err != nil {
			return nil, err
		}
	}
	a, err = x.do(activate)
	var r *authn.Refusal
	switch again := x.once == ""; {
	case again && err == nil && a.State == authn.MFAEnrollActivate: // the code was wrong
		if back, err := x.do(authn.Previous{}); err == nil {
			f := fault(wrongCode, "%s Check it and try again.", x.h.types.form(a.Factor).wrong)
			f.answer = back
			return nil, f
		}
	case again && errors.As(err, &r) && errors.Is(err, authn.ErrMalformed):
		f := x.refusal(r)
		if back, err := x.do(authn.Previous{}); err == nil {
			f.answer = back
		}
		return nil, f
	}
	return x.outcome(a, err)
}

// outcome describes what an event has led to.
func (x *exchange) outcome(a *authn.Answer, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// activate confirms the factor that is being enrolled. Without anything to confirm
// it with, it asks another device again, if one is to answer.
func (x *exchange) activate() (any, error) {
	code, err := x.confirmation()
	switch {
	case err != nil:
		return nil, err
	case code == "" && x.h.types.polls:
		return x.pollEnrollment(true)
	case code == "":
		if err := x.needState(); err != nil {
			return nil, err
		}
		return nil, &authn.Refusal{Event: authn.EventActivate, Err: authn.ErrMalformed}
	}
	return x.event(authn.Activate{Factor: x.factor, Code: code})
}

// verify hands in a code, or another proof; without one it asks for one. Okta's
// widget asks for the first code with an empty one. When a code is out, an empty one
// is a field that was not filled in: nothing is sent then, since that would replace
// the code which the user is about to enter.
func (x *exchange) verify() (any, error) {
	if err := x.needState(); err != nil {
		return nil, err
	}
	remember, err := x.toRemember()
	if err != nil {
		return nil, err
	}
	if formOf(x.factor).anyOf {
		if err := x.byType(); err != nil {
			return nil, err
		}
	}
	if x.in.handsIn() {
		code, err := x.proof()
		if err != nil {
			return nil, err
		}
		return x.event(authn.Verify{Factor: x.factor, Code: code, Remember: remember})
	}
	now, err := x.h.cfg.Service.Status(x.r.Context(), x.token())
	if err != nil {
		return nil, err
	}
	if answer, err, done := x.poll(now, remember); done {
		return answer, err
	}
	if x.isOwned(now) {
		return nil, x.emptyCode(now.State, now, authn.EventVerify)
	}
	// The state may have changed since it was read, and a repeat under a key is
	// answered as the event that it was: the first code is asked for, and the
	// refusal tells whether it is another one.
	a, err := x.do(authn.Challenge{Factor: x.factor})
	var r *authn.Refusal
	if errors.As(err, &r) && x.at.has(authn.EventResend, r.State) && (errors.Is(r, authn.ErrNotAllowed) || errors.Is(r, authn.ErrKeyReused)) {
		if x.in.has&passCode != 0 {
			return nil, x.emptyCode(r.State, r.Answer, authn.EventResend)
		}
		a, err = x.do(authn.Resend{Factor: x.factor})
		if errors.As(err, &r) && errors.Is(r, authn.ErrNotAllowed) && r.State == authn.MFAChallenge && r.Answer != nil {
			return x.transaction(r.Answer), nil // nothing is sent for it: the challenge stands
		}
	}
	return x.outcome(a, err)
}

// isOwned reports whether the request is for a factor whose codes the user has.
func (x *exchange) isOwned(a *authn.Answer) bool {
	return slices.ContainsFunc(append(a.Factors, a.Factor), func(f authn.Factor) bool {
		return f.ID != "" && f.ID == x.factor && x.h.types.form(f).owned()
	})
}

// byType finds the factor that a path with a type in place of an id is for: the
// first of the type, or the one at hand, since each of the type may respond. The one
// at hand is not named with a response, so that a repeat of it is the same event
// when no factor is at hand any more.
func (x *exchange) byType() error {
	a, err := x.h.cfg.Service.Status(x.r.Context(), x.token())
	if err != nil {
		return err
	}
	factorType, first := x.factor, ""
	for _, f := range append(a.Factors, a.Factor) {
		switch {
		case f.ID == factorType: // it is an id
			return nil
		case first == "" && x.h.types.of(f.Type).Type == factorType:
			first = f.ID
		}
	}
	switch {
	case x.in.handsIn() && (a.State == authn.Success || first != "" && first == a.Factor.ID):
		x.factor = ""
	case first != "":
		x.factor = first
	}
	return nil
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
	case x.isOwned(a):
		err = misdirected(a, authn.EventResend)
	case x.at.has(authn.EventChallenge, a.State):
		a, err = x.do(authn.Challenge{Factor: x.factor})
	case x.at.has(authn.EventResend, a.State):
		a, err = x.do(authn.Resend{Factor: x.factor})
		if x.once != "" && errors.Is(err, authn.ErrKeyReused) { // the request may repeat the one for the first code
			a, err = x.do(authn.Challenge{Factor: x.factor})
		}
	default:
		err = misdirected(a, authn.EventResend)
	}
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// resendEnrollment sends another code for the factor that is being enrolled.
func (x *exchange) resendEnrollment() (any, error) {
	if err := x.here(authn.EventResend); err != nil {
		return nil, err
	}
	return x.event(authn.Resend{Factor: x.factor})
}

// here refuses an event whose path belongs to another state, unless it may be a repeat of
// the one that led to SUCCESS.
func (x *exchange) here(event authn.EventName) error {
	if err := x.needState(); err != nil {
		return err
	}
	a, err := x.h.cfg.Service.Status(x.r.Context(), x.token())
	switch {
	case err != nil, a.State == authn.Success && x.once != "":
		return err
	case a.State == authn.Success:
		return fault(badToken, "")
	case !x.at.has(event, a.State):
		return misdirected(a, event)
	}
	return nil
}

func misdirected(a *authn.Answer, event authn.EventName) error {
	return &authn.Refusal{State: a.State, Event: event, Err: authn.ErrNotAllowed, Answer: a}
}
