package okta

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// A rule says what a refusal is on the wire.
type rule struct {
	why    error             // the sentinel; nil: whatever it is
	events []authn.EventName // that were refused; nil: whichever it is
	code   *code
	text   string          // of the first cause; {state} and {wait}, in seconds, are filled in
	offers bool            // further causes name what is allowed instead,
	only   authn.EventName // if it is this event; "": all of it
	report error           // a fault of the host's, for Config.Report
}

// sends has the events that send a code.
var sends = []authn.EventName{authn.EventEnroll, authn.EventChallenge, authn.EventResend}

// rules has one rule for each refusal: the first that fits. The last one is for
// a token that leads nowhere and for a user who may not sign in any more: what
// exactly is wrong is nobody's business.
var rules = []rule{
	{events: []authn.EventName{authn.EventRedeem}, code: badToken},
	{why: authn.ErrNoUser, events: []authn.EventName{authn.EventPrimary}, code: badPassword},
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventPrimary}, code: internal, report: errNobody},
	{why: authn.ErrMalformed, events: []authn.EventName{authn.EventEnroll}, code: invalid, text: "factorType: a name is expected"},
	{why: authn.ErrMalformed, code: invalid, text: "passCode: the digits from the message are expected"},
	{why: authn.ErrKeyReused, code: invalid, text: "Idempotency-Key: it was used for another request"},
	{why: authn.ErrNotAllowed, code: wrongState, text: "The transaction is in {state}.", offers: true},
	{why: authn.ErrRequired, code: wrongState, text: "A factor that is required is missing.", offers: true},
	{why: authn.ErrNotOffered, events: []authn.EventName{authn.EventEnroll}, code: invalid, text: "factorType: it is not offered here"},
	{why: authn.ErrNotOffered, code: noFactor},
	{why: authn.ErrNoFactor, code: noAccess},
	{why: authn.ErrNoCode, code: wrongCode, text: "There is no code to compare with any more. Ask for a new one.", offers: true, only: authn.EventResend},
	{why: authn.ErrTooSoon, events: sends, code: tooSoon, text: "Wait {wait} seconds, then try again."},
	{why: authn.ErrTooSoon, code: tooMany, text: "Wait {wait} seconds, then try again."},
	{why: authn.ErrExhausted, code: tooSoon, text: "This sign-in sends no more codes. Enter the last one, or begin again."},
	{code: badToken},
}

var errNobody = errors.New("okta: the password verifier gave a user id or a requirement that is none")

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
	if u.text != "" {
		text := strings.ReplaceAll(u.text, "{state}", string(r.State))
		text = strings.ReplaceAll(text, "{wait}", strconv.Itoa(seconds(r.RetryAt.Sub(x.now(r.Answer)))))
		f.causes = []cause{{Summary: text}}
	}
	if u.offers {
		f.causes = append(f.causes, x.h.alternatives(r.Answer, u.only)...)
	}
	return f
}

// outcomeCode is the code for an event that was taken and has an outcome: the
// code that came with it was wrong or late.
func outcomeCode(a *authn.Answer) *code {
	if a.State == authn.LockedOut {
		return locked
	}
	return wrongCode
}

// codeFailure returns what a wrong or late code is on the wire.
func (x *exchange) codeFailure(a *authn.Answer) *failure {
	f := &failure{code: outcomeCode(a), answer: a, causes: []cause{{Summary: whatWasWrong(a)}}}
	if a.CodeExpires.IsZero() {
		f.causes = append(f.causes, x.h.alternatives(a, authn.EventResend)...)
	}
	return f
}

// whatWasWrong tells the user about a code that was not accepted, and what to do.
func whatWasWrong(a *authn.Answer) string {
	switch {
	case a.State == authn.LockedOut && a.Until.IsZero():
		return "That was the last try of this sign-in."
	case a.State == authn.LockedOut:
		return "That was the last try. The account is locked for some time."
	case a.Outcome == authn.LateCode:
		return "The code has expired. Ask for a new one."
	case a.CodeExpires.IsZero():
		return "That was the last try for this code. Ask for a new one."
	case a.Generation > 1:
		return fmt.Sprintf("That is not code %d, the one sent last. ", a.Generation) + again(a)
	}
	return "That is not the code that was sent. " + again(a)
}

// again says when the next try may come.
func again(a *authn.Answer) string {
	for _, event := range []authn.EventName{authn.EventActivate, authn.EventVerify} {
		if at, _ := a.Allows(event); !at.IsZero() {
			return fmt.Sprintf("Try again in %d seconds.", seconds(at.Sub(a.Now)))
		}
	}
	return "Check it and try again."
}
