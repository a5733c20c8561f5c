package httphost

import (
	"errors"
	"net/http"

	"github.com/authnfsm/authn"
)

// A problem is why nothing has changed: a word for clients, and a status.
type problem struct {
	word   string
	status int
	doc    string
}

// refusals are the problems of the service, by what a refusal wraps.
var refusals = []struct {
	err error
	*problem
}{
	{authn.ErrFinished, &problem{"finished", http.StatusUnauthorized, "The sign-in is unknown or over. Begin again."}},
	{authn.ErrNotAllowed, &problem{"not_allowed", http.StatusConflict, "The state does not allow the event. The answer has what it allows."}},
	{authn.ErrMalformed, malformed},
	{authn.ErrNotOffered, &problem{"not_offered", http.StatusConflict, "The factor is not offered here. The answer has those that are."}},
	{authn.ErrNoFactor, &problem{"no_factor", http.StatusForbidden, "The user has no active factor, and none to enroll."}},
	{authn.ErrNoUser, &problem{"no_user", http.StatusForbidden, "The user does not exist any more, or may not sign in."}},
	{authn.ErrUsed, &problem{"used", http.StatusConflict, "The code was used before. It is not counted."}},
	{authn.ErrWaiting, &problem{"waiting", http.StatusConflict, "The other device has not answered yet. Ask again."}},
	{authn.ErrNoCode, &problem{"no_code", http.StatusConflict, "There is no live code. Request a new one."}},
	{authn.ErrRequired, &problem{"required", http.StatusConflict, "A required factor is missing. Enroll it first."}},
	{authn.ErrExhausted, &problem{"exhausted", http.StatusConflict, "This sign-in sends no more codes. Begin again."}},
	{authn.ErrTooSoon, &problem{"too_soon", http.StatusTooManyRequests, "Wait: retryAt says until when."}},
	{authn.ErrLocked, &problem{"locked", http.StatusForbidden, "The account is locked: until retryAt, or until the host steps in."}},
	{authn.ErrKeyReused, &problem{"key_reused", http.StatusUnprocessableEntity, "The idempotency key was used for another event."}},
}

// The problems of a request, and of what is no verdict.
var (
	malformed   = &problem{"malformed", http.StatusBadRequest, "The input is malformed. It is not counted."}
	wrong       = &problem{"password", http.StatusUnauthorized, "The name or the password is wrong."}
	crossOrigin = &problem{"cross_origin", http.StatusForbidden, "A page of another site has sent the request."}
	unknownPath = &problem{"unknown_path", http.StatusNotFound, "There is no such event."}
	wrongMethod = &problem{"method", http.StatusMethodNotAllowed, "The method is another: see the header Allow."}
	tooLarge    = &problem{"too_large", http.StatusRequestEntityTooLarge, "The body is longer than 32 KiB."}
	mediaType   = &problem{"media_type", http.StatusUnsupportedMediaType, "The body is no application/json."}
	unavailable = &problem{"unavailable", http.StatusServiceUnavailable, "The outcome is unknown. Send the same again."}
)

// problemOf is that of an error.
func problemOf(err error) *problem {
	if errors.Is(err, ErrPassword) {
		return wrong
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.problem
		}
	}
	return unavailable
}
