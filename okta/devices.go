package okta

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// A browser keeps the token of a device that is remembered in a cookie, which scripts do
// not see. Each user has one of another name, so that two who share a browser do not
// forget each other; the name tells nobody who they are.
const (
	deviceName  = "authn-device-"
	deviceLabel = "okta/v1/device cookie:"
)

// deviceCookie is that of a user, with a device's token in it.
func (h *Handler) deviceCookie(user, token string) *http.Cookie {
	sum := h.mac(deviceLabel, user)
	return &http.Cookie{
		Name: h.prefixed(deviceName) + base64.RawURLEncoding.EncodeToString(sum[:])[:cookieMark], Value: token,
		Path: "/", MaxAge: int(h.cfg.Remember / time.Second),
		Secure: !h.cfg.InsecureCookie, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// saidDevice is the token of a device in the body, if there is one.
func (in *input) saidDevice() (said string, err error) {
	if v := inside(in.context, "deviceToken"); v != nil && (json.Unmarshal(v, &said) != nil || len(said) > maxToken) {
		return "", fault(invalid, "context.deviceToken: a text of at most %d bytes is expected", maxToken)
	}
	return said, nil
}

// device is the token of the device that the request comes from: a server's of the
// host's own is in the body, since it speaks for many, and a browser's in the cookie.
// What else is in a body is not believed.
func (x *exchange) device(user, said string) authn.Secret {
	if x.trusted() {
		return authn.Secret(said)
	}
	if x.h.cfg.Remember > 0 {
		if c, err := x.r.Cookie(x.h.deviceCookie(user, "").Name); err == nil && len(c.Value) <= maxToken {
			return authn.Secret(c.Value)
		}
	}
	return ""
}

func (x *exchange) trusted() bool { return x.h.cfg.Trusted != nil && x.h.cfg.Trusted(x.r) }

// keepDevice hands over the token of a device that is remembered from now on.
func (x *exchange) keepDevice(a *authn.Answer) {
	if a.Device != "" && !x.trusted() {
		x.setCookie(x.h.deviceCookie(a.User, string(a.Device)), x.h.prefixed(deviceName))
	}
}

// toRemember reports whether the client asks to remember the device: in the query, as
// Okta has it, or else in the body, as old clients do.
func (x *exchange) toRemember() (bool, error) {
	yes := x.in.rememberDevice
	if q, _ := url.ParseQuery(x.r.URL.RawQuery); q.Has("rememberDevice") { // misplaced has parsed it
		if yes = strings.ToLower(q.Get("rememberDevice")); len(q["rememberDevice"]) != 1 || yes != "true" && yes != "false" {
			return false, fault(invalid, "rememberDevice: true or false is expected, once")
		}
	}
	return yes == "true" && x.h.cfg.Remember > 0, nil
}

// showRememberPolicy is the look of the states in which a factor is proved.
func showRememberPolicy(x *exchange, _ *authn.Answer) any { return x.h.remembering }
