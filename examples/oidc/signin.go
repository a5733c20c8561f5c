package main

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/authnfsm/authn"
)

// authorize binds the request to the browser before the library reads it: whoever gets
// hold of its id can do nothing with it in another browser.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q, name := parameters(r.URL.Query())
	switch {
	case name != "":
		http.Error(w, fmt.Sprintf("%.40q is there twice.", name), http.StatusBadRequest)
		return
	case q.Has("request_uri"):
		http.Error(w, "request_uri is not supported.", http.StatusBadRequest)
		return
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = q.Encode()
	secret := p.cookie(r, browserCookie)
	if secret == "" {
		secret = rand.Text()
		p.setCookie(w, browserCookie, secret, sessionLife)
	}
	p.op.ServeHTTP(w, with(r, browserKey, hashed(secret)))
}

// parameters are those of an authorization request as RFC 6749 section 3.1 reads them: one
// without a value is none. twice is the name of one that is repeated.
func parameters(q url.Values) (is url.Values, twice string) {
	is = url.Values{}
	for name, values := range q {
		switch {
		case len(values) > 1:
			return nil, name
		case values[0] != "":
			is[name] = values
		}
	}
	return is, ""
}

// bound is the request that a page or a form of this browser is about. It is nil if there
// is none, and then the answer is written.
func (p *provider) bound(w http.ResponseWriter, r *http.Request) *request {
	req := p.store.request(r.FormValue("request"))
	switch {
	case req == nil:
		p.message(w, http.StatusNotFound, "This sign-in is over", "Go back to the application and sign in again.")
	case subtle.ConstantTimeCompare([]byte(req.browser), []byte(hashed(p.cookie(r, browserCookie)))) != 1:
		p.message(w, http.StatusForbidden, "This sign-in belongs to another browser", "Go back to the application and sign in again.")
	case req.done:
		p.message(w, http.StatusGone, "This sign-in is over", "The application has got its answer.")
	case !p.now().Before(req.ends):
		p.refuse(w, r, req, oidc.ErrLoginRequired(), "The request was not answered in time.")
	default:
		return req
	}
	return nil
}

// signIn is GET /signin: it answers the request if the session does, and shows otherwise
// where the sign-in stands. It begins nothing, since any site can link to it.
func (p *provider) signIn(w http.ResponseWriter, r *http.Request) {
	req := p.bound(w, r)
	if req == nil {
		return
	}
	s, token := p.session(r), p.cookie(r, signInCookie+req.id)
	switch {
	case s != nil && req.meets(s, p.now()):
		p.answer(w, r, req, s)
	case req.silent():
		p.refuse(w, r, req, oidc.ErrLoginRequired(), "The user has to sign in.")
	case token != "":
		a, err := p.svc.Status(r.Context(), authn.StateToken(token))
		if err != nil {
			p.next(w, r, req, nil, err)
			return
		}
		p.show(w, req, view{Answer: a, Note: noteText(r.FormValue("note"))})
	case s != nil && req.stepsUp(s, p.now()) && !r.Form.Has("other"):
		p.show(w, req, view{StepUp: s.user + domain, Note: noteText(r.FormValue("note"))})
	default:
		p.show(w, req, view{Note: noteText(r.FormValue("note"))})
	}
}

// password is POST /signin/password: a whole sign-in. What the browser has proved before
// does not count, since the client may have asked for all of it again.
func (p *provider) password(w http.ResponseWriter, r *http.Request) {
	req := p.bound(w, r)
	if req == nil {
		return
	}
	user, ok, err := p.people.check(r.Context(), r.PostFormValue("name"), r.PostFormValue("password"))
	switch {
	case err != nil:
		p.fail(w, r, err)
	case !ok:
		http.Redirect(w, r, signInURL(req.id, "password"), http.StatusSeeOther)
	case req.hint != "" && req.hint != user:
		p.refuse(w, r, req, oidc.ErrLoginRequired(), "The user is not the one of id_token_hint.")
	default:
		a, err := p.svc.Begin(r.Context(), authn.Login{User: user, Accept: req.accept, Fresh: true, Relay: req.relay(nil)})
		p.next(w, r, req, a, err)
	}
}

// stepUp is POST /signin/step-up. The session says when the password was proved, so only
// the stronger factor is asked for.
func (p *provider) stepUp(w http.ResponseWriter, r *http.Request) {
	req, s := p.bound(w, r), p.session(r)
	switch {
	case req == nil:
	case s == nil || !req.stepsUp(s, p.now()):
		http.Redirect(w, r, signInURL(req.id, ""), http.StatusSeeOther)
	default:
		own := s.proofs[0]
		a, err := p.svc.Begin(r.Context(), authn.Login{
			User: s.user, Methods: own.Methods, At: own.At, Accept: req.accept, Fresh: true, Relay: req.relay(s),
		})
		p.next(w, r, req, a, err)
	}
}

// cancel is POST /signin/cancel.
func (p *provider) cancel(w http.ResponseWriter, r *http.Request) {
	req := p.bound(w, r)
	if req == nil {
		return
	}
	if token := p.cookie(r, signInCookie+req.id); token != "" {
		_, err := p.svc.Do(r.Context(), authn.StateToken(token), authn.Cancel{})
		if err != nil && !errors.Is(err, authn.ErrFinished) {
			p.fail(w, r, err)
			return
		}
	}
	p.refuse(w, r, req, oidc.ErrAccessDenied(), "The user has canceled the sign-in.")
}

// step is POST /signin/{event}: any other event of the sign-in that is under way.
func (p *provider) step(w http.ResponseWriter, r *http.Request) {
	req := p.bound(w, r)
	if req == nil {
		return
	}
	code := authn.Code(strings.TrimSpace(r.PostFormValue("code")))
	ev, err := authn.ParseEvent(r.PathValue("event"), authn.Fields{Factor: r.PostFormValue("factor"), Code: code})
	token := p.cookie(r, signInCookie+req.id)
	if err != nil || token == "" {
		http.Redirect(w, r, signInURL(req.id, "refused"), http.StatusSeeOther)
		return
	}
	a, err := p.svc.Do(r.Context(), authn.StateToken(token), ev)
	p.next(w, r, req, a, err)
}

// next goes on after an event: to the client if the sign-in has succeeded or is over, and
// otherwise back to the page, so that to load it again repeats nothing.
func (p *provider) next(w http.ResponseWriter, r *http.Request, req *request, a *authn.Answer, err error) {
	var refusal *authn.Refusal
	switch {
	case errors.As(err, &refusal):
		switch {
		case errors.Is(err, authn.ErrFinished):
			p.refuse(w, r, req, oidc.ErrLoginRequired(), "The sign-in has expired.")
		case errors.Is(err, authn.ErrNoFactor) && req.accept != nil:
			p.refuse(w, r, req, &oidc.Error{ErrorType: "unmet_authentication_requirements"}, "The user has no factor that the acr_values ask for.")
		default:
			http.Redirect(w, r, signInURL(req.id, noteOf(err)), http.StatusSeeOther)
		}
	case err != nil:
		p.fail(w, r, err)
	case a.State == authn.Success:
		p.succeed(w, r, req, a.Session)
	case a.State == authn.LockedOut:
		p.setCookie(w, signInCookie+req.id, "", 0)
		p.show(w, req, view{Answer: a})
	default:
		if a.Token != "" {
			p.setCookie(w, signInCookie+req.id, string(a.Token), requestLife)
		}
		http.Redirect(w, r, signInURL(req.id, string(a.Outcome)), http.StatusSeeOther)
	}
}

// succeed makes the session from the assertion, if the sign-in was begun for this request
// and for the session that is here now. A state token that was begun for another request
// of the browser is worth nothing here, nor is one whose session has ended meanwhile.
func (p *provider) succeed(w http.ResponseWriter, r *http.Request, req *request, token authn.SessionToken) {
	as, err := p.svc.Redeem(r.Context(), token)
	if err != nil {
		p.next(w, r, req, nil, err)
		return
	}
	p.setCookie(w, signInCookie+req.id, "", 0)
	s := p.session(r)
	full := as.Relay == req.relay(nil)
	if !full && (s == nil || as.Relay != req.relay(s) || as.User != s.user || !req.isYoung(s, p.now())) {
		p.message(w, http.StatusForbidden, "This sign-in belongs to something else", "It was begun for another application or session. Sign in again.")
		return
	}
	s = p.startSession(w, r, as)
	// After a whole sign-in the session is as young as can be, also for max_age=0.
	if !req.isFor(s) || !s.proved(req.accept) {
		p.refuse(w, r, req, oidc.ErrLoginRequired(), "The sign-in does not answer the request.")
		return
	}
	p.answer(w, r, req, s)
}

// answer sends the browser back to the client with a code.
func (p *provider) answer(w http.ResponseWriter, r *http.Request, req *request, s *session) {
	done := p.store.answer(req.id, s)
	if done == nil {
		p.message(w, http.StatusGone, "This sign-in is over", "The application has got its answer.")
		return
	}
	op.AuthResponse(done, p.op, w, r)
}

// refuse sends the browser back to the client with an error.
func (p *provider) refuse(w http.ResponseWriter, r *http.Request, req *request, e *oidc.Error, why string) {
	p.setCookie(w, signInCookie+req.id, "", 0)
	if p.store.answer(req.id, nil) == nil {
		p.message(w, http.StatusGone, "This sign-in is over", "The application has got its answer.")
		return
	}
	e.Description, e.State = why, req.State
	to, err := op.AuthResponseURL(req.RedirectURI, req.ResponseType, req.ResponseMode, e, p.op.Encoder())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (p *provider) fail(w http.ResponseWriter, r *http.Request, err error) {
	slog.Error("sign-in", "path", r.URL.Path, "err", err)
	p.message(w, http.StatusServiceUnavailable, "The server cannot answer now", "Try again.")
}

func signInURL(id, note string) string {
	v := url.Values{"request": {id}}
	if note != "" {
		v.Set("note", note)
	}
	return "/signin?" + v.Encode()
}

// notes are what the page says of an event that did not lead on: by its outcome, or by
// why it was refused.
var notes = []struct {
	name string
	err  error
	text string
}{
	{"password", authn.ErrNoUser, "That name or password is not right."},
	{"password", authn.ErrNoFactor, "That name or password is not right."},
	{string(authn.WrongCode), nil, "That is not right. Try again."},
	{string(authn.LateCode), nil, "The code has expired. Ask for a new one."},
	{"soon", authn.ErrTooSoon, "That was too soon. Wait a moment, and try again."},
	{"used", authn.ErrUsed, "This code was used before. Wait for the next one."},
	{"malformed", authn.ErrMalformed, "That cannot be read. A code has six digits."},
	{"dead", authn.ErrNoCode, "There is no live code. Ask for a new one."},
	{"locked", authn.ErrLocked, "The account is locked."},
	{"exhausted", authn.ErrExhausted, "No codes are left in this sign-in. Cancel, and begin again."},
}

const noteRefused = "That is not possible now."

func noteOf(err error) string {
	for _, n := range notes {
		if n.err != nil && errors.Is(err, n.err) {
			return n.name
		}
	}
	return "refused"
}

func noteText(name string) string {
	for _, n := range notes {
		if n.name == name {
			return n.text
		}
	}
	if name != "" {
		return noteRefused
	}
	return ""
}
