package okta

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// SessionLife is how long Okta's clients expect a session token to be good
// for. Set [authn.Policy].SessionLife to it: the library's own default is one
// minute, which is short for a person who waits for a page.
const SessionLife = 5 * time.Minute

// ErrPassword is what a [PasswordVerifier] returns, or wraps, when the user
// name or the password is wrong.
var ErrPassword = errors.New("user name or password is wrong")

// A PasswordVerifier is the host's check of user names and passwords.
// Implementations must be safe for concurrent use.
type PasswordVerifier interface {
	// VerifyPassword returns who the user is and what the sign-in asks for
	// besides the password, or an error.
	//
	// Return an error that wraps [ErrPassword] for a wrong password and for an
	// unknown user, and for any password if the account is closed. All of them
	// must cost the same work: hash the password against a dummy if there is
	// no such user. The handler answers all of them with the same 401
	// E0000004 and does the same work for each. It also finds out by itself
	// whether authn has locked the account: do not look at that here.
	//
	// Return a [*authn.Refusal] that wraps [authn.ErrTooSoon] to slow down
	// guessing until its RetryAt: 429 E0000047. It must not depend on whether
	// the user exists. Any other error is 503 E0000009.
	//
	// username is 1 to 254 bytes of UTF-8 without control characters,
	// password 1 to 1,024 bytes of UTF-8; both are as the client sent them.
	VerifyPassword(ctx context.Context, username string, password authn.Secret) (Verified, error)
}

// Verified is what a host knows once the password was right.
type Verified struct {
	authn.Login          // the host's user id, and what else is required
	Profile     *Profile // for _embedded.user of this answer; nil: ask Config.Profile
}

// Profile is what clients see of a user once the password was right, as
// _embedded.user.profile. Empty fields are left out.
type Profile struct {
	Login     string `json:"login,omitempty"`
	FirstName string `json:"firstName,omitempty"`
	LastName  string `json:"lastName,omitempty"`
	Locale    string `json:"locale,omitempty"`
	TimeZone  string `json:"timeZone,omitempty"` // IANA, "Europe/London"
}

// Sessions makes the host's sessions. Implementations must be safe for
// concurrent use.
type Sessions interface {
	// StartSession makes a session for the user who has signed in. It takes
	// from a, and from nothing else, who that is. It may add headers to w,
	// such as the session's cookie, and must not write a status or a body. The
	// session token is used up already: after an error the user has to sign in
	// again.
	StartSession(w http.ResponseWriter, r *http.Request, a *authn.Assertion) (Session, error)
}

// Session is a session of the host, as POST /api/v1/sessions reports it.
type Session struct {
	ID      string    // shown to whoever redeems the token there; "" is left out
	Expires time.Time // zero is left out
}

// Config is what a [Handler] is made of. New copies it.
type Config struct {
	Service   *authn.Service   // required
	Passwords PasswordVerifier // required

	// Sessions makes sessions. If it is nil, the two endpoints that exchange
	// the session token do not exist, and the host calls
	// [authn.Service.Redeem] itself.
	Sessions Sessions
	// Profile returns what answers show of a user, by the host's user id. The
	// handler calls it for every answer with a user in it, unless Verified had
	// a profile. If Profile is nil or fails, answers show the user's id alone.
	Profile func(ctx context.Context, user string) (*Profile, error)

	// BaseURL is where clients find the handler: scheme, host and, if it is
	// mounted under a prefix, a path, without a slash at the end. Links in
	// answers begin with it. If it is empty, links are paths on the host that
	// was asked, which Okta's clients accept too. The Host header is never used.
	BaseURL string
	// Origins are the web origins, "https://app.example.com", whose scripts
	// may use the API with credentials. Empty: pages of the same origin only.
	Origins []string
	// RedirectURLs are where /login/sessionCookieRedirect may send a browser.
	// An entry with a path, even "/", allows exactly that URL; one without a
	// path, "https://app.example.com", allows every URL of that origin. Empty:
	// the endpoint does not exist.
	RedirectURLs []string
	// CookieKey is at least 32 random bytes, the same in every process. It
	// makes the cookie that ties a session token to the browser that got it.
	// nil: New draws a key, which is enough for a host of one process.
	CookieKey []byte
	// InsecureCookie sets that cookie without Secure and the __Host- prefix,
	// for a server without TLS on the developer's own machine.
	InsecureCookie bool

	// Report gets every fault that a client sees as 5xx, with the
	// X-Okta-Request-Id of the answer, so that the host can log it. err holds
	// no secret of the library's, and all that the host's own ports put into
	// their errors. nil: faults are not reported. The handler logs nothing.
	Report func(ctx context.Context, requestID string, err error)
}

// Format writes the base URL only, for every verb: a configuration holds a key.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "okta.Config{BaseURL: %q}", c.BaseURL) }

// Handler serves the endpoints. It is safe for concurrent use, keeps nothing
// between requests, and starts no goroutine.
type Handler struct {
	cfg       Config
	ways      []way // what links and errors may name
	redirects []*url.URL
	macs      sync.Pool // of hash.Hash: HMAC under the cookie key
}

const minCookieKey = 32

// New checks the configuration and returns a handler. Errors name the field.
func New(cfg Config) (*Handler, error) {
	switch {
	case cfg.Service == nil:
		return nil, errors.New("okta: Service is required")
	case cfg.Passwords == nil:
		return nil, errors.New("okta: Passwords is required")
	case cfg.CookieKey != nil && len(cfg.CookieKey) < minCookieKey:
		return nil, fmt.Errorf("okta: CookieKey: %d bytes, at least %d", len(cfg.CookieKey), minCookieKey)
	}
	if cfg.BaseURL != "" {
		if _, err := absolute(cfg.BaseURL); err != nil || strings.HasSuffix(cfg.BaseURL, "/") || strings.ContainsAny(cfg.BaseURL, "?#") {
			return nil, fmt.Errorf("okta: BaseURL: %q is not scheme, host and perhaps a path, without a slash at the end", cfg.BaseURL)
		}
	}
	for _, o := range cfg.Origins {
		if u, err := absolute(o); err != nil || o != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("okta: Origins: %q is not a lower-case scheme and host, with a port only if it is not the usual one", o)
		}
	}
	h := &Handler{cfg: cfg, ways: ways(endpoints)}
	h.cfg.Origins, h.cfg.RedirectURLs = slices.Clone(cfg.Origins), nil
	for _, s := range cfg.RedirectURLs {
		u, err := absolute(s)
		if err != nil {
			return nil, fmt.Errorf("okta: RedirectURLs: %w", err)
		}
		h.redirects = append(h.redirects, u)
	}
	key := slices.Clone(cfg.CookieKey)
	if key == nil {
		key = make([]byte, minCookieKey)
		rand.Read(key)
	}
	h.cfg.CookieKey = nil
	h.macs.New = func() any { return hmac.New(sha256.New, key) }
	return h, nil
}

// absolute parses an absolute http or https URL that every program reads in
// the same way: no user, no backslash, nothing but printable ASCII.
func absolute(s string) (*url.URL, error) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '\\' {
			return nil, errors.New("a URL has a character that must be escaped")
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("a URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.Opaque != "":
		return nil, errors.New("a URL is not an absolute http or https one without a user")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// mac is the keyed hash under the cookie key.
func (h *Handler) mac(label, s string) (sum [sha256.Size]byte) {
	m := h.macs.Get().(hash.Hash)
	defer h.macs.Put(m)
	m.Reset()
	m.Write([]byte(label))
	m.Write([]byte(s))
	m.Sum(sum[:0])
	return sum
}
