package okta_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// alike says that two answers are one, but for the ids of the requests.
func alike(t testing.TB, what string, a, b *reply) {
	t.Helper()
	text := func(r *reply) string {
		r.Header().Del("Date")
		s := fmt.Sprint(r.Code, r.Header(), r.Body)
		return strings.ReplaceAll(s, r.Header().Get("X-Okta-Request-Id"), "ID")
	}
	if x, y := text(a), text(b); x != y {
		t.Errorf("%s: the answers differ:\n%s\n%s", what, x, y)
	}
}

// TestOnePasswordAnswer: who has not the password learns nothing of accounts.
func TestOnePasswordAnswer(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	want := c.is(c.post("/api/v1/authn", `{"username":"bob","password":"guess"}`), 401, "E0000004")
	for _, user := range []string{"nobody", "joan", "alan", "grace", "none"} {
		alike(t, user, want, c.post("/api/v1/authn", `{"username":"`+user+`","password":"guess"}`))
	}
	c.user = "ghost"
	alike(t, "closed", want, c.login())
	c.user = "none"
	c.is(c.login(), 403, "E0000085")
	c.user = "joan"
	c.is(c.login(), 200, "LOCKED_OUT")
}

// TestOneTokenAnswer: a token that leads nowhere has one answer, why ever.
func TestOneTokenAnswer(t *testing.T) {
	w := newWorld(t, authn.Policy{LockEvery: 1})
	other := newWorld(t, authn.Policy{})
	_, other.h = other.node(authn.Policy{}, "another tenant")
	tokens := map[string]string{"random": "00" + strings.Repeat("A", 64), "no token": "00", "text": "x"}

	o := other.client("bob")
	o.login()
	tokens["foreign"] = o.token

	c := w.client("ada")
	c.login()
	c.send(cancelPath)
	tokens["canceled"] = c.token

	c.login()
	c.send("/api/v1/authn/factors/emf-ada/verify")
	r := c.is(c.send("/api/v1/authn/factors/emf-ada/verify", "passCode", c.code("ada")), 200, "SUCCESS")
	tokens["succeeded"] = c.token
	c.post("/api/v1/sessions", `{"sessionToken":"`+r.str("sessionToken")+`"}`)
	c.login()
	tokens["expired"] = c.token
	c.wait(10 * time.Minute)

	c.user = "bob"
	c.login()
	c.send(verifyPath)
	c.is(c.send(verifyPath, "passCode", c.wrong("bob")), 403, "E0000069")
	tokens["locked"] = c.token

	for _, path := range []string{
		"/api/v1/authn", "/api/v1/authn/introspect", cancelPath, "/api/v1/authn/previous", "/api/v1/authn/skip",
		verifyPath, verifyPath + "/resend", "/api/v1/authn/factors/emf-bob/lifecycle/resend",
	} {
		var want *reply
		for name, tok := range tokens {
			got := c.is(c.post(path, `{"stateToken":"`+tok+`"}`), 401, "E0000011")
			if want == nil {
				want = got
			}
			alike(t, path+" "+name, want, got)
		}
	}
}

const cancelPath = "/api/v1/authn/cancel"

// TestOneFactorAnswer: an id that is not to be had here tells nothing.
func TestOneFactorAnswer(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("ada")
	c.login()
	c.people.set("user-ada", 1, authn.Disabled) // since the sign-in began
	ask := func(id string) *reply {
		return c.is(c.send("/api/v1/authn/factors/"+id+"/verify"), 404, "E0000007")
	}
	c.unchanged(func() {
		want := ask("emf-unknown")
		for _, id := range []string{"emf-bob", "emf-spare", "__proto__", "email", "webauthn", "token:software:totp", "emf-ada%2Fx"} {
			alike(t, id, want, ask(id))
		}
	})
	c.people.set("user-ada", 1, authn.Active)
	c.is(c.send("/api/v1/authn/factors/emf-ada/verify"), 200, "MFA_CHALLENGE")
	c.unchanged(func() {
		for _, id := range []string{"emf-unknown", "emf-bob", "emf-spare"} {
			c.is(c.send("/api/v1/authn/factors/"+id+"/verify", "passCode", c.code("ada")), 404, "E0000007")
			c.is(c.send("/api/v1/authn/factors/"+id+"/verify/resend"), 404, "E0000007")
		}
	})
}

// TestWrongState: a refusal names what is allowed, and at which links.
func TestWrongState(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("ada")
	c.login()
	code := []string{"passCode", "123456"}
	c.unchanged(func() {
		r := c.is(c.send("/api/v1/authn/factors/emf-ada/verify", code...), 403, "E0000079")
		for i, href := range []string{"", "/factors/emf-ada/verify", "/factors/emf-spare/verify", "/cancel"} {
			if i > 0 && r.str(fmt.Sprintf("errorCauses.%d.href", i)) != base+"/api/v1/authn"+href {
				t.Errorf("cause %d: %v", i, r.at("errorCauses"))
			}
		}
		for path, members := range map[string][]string{
			"/factors": {"factorType", "email", "provider", "OKTA"}, "/skip": nil, "/previous": nil,
			"/factors/emf-ada/lifecycle/activate": code, "/factors/emf-ada/lifecycle/resend": nil,
		} {
			if r := c.is(c.send("/api/v1/authn"+path, members...), 403, "E0000079"); r.str("authn.allowed.0.event") != "challenge" {
				t.Errorf("%s: %s", path, r.Body)
			}
		}
	})
	c.comment("resend sends the first code too: the step that was missed.")
	c.is(c.send("/api/v1/authn/factors/emf-spare/verify/resend"), 200, "MFA_CHALLENGE")
	c.wait(time.Minute)
	c.unchanged(func() { c.is(c.send("/api/v1/authn/factors/emf-spare/lifecycle/resend"), 403, "E0000079") })
	c.comment("verify without a code sends another.")
	if c.is(c.send("/api/v1/authn/factors/emf-spare/verify"), 200, "MFA_CHALLENGE"); len(c.mail.All()) != 2 {
		t.Errorf("%d mails", len(c.mail.All()))
	}
	c.user = "grace"
	c.login()
	c.unchanged(func() {
		c.is(c.send("/api/v1/authn/factors", "factorType", "sms", "provider", "OKTA"), 400, "E0000001")
		c.is(c.send("/api/v1/authn/factors", "factorType", "email", "provider", "GOOGLE"), 400, "E0000001")
		c.is(c.send("/api/v1/authn/factors", "factorType", "email"), 400, "E0000001")
		c.is(c.send("/api/v1/authn/factors", "provider", "OKTA"), 400, "E0000001")
	})
	for range 2 { // in MFA_ENROLL, and in MFA_ENROLL_ACTIVATE when a code may be sent again
		c.unchanged(func() {
			c.is(c.send("/api/v1/authn/factors/emf-grace/verify"), 403, "E0000079")
			c.is(c.send("/api/v1/authn/factors/emf-grace/verify/resend"), 403, "E0000079")
		})
		c.send("/api/v1/authn/factors", "factorType", "email", "provider", "OKTA")
		c.wait(time.Minute)
	}
}

// TestRounding: what a client is told is never too early, nor too late.
func TestRounding(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.wait(time.Nanosecond)
	c.login()
	r := c.is(c.send(verifyPath), 200, "MFA_CHALLENGE")
	if r.str("authn.resendAt") != "2026-03-01T12:00:30.001Z" || r.str("authn.codeExpiresAt") != "2026-03-01T12:05:00.000Z" {
		t.Error(r.Body)
	}
	c.wait(9500 * time.Millisecond)
	if r := c.is(c.send(verifyPath+"/resend"), 429, "E0000118"); r.Header().Get("Retry-After") != "21" {
		t.Errorf("Retry-After: %s", r.Header().Get("Retry-After"))
	}
}

// TestThrottles: each says when, and the resend link stays as long as there
// is a code to be had.
func TestThrottles(t *testing.T) {
	c := challenged(t, authn.Policy{StartsPerHour: 3, Sends: 2})
	c.wait(10 * time.Second)
	r := c.is(c.send(verifyPath+"/resend"), 429, "E0000118")
	if r.Header().Get("Retry-After") != "20" || r.str("authn.resendAt") != "2026-03-01T12:00:30.000Z" {
		t.Errorf("Retry-After: %s, %s", r.Header().Get("Retry-After"), r.Body)
	}
	if r := c.is(c.send("/api/v1/authn"), 200, "MFA_CHALLENGE"); r.str(resend) == "" {
		t.Error("the resend link is gone while a code may be asked for later")
	}
	c.wait(20 * time.Second)
	if r := c.is(c.send(verifyPath+"/resend"), 200, "MFA_CHALLENGE"); r.at("_links.resend") != nil || r.at("authn.resendAt") != nil {
		t.Error("the resend link is there and no code is to be had")
	}
	r = c.is(c.send(verifyPath+"/resend"), 429, "E0000118")
	if r.Header().Get("Retry-After") != "570" { // the end of the transaction
		t.Errorf("Retry-After: %s", r.Header().Get("Retry-After"))
	}
	for range 5 {
		r = c.send(verifyPath, "passCode", c.wrong("bob"))
		c.wait(61 * time.Second)
	}
	c.is(r, 403, "E0000068")
	if s := r.str("errorCauses.0.errorSummary"); s != "That was the last try for this code. Sign in again." {
		t.Error(s)
	}
	c.is(c.send(verifyPath, "passCode", c.code("bob")), 403, "E0000068")
	c.login()
	c.login()
	r = c.is(c.login(), 429, "E0000047")
	if r.Header().Get("Retry-After") == "" || r.at("authn") != nil {
		t.Errorf("%v %s", r.Header(), r.Body)
	}
}

// TestIdempotencyKey: what is sent again under its key is not done again.
func TestIdempotencyKey(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.login()
	mails := func(want int) {
		t.Helper()
		if n := len(c.mail.All()); n != want {
			t.Errorf("%d mails, want %d", n, want)
		}
	}
	send := func(path, key string, members ...string) *reply {
		body := `{"stateToken":"` + c.token + `"`
		for i := 0; i+1 < len(members); i += 2 {
			body += fmt.Sprintf(`,%q:%q`, members[i], members[i+1])
		}
		return c.post(path, body+"}", "Idempotency-Key", key)
	}
	c.is(send(verifyPath, "k1"), 200, "MFA_CHALLENGE")
	c.is(send(verifyPath, "k1"), 200, "MFA_CHALLENGE")
	c.is(send(verifyPath+"/resend", "k1"), 200, "MFA_CHALLENGE")
	mails(1)
	c.wait(time.Minute)
	for _, path := range []string{verifyPath + "/resend", verifyPath} {
		c.is(send(path, "k2"), 200, "MFA_CHALLENGE")
	}
	mails(2)
	for range 3 {
		r := c.is(send(verifyPath, "k3", "passCode", c.wrong("bob")), 403, "E0000068")
		if r.at("authn.triesLeft") != 4.0 {
			t.Errorf("%v tries left", r.at("authn.triesLeft"))
		}
	}
	c.is(send(verifyPath, "k3", "passCode", c.code("bob")), 400, "E0000001")
	first := c.is(send(verifyPath, "k4", "passCode", c.code("bob")), 200, "SUCCESS")
	again := c.is(send(verifyPath, "k4", "passCode", c.code("bob")), 200, "SUCCESS")
	if first.str("sessionToken") != again.str("sessionToken") {
		t.Error("two session tokens")
	}
	if r := c.post("/api/v1/sessions", `{"sessionToken":"`+first.str("sessionToken")+`"}`); r.Code != 200 {
		t.Errorf("got %d", r.Code)
	}
	c.is(send(verifyPath, "k4", "passCode", c.code("bob")), 401, "E0000011")
}

// TestCanceledSuccess: cancel voids a session token that is not redeemed.
func TestCanceledSuccess(t *testing.T) {
	c := challenged(t, authn.Policy{})
	r := c.is(c.send(verifyPath, "passCode", c.code("bob")), 200, "SUCCESS")
	c.is(c.send(r.str(cancel)), 200, "")
	c.is(c.post("/api/v1/sessions", `{"sessionToken":"`+r.str("sessionToken")+`"}`), 401, "E0000011")
}

// TestFaults: a port that fails gives no verdict, and is reported.
func TestFaults(t *testing.T) {
	c := challenged(t, authn.Policy{})
	check := func(r *reply, status int) {
		t.Helper()
		c.is(r, status, "E0000009")
		retry := map[int]string{503: "1"}[status] // a 500 lasts
		if r.Header().Get("Retry-After") != retry || strings.Contains(r.Body.String(), "network") {
			t.Errorf("%v %s", r.Header(), r.Body)
		}
		if n := len(c.reported); n == 0 || !strings.HasPrefix(c.reported[n-1], r.Header().Get("X-Okta-Request-Id")) {
			t.Errorf("reported: %q", c.reported)
		}
	}
	c.store.down = true
	check(c.send(verifyPath, "passCode", c.code("bob")), 503)
	check(c.send("/api/v1/authn"), 503)
	check(c.login(), 503)
	c.store.down = false
	c.people.broken = errors.New("the network is down")
	check(c.login(), 503)
	c.people.broken = &authn.Refusal{Err: authn.ErrTooSoon, RetryAt: c.now().Add(90 * time.Second)}
	if r := c.is(c.login(), 429, "E0000047"); r.Header().Get("Retry-After") != "90" {
		t.Errorf("Retry-After: %s", r.Header().Get("Retry-After"))
	}
	c.people.broken = &authn.Refusal{Err: authn.ErrTooSoon}
	if r := c.is(c.login(), 429, "E0000047"); r.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After: %s", r.Header().Get("Retry-After"))
	}
	c.people.broken = nil
	c.people.panics = true
	check(c.login(), 500)
	if strings.Contains(strings.Join(c.reported, " "), goodPassword) {
		t.Error("the password was reported")
	}
	c.people.panics = false
	c.login()
	c.send(verifyPath)
	r := c.is(c.send(verifyPath, "passCode", c.code("bob")), 200, "SUCCESS")
	c.people.broken = errors.New("the network is down")
	check(c.post("/api/v1/sessions", `{"sessionToken":"`+r.str("sessionToken")+`"}`), 500)
}

// TestFaultsThatLast: what trying again does not help is not told as passing.
func TestFaultsThatLast(t *testing.T) {
	last := func(c *client, r *reply, status int, what string) {
		t.Helper()
		if c.is(r, status, what); r.Header().Get("Retry-After") != "" || strings.Contains(strings.ToLower(r.Body.String()), "again") {
			t.Errorf("%v %s", r.Header(), r.Body)
		}
	}
	c := newWorld(t, authn.Policy{}).client("none")
	last(c, c.login(), 403, "E0000085") // no factor at all
	c.user = "odd"
	for _, f := range []authn.Factor{ // one that cannot be proved here, for whatever reason
		{ID: "f", Type: "pigeon", Address: "roof", Status: authn.Active},
		{ID: "f", Type: authn.Email, Address: "", Status: authn.Active},
		{ID: "f", Type: authn.Email, Address: "odd@", Status: authn.Active},
		{ID: "", Type: authn.Email, Address: "odd@example.com", Status: authn.Active},
	} {
		for _, beside := range [][]authn.Factor{nil, {mailFactor("new", authn.NotSetUp)}} {
			c.people.factors["user-odd"] = append([]authn.Factor{f}, beside...)
			last(c, c.login(), 403, "E0000085")
		}
	}
	c.user = "bob"
	c.people.require["user-bob"] = authn.Requirement(9)
	last(c, c.login(), 500, "E0000009") // a mistake of the host's
	delete(c.people.require, "user-bob")

	// A host that cannot make its session has used up the token, whatever it
	// calls its error.
	for _, broken := range []error{authn.ErrUnavailable, &authn.Refusal{Err: authn.ErrTooSoon}, authn.ErrFinished, okta.ErrPassword} {
		c.people.broken = nil
		c.user = "alan"
		c.cookies = map[string]string{}
		token := c.is(c.login(), 200, "SUCCESS").str("sessionToken")
		c.people.broken = broken
		reported := len(c.reported)
		last(c, c.get(redirectPath+query("token", token, "redirectUrl", app)), 500, "E0000009")
		if len(c.reported) != reported+1 || len(c.people.started) != 0 {
			t.Errorf("%v: reported %q", broken, c.reported[reported:])
		}
	}
	c.people.broken = nil

	// A record that nobody can open.
	c.user = "bob"
	c.login()
	c.store.damage()
	last(c, c.send(verifyPath), 500, "E0000009")
	last(c, c.login(), 500, "E0000009")
}

// TestConfig: New names the field that is wrong.
func TestConfig(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	for field, change := range map[string]func(*okta.Config){
		"Service":        func(c *okta.Config) { c.Service = nil },
		"Passwords":      func(c *okta.Config) { c.Passwords = nil },
		"CookieKey":      func(c *okta.Config) { c.CookieKey = make([]byte, 31) },
		"BaseURL":        func(c *okta.Config) { c.BaseURL = "https://id.example.com/" },
		"BaseURL: ":      func(c *okta.Config) { c.BaseURL = "id.example.com" },
		"BaseURL: \"ftp": func(c *okta.Config) { c.BaseURL = "ftp://id.example.com" },
		"Origins":        func(c *okta.Config) { c.Origins = []string{"*"} },
		"Origins: ":      func(c *okta.Config) { c.Origins = []string{"https://app.example.com/"} },
		"Origins: \"n":   func(c *okta.Config) { c.Origins = []string{"null"} },
		"RedirectURLs":   func(c *okta.Config) { c.RedirectURLs = []string{"/relative"} },
		"Types: \"a\"":   func(c *okta.Config) { c.Types = map[string]okta.FactorType{"a": {}} },
		"RedirectURLs: ": func(c *okta.Config) { c.RedirectURLs = []string{"https://a@b.example"} },
	} {
		cfg := okta.Config{Service: w.svc, Passwords: w.people}
		change(&cfg)
		if _, err := okta.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "okta: "+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	h, err := okta.New(okta.Config{Service: w.svc, Passwords: w.people})
	if err != nil {
		t.Fatal(err)
	}
	c := w.client("bob")
	c.h = h
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	if r.str(firstVerify) != verifyPath {
		t.Errorf("without BaseURL a link is %s", r.str(firstVerify))
	}
	for _, path := range []string{"/api/v1/sessions", "/login/sessionCookieRedirect"} {
		c.is(c.request("POST", path, "{}"), 404, "E0000008")
	}
}
