package okta

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/authnfsm/authn"
)

// code is one of Okta's error codes, with the status it goes with there and
// a summary in our words: only the code is meant for programs.
type code struct {
	name    string
	status  int
	summary string
}

var (
	invalid     = &code{"E0000001", http.StatusBadRequest, "The request is not valid."}
	unreadable  = &code{"E0000003", http.StatusBadRequest, "The body cannot be read."}
	tooLarge    = &code{"E0000003", http.StatusRequestEntityTooLarge, "The body is too long."}
	badPassword = &code{"E0000004", http.StatusUnauthorized, "The user name or the password is wrong."}
	badSession  = &code{"E0000005", http.StatusForbidden, "A state token is not a session, nor a key to this API."}
	forbidden   = &code{"E0000006", http.StatusForbidden, "You may not do this."}
	noFactor    = &code{"E0000007", http.StatusNotFound, "There is no such factor here."}
	noPath      = &code{"E0000008", http.StatusNotFound, "There is no such path."}
	unavailable = &code{"E0000009", http.StatusServiceUnavailable, "The server cannot answer now. Try again."}
	internal    = &code{"E0000009", http.StatusInternalServerError, "The server made a mistake."}
	badToken    = &code{"E0000011", http.StatusUnauthorized, "The token is unknown or no longer good. Sign in again."}
	badType     = &code{"E0000021", http.StatusBadRequest, "The body is not of a type that is taken here."}
	badMethod   = &code{"E0000022", http.StatusMethodNotAllowed, "This method is not taken here."}
	tooMany     = &code{"E0000047", http.StatusTooManyRequests, "Too many tries. Wait, then try again."}
	wrongCode   = &code{"E0000068", http.StatusForbidden, "The code was not accepted."}
	locked      = &code{"E0000069", http.StatusForbidden, "Too many wrong codes: this sign-in has ended."}
	wrongState  = &code{"E0000079", http.StatusForbidden, "This is not allowed in the present state."}
	noAccess    = &code{"E0000085", http.StatusForbidden, "A second factor is required, and this account has none."}
	tooSoon     = &code{"E0000118", http.StatusTooManyRequests, "No further code can be sent yet."}
)

// A failure is an error as it goes on the wire. Its texts hold no secret and
// no address.
type failure struct {
	*code
	causes []cause
	retry  time.Time     // for Retry-After; zero: none
	answer *authn.Answer // where the transaction stands, if it lives
	err    error         // for Report
}

func (f *failure) Error() string { return "okta: " + f.name + ": " + f.summary }

// cause is one of errorCauses. Okta's clients show the first one's summary.
type cause struct {
	Summary string          `json:"errorSummary"`
	Event   authn.EventName `json:"event,omitempty"` // an operation that is allowed,
	Href    string          `json:"href,omitempty"`  // at this link,
	At      string          `json:"at,omitempty"`    // from this time on; absent: now
}

// fault makes a failure with one cause, or none.
func fault(c *code, format string, args ...any) *failure {
	f := &failure{code: c}
	if format != "" {
		f.causes = []cause{{Summary: fmt.Sprintf(format, args...)}}
	}
	return f
}

// errorBody is an error's body, as Okta's clients read it, and our member.
type errorBody struct {
	Code    string      `json:"errorCode"`
	Summary string      `json:"errorSummary"`
	Link    string      `json:"errorLink"`
	ID      string      `json:"errorId"`
	Causes  []cause     `json:"errorCauses"`
	Authn   *extensions `json:"authn,omitempty"`
}

// fail answers with an error.
func (x *exchange) fail(err error) {
	f := x.failure(err)
	if f.err != nil {
		x.report(f.err)
	}
	body := errorBody{f.name, f.summary, f.name, "oae" + x.id, f.causes, nil}
	if body.Causes == nil {
		body.Causes = []cause{}
	}
	if f.answer != nil {
		e := extend(f.answer)
		body.Authn = &e
	}
	if !f.retry.IsZero() {
		x.w.Header().Set("Retry-After", strconv.Itoa(seconds(f.retry.Sub(x.now(f.answer)))))
	}
	x.write(f.status, body)
}

// now is the machine's clock if it has told it, else ours.
func (x *exchange) now(a *authn.Answer) time.Time {
	if a != nil {
		return a.Now
	}
	return x.h.cfg.Now()
}

// seconds rounds up: at the time that Retry-After tells it is late enough.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// failure says how an error looks from outside.
func (x *exchange) failure(err error) *failure {
	var f *failure
	var r *authn.Refusal
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &r):
		return x.refusal(r)
	case errors.Is(err, authn.ErrUnavailable):
		return &failure{code: unavailable, retry: x.h.cfg.Now().Add(time.Second), err: err}
	}
	return &failure{code: internal, retry: x.h.cfg.Now().Add(time.Second), err: err}
}

// ErrorCode returns the error code and the HTTP status that the handler has for
// what [authn.Service.Begin] or [authn.Service.Do] returned, for a host that
// speaks Okta's language over a transport of its own; for what
// [authn.Service.Redeem] returned a is nil. A wrong code is an error there. The
// code is "" with status 200 for all that goes on, and for [authn.ErrLocked],
// which is the status LOCKED_OUT.
func ErrorCode(a *authn.Answer, err error) (code string, status int) {
	x := exchange{h: &Handler{cfg: Config{Now: time.Now}}}
	var f *failure
	switch {
	case errors.Is(err, authn.ErrLocked):
		return "", http.StatusOK
	case err != nil:
		f = x.failure(err)
	case a != nil && a.Outcome != authn.Done:
		f = x.codeFailure(a)
	default:
		return "", http.StatusOK
	}
	return f.name, f.status
}

// refusal maps what the machine refused. What has no case is a token that
// leads nowhere, or a user who may not sign in any more.
func (x *exchange) refusal(r *authn.Refusal) *failure {
	f := &failure{code: badToken, answer: r.Answer}
	say := func(c *code, format string, args ...any) {
		f.code, f.causes = c, fault(c, format, args...).causes
	}
	switch {
	case r.Event == "redeem":
		// Why a session token is not good is nobody's business.
	case errors.Is(r.Err, authn.ErrNoUser) && r.Event == "primary":
		f.code = badPassword
	case errors.Is(r.Err, authn.ErrMalformed) && r.Event == "primary":
		f.code, f.err = internal, errNobody
	case errors.Is(r.Err, authn.ErrNotAllowed):
		say(wrongState, "The transaction is in %s.", r.State)
		f.causes = append(f.causes, x.h.operations(r.Answer)...)
	case errors.Is(r.Err, authn.ErrRequired):
		say(wrongState, "A factor that is required is missing.")
		f.causes = append(f.causes, x.h.operations(r.Answer)...)
	case errors.Is(r.Err, authn.ErrMalformed) && r.Event == "enroll":
		say(invalid, "factorType: a name is expected")
	case errors.Is(r.Err, authn.ErrMalformed):
		say(invalid, "passCode: the digits from the message are expected")
	case errors.Is(r.Err, authn.ErrKeyReused):
		say(invalid, "Idempotency-Key: it was used for another request")
	case errors.Is(r.Err, authn.ErrNotOffered) && r.Event == "enroll":
		say(invalid, "factorType: it is not offered here")
	case errors.Is(r.Err, authn.ErrNotOffered) && r.Answer != nil:
		f.code = noFactor
	case errors.Is(r.Err, authn.ErrNoCode):
		say(wrongCode, "There is no code to compare with any more. Ask for a new one.")
		f.causes = append(f.causes, x.h.operations(r.Answer, "resend")...)
	case errors.Is(r.Err, authn.ErrTooSoon):
		f.code, f.retry = tooMany, r.RetryAt
		if sends(r.Event) {
			f.code = tooSoon
		}
		f.causes = []cause{{Summary: fmt.Sprintf("Wait %d seconds, then try again.", seconds(r.RetryAt.Sub(x.now(r.Answer))))}}
	case errors.Is(r.Err, authn.ErrExhausted):
		// Waiting helps only in so far as another sign-in may begin then.
		say(tooSoon, "This sign-in sends no more codes. Enter the last one, or begin again.")
		if r.Answer != nil {
			f.retry = r.Answer.Expires
		}
	case errors.Is(r.Err, authn.ErrNoFactor):
		f.code = noAccess
	}
	if f.retry.IsZero() && (f.code == tooMany || f.code == tooSoon || f.code == internal) {
		f.retry = x.now(f.answer).Add(time.Second)
	}
	return f
}

var errNobody = errors.New("okta: the password verifier gave a user id or a requirement that is none") // a fault of the host's

// sends says that an event would have sent a message.
func sends(event authn.EventName) bool {
	return event == "enroll" || event == "challenge" || event == "resend"
}

// codeFailure answers a code that was taken and found wrong or late.
func (x *exchange) codeFailure(a *authn.Answer) *failure {
	f := &failure{code: wrongCode, answer: a}
	text := ""
	switch {
	case a.State == authn.LockedOut:
		f.code, text = locked, "That was the last try of this sign-in."
		if !a.Until.IsZero() {
			text = "That was the last try. The account is locked for some time."
		}
	case a.Outcome == authn.LateCode:
		text = "The code has expired. Ask for a new one."
	case a.CodeExpires.IsZero():
		text = "That was the last try for this code. Ask for a new one."
	case a.Generation > 1:
		text = fmt.Sprintf("That is not code %d, the one sent last. ", a.Generation) + x.again(a)
	default:
		text = "That is not the code that was sent. " + x.again(a)
	}
	f.causes = []cause{{Summary: text}}
	if f.code == wrongCode && a.CodeExpires.IsZero() {
		f.causes = append(f.causes, x.h.operations(a, "resend")...)
	}
	return f
}

// again says when the next try may come.
func (x *exchange) again(a *authn.Answer) string {
	event := authn.EventVerify
	if a.State == authn.MFAEnrollActivate {
		event = authn.EventActivate
	}
	if at, _ := a.Allows(event); !at.IsZero() {
		return fmt.Sprintf("Try again in %d seconds.", seconds(at.Sub(a.Now)))
	}
	return "Check it and try again."
}
