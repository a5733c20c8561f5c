package httphost

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// The cookies of the handler: of each sign-in, by its name; of the request of a passkey,
// likewise; and of the device, which is remembered for whoever signed in last.
const (
	signInCookie  = "signin-"
	passkeyCookie = "passkey-"
	deviceCookie  = "signin-device"
)

// deviceLife is the longest that a policy may remember a device. The service knows better.
const deviceLife = 90 * 24 * time.Hour

// SignInHeader is the header in which a tab names its sign-in.
const SignInHeader = "Sign-In"

// newTab draws the name of a sign-in: it is no secret, and nobody else's.
func newTab() string { return rand.Text() }

// tabOf is the name that the tab has sent; "" for what is none.
func tabOf(r *http.Request) string {
	tab := r.Header.Get(SignInHeader)
	if len(tab) != 26 || strings.Trim(tab, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return ""
	}
	return tab
}

// cookieName binds the cookie to the host, and to TLS.
func (h *Handler) cookieName(name string) string {
	if h.cfg.PlainHTTP {
		return name
	}
	return "__Host-" + name
}

func (x *exchange) cookie(name string) string {
	c, err := x.r.Cookie(x.h.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie keeps a value for so long; "" takes the cookie away.
func (x *exchange) setCookie(name, value string, life time.Duration) {
	c := &http.Cookie{Name: x.h.cookieName(name), Value: value, Path: "/", Secure: !x.h.cfg.PlainHTTP, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1}
	if value != "" {
		c.MaxAge = int(life.Seconds()) + 1
	}
	http.SetCookie(x.w, c)
}

// keepToken sets the cookie of the sign-in while there is something left to do, and takes
// it away when there is not, or when another one has begun in its place. Malformed input
// changes nothing and has no answer; what does not begin leaves the tab what it had.
func (x *exchange) keepToken(a *authn.Answer, why *problem) (kept bool) {
	switch {
	case a != nil && a.Token != "" && a.State != authn.Success:
		x.setCookie(signInCookie+x.tab, string(a.Token), a.Expires.Sub(a.Now))
		kept = true
	case a != nil || why == finished:
		x.forget(x.tab)
	}
	if a != nil {
		x.forget(x.was)
	}
	return kept
}

// forget takes the cookie of a sign-in away, if the browser has one of this name.
func (x *exchange) forget(tab string) {
	if name := signInCookie + tab; x.cookie(name) != "" {
		x.setCookie(name, "", 0)
	}
}

// finished is the problem of a sign-in that is over.
var finished = problemOf(authn.ErrFinished)
