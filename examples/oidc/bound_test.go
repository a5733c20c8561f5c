package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func requestOf(b *browser) string {
	b.t.Helper()
	m := requestID.FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("no form: %s", b.page)
	}
	return m[1]
}

// A request belongs to the browser that brought it: nobody goes on with it elsewhere, as
// somebody who wants another to sign in for him would.
func TestOtherBrowser(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url)
	at := s.issuer + "/signin?request=" + requestOf(b)
	stranger := s.browser()
	if stranger.open(at); stranger.status != 403 {
		t.Errorf("%d %s", stranger.status, stranger.page)
	}
	own := s.ask("other")
	stranger.open(own.url) // it has a cookie of its own now
	for _, event := range []string{"password", "step-up", "verify", "cancel"} {
		stranger.page = b.page
		if stranger.do(event, "name", "ada@example.com", "password", password); stranger.status != 403 || stranger.back != nil {
			t.Errorf("%s: %d %s", event, stranger.status, stranger.page)
		}
	}
	stranger.page = b.page
	if stranger.send("POST", s.issuer+"/phone/scan", url.Values{"request": {requestOf(b)}}); stranger.status != 403 {
		t.Errorf("scan: %d", stranger.status)
	}
	f.redeem(b.byMail("ada").back)
}

// A sign-in belongs to its request: the state token of another one, in the same browser,
// is worth nothing.
func TestOtherRelay(t *testing.T) {
	s := start(t)
	b, weak, strong := s.browser(), s.ask("app"), s.ask("other", "prompt", "login")
	b.open(strong.url)
	page, to := b.page, requestOf(b)
	b.open(weak.url).password("ada").do("challenge", "factor", "mail")
	b.spliced(requestOf(b), to)
	b.page = page
	if b.do("verify", "code", b.code("ada")); b.status != 403 || b.back != nil || b.cookieOf(sessionCookie) != nil {
		t.Errorf("%d %v %s", b.status, b.back, b.page)
	}
	b.open(strong.url).byMail("ada")
	strong.redeem(b.back)
}

// A step-up belongs to its session: it does not bring back one that has ended, and does
// not go to another user's.
func TestStepUpOfAnEndedSession(t *testing.T) {
	s := start(t)
	for name, meanwhile := range map[string]func(b *browser){
		"signed out": func(b *browser) { b.send("POST", s.issuer+"/sign-out", nil) },
		"somebody else": func(b *browser) {
			f := s.ask("other", "prompt", "login")
			f.redeem(b.open(f.url).byMail("ada").back)
		},
	} {
		s = start(t)
		b := withKey(s)
		f := s.ask("app", "acr_values", acrPasskey)
		b.open(f.url).do("step-up").do("challenge", "factor", "key")
		page := b.page
		meanwhile(b)
		b.page = page
		if b.passkey(); b.status != 403 || b.back != nil {
			t.Errorf("%s: %d %v %s", name, b.status, b.back, b.page)
		}
		if at := b.cookieOf(sessionCookie); at != nil && s.store.sessions[hashed(at.Value)] != nil && s.store.sessions[hashed(at.Value)].user != "ada" {
			t.Errorf("%s: the session is back", name)
		}
	}
}

// No other site's page acts for the user.
func TestCrossSite(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url)
	form := url.Values{"request": {requestOf(b)}, "name": {"ada@example.com"}, "password": {password}}
	for _, path := range []string{"/signin/password", "/signin/cancel", "/sign-out", "/phone/scan"} {
		if b.send("POST", s.issuer+path, form, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); b.status != 403 {
			t.Errorf("%s: %d", path, b.status)
		}
	}
	r, _ := http.NewRequest("GET", s.issuer+"/inbox", nil)
	r.Host = "evil.example"
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Error(resp, err)
	}
}

// What a client is not registered for leads nowhere.
func TestRedirectURI(t *testing.T) {
	s := start(t)
	b := s.browser()
	for _, uri := range []string{
		"https://evil.example/", appURI + "/", appURI + "?x=1", strings.Replace(appURI, "https", "http", 1), otherURI,
		"https://app.example:443/callback", "https://APP.example/callback", "", "/callback", "javascript:alert(1)",
	} {
		f := s.ask("app", "redirect_uri", uri)
		if b.open(f.url); b.status != 400 || b.back != nil {
			t.Errorf("%q: %d %v", uri, b.status, b.back)
		}
	}
	f := s.ask("nobody")
	if b.open(f.url); b.status != 400 || b.back != nil {
		t.Errorf("an unknown client: %d %v", b.status, b.back)
	}
}

// What the provider does not do is refused clearly.
func TestRefused(t *testing.T) {
	s := start(t)
	b := s.browser()
	for want, params := range map[string][]string{
		"invalid_request A code_challenge":     {"code_challenge", ""},
		"invalid_request The only code_":       {"code_challenge_method", "plain"},
		"invalid_request The only response_m":  {"response_mode", "fragment"},
		"unauthorized_client The requested re": {"response_type", "id_token token"},
		"invalid_scope":                        {"scope", "profile"},
		"request_not_supported":                {"request", "x.y.z"},
		"invalid_request A parameter":          {"nonce", strings.Repeat("x", maxParam+1)},
	} {
		code, why, _ := strings.Cut(want, " ")
		f := s.ask("app", params...)
		b.open(f.url)
		if b.refused(f, code); !strings.HasPrefix(b.back.Get("error_description"), why) {
			t.Errorf("%v: %v", params, b.back)
		}
	}
	if b.open(s.ask("app", "request_uri", "https://app.example/request").url); b.status != 400 {
		t.Errorf("request_uri: %d", b.status)
	}
	for _, grant := range []string{"refresh_token", "client_credentials", "password", "urn:ietf:params:oauth:grant-type:jwt-bearer", ""} {
		form := url.Values{"grant_type": {grant}, "client_id": {"app"}, "client_secret": {secret}, "assertion": {"x"}, "refresh_token": {"x"}}
		if b.send("POST", s.issuer+"/oauth/token", form); b.status < 400 || strings.Contains(b.page, "access_token") {
			t.Errorf("%s: %d %s", grant, b.status, b.page)
		}
	}
	for _, path := range []string{"/authorize/callback?id=x", "/oauth/introspect", "/revoke", "/device_authorization", "/oauth/token?grant_type=authorization_code"} {
		if b.open(s.issuer + path); b.status < 400 {
			t.Errorf("%s: %d", path, b.status)
		}
	}
}

// With TLS, cookies belong to this host alone; scripts read none, and no other site's
// post brings one along.
func TestCookies(t *testing.T) {
	for issuer, prefix := range map[string]string{"https://login.example.com": "__Host-", "http://localhost:8082": ""} {
		p, err := newProvider(config{issuer: issuer, rounds: 1})
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		p.setCookie(recorder{h}, sessionCookie, "value", sessionLife)
		c, err := http.ParseSetCookie(h.Get("Set-Cookie"))
		if err != nil || c.Name != prefix+"session" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (prefix != "") {
			t.Errorf("%s: %v %v", issuer, c, err)
		}
	}
}

type recorder struct{ h http.Header }

func (r recorder) Header() http.Header         { return r.h }
func (r recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r recorder) WriteHeader(int)             {}

// No log has a code, a token, a secret, or the state of a request.
func TestLogs(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	f.state = "the state of the tests"
	f.url = strings.Replace(f.url, url.QueryEscape("state of app"), url.QueryEscape(f.state), 1)
	back := b.open(f.url).byMail("ada").back
	c := f.redeem(back)
	f.conf.Exchange(t.Context(), back.Get("code"))
	b.open(s.ask("app", "id_token_hint", c.raw[:40], "state", f.state).url)
	b.open(s.ask("app", "id_token_hint", c.raw+"x", "state", f.state).url)
	b.open(s.ask("app", "prompt", "consent", "state", f.state).url)
	b.open(s.ask("nobody", "state", f.state).url)
	b.open(s.issuer + "/end_session?id_token_hint=" + c.raw + "x")
	b.send("POST", s.issuer+"/userinfo", url.Values{"access_token": {c.access.AccessToken + "x"}})
	log := s.logs.String()
	if !strings.Contains(log, "type=invalid_grant") || !strings.Contains(log, "type=consent_required") {
		t.Errorf("the log has nothing: %s", log)
	}
	for what, secret := range map[string]string{
		"the code": back.Get("code"), "the ID token": c.raw[:40], "the access token": c.access.AccessToken, "the state": f.state,
		"the client's secret": secret, "the verifier": f.verifier, "the one-time code": b.code("ada"), "the password": password,
		"the session": b.cookieOf(sessionCookie).Value, "the address": "ada@example.com",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log: %s", what, log)
		}
	}
}

// Signing out: with an ID token of the user it is done at once; without one the user is
// asked, since any site could ask for it.
func TestSignOut(t *testing.T) {
	s := start(t)
	b := s.browser()
	in := func(user string) claims {
		f := s.ask("app", "prompt", "login")
		return f.redeem(b.open(f.url).byMail(user).back)
	}
	signedIn := func() bool {
		f := s.ask("app", "prompt", "none")
		return b.open(f.url).back.Has("code")
	}
	end := func(params ...string) *browser {
		v := url.Values{}
		for i := 0; i < len(params); i += 2 {
			v.Set(params[i], params[i+1])
		}
		return b.open(s.issuer + "/end_session?" + v.Encode())
	}
	other := s.browser()
	f := s.ask("app")
	hedy := f.redeem(other.open(f.url).byMail("hedy").shows("passkey").do("enroll", "factor", keyType).passkey().back).raw
	ada := in("ada").raw
	for _, params := range [][]string{{}, {"client_id", "app", "post_logout_redirect_uri", homeURI}, {"id_token_hint", hedy, "post_logout_redirect_uri", homeURI}} {
		if end(params...).shows("Sign out?"); b.back != nil || !signedIn() {
			t.Errorf("%v: %d %v", params, b.status, b.back)
		}
	}
	for _, params := range [][]string{
		{"id_token_hint", ada, "post_logout_redirect_uri", "https://evil.example/"}, {"id_token_hint", ada + "x"},
		{"id_token_hint", ada, "client_id", "other"},
	} {
		if end(params...); b.status != 400 || b.back != nil || !signedIn() {
			t.Errorf("%v: %d %v", params, b.status, b.back)
		}
	}
	if end("id_token_hint", ada, "post_logout_redirect_uri", homeURI, "state", "x"); b.to != homeURI || b.back.Get("state") != "x" || signedIn() {
		t.Errorf("%d %s %v", b.status, b.to, b.back)
	}
	in("ada")
	if end("id_token_hint", ada).shows("You are signed out"); signedIn() {
		t.Error("the session is alive")
	}
	in("ada")
	if b.send("POST", s.issuer+"/sign-out", nil).shows("You are signed out"); signedIn() {
		t.Error("the session is alive")
	}
}
