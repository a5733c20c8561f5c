package okta

import (
	"errors"
	"net/http"
	"strings"

	"github.com/authnfsm/authn"
)

// Recovery of a password, and unlocking of an account, by somebody who cannot sign in. The
// answers are the same whoever is named: see [authn.Service.Claim].

// recoveryTypes are what a transaction that a claim has led to is for, as Okta has it.
var recoveryTypes = map[authn.Purpose]string{authn.PurposeRecover: "PASSWORD", authn.PurposeUnlock: "UNLOCK"}

func (h *Handler) hasRecovery() bool { return h.cfg.Recovery }

func (x *exchange) recoverPassword() (any, error) { return x.claim(authn.PurposeRecover) }
func (x *exchange) unlock() (any, error)          { return x.claim(authn.PurposeUnlock) }

// claim begins a recovery. By e-mail a link goes out, and there is nothing to go on with
// here; by text message or call it is a code. A server of the host's own that names no way
// gets the token of the link, and delivers it.
func (x *exchange) claim(what authn.Purpose) (any, error) {
	in := &x.in
	switch {
	case in.has&stateToken != 0 && in.stateToken != "":
		return nil, fault(invalid, "stateToken: a recovery begins without one")
	case in.username == "" || !printable(in.username):
		return nil, fault(invalid, "username: it is required, without control characters")
	}
	by := strings.ToLower(in.factorType)
	handOver := by == "" && x.trusted()
	if by != authn.Email && by != authn.SMS && by != authn.Call && !handOver {
		return nil, fault(invalid, "factorType: EMAIL, SMS or CALL is expected")
	}
	a, err := x.h.cfg.Service.Claim(x.r.Context(), authn.Claim{Name: in.username, For: what, By: by, HandOver: handOver})
	if err != nil {
		return nil, err
	}
	t := &transaction{
		Status: a.State, Recovery: recoveryTypes[what], RelayState: in.relayState,
		Authn: extensions{Allowed: []allowed{}, Now: wireTime(a.Now)},
	}
	switch {
	case handOver:
		t.Status, t.RecoveryToken, t.ExpiresAt = authn.Recovery, string(a.Link), wireTime(a.CodeExpires)
		t.Links.Next = link{Name: "recovery", Href: x.base() + linkPath, Hints: hints{[1]string{http.MethodPost}}}
	case by == authn.Email:
		t.FactorResult, t.FactorType = waiting, strings.ToUpper(by)
	default:
		return x.answer(a)
	}
	return t, nil
}

// openLink takes the recovery token of a link. Only a POST does: programs follow
// links.
func (x *exchange) openLink() (any, error) {
	if x.in.recoveryToken == "" {
		return nil, fault(invalid, "recoveryToken: it is required")
	}
	a, err := x.h.cfg.Service.Open(x.r.Context(), authn.Secret(x.in.recoveryToken), x.once)
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// activateAccount takes a token that the host has handed out: see [authn.Claim].HandOver.
// What is wrong with it is not told, as with a password.
func (x *exchange) activateAccount() (any, error) {
	if x.in.has&(username|password) != 0 || x.in.anotherToken == "" || !x.h.hasRecovery() {
		return nil, fault(invalid, "token: send it alone where there is recovery, or username and password to begin a sign-in")
	}
	a, err := x.h.cfg.Service.Open(x.r.Context(), authn.Secret(x.in.anotherToken), x.once)
	if errors.Is(err, authn.ErrFinished) {
		return nil, fault(badPassword, "")
	}
	if err != nil {
		return nil, err
	}
	return x.answer(a)
}

// verifyClaim takes the code of a text message or call.
func (x *exchange) verifyClaim() (any, error) {
	switch err := x.needState(); {
	case err != nil:
		return nil, err
	case x.in.passCode == "":
		return nil, fault(invalid, "passCode: it is required")
	}
	if err := x.byPhone(authn.EventVerify); err != nil {
		return nil, err
	}
	return x.event(authn.Verify{Code: authn.Code(x.in.passCode)})
}

// byPhone refuses a path whose {id} is none of the two ways that a code goes, and a
// transaction that does not allow the event.
func (x *exchange) byPhone(e authn.EventName) error {
	if by := strings.ToLower(x.factor); by != authn.SMS && by != authn.Call {
		return fault(noFactor, "%s: SMS or CALL is expected", x.at.what())
	}
	return x.here(e)
}

func (x *exchange) resendClaim() (any, error) {
	if err := x.byPhone(authn.EventResend); err != nil {
		return nil, err
	}
	return x.event(authn.Resend{})
}

func (x *exchange) answerQuestion() (any, error) {
	switch err := x.needState(); {
	case err != nil:
		return nil, err
	case x.in.answer == "":
		return nil, fault(invalid, "answer: it is required")
	}
	return x.event(authn.AnswerQuestion{Answer: authn.Secret(x.in.answer)})
}

// showRecovery adds what a claim has beside the rest, or has otherwise.
func (x *exchange) showRecovery(t *transaction, a *authn.Answer) {
	t.Recovery = recoveryTypes[a.For]
	switch a.State {
	case authn.RecoveryChallenge:
		t.FactorType = strings.ToUpper(a.Factor.Type)
		t.Embedded.Factor = factor{}
	case authn.Recovery:
		t.Embedded.User.Question = &userQuestion{Question: a.Question}
	}
	if t.Recovery != "" && a.State == authn.Success && a.Session == "" {
		t.StateToken = "" // it is over, and has no session
	}
}

// userQuestion is a user's own question.
type userQuestion struct {
	Question string `json:"question"`
}
