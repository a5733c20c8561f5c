package okta

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"maps"
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

	// Types says how Okta's clients see types of factors, by authn's name for
	// them. It need not have e-mail, SMS, calls, TOTP or recovery codes, nor types
	// with the names "webauthn" and "question". It must have each type that is
	// Awaited, with the Type "push", or else clients that poll send messages. Any
	// other type is shown by its name, with the provider OKTA.
	Types map[string]FactorType
	// QR returns a PNG of the text, for the link qrcode: of a TOTP factor its
	// otpauth URI, of a type that is Awaited its [authn.Prompt].Pairing, which it
	// may wrap. The link is the picture itself, a data URL: a page needs "img-src
	// data:" to show it. If QR is nil or fails, there is no link.
	QR func(f authn.Factor, text authn.Secret) ([]byte, error)
	// Questions are those that a user may choose from for a factor of the type
	// "question". Empty: there is no list.
	Questions []Question

	// Recovery serves recovery/password, recovery/unlock and what they lead to. The
	// Service's Directory has to be an [authn.Finder]. A mail has the recoveryToken of a link
	// in [authn.Message].Link; put it in the fragment of a URL of a page that posts it.
	Recovery bool

	// PasswordPolicy returns what clients are told of the rules for a new password. If it
	// is nil or fails, they learn the rules from a refusal.
	PasswordPolicy func(ctx context.Context, user string) (*PasswordPolicy, error)
	// Gates says how clients see the host's own states, by their names. One that is not
	// in it is shown by its own name.
	Gates map[authn.State]Gate

	// Remember is the [authn.Policy].Remember of the Service. 0: clients are told that
	// no device is remembered, and what they ask for has no effect. Set CookieKey as
	// well: it makes the names of the cookies.
	Remember time.Duration
	// RememberByDefault has clients offer it with the box checked.
	RememberByDefault bool
	// Trusted reports whether a request comes from a server of the host's own, by its key
	// or certificate. Such a one gets the token of a device in the answer, and brings it
	// in context.deviceToken; any other has a cookie for it. A recovery or an unlock without
	// factorType gives it the recoveryToken, with which whoever has it goes on as the user,
	// and tells it whether there is such a user. nil: none does. It must be safe for
	// concurrent use, and is asked more than once for a request.
	Trusted func(r *http.Request) bool

	// BaseURL is where clients find the handler: scheme, host and, if it is
	// mounted under a prefix, a path, without a slash at the end. Links in
	// answers begin with it. Okta's native clients need it, or BaseURLs: without
	// them links are paths, which only its JavaScript clients follow.
	BaseURL string
	// BaseURLs takes the place of BaseURL if clients find the handler at several
	// hosts: links begin with the entry that has the host of the request's Host
	// header, in any letter case. A request for a host that no entry has gets
	// paths, so nothing that a client wrote into the header is in a link. Entries
	// have the form of BaseURL, each with another host.
	BaseURLs []string
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
	cfg         Config
	types       types
	ways        []way // what links and errors may name
	builtIn     map[authn.State]bool
	remembering *policy
	bases       map[string]string // by host, in small letters
	redirects   []*url.URL
	macs        sync.Pool // of hash.Hash: HMAC under the cookie key
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
	case cfg.Remember < 0:
		return nil, fmt.Errorf("okta: Remember: %v is less than 0", cfg.Remember)
	}
	if cfg.BaseURL != "" {
		if _, err := baseURL(cfg.BaseURL); err != nil {
			return nil, fmt.Errorf("okta: BaseURL: %w", err)
		}
	}
	bases, err := basesOf(cfg.BaseURLs)
	switch {
	case err != nil:
		return nil, fmt.Errorf("okta: BaseURLs: %w", err)
	case cfg.BaseURL != "" && len(bases) > 0:
		return nil, errors.New("okta: BaseURLs: BaseURL is set as well")
	}
	for _, o := range cfg.Origins {
		if u, err := absolute(o); err != nil || o != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("okta: Origins: %q is not a lower-case scheme and host, with a port only if it is not the usual one", o)
		}
	}
	known, err := typesOf(cfg.Types)
	if err != nil {
		return nil, fmt.Errorf("okta: Types: %w", err)
	}
	h := &Handler{cfg: cfg, types: known, ways: ways(endpoints), builtIn: builtIn(), bases: bases}
	h.remembering = &policy{Allow: cfg.Remember > 0, Minutes: int(cfg.Remember / time.Minute), ByDefault: cfg.RememberByDefault && cfg.Remember > 0}
	if err := h.checkGates(); err != nil {
		return nil, fmt.Errorf("okta: Gates: %w", err)
	}
	h.cfg.Origins, h.cfg.RedirectURLs, h.cfg.BaseURLs, h.cfg.Types = slices.Clone(cfg.Origins), nil, nil, nil
	h.cfg.Questions, h.cfg.Gates = slices.Clone(cfg.Questions), maps.Clone(cfg.Gates)
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

// baseURL parses what links may begin with.
func baseURL(s string) (*url.URL, error) {
	u, err := absolute(s)
	if err != nil || strings.HasSuffix(s, "/") || strings.ContainsAny(s, "?#") {
		return nil, fmt.Errorf("%q is not scheme, host and perhaps a path, without a slash at the end", s)
	}
	return u, nil
}

// basesOf indexes base URLs by the hosts that a request for them may name: with
// the usual port, and without it.
func basesOf(list []string) (map[string]string, error) {
	bases := map[string]string{}
	for _, s := range list {
		u, err := baseURL(s)
		if err != nil {
			return nil, err
		}
		usual := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		bare := strings.TrimSuffix(u.Host, usual)
		hosts := []string{u.Host}
		if u.Port() == "" || bare != u.Host {
			hosts = []string{bare, bare + usual}
		}
		for _, host := range hosts {
			if _, ok := bases[host]; ok {
				return nil, fmt.Errorf("%q has the host of another", s)
			}
			bases[host] = s
		}
	}
	return bases, nil
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
