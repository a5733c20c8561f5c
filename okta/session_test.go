package okta_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

const redirectPath = "/login/sessionCookieRedirect"

// signedIn is a client of alan's with a session token.
func signedIn(t *testing.T) (*client, string) {
	c := newWorld(t, authn.Policy{}).client("alan")
	return c, c.is(c.login(), 200, "SUCCESS").str("sessionToken")
}

// TestRedirectTo: only to what is on the list, read as every browser reads it.
func TestRedirectTo(t *testing.T) {
	for to, ok := range map[string]bool{
		app:                                   true,
		app + "/":                             true,
		app + "/a/b?c=d#e":                    true,
		"https://APP.example.com/x":           true,
		"https://shop.example.com/welcome":    true,
		"https://shop.example.com/welcome/":   false,
		"https://shop.example.com/welcome?a":  false,
		"https://shop.example.com/":           false,
		"http://app.example.com/":             false,
		"https://app.example.com:8443/":       false,
		"https://app.example.com.evil.net/":   false,
		"https://app.example.com@evil.net/":   false,
		"https://evil@app.example.com/":       false,
		`https://app.example.com\@evil.net/`:  false,
		`https:\\app.example.com`:             false,
		"https:app.example.com":               false,
		"https:///app.example.com":            false,
		"//app.example.com/":                  false,
		"/relative":                           false,
		"javascript:alert(1)":                 false,
		"https://app.example.com/\r\nX: y":    false,
		" https://app.example.com/":           false,
		"https://app.example.com/\u2028":      false,
		"https://evil.net/?https://app.exa..": false,
		"":                                    false,
	} {
		c, token := signedIn(t)
		c.unchangedUnless(ok, func() {
			r := c.get(redirectPath + query("token", token, "redirectUrl", to))
			switch {
			case ok && (r.Code != http.StatusFound || r.Header().Get("Location") != to):
				t.Errorf("%q: %d, to %q", to, r.Code, r.Header().Get("Location"))
			case !ok && (r.Code != 400 || r.Header().Get("Location") != ""):
				t.Errorf("%q: %d, to %q", to, r.Code, r.Header().Get("Location"))
			}
			if v := r.Header().Get("Referrer-Policy"); v != "no-referrer" {
				t.Errorf("%q: Referrer-Policy: %s", to, v)
			}
		})
	}
}

func (w *world) unchangedUnless(ok bool, f func()) {
	w.t.Helper()
	if ok {
		f()
		return
	}
	w.unchanged(f)
}

// TestRedirectCookie: the token in the URL serves the browser that was given
// it, and none other; whoever stole it, and whoever wants to plant his own,
// has no cookie for it.
func TestRedirectCookie(t *testing.T) {
	c, token := signedIn(t)
	to := redirectPath + query("token", token, "redirectUrl", app)
	thief := c.client("alan")
	thief.is(thief.login(), 200, "SUCCESS") // has a cookie, of another token
	nobody := c.client("alan")
	c.unchanged(func() {
		thief.is(thief.get(to), 401, "E0000011")
		nobody.is(nobody.get(to), 401, "E0000011")
		c.is(c.request("HEAD", to, ""), 405, "E0000022")
		c.is(c.request("POST", to, ""), 405, "E0000022")
		c.is(c.get(to+"&token="+token), 400, "E0000001")
		c.is(c.get(redirectPath+query("redirectUrl", app)), 400, "E0000001")
		c.is(c.get(redirectPath+query("token", token)), 400, "E0000001")
	})
	if r := c.get(to); r.Code != http.StatusFound {
		t.Fatalf("got %d %s", r.Code, r.Body)
	}
	if len(c.people.started) != 1 || c.cookies["session"] != "s1" {
		t.Errorf("%d sessions, cookies %v", len(c.people.started), c.cookies)
	}
	state := newWorld(t, authn.Policy{}).client("bob")
	state.login()
	state.is(state.get(redirectPath+query("token", state.token, "redirectUrl", app)), 403, "E0000005")
}

// TestInsecureCookie: without TLS the cookie has neither Secure nor its prefix.
func TestInsecureCookie(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	h, err := okta.New(okta.Config{
		Service: w.svc, Passwords: w.people, Sessions: w.people, RedirectURLs: []string{app}, InsecureCookie: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.client("alan")
	c.h = h
	r := c.is(c.login(), 200, "SUCCESS")
	if v := r.Header().Get("Set-Cookie"); !strings.HasPrefix(v, "authn-success-") || strings.Contains(v, "Secure") {
		t.Error(v)
	}
	if r := c.get(redirectPath + query("token", r.str("sessionToken"), "redirectUrl", app)); r.Code != http.StatusFound {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
}

// TestSessions: what is not a session token gets no session.
func TestSessions(t *testing.T) {
	c, token := signedIn(t)
	c.unchanged(func() {
		for body, what := range map[string]string{
			`{}`:                        "E0000001",
			`{"sessionToken":""}`:       "E0000001",
			`{"token":"` + token + `"}`: "E0000001",
			`{"sessionToken":"x"}`:      "E0000011",
			`{"sessionToken":"` + token + `","token":"x"}`: "E0000001",
			`{"sessionToken":"` + token[2:] + `"}`:         "E0000011",
			`{"sessionToken":"20` + token + `"}`:           "E0000011",
			`{"username":"alan","password":"guess"}`:       "E0000001",
		} {
			if r := c.post("/api/v1/sessions", body); r.str("errorCode") != what {
				t.Errorf("%s: %d %s", body, r.Code, r.Body)
			}
		}
		r := c.is(c.post("/api/v1/authn", `{"stateToken":"`+token+`"}`), 401, "E0000011")
		if !strings.Contains(r.str("errorCauses.0.errorSummary"), base+"/api/v1/sessions") {
			t.Error(r.Body)
		}
		c.is(c.get("/api/v1/sessions/me"), 404, "E0000008")
		c.is(c.post("/api/v1/users/u/factors/f/verify", `{"passCode":"123456"}`), 404, "E0000008")
	})
	r := c.post("/api/v1/sessions", `{"sessionToken":"`+token+`"}`)
	if r.Code != 200 || r.str("id") != "s1" || r.str("expiresAt") != "2026-03-02T00:00:00.000Z" || r.str("amr.0") != "pwd" {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
}

// TestCORS: the origins of the list, by name and with credentials; also on
// errors, which a client could not read otherwise.
func TestCORS(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-okta-user-agent-extended"}
	r := c.request("OPTIONS", "/api/v1/authn", "", append(preflight, "Origin", app)...)
	h := r.Header()
	if r.Code != http.StatusNoContent || h.Get("Access-Control-Allow-Methods") != "POST" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "content-type") ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "x-okta-user-agent-extended") {
		t.Errorf("preflight: %d %v", r.Code, h)
	}
	for _, r := range []*reply{
		r, c.post("/api/v1/authn", `{"username":"bob","password":"`+goodPassword+`"}`, "Origin", app),
		c.post("/api/v1/authn", `{}`, "Origin", app), c.request("GET", "/nowhere", "", "Origin", app),
	} {
		if h := r.Header(); h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
			t.Errorf("%d %v", r.Code, h)
		}
	}
	for _, origin := range []string{"https://evil.example", "null", "*", app + ".evil.example", app + "/", strings.ToUpper(app), ""} {
		r := c.request("OPTIONS", "/api/v1/authn", "", append(preflight, "Origin", origin)...)
		if r.Code != 403 || r.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%q: %d %v", origin, r.Code, r.Header())
		}
		if r := c.post("/api/v1/authn", `{}`, "Origin", origin); r.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%q: %v", origin, r.Header())
		}
	}
}

// TestPrefix: behind StripPrefix links have the path of BaseURL; and no Host
// header finds its way into one.
func TestPrefix(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	h, err := okta.New(okta.Config{Service: w.svc, Passwords: w.people, BaseURL: base + "/idp"})
	if err != nil {
		t.Fatal(err)
	}
	c := w.client("bob")
	c.h = h
	r := c.request("POST", "http://evil.example/api/v1/authn", `{"username":"bob","password":"`+goodPassword+`"}`,
		"X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example")
	if href := r.str(firstVerify); href != base+"/idp"+verifyPath || strings.Contains(r.Body.String(), "evil") {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

// TestProfile: what the host shows of a user, from wherever it has it.
func TestProfile(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	h, err := okta.New(okta.Config{
		Service: w.svc, Passwords: w.people, Profile: profileOf,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.client("bob")
	c.h = h
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	if r.str("_embedded.user.id") != "user-bob" || r.str("_embedded.user.profile.firstName") != "Bob" {
		t.Error(r.Body)
	}
}

// TestTwoTabs: tabs of one browser that reach SUCCESS, in whichever order their
// answers come, have a session each.
func TestTwoTabs(t *testing.T) {
	c, first := signedIn(t)
	second := c.is(c.login(), 200, "SUCCESS").str("sessionToken")
	for i, token := range []string{first, second} {
		r := c.get(redirectPath + query("token", token, "redirectUrl", app))
		if r.Code != http.StatusFound || len(c.people.started) != i+1 {
			t.Errorf("tab %d: %d %s, %d sessions", i+1, r.Code, r.Body, len(c.people.started))
		}
	}
}

// TestManyTabs: a browser keeps the cookies of its last eight sign-ins that
// succeeded, so that no header grows without end.
func TestManyTabs(t *testing.T) {
	const kept = 8
	b := &browser{client: newWorld(t, authn.Policy{}).client("")}
	b.cookies = []*http.Cookie{{Name: "other", Value: "stays"}, {Name: "__Host-authn-successor", Value: "stays"}}
	var tokens []string
	for i := range kept + 4 {
		name := fmt.Sprint("tab", i)
		b.people.factors["user-"+name], b.people.require["user-"+name] = nil, authn.RequireNothing
		tokens = append(tokens, b.is(b.login(name), 200, "SUCCESS").str("sessionToken"))
		if n := len(b.cookies); n != min(i+1, kept)+2 {
			t.Fatalf("%d cookies after %d sign-ins", n, i+1)
		}
	}
	for i, token := range tokens {
		r := b.get(redirectPath + query("token", token, "redirectUrl", app))
		if old := len(tokens) - i; r.Code != http.StatusFound && old <= kept || r.Code != http.StatusUnauthorized && old > kept {
			t.Errorf("the last but %d: %d", old-1, r.Code)
		}
	}
	if n := len(b.people.started); n != kept {
		t.Errorf("%d sessions, want %d", n, kept)
	}
}

// browser sends its cookies the oldest first, as browsers do.
type browser struct {
	*client
	cookies []*http.Cookie
}

func (b *browser) login(name string) *reply {
	return b.do("POST", authnPath, `{"username":"`+name+`","password":"`+goodPassword+`"}`)
}

func (b *browser) get(target string) *reply { return b.do("GET", target, "") }

func (b *browser) do(method, target, body string) *reply {
	b.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, k := range b.cookies {
		r.AddCookie(k)
	}
	b.client.cookies = map[string]string{}
	rep := b.client.do(r)
	for _, k := range rep.Result().Cookies() {
		i := slices.IndexFunc(b.cookies, func(o *http.Cookie) bool { return o.Name == k.Name })
		switch {
		case i >= 0 && k.MaxAge < 0:
			b.cookies = slices.Delete(b.cookies, i, i+1)
		case i >= 0:
			b.cookies[i] = k
		case k.MaxAge >= 0:
			b.cookies = append(b.cookies, k)
		}
	}
	return rep
}

// TestSecondClick: the browser that was given the token is sent on whenever it
// asks; the session is made once. Whoever has no cookie for the token is not.
func TestSecondClick(t *testing.T) {
	c, token := signedIn(t)
	to := redirectPath + query("token", token, "redirectUrl", app+"/orders?id=7")
	for i := range 3 {
		r := c.get(to)
		if r.Code != http.StatusFound || r.Header().Get("Location") != app+"/orders?id=7" || r.Body.Len() > 0 {
			t.Errorf("click %d: %d, to %q", i+1, r.Code, r.Header().Get("Location"))
		}
		if set := strings.Join(r.Header()["Set-Cookie"], " "); strings.Contains(set, "session=") != (i == 0) {
			t.Errorf("click %d sets %s", i+1, set)
		}
	}
	if n := len(c.people.started); n != 1 {
		t.Errorf("%d sessions", n)
	}
	c.unchanged(func() {
		c.is(c.get(redirectPath+query("token", token, "redirectUrl", "https://evil.example/")), 400, "E0000001")
		c.is(c.client("alan").get(to), 401, "E0000011")
	})

	c, token = signedIn(t)
	to = redirectPath + query("token", token, "redirectUrl", app)
	// A fault of a port is no second click: the token may be good still.
	c.store.down = true
	c.is(c.get(to), 503, "E0000009")
	c.store.down = false
	// A late token makes no session, and there is nothing to wait for.
	c.wait(okta.SessionLife)
	if r := c.get(to); r.Code != http.StatusFound || len(c.people.started) != 0 {
		t.Errorf("got %d %s, %d sessions", r.Code, r.Body, len(c.people.started))
	}

	c = newWorld(t, authn.Policy{}).client("bob")
	c.login()
	c.send(verifyPath)
	token = c.is(c.send(verifyPath, "passCode", c.code("bob")), 200, "SUCCESS").str("sessionToken")
	// Nor is a user who may not sign in any more sent on.
	c.people.set("user-bob", 0, authn.NotSetUp)
	c.is(c.get(redirectPath+query("token", token, "redirectUrl", app)), 401, "E0000011")
}

// TestPlantedCookie: a token that somebody else got, with the cookie of another
// token, is no good, whatever the names of the cookies.
func TestPlantedCookie(t *testing.T) {
	c, mine := signedIn(t)
	thief := c.client("alan")
	theirs := thief.is(thief.login(), 200, "SUCCESS").str("sessionToken")
	for name := range thief.cookies {
		for _, value := range c.cookies {
			c.cookies[name] = value
		}
	}
	c.unchanged(func() { c.is(c.get(redirectPath+query("token", theirs, "redirectUrl", app)), 401, "E0000011") })
	if r := c.get(redirectPath + query("token", mine, "redirectUrl", app)); r.Code != http.StatusFound {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
}
