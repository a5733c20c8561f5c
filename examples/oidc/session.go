package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// The acr values of the provider, in Okta's words. Nobody gets in with less than the
// first: a client can ask for more, and never for less, since acr_values is in a URL
// that the user can edit.
const (
	acrTwoFactors = "urn:okta:loa:2fa:any" // the password and any factor
	acrPasskey    = "phr"                  // the password and a passkey, which resists phishing
)

// session is a user who has signed in with one browser. It is made from an assertion,
// and from nothing else.
type session struct {
	key    string // the hash of its cookie
	user   string
	proofs []authn.Proof // the password first
	ends   time.Time
}

// acr is a function of what was proved, and of nothing that the client has asked.
func (s *session) acr() string {
	if s.proved([]string{keyType}) {
		return acrPasskey
	}
	return acrTwoFactors
}

// proved says that a factor of one of these types was; nil is any type.
func (s *session) proved(types []string) bool {
	return slices.ContainsFunc(s.proofs, func(p authn.Proof) bool {
		return p.Factor != "" && (types == nil || slices.Contains(types, p.Type))
	})
}

// amr are the methods, in the words of RFC 8176.
func (s *session) amr() (list []string) {
	for _, p := range s.proofs {
		for _, m := range p.Methods {
			if !slices.Contains(list, m) {
				list = append(list, m)
			}
		}
	}
	return list
}

// authTime is when the oldest part was proved: a passkey that is added to an old
// password does not make the session younger.
func (s *session) authTime() time.Time {
	return slices.MinFunc(s.proofs, func(a, b authn.Proof) int { return a.At.Compare(b.At) }).At
}

const sessionLife = 12 * time.Hour

// startSession makes a session, under a new id, in the place of the one that the browser
// had. It is kept by the hash of its cookie, so that what is kept makes no cookie.
func (p *provider) startSession(w http.ResponseWriter, r *http.Request, as *authn.Assertion) *session {
	id := rand.Text()
	s := &session{key: hashed(id), user: as.User, proofs: as.Proofs, ends: p.now().Add(sessionLife)}
	p.store.endSession(p.session(r))
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	p.store.sessions[s.key] = s
	p.setCookie(w, sessionCookie, id, sessionLife)
	return s
}

// session is that of the browser, or nil.
func (p *provider) session(r *http.Request) *session {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if s := p.store.sessions[hashed(p.cookie(r, sessionCookie))]; s != nil && p.now().Before(s.ends) {
		return s
	}
	return nil
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// The cookies. None is sent with what another site posts or embeds.
const (
	sessionCookie = "session"
	browserCookie = "browser" // binds authorization requests to the browser that sent them
	signInCookie  = "signin-" // and the id of the request: the state token
)

// name has, with TLS, the prefix that keeps other hosts of the domain from setting the
// cookie. Browsers take it for https only, so on localhost it is left out.
func (p *provider) cookieName(name string) string {
	if p.secure() {
		return "__Host-" + name
	}
	return name
}

func (p *provider) secure() bool { return strings.HasPrefix(p.issuer, "https://") }

func (p *provider) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie that scripts cannot read; with the value "" it removes it.
func (p *provider) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{
		Name: p.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: p.secure(), SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
