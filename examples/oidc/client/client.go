// Package client is a small application that signs in with an OpenID provider, by
// github.com/coreos/go-oidc: it has no passwords and no codes of its own.
package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/authnfsm/authn/examples/oidc/pages"
)

// App is the application. What it keeps of browsers is in memory.
type App struct {
	ID, Secret string // as the provider has to know them
	Base       string // where browsers find it
	issuer     string

	mu       sync.Mutex // guards the maps and the provider
	provider *oidc.Provider
	flows    map[string]flow   // sign-ins under way, by cookie
	users    map[string]signed // by cookie
}

// flow is what the application remembers of a sign-in that it has sent away.
type flow struct {
	state, nonce, verifier string
	way                    Way
	begun                  time.Time
}

// signed is a user who has signed in.
type signed struct {
	idToken string
	claims  Claims
}

// Claims are those of the ID token that the application looks at.
type Claims struct {
	Subject  string   `json:"sub"`
	Nonce    string   `json:"nonce"`
	AuthTime int64    `json:"auth_time"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	Name     string   `json:"-"` // from the userinfo endpoint
}

// A Way is how the application asks for a sign-in.
type Way struct {
	Path, Title string
	First       bool
	ask         url.Values
	acr         string        // that the ID token has to have
	fresh       bool          // the sign-in has to be of now,
	within      time.Duration // or so long ago
}

const skew = 5 * time.Second // between the clocks of the provider and the application

var ways = []Way{
	{Path: "plain", Title: "Sign in", First: true},
	{Path: "again", Title: "Sign in again (prompt=login)", ask: url.Values{"prompt": {"login"}}, fresh: true},
	{Path: "fresh", Title: "Sign in if it is more than a minute ago (max_age=60)", ask: url.Values{"max_age": {"60"}}, fresh: true, within: time.Minute},
	{Path: "passkey", Title: "With a passkey (acr_values=phr)", ask: url.Values{"acr_values": {"phr"}}, acr: "phr"},
	{Path: "silent", Title: "Without a page (prompt=none)", ask: url.Values{"prompt": {"none"}}},
}

// New returns the application at base, with an id and a secret for the provider. It asks
// the provider nothing before the first sign-in.
func New(issuer, base string) *App {
	return &App{ID: "application", Secret: rand.Text(), Base: base, issuer: issuer, flows: map[string]flow{}, users: map[string]signed{}}
}

// RedirectURI is where the provider sends browsers back to.
func (a *App) RedirectURI() string { return a.Base + "/callback" }

// Handler routes.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /login/{way}", a.login)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("POST /logout", a.logout)
	mux.Handle("GET /assets/", pages.Assets())
	h := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.Headers(w.Header(), a.issuer)
		h.ServeHTTP(w, r)
	})
}

const (
	flowCookie = "app_flow"
	userCookie = "app_user"
	patience   = 30 * time.Minute // with a user who is at the provider
)

func (a *App) home(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	u, ok := a.users[value(r, userCookie)]
	a.mu.Unlock()
	if !ok {
		a.show(w, http.StatusOK, nil, "")
		return
	}
	a.show(w, http.StatusOK, &u.claims, "")
}

type claim struct{ Name, Value string }

func (a *App) show(w http.ResponseWriter, status int, c *Claims, problem string) {
	data := struct {
		Name, Problem string
		Claims        []claim
		Ways          []Way
	}{Problem: problem, Ways: ways}
	if c != nil {
		data.Name = c.Name
		at := time.Unix(c.AuthTime, 0).UTC().Format("2006-01-02 15:04:05 UTC")
		data.Claims = []claim{{"sub", c.Subject}, {"auth_time", at}, {"acr", c.ACR}, {"amr", strings.Join(c.AMR, " ")}}
	}
	pages.Show(w, status, "app", "An application", data)
}

// login sends the browser away, with a state and a nonce that only this browser brings
// back, and the hash of a verifier that never leaves the application's own connections.
func (a *App) login(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(ways, func(x Way) bool { return x.Path == r.PathValue("way") })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	conf, _, err := a.configured(r.Context())
	if err != nil {
		a.show(w, http.StatusBadGateway, nil, "The provider does not answer.")
		return
	}
	f := flow{rand.Text(), rand.Text(), oauth2.GenerateVerifier(), ways[i], time.Now()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier)}
	for name := range f.way.ask {
		options = append(options, oauth2.SetAuthURLParam(name, f.way.ask.Get(name)))
	}
	id := rand.Text()
	a.mu.Lock()
	a.flows[id] = f
	a.mu.Unlock()
	set(w, flowCookie, id)
	http.Redirect(w, r, conf.AuthCodeURL(f.state, options...), http.StatusSeeOther)
}

// callback is where the browser comes back.
func (a *App) callback(w http.ResponseWriter, r *http.Request) {
	id := value(r, flowCookie)
	a.mu.Lock()
	f, ok := a.flows[id]
	delete(a.flows, id)
	a.mu.Unlock()
	set(w, flowCookie, "")
	if q := r.URL.Query(); !ok || q.Get("state") != f.state || time.Since(f.begun) > patience {
		a.show(w, http.StatusBadRequest, nil, "This browser has not asked for that, or long ago.")
		return
	} else if code := q.Get("error"); code != "" {
		a.show(w, http.StatusForbidden, nil, code+": "+q.Get("error_description"))
		return
	}
	u, err := a.exchange(r.Context(), r.URL.Query().Get("code"), &f)
	if err != nil {
		a.show(w, http.StatusForbidden, nil, "The provider's answer is not good enough: "+err.Error())
		return
	}
	a.mu.Lock()
	delete(a.users, value(r, userCookie))
	id = rand.Text()
	a.users[id] = *u
	a.mu.Unlock()
	set(w, userCookie, id)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// exchange gets the ID token for a code, and checks that it says what was asked for: the
// user could have edited the request.
func (a *App) exchange(ctx context.Context, code string, f *flow) (*signed, error) {
	conf, provider, err := a.configured(ctx)
	if err != nil {
		return nil, errors.New("the provider does not answer")
	}
	t, err := conf.Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return nil, errors.New("the code was refused")
	}
	u := new(signed)
	u.idToken, _ = t.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: a.ID}).Verify(ctx, u.idToken)
	if err == nil {
		err = id.Claims(&u.claims)
	}
	switch c := &u.claims; {
	case err != nil:
		return nil, errors.New("the ID token is not valid")
	case c.Nonce != f.nonce:
		return nil, errors.New("the nonce is another one")
	case f.way.acr != "" && c.ACR != f.way.acr:
		return nil, fmt.Errorf("the acr is %q and not %q", c.ACR, f.way.acr)
	case f.way.fresh && time.Unix(c.AuthTime, 0).Before(f.begun.Add(-f.way.within-skew)):
		return nil, errors.New("the sign-in is too old")
	}
	info, err := provider.UserInfo(ctx, conf.TokenSource(ctx, t))
	if err != nil || info.Subject != u.claims.Subject || info.Claims(&struct {
		Name *string `json:"name"`
	}{&u.claims.Name}) != nil {
		return nil, errors.New("the provider does not say who the user is")
	}
	return u, nil
}

// logout forgets the user, and sends the browser to the provider to do the same.
func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	u := a.users[value(r, userCookie)]
	delete(a.users, value(r, userCookie))
	a.mu.Unlock()
	set(w, userCookie, "")
	v := url.Values{"client_id": {a.ID}, "post_logout_redirect_uri": {a.Base + "/"}}
	if u.idToken != "" {
		v.Set("id_token_hint", u.idToken)
	}
	http.Redirect(w, r, a.issuer+"/end_session?"+v.Encode(), http.StatusSeeOther)
}

// configured asks the provider, once, where its endpoints are.
func (a *App) configured(ctx context.Context) (*oauth2.Config, *oidc.Provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider == nil {
		p, err := oidc.NewProvider(context.WithoutCancel(ctx), a.issuer)
		if err != nil {
			return nil, nil, err
		}
		a.provider = p
	}
	endpoint := a.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // to try both would use the code up
	return &oauth2.Config{
		ClientID: a.ID, ClientSecret: a.Secret, RedirectURL: a.RedirectURI(),
		Endpoint: endpoint, Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}, a.provider, nil
}

func value(r *http.Request, cookie string) string {
	c, err := r.Cookie(cookie)
	if err != nil {
		return ""
	}
	return c.Value
}

func set(w http.ResponseWriter, cookie, value string) {
	c := &http.Cookie{Name: cookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
