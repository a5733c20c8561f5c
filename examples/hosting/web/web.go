// Package web is a host on net/http: forms in, JSON out, and the state token
// in a cookie that no script can read.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/view"
)

// Host answers POST /signin and POST /signin/{event}.
type Host struct {
	Service *authn.Service

	// Check says who has this name and password. A name that does not exist
	// must cost the same work.
	Check func(ctx context.Context, name, password string) (user string, ok bool)

	// Session makes the host's session, under a new id, from the assertion
	// and from nothing else.
	Session func(w http.ResponseWriter, a *authn.Assertion) error
}

// Handler routes.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signin", h.Begin)
	mux.HandleFunc("POST /signin/{event}", h.Step)
	return http.NewCrossOriginProtection().Handler(mux)
}

// Begin takes name and password.
func (h *Host) Begin(w http.ResponseWriter, r *http.Request) {
	user, ok := h.Check(r.Context(), r.PostFormValue("name"), r.PostFormValue("password"))
	if !ok {
		http.Error(w, "wrong name or password", http.StatusUnauthorized)
		return
	}
	a, err := h.Service.Begin(r.Context(), authn.Login{User: user})
	h.reply(w, r, a, err)
}

// Step takes an event: challenge or enroll with a factor, verify or activate
// with a code, resend, previous, skip, cancel.
func (h *Host) Step(w http.ResponseWriter, r *http.Request) {
	ev, err := authn.ParseEvent(r.PathValue("event"), r.PostFormValue("factor"), authn.Code(r.PostFormValue("code")))
	if err != nil {
		http.Error(w, "no such event", http.StatusNotFound)
		return
	}
	var token authn.StateToken
	if c, err := r.Cookie(cookie); err == nil {
		token = authn.StateToken(c.Value)
	}
	a, err := h.Service.Do(r.Context(), token, ev)
	h.reply(w, r, a, err)
}

const cookie = "__Host-signin"

// reply says where the sign-in stands. A success becomes a session at once.
func (h *Host) reply(w http.ResponseWriter, r *http.Request, a *authn.Answer, err error) {
	status, refusal := statusOf(err)
	if refusal != nil && !refusal.RetryAt.IsZero() {
		w.Header().Set("Retry-After", strconv.Itoa(int(time.Until(refusal.RetryAt).Seconds())+1))
	}
	v, a, fault := view.Of(a, err)
	if fault == nil && v.State == authn.Success {
		var who *authn.Assertion
		if who, fault = h.Service.Redeem(r.Context(), a.Session); fault == nil {
			fault = h.Session(w, who)
		}
	}
	if fault != nil {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	keepToken(w, a, err)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// keepToken sets the cookie while there is something left to do, and takes it
// away when there is not. Malformed input changes nothing and has no answer.
func keepToken(w http.ResponseWriter, a *authn.Answer, err error) {
	c := &http.Cookie{Name: cookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1}
	switch {
	case a != nil && a.Token != "" && a.State != authn.Success:
		c.Value, c.MaxAge = string(a.Token), 0
	case a == nil && !errors.Is(err, authn.ErrFinished):
		return
	}
	http.SetCookie(w, c)
}

// statusOf is the status for what the service returned.
func statusOf(err error) (int, *authn.Refusal) {
	var refusal *authn.Refusal
	switch {
	case !errors.As(err, &refusal):
		return http.StatusOK, nil
	case errors.Is(err, authn.ErrFinished):
		return http.StatusUnauthorized, refusal // begin again
	case errors.Is(err, authn.ErrTooSoon):
		return http.StatusTooManyRequests, refusal
	case errors.Is(err, authn.ErrMalformed):
		return http.StatusBadRequest, refusal
	case errors.Is(err, authn.ErrLocked), errors.Is(err, authn.ErrNoFactor), errors.Is(err, authn.ErrNoUser):
		return http.StatusForbidden, refusal
	}
	return http.StatusConflict, refusal // the body says what is allowed
}
