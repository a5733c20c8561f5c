package okta

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/authnfsm/authn"
)

// code is one of Okta's error codes, with the status that it has there and a
// summary in our words: only the code is meant for programs.
type code struct {
	name    string
	status  int
	summary string
}

// retries reports whether the answer says when to try again: it does for what
// passes by itself.
func (c *code) retries() bool {
	return c.status == http.StatusTooManyRequests || c.status == http.StatusServiceUnavailable
}

var (
	invalid     = &code{"E0000001", http.StatusBadRequest, "The request is not valid."}
	unreadable  = &code{"E0000003", http.StatusBadRequest, "The body cannot be read."}
	tooLarge    = &code{"E0000003", http.StatusRequestEntityTooLarge, "The body is too long."}
	badPassword = &code{"E0000004", http.StatusUnauthorized, "The user name or the password is wrong."}
	badSession  = &code{"E0000005", http.StatusForbidden, "A state token is not a session, nor a key to this API."}
	forbidden   = &code{"E0000006", http.StatusForbidden, "You may not do this."}
	denied      = &code{"E0000006", http.StatusForbidden, "The sign-in was refused and has ended."}
	noFactor    = &code{"E0000007", http.StatusNotFound, "There is no such factor here."}
	noPath      = &code{"E0000008", http.StatusNotFound, "There is no such path."}
	unavailable = &code{"E0000009", http.StatusServiceUnavailable, "The server cannot answer now. Try again."}
	internal    = &code{"E0000009", http.StatusInternalServerError, "The server made a mistake."}
	badToken    = &code{"E0000011", http.StatusUnauthorized, "The token is unknown or no longer good. Sign in again."}
	badType     = &code{"E0000021", http.StatusBadRequest, "The body is not of a type that is taken here."}
	badMethod   = &code{"E0000022", http.StatusMethodNotAllowed, "This method is not taken here."}
	tooMany     = &code{"E0000047", http.StatusTooManyRequests, "Too many tries."}
	badUpdate   = &code{"E0000014", http.StatusForbidden, "The password was not changed."}
	noRecovery  = &code{"E0000034", http.StatusForbidden, "Passwords cannot be recovered here."}
	noSubject   = &code{"E0000095", http.StatusForbidden, "There is no such user who could be reached."}
	badAnswer   = &code{"E0000087", http.StatusForbidden, "The answer is not right."}
	badReset    = &code{"E0000080", http.StatusForbidden, "The new password is not good enough."}
	wrongCode   = &code{"E0000068", http.StatusForbidden, "The code was not accepted."}
	locked      = &code{"E0000069", http.StatusForbidden, "Too many wrong tries: this sign-in has ended."}
	wrongState  = &code{"E0000079", http.StatusForbidden, "This is not allowed in the present state."}
	noAccess    = &code{"E0000085", http.StatusForbidden, "A second factor is required, and this account has none that can be used."}
	tooSoon     = &code{"E0000118", http.StatusTooManyRequests, "No further code can be sent now."}
)

// A failure is an error on the wire. Its texts hold no secret and no address.
type failure struct {
	*code
	causes []cause
	retry  time.Time     // for Retry-After; zero: in a second
	answer *authn.Answer // where the transaction stands; nil if it is not live
	err    error         // for Config.Report
}

func (f *failure) Error() string { return "okta: " + f.name + ": " + f.summary }

// cause is one of errorCauses. Okta's clients show the summary of the first.
type cause struct {
	Summary string          `json:"errorSummary"`
	Event   authn.EventName `json:"event,omitempty"` // that is allowed,
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

// errorBody is an error's body as Okta's clients read it, and the member "authn".
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
	if f.retries() {
		wait := time.Second
		if !f.retry.IsZero() {
			wait = f.retry.Sub(x.now(f.answer))
		}
		x.w.Header().Set("Retry-After", strconv.Itoa(seconds(wait)))
	}
	x.write(f.status, body)
}

// now is the time by the machine's clock: the answer tells it, if there is one.
func (x *exchange) now(a *authn.Answer) time.Time {
	if a != nil {
		return a.Now
	}
	return x.h.cfg.Service.Now()
}

// seconds rounds up: once Retry-After has passed it is late enough.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// failure returns what an error is on the wire.
func (x *exchange) failure(err error) *failure {
	var f *failure
	var r *authn.Refusal
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &r):
		return x.refusal(r)
	}
	return &failure{code: faultCode(err), err: err}
}

// faultCode returns the code of an error that is no verdict. Only a fault that
// may pass is unavailable; a record that cannot be opened stays so.
func faultCode(err error) *code {
	if errors.Is(err, authn.ErrUnavailable) && !errors.Is(err, authn.ErrCorrupt) {
		return unavailable
	}
	return internal
}

// ErrorCode returns the error code and the HTTP status with which the handler
// answers what [authn.Service.Begin] or [authn.Service.Do] returned. It is for
// a host that speaks Okta's language over a transport of its own. For what
// [authn.Service.Redeem] returned, a is nil. A wrong code is an error there. The
// code is "" with status 200 if the sign-in goes on, for [authn.ErrLocked], which is
// the status LOCKED_OUT, and for [authn.ErrWaiting], which is the factorResult
// WAITING.
func ErrorCode(a *authn.Answer, err error) (code string, status int) {
	var r *authn.Refusal
	c := faultCode(err)
	switch {
	case errors.Is(err, authn.ErrLocked), errors.Is(err, authn.ErrWaiting), err == nil && (a == nil || outcomeCode(a) == nil):
		return "", http.StatusOK
	case err == nil:
		c = outcomeCode(a)
	case errors.As(err, &r):
		c = ruleOf(r.Event, r.Err).code
	}
	return c.name, c.status
}
