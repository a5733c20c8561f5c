package httphost

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// ErrPassword is what [Config].Password returns, or wraps, when the name or the password
// is wrong.
var ErrPassword = errors.New("name or password is wrong")

// A Service is an [*authn.Service], or what wraps one, such as that of package otelauthn.
type Service interface {
	Begin(context.Context, authn.Login) (*authn.Answer, error)
	BeginPasskey(context.Context, authn.PasskeyLogin) (*authn.Answer, error)
	Claim(context.Context, authn.Claim) (*authn.Answer, error)
	Do(context.Context, authn.StateToken, authn.Event) (*authn.Answer, error)
	Now() time.Time
	Open(ctx context.Context, link authn.Secret, key string) (*authn.Answer, error)
	Redeem(context.Context, authn.SessionToken) (*authn.Assertion, error)
	RequestPasskey(ctx context.Context, kind string) (*authn.PasskeyRequest, error)
	Status(context.Context, authn.StateToken) (*authn.Answer, error)
}

// Config is what a [Handler] is made of. New copies it. Its functions must be safe for
// concurrent use.
type Config struct {
	Service Service // required

	// Password says who has this name and password, and what the sign-in asks for besides:
	// in the least Login.User. Login.Device is the handler's, which has the cookie, and so is
	// Login.RedeemAtOnce. With Login.Challenge the sign-in takes one request fewer.
	//
	// It returns an error that wraps [ErrPassword] for a wrong password, for a name that
	// does not exist and for any password of an account that is closed, after the same
	// work: it compares with the hash of a decoy if there is no such name. A
	// [*authn.Refusal] that wraps [authn.ErrTooSoon] slows down guessing until its
	// RetryAt. Any other error is a fault. name is 1 to 254 bytes of UTF-8 without
	// control characters, password 1 to 1,024 bytes of UTF-8; both are as they were sent.
	//
	// Nil: there is no path begin.
	Password func(ctx context.Context, name string, password authn.Secret) (authn.Login, error)

	// Session makes the host's session, under a new ID, from the assertion and from nothing
	// else. It may add headers to w, such as a cookie, and must not write a status or a
	// body; if it returns an error, they are not sent. The session token is used up: after
	// an error the user has to sign in again, as the answer, 503 and then 401, says. Required.
	//
	// Of a claim of [authn.PurposeSignUp] the assertion has a Name and no User.
	Session func(w http.ResponseWriter, r *http.Request, a *authn.Assertion) error

	// Claims are the purposes of [authn.Claim] that the path claim takes. Empty: there are
	// no paths claim and open.
	Claims []authn.Purpose
	// ClaimRequire is what a claim of [authn.PurposeSignIn] asks for besides.
	ClaimRequire authn.Requirement

	// Passkeys is the type of factor that signs in by itself, such as "webauthn": see
	// [authn.Service.RequestPasskey]. "": there are no paths passkey and passkey/request.
	Passkeys string

	// PlainHTTP is for a machine of a developer only: cookies are neither Secure nor bound
	// to the host by their names.
	PlainHTTP bool

	// Report is told of each fault behind a 503. It must not wait. Nil: nobody is.
	Report func(ctx context.Context, err error)
}

// Handler serves sign-ins: see the package. It is safe for concurrent use.
type Handler struct {
	cfg   Config
	serve http.Handler
	paths map[string]*operation
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Handler, error) {
	cfg.Claims = slices.Clone(cfg.Claims)
	switch {
	case cfg.Service == nil:
		return nil, errors.New("httphost: Config.Service is required")
	case cfg.Session == nil:
		return nil, errors.New("httphost: Config.Session is required")
	case cfg.Password == nil && len(cfg.Claims) == 0 && cfg.Passkeys == "":
		return nil, errors.New("httphost: nothing begins a sign-in: Config.Password, Claims or Passkeys is required")
	case cfg.ClaimRequire > authn.RequireNothing:
		return nil, errors.New("httphost: Config.ClaimRequire is no Requirement")
	}
	for _, p := range cfg.Claims {
		if !slices.Contains(purposes, p) {
			return nil, errors.New("httphost: Config.Claims has what is no purpose of a claim")
		}
	}
	h := &Handler{cfg: cfg, paths: map[string]*operation{}}
	for _, op := range operations() {
		if op.in == nil || op.in(&cfg) {
			h.paths[op.path] = op
		}
	}
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(&exchange{h: h, w: w, r: r}).fail(crossOrigin)
	}))
	h.serve = own.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(&exchange{h: h, w: w, r: r}).run()
	}))
	return h, nil
}

// purposes are those of a claim.
var purposes = []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignUp}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve.ServeHTTP(w, r) }

// Reply answers r with what the service has returned to the host itself, as for a sign-in
// that the host has begun to step up a session: cookies, status and [View] are those that
// the handler would have written, and SUCCESS becomes a session. The sign-in has a name of
// its own, in the tab that the header Sign-In names. What follows goes to the handler. The host protects its own path from other origins.
func (h *Handler) Reply(w http.ResponseWriter, r *http.Request, a *authn.Answer, err error) {
	x := &exchange{h: h, w: w, r: r, was: tabOf(r), tab: newTab()}
	x.reply(a, err)
}
