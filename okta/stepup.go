package okta

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// A StepUp is what an application of the host's asks a browser for: a sign-in, or, from a
// user who has a session, what that session lacks.
type StepUp struct {
	// To is where the browser goes afterwards: on the list of [Config].RedirectURLs.
	To string
	// Name and Label are the application's, as clients may show them. The three have some
	// 180 bytes in all.
	Name, Label string
	// User is who has a session, and Methods and At are what it rests on: see
	// [authn.Login]. "": the client asks for username and password first.
	User    string
	Methods []string
	At      time.Time
	// Require, Accept and Fresh say what is asked for: see [authn.Login]. With a password
	// the stricter of Require and that of [Verified] counts.
	Require authn.Requirement
	Accept  []string
	Fresh   bool
}

const (
	stepUpType  = "SESSION_STEP_UP"
	stepUpMark  = stateMark + "stepup." // no token of a transaction has a dot
	stepUpLife  = 15 * time.Minute
	stepUpRelay = "okta step-up "
	stepUpPath  = "/login/step-up/redirect"

	stepUpKey    = "okta/v1/step-up key"
	stepUpLabel  = "okta/v1/step-up cookie:"
	stepUpCookie = "authn-step-up-"
)

// target is the application of a step-up, as the transaction keeps it and clients see it.
type target struct {
	To    string `json:"to,omitempty"` // never shown
	Type  string `json:"type,omitempty"`
	Name  string `json:"name,omitempty"`
	Label string `json:"label,omitempty"`
}

// sealedStepUp is what a token of a step-up holds.
type sealedStepUp struct {
	StepUp
	Until int64 // Unix seconds
}

// StepUp begins a step-up and returns its state token, with which the host sends the
// browser to its sign-in page, as Okta does: in the query, as stateToken. The page posts it
// to /api/v1/authn, alone or with username and password; the last answer is SUCCESS without
// a session token, whose link next, named original, makes the session and leads to To. Its
// [authn.Assertion] has what was proved now, and a Relay that begins with "okta step-up ".
//
// The token is good for 15 minutes, in every process with the same CookieKey. It holds
// no secret and nobody can read it. If it names a User, it is good in this browser only,
// which gets a cookie for it. Nothing is stored.
func (h *Handler) StepUp(w http.ResponseWriter, r *http.Request, s StepUp) (stateToken string, err error) {
	switch {
	case !h.hasRedirects() || !h.mayRedirect(s.To):
		return "", errors.New("okta: StepUp: To is not on the list of RedirectURLs, or there are no Sessions")
	case s.Require > authn.RequireNothing:
		return "", errors.New("okta: StepUp: Require has an unknown value")
	}
	if n := len(s.relay()); n > maxRelay {
		return "", fmt.Errorf("okta: StepUp: To, Name and Label have %d bytes too many", n-maxRelay)
	}
	plain, err := json.Marshal(sealedStepUp{s, h.cfg.Service.Now().Add(stepUpLife).Unix()})
	if err != nil {
		return "", errors.New("okta: StepUp: At cannot be encoded")
	}
	c := h.stepUpCipher()
	sealed := make([]byte, c.NonceSize(), c.NonceSize()+len(plain)+c.Overhead())
	rand.Read(sealed)
	t := stepUpMark + base64.RawURLEncoding.EncodeToString(c.Seal(sealed, sealed, plain, []byte(stepUpKey)))
	if len(t) > maxStateToken {
		return "", fmt.Errorf("okta: StepUp: it has %d bytes too many", len(t)-maxStateToken)
	}
	if s.User != "" {
		x := &exchange{h: h, w: w, r: r}
		x.setCookie(h.stepUpCookie(t), h.prefixed(stepUpCookie))
	}
	return t, nil
}

const maxRelay = 256 // of authn.Login

// relay is what a transaction keeps of it.
func (s *StepUp) relay() string {
	b, _ := json.Marshal(target{To: s.To, Name: s.Name, Label: s.Label})
	return stepUpRelay + string(b)
}

func (h *Handler) stepUpCipher() cipher.AEAD {
	key := h.mac(stepUpKey, "")
	b, _ := aes.NewCipher(key[:]) // the key has 32 bytes
	c, _ := cipher.NewGCM(b)
	return c
}

// stepUpCookie ties a token that names a user to the browser that it was made for.
func (h *Handler) stepUpCookie(t string) *http.Cookie {
	sum := h.mac(stepUpLabel, t)
	v := base64.RawURLEncoding.EncodeToString(sum[:])
	return &http.Cookie{
		Name: h.prefixed(stepUpCookie) + v[:cookieMark], Value: v, Path: "/", MaxAge: int(stepUpLife / time.Second),
		Secure: !h.cfg.InsecureCookie, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func isStepUp(t string) bool { return strings.HasPrefix(t, stepUpMark) }

// askedStepUp is the step-up whose token came; a fault if it is forged, over, or another browser's.
func (x *exchange) askedStepUp() (s StepUp, until time.Time, err error) {
	c := x.h.stepUpCipher()
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(x.in.stateToken, stepUpMark))
	var in sealedStepUp
	if n := c.NonceSize(); err != nil || len(sealed) < n {
		return s, until, fault(badToken, "")
	} else if plain, err := c.Open(nil, sealed[:n], sealed[n:], []byte(stepUpKey)); err != nil || json.Unmarshal(plain, &in) != nil {
		return s, until, fault(badToken, "")
	}
	if until = time.Unix(in.Until, 0); !x.h.cfg.Service.Now().Before(until) {
		return s, until, fault(badToken, "")
	}
	if in.User != "" {
		want := x.h.stepUpCookie(x.in.stateToken)
		if got, err := x.r.Cookie(want.Name); err != nil || !hmac.Equal([]byte(got.Value), []byte(want.Value)) {
			return s, until, fault(badToken, "")
		}
	}
	return in.StepUp, until, nil
}

// stepUp goes on from the token of a step-up.
func (x *exchange) stepUp() (any, error) {
	s, until, err := x.askedStepUp()
	switch {
	case err != nil:
		return nil, err
	case x.in.has&(username|password) != 0:
		return x.signIn(&s)
	case s.User != "":
		l := authn.Login{User: s.User, Methods: s.Methods, At: s.At, Require: s.Require}
		s.narrow(&l)
		return x.begin(l)
	}
	t := &transaction{
		StateToken: x.in.stateToken, Type: stepUpType, ExpiresAt: wireTime(until), Status: authn.Unauthenticated, RelayState: x.in.relayState,
		Authn: extensions{Allowed: []allowed{{Event: authn.EventPrimary}}, Now: wireTime(x.now(nil))},
	}
	t.Embedded.Target = &target{Type: "APP", Name: s.Name, Label: s.Label}
	t.Links.Next = link{Name: "authenticate", Href: x.base() + authnPath, Hints: hints{[1]string{http.MethodPost}}}
	return t, nil
}

// narrow has the sign-in ask for what the step-up does. It reports whether it is the same
// user's.
func (s *StepUp) narrow(l *authn.Login) bool {
	l.Require, l.Fresh, l.Relay = min(l.Require, s.Require), l.Fresh || s.Fresh, s.relay()
	if s.Accept != nil {
		l.Accept = s.Accept
	}
	return s.User == "" || s.User == l.User
}

// showStepUp adds what a transaction has that a step-up has begun. In SUCCESS the session
// token is in the link that leads on, as Okta's clients want it.
func (x *exchange) showStepUp(t *transaction, a *authn.Answer) {
	text, ok := strings.CutPrefix(a.Relay, stepUpRelay)
	var of target
	if !ok || json.Unmarshal([]byte(text), &of) != nil {
		return
	}
	t.Type = stepUpType
	t.Embedded.Target = &target{Type: "APP", Name: of.Name, Label: of.Label}
	if t.SessionToken != "" {
		q := url.Values{"stateToken": {t.SessionToken}, "redirectUrl": {of.To}}
		t.SessionToken = ""
		t.Links.Next = link{Name: "original", Href: x.base() + stepUpPath + "?" + q.Encode(), Hints: hints{[1]string{http.MethodGet}}}
	}
}
