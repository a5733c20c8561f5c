package okta

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// sessionBody is a session as Okta reports one.
type sessionBody struct {
	ID         string   `json:"id,omitempty"`
	User       string   `json:"userId"`
	Status     string   `json:"status"`
	Created    string   `json:"createdAt"`
	Expires    string   `json:"expiresAt,omitempty"`
	Password   string   `json:"lastPasswordVerification"`
	Factor     string   `json:"lastFactorVerification,omitempty"`
	Methods    []string `json:"amr"`
	MultiProof bool     `json:"mfaActive"`
}

// session is POST /api/v1/sessions: a server exchanges the session token.
func (x *exchange) session() (any, error) {
	in := &x.in
	for _, t := range [...]string{in.sessionToken, in.stateToken, in.otherToken, in.anotherToken} {
		if isStateToken(t) {
			return nil, x.wrongAPI(t)
		}
	}
	if in.sessionToken == "" || in.has != sessionToken {
		return nil, fault(invalid, "sessionToken: it is required, and nothing else")
	}
	a, s, err := x.exchangeToken(in.sessionToken)
	if err != nil {
		return nil, err
	}
	b := &sessionBody{
		ID: s.ID, User: a.User, Status: "ACTIVE", Created: wireTime(x.now(nil)), Expires: wireTime(s.Expires),
		Password: wireTime(a.Began), Methods: a.Methods, MultiProof: len(a.Factors) > 0,
	}
	if b.MultiProof {
		b.Factor = wireTime(a.At)
	}
	return b, nil
}

// exchangeToken redeems a session token and has the host make its session. If
// the host cannot, there is no second time: the token is used.
func (x *exchange) exchangeToken(t string) (*authn.Assertion, Session, error) {
	a, err := x.h.cfg.Service.Redeem(x.r.Context(), unwrap[authn.SessionToken](sessionMark, t))
	if err != nil {
		return nil, Session{}, err
	}
	s, err := x.h.cfg.Sessions.StartSession(x.w, x.r, a)
	if err != nil {
		return nil, Session{}, &failure{code: internal, err: fmt.Errorf("okta: start session: %w", err)}
	}
	return a, s, nil
}

// The cookie that ties a session token to the browser that was given it: a
// keyed hash of the token. So nobody who has seen the token in a URL can make
// the cookie, and nobody can plant a token of their own in another browser. Each
// token has a cookie of its own, named after the hash, so that tabs of one
// browser may sign in at the same time.
const (
	cookieName  = "authn-success-"
	cookieLabel = "okta/v1/success cookie:"
	cookieMark  = 8 // characters of the hash in the name
	maxCookies  = 8 // of a kind in one browser
)

// cookie returns the one of a session token. It lives for maxAge seconds.
func (h *Handler) cookie(sessionToken string, maxAge int) *http.Cookie {
	sum := h.mac(cookieLabel, sessionToken)
	v := base64.RawURLEncoding.EncodeToString(sum[:])
	return &http.Cookie{
		Name: h.prefixed(cookieName) + v[:cookieMark], Value: v, Path: "/", MaxAge: maxAge,
		Secure: !h.cfg.InsecureCookie, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func (h *Handler) prefixed(name string) string {
	if h.cfg.InsecureCookie {
		return name
	}
	return "__Host-" + name
}

// tie sets the cookie on the answer that carries the session token.
func (x *exchange) tie(a *authn.Answer) {
	if x.h.hasRedirects() {
		x.setCookie(x.h.cookie(sessionMark+string(a.Session), seconds(a.Expires.Sub(a.Now))), x.h.prefixed(cookieName))
	}
}

// setCookie sets a cookie, and takes back the oldest of its kind, which have the same
// prefix, if the browser has too many. Browsers send the oldest first.
func (x *exchange) setCookie(mine *http.Cookie, prefix string) {
	others := slices.DeleteFunc(x.r.Cookies(), func(c *http.Cookie) bool {
		return !strings.HasPrefix(c.Name, prefix) || len(c.Name) != len(prefix)+cookieMark || c.Name == mine.Name
	})
	for _, old := range others[:max(0, len(others)-(maxCookies-1))] {
		http.SetCookie(x.w, &http.Cookie{Name: old.Name, Path: "/", MaxAge: -1, Secure: mine.Secure, HttpOnly: true, SameSite: mine.SameSite})
	}
	http.SetCookie(x.w, mine)
}

// redirect is GET /login/sessionCookieRedirect: the browser that got SUCCESS
// exchanges its session token and is sent on. Okta's clients put the token in
// the query. It is good once and for this browser alone, and no Referer passes
// it on. The cookie stays as long as the token would have lasted, so that a
// second click leads on as well, without a second session.
func (x *exchange) redirect() (any, error) { return x.leadOn("token") }

// original is GET /login/step-up/redirect, which does the same after a step-up.
func (x *exchange) original() (any, error) { return x.leadOn("stateToken") }

func (x *exchange) leadOn(name string) (any, error) {
	q, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil || len(q[name]) != 1 || len(q["redirectUrl"]) != 1 {
		return nil, fault(invalid, "%s, redirectUrl: each is required once", name)
	}
	t, to := q[name][0], q["redirectUrl"][0]
	if isStateToken(t) {
		return nil, x.wrongAPI(t)
	}
	if !x.h.mayRedirect(to) {
		return nil, fault(invalid, "redirectUrl: it is not on the list")
	}
	want := x.h.cookie(t, 0)
	c, err := x.r.Cookie(want.Name)
	if err != nil || !hmac.Equal([]byte(c.Value), []byte(want.Value)) {
		return nil, fault(badToken, "")
	}
	if _, _, err := x.exchangeToken(t); err != nil && !errors.Is(err, authn.ErrFinished) {
		return nil, err
	}
	x.w.Header().Set("Location", to)
	x.wrote = true
	x.w.WriteHeader(http.StatusFound)
	return nil, nil
}

// mayRedirect reports whether the list allows an address.
func (h *Handler) mayRedirect(to string) bool {
	u, err := absolute(to)
	if err != nil {
		return false
	}
	for _, r := range h.redirects {
		whole := r.Path == "" && r.RawQuery == "" && r.Fragment == "" // an origin
		if u.Scheme == r.Scheme && u.Host == r.Host && (whole || u.String() == r.String()) {
			return true
		}
	}
	return false
}

// usersAPI answers for the API that manages factors outside a sign-in, which
// this package does not have. A common mistake is to confirm there, with a state
// token, a factor that is being enrolled here: the answer names the right way.
func (x *exchange) usersAPI() error {
	err := x.misplaced()
	if err != nil || x.r.Body == nil {
		return err
	}
	buf := make([]byte, maxBody)
	n, _ := io.ReadFull(x.r.Body, buf)
	x.in.decode(buf[:n], relayed|passCode|factorType|provider|profile)
	clear(buf)
	if !isStateToken(x.in.stateToken) {
		return fault(noPath, "A factor is enrolled and confirmed inside the sign-in: POST to the links of its last answer, below %s.", x.base()+authnPath)
	}
	return x.wrongAPI(x.in.stateToken)
}

// wrongAPI answers a client that brought a state token to the wrong place: it
// names the operations that are allowed now, if the transaction is live.
func (x *exchange) wrongAPI(t string) error {
	f := fault(badSession, "A state token goes, as stateToken in the JSON body, to the links of the last answer.")
	if isStateToken(t) {
		if a, err := x.h.cfg.Service.Status(x.r.Context(), unwrap[authn.StateToken](stateMark, t)); err == nil && a.State != authn.Success {
			f.answer = a
			f.causes = append(f.causes, x.alternatives(a, "")...)
			return f
		}
	}
	at := x.base() + authnPath
	f.causes = append(f.causes, cause{Summary: "POST " + at + " with stateToken alone says where the transaction stands and what is allowed.", Href: at})
	return f
}
