package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/authnfsm/authn"
)

const (
	passkeyPath   = "/passkey"
	passkeyCookie = "idp_passkey"
	mostResponse  = 16 << 10
)

// requestPasskey asks the browser for any passkey of the demo. The token of the request
// stays in a cookie, so that a response is of no use in another browser.
func (p *provider) requestPasskey(w http.ResponseWriter, r *http.Request) {
	q, err := p.svc.RequestPasskey(r.Context(), keyType)
	if err != nil {
		p.refusePasskey(w, r, err)
		return
	}
	http.SetCookie(w, cookie(passkeyCookie, passkeyPath, string(q.Token), int(q.Expires.Sub(p.clock.now()).Seconds())))
	w.Header().Set("Content-Type", "application/json")
	w.Write(q.Options)
}

// signInByPasskey takes what the browser says. The page goes on with the session token, or
// if something is left to do with the state token.
func (p *provider) signInByPasskey(w http.ResponseWriter, r *http.Request) {
	defer p.changes.tell()
	response, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostResponse))
	if err != nil {
		p.refusePasskey(w, r, authn.ErrMalformed)
		return
	}
	l := authn.PasskeyLogin{Type: keyType, Response: authn.Code(response), Key: r.Header.Get("Idempotency-Key")}
	if c, err := r.Cookie(passkeyCookie); err == nil {
		l.Request = authn.Secret(c.Value)
	}
	a, err := p.svc.BeginPasskey(r.Context(), l)
	if err != nil {
		p.refusePasskey(w, r, err)
		return
	}
	answer := struct {
		Status       authn.State `json:"status"`
		SessionToken string      `json:"sessionToken,omitempty"`
		StateToken   string      `json:"stateToken,omitempty"`
	}{a.State, marked(sessionMark, a.Session), marked(stateMark, a.Token)}
	http.SetCookie(w, cookie(stateCookie, "/machine", answer.StateToken, 0))
	writeJSON(w, answer)
}

// refusePasskey says why, in words for the user.
func (p *provider) refusePasskey(w http.ResponseWriter, r *http.Request, err error) {
	status, why := http.StatusUnauthorized, "This passkey does not sign in here. Sign in with your password."
	switch {
	case errors.Is(err, authn.ErrUnavailable):
		p.log.Printf("%s: %v", r.URL.Path, err)
		status, why = http.StatusServiceUnavailable, "The server cannot answer now. Try again."
	case errors.Is(err, authn.ErrLocked):
		status, why = http.StatusForbidden, "This account is locked."
	case errors.Is(err, authn.ErrTooSoon):
		status, why = http.StatusTooManyRequests, "There were too many sign-ins in the last hour. Try again later."
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"errorSummary": why})
}
