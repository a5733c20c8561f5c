package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/oidc/pages"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/webauthnfactor"
)

// provider is the host: everything around the two libraries.
type provider struct {
	issuer string
	svc    *authn.Service
	op     *op.Provider
	store  *store
	people *people
	mail   *memsender.Sender // read at /inbox
	phone  *phone
	now    func() time.Time
}

type config struct {
	issuer               string
	keyFile, clientsFile string
	clients              []registration
	now                  func() time.Time // nil: time.Now
	rounds               int              // of the password's hash; 0: defaultRounds
}

const defaultRounds = 600_000

func newProvider(c config) (*provider, error) {
	at, err := url.Parse(c.issuer)
	if err != nil || at.Host == "" || at.Path != "" || at.RawQuery != "" {
		return nil, fmt.Errorf("issuer: a URL without a path is expected, not %q", c.issuer)
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.rounds == 0 {
		c.rounds = defaultRounds
	}
	p := &provider{issuer: c.issuer, mail: new(memsender.Sender), phone: newPhone(c.now), now: c.now}
	if p.people, err = newPeople(c.rounds); err != nil {
		return nil, err
	}
	keys, err := webauthnfactor.New(webauthnfactor.Config{RPID: at.Hostname(), RPName: "authn demo", Origins: []string{c.issuer}})
	if err != nil {
		return nil, err
	}
	p.svc, err = authn.New(authn.Config{
		Tenant: "oidc", Issuer: "authn demo", Now: c.now,
		Keys: []authn.Key{{ID: 1, Secret: random(32)}}, PseudonymKey: random(32), // a real host keeps them
		Store: new(memstore.Store), Mailer: p.mail, Directory: p.people, Types: []authn.FactorType{keys},
	})
	if err != nil {
		return nil, err
	}
	return p, p.open(&c)
}

// open sets up the library of the provider.
func (p *provider) open(c *config) error {
	p.store = &store{
		people: p.people, now: c.now,
		requests: map[string]*request{}, codes: map[string]*code{}, tokens: map[string]*token{}, sessions: map[string]*session{},
	}
	var err error
	if p.store.clients, err = register(c.clients, c.clientsFile); err != nil {
		return err
	}
	if p.store.key, err = openKey(c.keyFile); err != nil {
		return err
	}
	options := []op.Option{op.WithCORSOptions(nil)} // clients are servers
	if !p.secure() {
		options = append(options, op.WithAllowInsecure())
	}
	p.op, err = op.NewProvider(&op.Config{
		CryptoKey: [32]byte(random(32)), DefaultLogoutRedirectURI: "/signed-out",
		CodeMethodS256: true, AuthMethodPost: true, SupportedScopes: []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail},
		SupportedClaims: []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash",
			"name", "given_name", "family_name", "preferred_username", "email", "email_verified"},
	}, p.store, op.StaticIssuer(p.issuer), options...)
	return err
}

const maxBody = 64 << 10 // bytes: more than what a passkey says

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	// Clients and other sites come here:
	mux.HandleFunc("GET "+oidc.DiscoveryEndpoint, p.discovery)
	mux.HandleFunc("GET /keys", p.op.ServeHTTP)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /authorize", byGet)
	mux.HandleFunc("POST /oauth/token", withoutQuery(http.HandlerFunc(p.token)))
	mux.HandleFunc("GET /userinfo", withoutQuery(http.HandlerFunc(p.userinfo)))
	mux.HandleFunc("POST /userinfo", withoutQuery(http.HandlerFunc(p.userinfo)))
	mux.HandleFunc("GET /end_session", p.endSessionPage)
	mux.HandleFunc("POST /end_session", byGet)
	// Users come here, from the provider's own pages:
	own := http.NewServeMux()
	own.HandleFunc("GET /signin", p.signIn)
	own.HandleFunc("POST /signin/password", p.password)
	own.HandleFunc("POST /signin/step-up", p.stepUp)
	own.HandleFunc("POST /signin/cancel", p.cancel)
	own.HandleFunc("POST /signin/{event}", p.step)
	own.HandleFunc("GET /sign-out", p.askSignOut)
	own.HandleFunc("POST /sign-out", p.signOut)
	own.HandleFunc("GET /signed-out", p.signedOut)
	own.HandleFunc("GET /inbox", p.inbox)
	own.HandleFunc("GET /phone", p.phonePage)
	own.HandleFunc("POST /phone/scan", p.scan)
	own.Handle("GET /assets/", pages.Assets())
	mux.Handle("/", http.NewCrossOriginProtection().Handler(own))
	return http.MaxBytesHandler(p.headers(mux), maxBody)
}

// headers are those of every answer. The provider answers to its own name alone, so that
// no other site can make its name lead here and read the inbox.
func (p *provider) headers(next http.Handler) http.Handler {
	at, _ := url.Parse(p.issuer)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != at.Host {
			http.Error(w, fmt.Sprintf("This server is %s and not %.100q.", p.issuer, r.Host), http.StatusMisdirectedRequest)
			return
		}
		pages.Headers(w.Header(), "")
		next.ServeHTTP(w, r)
	})
}

// discovery says what there is. The library's own document names more than that.
func (p *provider) discovery(w http.ResponseWriter, r *http.Request) {
	d := op.CreateDiscoveryConfig(op.ContextWithIssuer(r.Context(), p.issuer), p.op, p.store)
	d.ResponseTypesSupported = []string{string(oidc.ResponseTypeCode)}
	d.ResponseModesSupported = []string{string(oidc.ResponseModeQuery)}
	d.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeCode}
	d.ACRValuesSupported = []string{acrTwoFactors, acrPasskey}
	d.TokenEndpointAuthMethodsSupported = []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost}
	d.IntrospectionEndpoint, d.RevocationEndpoint, d.DeviceAuthorizationEndpoint = "", "", ""
	d.IntrospectionEndpointAuthMethodsSupported, d.IntrospectionEndpointAuthSigningAlgValuesSupported = nil, nil
	d.RevocationEndpointAuthMethodsSupported, d.RevocationEndpointAuthSigningAlgValuesSupported = nil, nil
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(d)
}

// userinfo says who has the access token, or refuses it as RFC 6750 has it.
func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	token, err := op.ParseUserinfoRequest(r, p.op.Decoder())
	if err == nil {
		token, err = p.op.Crypto().Decrypt(token)
	}
	id, user, _ := strings.Cut(token, ":")
	info := new(oidc.UserInfo)
	if err != nil || p.store.SetUserinfoFromToken(r.Context(), info, id, user, "") != nil {
		challenge := `Bearer error="invalid_token"`
		if r.Header.Get("Authorization") == "" && r.PostFormValue("access_token") == "" {
			challenge = "Bearer" // section 3.1: who has brought none is told no error
		}
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(w, "The access token is not valid.", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(info)
}

// byGet turns a form that another site has posted into a link: with a post the browser
// sends no cookies.
func byGet(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, r.URL.Path+"?"+r.Form.Encode(), http.StatusSeeOther)
}

// withoutQuery keeps secrets out of URLs: there, codes and tokens do not count.
func withoutQuery(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = ""
		next.ServeHTTP(w, r)
	}
}

type contextKey int

const (
	browserKey contextKey = iota
	sessionKey
)

// browserOf is the hash of the cookie of the browser that an authorization request came
// from.
func browserOf(ctx context.Context) string {
	b, _ := ctx.Value(browserKey).(string)
	return b
}

func sessionOf(ctx context.Context) *session {
	s, _ := ctx.Value(sessionKey).(*session)
	return s
}
