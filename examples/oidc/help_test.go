package main

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	vw "github.com/descope/virtualwebauthn"
	"golang.org/x/oauth2"
)

// site is a provider that listens, with a clock that can be set forward.
type site struct {
	*provider
	t     *testing.T
	ahead atomic.Int64
	logs  *lockedBuffer
}

const (
	appURI   = "https://app.example/callback"
	otherURI = "https://other.example/callback"
	homeURI  = "https://app.example/"
	secret   = "a secret of the tests"
)

var registrations = []registration{
	{ID: "app", Secret: secret, RedirectURIs: []string{appURI}, PostLogoutRedirectURIs: []string{homeURI}},
	{ID: "other", Secret: secret, RedirectURIs: []string{otherURI}},
	{ID: "suite", Secret: secret, RedirectURIs: []string{appURI}, PostLogoutRedirectURIs: []string{homeURI}, NoPKCE: true},
}

func start(t *testing.T) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	s := &site{t: t, logs: new(lockedBuffer)}
	s.provider, err = newProvider(config{
		issuer: "http://localhost:" + port, clients: registrations, rounds: 1,
		now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	before := slog.Default()
	slog.SetDefault(logger(s.logs))
	srv := &http.Server{Handler: s.handler()}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close(); slog.SetDefault(before) })
	return s
}

func (s *site) advance(d time.Duration) { s.ahead.Add(int64(d)) }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// flow is one authorization request of a client, as go-oidc and oauth2 make it.
type flow struct {
	s                      *site
	conf                   oauth2.Config
	provider               *oidc.Provider
	state, nonce, verifier string
	url                    string
}

// ask makes a request of the client with these parameters beside what each has.
func (s *site) ask(client string, params ...string) *flow {
	s.t.Helper()
	p, err := oidc.NewProvider(s.t.Context(), s.issuer)
	if err != nil {
		s.t.Fatal(err)
	}
	uri := appURI
	if client == "other" {
		uri = otherURI
	}
	f := &flow{s: s, provider: p, state: "state of " + client, nonce: "nonce of " + client, verifier: oauth2.GenerateVerifier()}
	f.conf = oauth2.Config{ClientID: client, ClientSecret: secret, RedirectURL: uri, Endpoint: p.Endpoint(), Scopes: []string{"openid", "profile", "email"}}
	f.conf.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // and no second try, which would use the code up
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier)}
	for i := 0; i < len(params); i += 2 {
		options = append(options, oauth2.SetAuthURLParam(params[i], params[i+1]))
	}
	f.url = f.conf.AuthCodeURL(f.state, options...)
	return f
}

// claims are what an ID token says.
type claims struct {
	Subject  string   `json:"sub"`
	Nonce    string   `json:"nonce"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
	raw      string
	access   *oauth2.Token
}

// redeem exchanges the code that the browser has come back with, and checks everything.
func (f *flow) redeem(back url.Values) claims {
	f.s.t.Helper()
	if back.Get("error") != "" || back.Get("state") != f.state {
		f.s.t.Fatalf("back with %v", back)
	}
	ctx := f.s.t.Context()
	tok, err := f.conf.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(f.verifier))
	if err != nil {
		f.s.t.Fatal(err)
	}
	var c claims
	c.raw, _ = tok.Extra("id_token").(string)
	id, err := f.provider.Verifier(&oidc.Config{ClientID: f.conf.ClientID}).Verify(ctx, c.raw)
	if err != nil {
		f.s.t.Fatal(err)
	}
	if err := id.Claims(&c); err != nil || c.Nonce != f.nonce || id.VerifyAccessToken(tok.AccessToken) != nil {
		f.s.t.Fatalf("%+v, %v", c, err)
	}
	c.access = tok
	return c
}

func (f *flow) userinfo(c claims) (map[string]any, error) {
	info, err := f.provider.UserInfo(f.s.t.Context(), f.conf.TokenSource(context.Background(), c.access))
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	return all, info.Claims(&all)
}

// browser is a person's: it has cookies, follows redirects within the provider, and
// stops where one leads to a client.
type browser struct {
	*site
	c      http.Client
	status int
	page   string
	back   url.Values // what a client was sent; nil: the browser is at the provider
	to     string     // which client
	keys   *key
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	b := &browser{site: s, c: http.Client{Jar: jar}, keys: s.key()}
	b.c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), s.issuer) {
			return nil
		}
		return http.ErrUseLastResponse
	}
	return b
}

func (b *browser) send(method, u string, form url.Values, header ...string) *browser {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, u, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.c.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	b.status, b.page, b.back, b.to = resp.StatusCode, html.UnescapeString(string(body)), nil, ""
	if at, err := resp.Location(); err == nil {
		if b.back = at.Query(); at.Fragment != "" {
			b.back, _ = url.ParseQuery(at.Fragment)
		}
		at.RawQuery, at.Fragment = "", ""
		b.to = at.String()
	}
	return b
}

func (b *browser) open(u string) *browser { b.t.Helper(); return b.send("GET", u, nil) }

var requestID = regexp.MustCompile(`name="request" value="(\w+)"`)

// do sends a form of the page that is open, with the request that it has.
func (b *browser) do(event string, fields ...string) *browser {
	b.t.Helper()
	m := requestID.FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s: there is no form on the page: %d %s", event, b.status, b.page)
	}
	form := url.Values{"request": {m[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.send("POST", b.issuer+"/signin/"+event, form)
}

func (b *browser) shows(text string) *browser {
	b.t.Helper()
	if !strings.Contains(b.page, text) {
		b.t.Fatalf("%q is not on the page: %d %s", text, b.status, b.page)
	}
	return b
}

// refused says that the client has got this error, and the state.
func (b *browser) refused(f *flow, code string) {
	b.t.Helper()
	if b.back.Get("error") != code || b.back.Get("state") != f.state || b.to != f.conf.RedirectURL || b.back.Has("code") {
		b.t.Errorf("the client %s has got %v and not %s; %d %s", b.to, b.back, code, b.status, b.page)
	}
}

func (b *browser) password(user string) *browser {
	b.t.Helper()
	return b.do("password", "name", user+domain, "password", password)
}

func (b *browser) code(user string) string { return string(b.mail.Last(user + domain).Code) }

// byMail signs in with a code by e-mail, from the form for the password on.
func (b *browser) byMail(user string) *browser {
	b.t.Helper()
	b.password(user).shows("Confirm that it is you").do("challenge", "factor", "mail")
	return b.shows("Enter the code").do("verify", "code", b.code(user))
}

// key is a passkey.
type key struct {
	site       vw.RelyingParty
	device     vw.Authenticator
	credential vw.Credential
}

func (s *site) key() *key {
	k := &key{site: vw.RelyingParty{Name: "authn demo", ID: "localhost", Origin: s.issuer}, device: vw.NewAuthenticator()}
	for k.credential.Key == nil || len(k.credential.Key.AttestationData()) != 77 { // zeros that a coordinate begins with are left out
		k.credential = vw.NewCredential(vw.KeyTypeEC2)
	}
	k.device.AddCredential(k.credential)
	return k
}

var optionsOf = regexp.MustCompile(`data-options="(.*)" data-make`)

// passkey does what the browser's dialog does, to make a passkey or to use it.
func (b *browser) passkey() *browser {
	b.t.Helper()
	m := optionsOf.FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("no passkey is asked for: %s", b.page)
	}
	if strings.Contains(b.page, `data-make="yes"`) {
		o, err := vw.ParseAttestationOptions(m[1])
		if err != nil {
			b.t.Fatal(err)
		}
		return b.do("activate", "code", vw.CreateAttestationResponse(b.keys.site, b.keys.device, b.keys.credential, *o))
	}
	o, err := vw.ParseAssertionOptions(m[1])
	if err != nil {
		b.t.Fatal(err)
	}
	b.keys.credential.Counter++
	return b.do("verify", "code", vw.CreateAssertionResponse(b.keys.site, b.keys.device, b.keys.credential, *o))
}

// spliced sets the cookie of one sign-in in the place of another's.
func (b *browser) spliced(from, to string) {
	at, _ := url.Parse(b.issuer)
	for _, c := range b.c.Jar.Cookies(at) {
		if c.Name == signInCookie+from {
			b.c.Jar.SetCookies(at, []*http.Cookie{{Name: signInCookie + to, Value: c.Value, Path: "/"}})
		}
	}
}

func (b *browser) cookieOf(name string) *http.Cookie {
	at, _ := url.Parse(b.issuer)
	for _, c := range b.c.Jar.Cookies(at) {
		if c.Name == name {
			return c
		}
	}
	return nil
}
