package main

import (
	"math"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// request is an authorization request: what a client asks of a browser. Once it is made
// it does not change; an answer is a copy.
type request struct {
	*oidc.AuthRequest
	id      string
	browser string   // the hash of the cookie of the browser that sent it
	hint    string   // who has to sign in, by id_token_hint; "" is anybody
	accept  []string // the types of factors that count; nil is all
	ends    time.Time

	// Of an answer:
	done     bool
	user     string
	acr      string
	amr      []string
	authTime time.Time
}

const (
	requestLife = 30 * time.Minute // longer than a sign-in, which it contains
	maxParam    = 1024             // bytes of state, nonce and hints
)

// check refuses what the provider does not do; the library has checked the redirect URI,
// the response type and the scopes.
func (r *request) check(c *registered) *oidc.Error {
	for _, v := range []string{r.State, r.Nonce, r.LoginHint} {
		if len(v) > maxParam {
			return oidc.ErrInvalidRequest().WithDescription("A parameter is too long.")
		}
	}
	switch {
	case r.ResponseMode != "" && r.ResponseMode != oidc.ResponseModeQuery:
		return oidc.ErrInvalidRequest().WithDescription("The only response_mode is query.")
	case r.CodeChallenge == "" && !c.NoPKCE:
		return oidc.ErrInvalidRequest().WithDescription("A code_challenge is required.")
	case r.CodeChallenge != "" && r.CodeChallengeMethod != oidc.CodeChallengeMethodS256:
		return oidc.ErrInvalidRequest().WithDescription("The only code_challenge_method is S256.")
	case !slices.Contains(r.Scopes, oidc.ScopeOpenID):
		return oidc.ErrInvalidScope().WithDescription("The scope openid is required.")
	}
	for _, prompt := range r.Prompt {
		switch prompt {
		case oidc.PromptNone, oidc.PromptLogin:
		case oidc.PromptConsent:
			return &oidc.Error{ErrorType: "consent_required", Description: "The provider asks nobody for consent."}
		case oidc.PromptSelectAccount:
			return &oidc.Error{ErrorType: "account_selection_required", Description: "A browser has one account here."}
		default:
			return oidc.ErrInvalidRequest().WithDescription("The prompt is not known.")
		}
	}
	return nil
}

// accepted are the types of factors that the acr values ask for. The list is in order of
// preference and voluntary: any value of it will do, and unknown ones do not count.
func accepted(acrValues []string) []string {
	if slices.Contains(acrValues, acrPasskey) && !slices.Contains(acrValues, acrTwoFactors) {
		return []string{keyType}
	}
	return nil
}

// silent says that no page may be shown.
func (r *request) silent() bool { return slices.Contains(r.Prompt, oidc.PromptNone) }

// isFor says that the session is of the user who is asked for.
func (r *request) isFor(s *session) bool { return r.hint == "" || r.hint == s.user }

// isYoung says that the session is young enough. None is for max_age=0, nor for
// prompt=login, which the library takes for the same: the user has to sign in.
func (r *request) isYoung(s *session, now time.Time) bool {
	return r.MaxAge == nil || now.Sub(s.authTime()) < time.Duration(min(*r.MaxAge, math.MaxInt32))*time.Second
}

// meets says that the session answers the request as it is.
func (r *request) meets(s *session, now time.Time) bool {
	return r.isFor(s) && r.isYoung(s, now) && s.proved(r.accept)
}

// stepsUp says that the session lacks a stronger factor, and nothing else.
func (r *request) stepsUp(s *session, now time.Time) bool {
	return r.isFor(s) && r.isYoung(s, now) && !s.proved(r.accept)
}

// relay is what the sign-in is bound to: this request, and the session that it steps up.
// It comes back in the assertion.
func (r *request) relay(s *session) string {
	if s == nil {
		return r.id
	}
	return r.id + " " + s.key
}

// answered is the request with what a session says.
func (r *request) answered(s *session) *request {
	a := *r
	a.done, a.user, a.acr, a.amr, a.authTime = true, s.user, s.acr(), s.amr(), s.authTime()
	return &a
}

// What the library asks of a request: op.AuthRequest.

func (r *request) GetID() string          { return r.id }
func (r *request) GetACR() string         { return r.acr }
func (r *request) GetAMR() []string       { return r.amr }
func (r *request) GetAudience() []string  { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time { return r.authTime }
func (r *request) GetClientID() string    { return r.ClientID }
func (r *request) GetNonce() string       { return r.Nonce }
func (r *request) GetScopes() []string    { return r.Scopes }
func (r *request) GetSubject() string     { return r.user }
func (r *request) Done() bool             { return r.done }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}
