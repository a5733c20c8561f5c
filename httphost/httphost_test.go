package httphost_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/httphost"
)

func TestSignIn(t *testing.T) {
	b := open(t, nil, nil)
	if b.begin("ada", "MFA_REQUIRED"); len(b.tab) != 26 {
		t.Errorf("the sign-in's name is %q", b.tab)
	}
	cookie := b.head.Get("Set-Cookie")
	if want := "__Host-signin-" + b.tab + "="; !strings.HasPrefix(cookie, want) || !strings.HasSuffix(cookie, "; HttpOnly; Secure; SameSite=Strict") || !strings.Contains(cookie, "; Path=/; Max-Age=") {
		t.Errorf("the cookie is %s", cookie)
	}
	v := b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	if v.Factor == nil || v.Factor.Address != "a...a@example.com" || v.Delivery != "sent" || v.CodeExpires.IsZero() || v.Now.IsZero() || v.User != "ada" {
		t.Errorf("got %s", b.body)
	}
	if at := resendAt(v); !at.Equal(b.world.Now().Add(30 * time.Second)) {
		t.Errorf("resend at %v", at)
	}
	if v := b.post("verify", `{"code":"000000"}`, 200, "MFA_CHALLENGE"); v.Outcome != "wrong_code" || v.Session || len(*b.in) > 0 {
		t.Errorf("got %s", b.body)
	}
	b.get(200, "MFA_CHALLENGE")
	b.world.Advance(time.Minute)
	if v := b.post("verify", `{"code":"`+b.code(ada)+`"}`, 200, "SUCCESS"); !v.Session || v.SignIn != "" || v.Allowed != nil || b.cookies()["__Host-session"] != "s" {
		t.Errorf("got %s, cookies %v", b.body, b.cookies())
	}
	if len(*b.in) != 1 || (*b.in)[0].User != "ada" || len(b.cookies()) != 1 {
		t.Errorf("sessions %+v, cookies %v", *b.in, b.cookies())
	}
	b.get(401, "finished")
}

func resendAt(v httphost.View) time.Time {
	for _, m := range v.Allowed {
		if m.Event == authn.EventResend {
			return m.At
		}
	}
	return time.Time{}
}

// The secret of an app is shown while it is enrolled, and no more.
func TestEnroll(t *testing.T) {
	b := open(t, nil, nil)
	if v := b.begin("grace", "MFA_ENROLL"); len(v.Factors) != 2 || v.Factors[1].Type != "totp" || v.Factors[1].Status != "NOT_SETUP" {
		t.Errorf("got %s", b.body)
	}
	v := b.post("enroll", `{"factor":"totp"}`, 200, "MFA_ENROLL_ACTIVATE")
	if v.Prompt == nil || !strings.HasPrefix(v.Prompt.URI, "otpauth://totp/") || v.Prompt.Secret == "" || v.Factor.Type != "totp" {
		t.Errorf("got %s", b.body)
	}
	if b.post("previous", `{}`, 200, "MFA_ENROLL"); strings.Contains(b.body, v.Prompt.Secret) {
		t.Errorf("the secret is still shown: %s", b.body)
	}
	b.post("enroll", `{"factor":"email"}`, 200, "MFA_ENROLL_ACTIVATE")
	b.post("activate", `{"code":"`+b.code("grace@example.com")+`"}`, 200, "SUCCESS")
}

// Each refusal has a status and a word, and says what is allowed instead.
func TestRefusals(t *testing.T) {
	b := open(t, nil, nil)
	b.post("begin", `{"name":"ada","password":"guess"}`, 401, "password")
	b.post("begin", `{"name":"nobody","password":"`+password+`"}`, 403, "no_user")
	b.post("challenge", `{"factor":"mail"}`, 401, "finished")
	b.begin("ada", "MFA_REQUIRED")
	if v := b.post("verify", `{"code":"123456"}`, 409, "not_allowed"); v.State != authn.MFARequired || v.Allowed[0].Event != "challenge" || v.SignIn != b.tab {
		t.Errorf("got %s", b.body)
	}
	b.post("challenge", `{"factor":"phone"}`, 409, "not_offered")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	b.post("verify", `{"code":"x"}`, 400, "malformed")
	if v := b.post("resend", `{}`, 429, "too_soon"); b.head.Get("Retry-After") != "31" || v.RetryAt.Sub(v.Now) != 30*time.Second {
		t.Errorf("Retry-After %s: %s", b.head.Get("Retry-After"), b.body)
	}
	b.post("verify", `{"code":"000000"}`, 200, "MFA_CHALLENGE", "Idempotency-Key", "k")
	b.post("cancel", `{}`, 422, "key_reused", "Idempotency-Key", "k")
	b.post("dance", `{}`, 404, "unknown_path")
	b.post("open/", `{}`, 404, "unknown_path")
	b.want(b.send(http.MethodGet, "verify", nil), 405, "method")
	if b.head.Get("Allow") != "POST" {
		t.Errorf("Allow: %s", b.head.Get("Allow"))
	}
	b.post("cancel", `{}`, 403, "cross_origin", "Origin", "https://evil.example")
	b.post("cancel", `{}`, 403, "cross_origin", "Sec-Fetch-Site", "cross-site")
	b.post("cancel", `{}`, 200, "CANCELED")
	b.post("resend", `{}`, 401, "finished")
}

// A body is an object of a few members, and of nothing else.
func TestBodies(t *testing.T) {
	b := open(t, nil, nil)
	b.begin("ada", "MFA_REQUIRED")
	for _, c := range []struct{ path, body string }{
		{"begin", `{"name":"ada"}`},
		{"begin", `{"name":"","password":"p"}`},
		{"begin", `{"name":"a\u0000","password":"p"}`},
		{"begin", `{"name":"` + strings.Repeat("a", 255) + `","password":"p"}`},
		{"begin", `{"name":"a","password":"` + strings.Repeat("p", 1025) + `"}`},
		{"begin", `{"name":"ada","password":"p","user":"eve"}`},
		{"begin", `{"Name":"ada","password":"p"}`},
		{"begin", "{\"name\":\"ada\",\"password\":\"\xff\"}"},
		{"begin", `{"name":"ada","password":"\ud800"}`}, {"begin", `{"name":"ada","password":"\udc01` + password + `"}`},
		{"begin", `{"password":"p","name":"ada","password":"` + password + `"}`}, {"begin", `{"name":"ada","password":"p","n\u0061me":"ada"}`},
		{"challenge", ``}, {"challenge", `null`}, {"challenge", `[]`}, {"challenge", `{`}, {"challenge", `{} {}`},
		{"challenge", `{"factor":null}`}, {"challenge", `{"factor":1}`}, {"challenge", `{"factor":"mail","code":"1"}`},
		{"verify", `{"code":"123456","remember":"yes"}`}, {"verify", `{"code":"123456","remember":null}`}, {"verify", `{"code":123456}`}, {"verify", `{"code":"1","response":{}}`},
		{"change_password", `{"new":"n"}`}, {"pass", `{"input":"x"}`}, {"answer", `{}`}, {"open", `{}`}, {"claim", `{"for":"sign_in"}`},
	} {
		b.post(c.path, c.body, 400, "malformed")
	}
	for _, key := range []string{" ", strings.Repeat("k", 65), "a b", "ä"} {
		b.post("challenge", `{"factor":"mail"}`, 400, "malformed", "Idempotency-Key", key)
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		b.post("challenge", `{"factor":"mail"}`, 415, "media_type", "Content-Type", kind)
	}
	b.post("challenge", `{"factor":"`+strings.Repeat("x", 32<<10)+`"}`, 413, "too_large")
	b.want(b.send(http.MethodPost, "begin", io.MultiReader(strings.NewReader(`{"name":"`), strings.NewReader(strings.Repeat("x", 1<<20)))), 413, "too_large")
	if len(b.world.Calls(authntest.Send)) > 0 {
		t.Error("a mail was sent")
	}
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE", "Content-Type", "application/json; charset=UTF-8")
	b.post("cancel", ``, 200, "CANCELED")
}

// Each tab has a sign-in of its own, and keeps its name for the next one.
func TestTabs(t *testing.T) {
	b := open(t, nil, nil)
	other := b.other()
	b.begin("ada", "MFA_REQUIRED")
	other.begin("grace", "MFA_ENROLL")
	if b.tab == other.tab {
		t.Fatal("two tabs with one name")
	}
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	other.post("enroll", `{"factor":"email"}`, 200, "MFA_ENROLL_ACTIVATE")
	b.other().post("verify", `{"code":"`+b.code(ada)+`"}`, 401, "finished")
	b.post("verify", `{"code":"`+b.code(ada)+`"}`, 401, "finished", httphost.SignInHeader, "nonsense")
	b.post("verify", `{"code":"`+b.code(ada)+`"}`, 401, "finished", httphost.SignInHeader, "device")
	b.post("verify", `{"code":"`+b.code(ada)+`"}`, 200, "SUCCESS")
	other.post("activate", `{"code":"`+b.code("grace@example.com")+`"}`, 200, "SUCCESS")
	was := b.tab
	if b.begin("ada", "MFA_REQUIRED"); b.tab == was {
		t.Error("two sign-ins with one name")
	}
}

// Whoever is named, the answers are the same.
func TestClaim(t *testing.T) {
	b := open(t, nil, nil)
	var said [2]string
	for i, name := range []string{ada, "nobody@example.com"} {
		v := b.other().post("claim", `{"name":"`+name+`","for":"recover"}`, 200, "RECOVERY_CHALLENGE")
		v.SignIn = ""
		text, _ := json.Marshal(v)
		said[i] = string(text)
	}
	if said[0] != said[1] {
		t.Errorf("%q", said)
	}
	b.post("claim", `{"name":"`+ada+`","for":"unlock"}`, 409, "not_allowed")
	b.post("claim", `{"name":"`+ada+`","for":"fun"}`, 400, "malformed")

	b.post("claim", `{"name":"`+ada+`","for":"recover"}`, 200, "RECOVERY_CHALLENGE")
	b.post("verify", `{"code":"`+b.code(ada)+`"}`, 200, "PASSWORD_RESET")
	if v := b.post("reset_password", `{"new":"short"}`, 200, "PASSWORD_RESET"); v.Outcome != "rejected" || !slices.Equal(v.Reasons, []string{"too short"}) {
		t.Errorf("got %s", b.body)
	}
	if v := b.post("reset_password", `{"new":"a difference engine"}`, 200, "SUCCESS"); v.Session || len(*b.in) > 0 || v.For != "recover" {
		t.Errorf("a session: %s", b.body)
	}
}

// What a claim asks for besides is the host's to say.
func TestClaimRequire(t *testing.T) {
	for require, want := range map[authn.Requirement]struct {
		status int
		says   string
	}{authn.RequireFactor: {403, "no_factor"}, authn.RequireIfActive: {200, "SUCCESS"}} {
		b := open(t, nil, func(c *httphost.Config) { c.ClaimRequire = require })
		b.post("claim", `{"name":"`+ada+`"}`, 200, "FACTOR_CHALLENGE")
		b.post("verify", `{"code":"`+b.code(ada)+`"}`, want.status, want.says)
	}
}

// Whoever opens the link goes on with a token of their own.
func TestOpen(t *testing.T) {
	b := open(t, nil, nil)
	b.post("claim", `{"name":"`+ada+`","for":"recover"}`, 200, "RECOVERY_CHALLENGE")
	b.code(ada)
	link := string(b.message(ada).Link)
	other := b.other()
	other.post("open", `{"link":"nonsense"}`, 401, "finished")
	other.post("open", `{"link":"`+link+`"}`, 200, "PASSWORD_RESET", "Idempotency-Key", "k")
	other.post("open", `{"link":"`+link+`"}`, 200, "PASSWORD_RESET", "Idempotency-Key", "k")
	other.post("open", `{"link":"`+link+`"}`, 401, "finished", "Idempotency-Key", "another")
	b.get(200, "RECOVERY_CHALLENGE")
}

// A link that is enough makes the session at once, and nothing is said of its token.
func TestOpenSignsIn(t *testing.T) {
	b := open(t, nil, func(c *httphost.Config) { c.ClaimRequire = authn.RequireIfActive })
	b.post("claim", `{"name":"`+ada+`"}`, 200, "FACTOR_CHALLENGE")
	b.code(ada)
	other := b.other()
	link := `{"link":"` + string(b.message(ada).Link) + `"}`
	if v := other.post("open", link, 200, "SUCCESS", "Idempotency-Key", "k"); !v.Session || len(v.Allowed) > 0 || !v.Expires.IsZero() || len(*b.in) != 1 {
		t.Errorf("%d sessions: %s", len(*b.in), other.body)
	}
	other.post("open", link, 401, "finished", "Idempotency-Key", "k") // there is no second session
	if len(*b.in) != 1 {
		t.Errorf("%d sessions", len(*b.in))
	}
}

// A sign-in has a name of its own: what is still said to the one before, in a tab that was
// duplicated or by an answer that comes late, does not reach it.
func TestSignInsOfOneTab(t *testing.T) {
	b := open(t, nil, nil)
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	was := b.tab
	b.post("begin", `{"name":"grace","password":"guess"}`, 401, "password")
	b.post("open", `{"link":"nonsense"}`, 401, "finished")
	if b.get(200, "MFA_CHALLENGE"); b.tab != was {
		t.Error("what did not begin has changed the tab")
	}
	b.begin("grace", "MFA_ENROLL")
	grace := b.tab
	for _, path := range []string{"previous", "cancel"} {
		b.tab = was
		b.post(path, `{}`, 401, "finished")
	}
	b.tab = grace
	if v := b.get(200, "MFA_ENROLL"); v.User != "grace" || len(b.cookies()) != 1 {
		t.Errorf("got %s, cookies %v", b.body, b.cookies())
	}
}

// What the host has set of a session that was not made after all is not sent.
func TestSessionThatFails(t *testing.T) {
	b := open(t, nil, func(c *httphost.Config) {
		c.Session = func(w http.ResponseWriter, _ *http.Request, _ *authn.Assertion) error {
			http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: "s", Path: "/", Secure: true})
			return errors.New("down")
		}
	})
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	code := `{"code":"` + b.code(ada) + `"}`
	b.post("verify", code, 503, "unavailable")
	if got := b.head.Values("Set-Cookie"); len(got) > 0 {
		t.Errorf("set: %q", got)
	}
	b.post("verify", code, 401, "finished")
}

// A passkey that was enrolled signs in by itself, in the tab that has asked for it.
func TestPasskey(t *testing.T) {
	b := open(t, func(c *authn.Config) {
		c.Types = []authn.FactorType{{Name: "key", Methods: []string{"pop"}, Verifier: signer{}}}
	}, func(c *httphost.Config) { c.Passkeys = "key" })
	b.world.SetFactors("ada", authn.Factor{ID: "key-1", Type: "key", Status: authn.NotSetUp})
	b.begin("ada", "MFA_ENROLL")
	v := b.post("enroll", `{"factor":"key"}`, 200, "MFA_ENROLL_ACTIVATE")
	b.post("activate", `{"response":`+respond(t, v)+`}`, 200, "SUCCESS")

	v = b.post("passkey/request", `{}`, 200, "")
	other := b.other()
	other.post("passkey", `{"response":`+respond(t, v)+`}`, 401, "finished")
	other.post("passkey/request", `{}`, 200, "")
	other.post("passkey", `{"response":`+respond(t, v)+`}`, 401, "finished")
	for _, name := range []string{"SHORT", strings.Repeat("a", 26), "device"} { // no name that a handler has drawn
		o := b.other()
		o.tab = name
		if o.post("passkey/request", `{}`, 200, ""); len(o.tab) != 26 || o.tab == name {
			t.Errorf("the tab is %q", o.tab)
		}
	}
	if v := b.post("passkey", `{"response":`+respond(t, v)+`}`, 200, "SUCCESS"); !v.Session || len(*b.in) != 2 || !slices.Equal((*b.in)[1].Methods, []string{"pop"}) {
		t.Errorf("got %s, %+v", b.body, *b.in)
	}

	// The answer that was lost is given again for the same key.
	fs := b.world.FactorsOf("ada")
	b.world.SetFactors("ada", fs[0], authn.Factor{ID: "app", Type: authn.TOTP, Address: "ada", Status: authn.NotSetUp, Required: true})
	v = b.post("passkey/request", `{}`, 200, "")
	asked := b.tab
	b.post("passkey", `{"response":`+respond(t, v)+`}`, 200, "MFA_ENROLL", "Idempotency-Key", "k")
	b.tab = asked
	b.post("passkey", `{"response":`+respond(t, v)+`}`, 200, "MFA_ENROLL", "Idempotency-Key", "k")
	begun := b.tab
	b.tab = asked
	b.post("passkey", `{"response":`+respond(t, v)+`}`, 401, "finished", "Idempotency-Key", "another")
	b.tab = begun
	b.get(200, "MFA_ENROLL") // what has failed is another one's
	b.world.SetFactors("ada", b.world.FactorsOf("ada")[0])

	// As a second factor, as an object or as the text of one.
	b.begin("ada", "MFA_REQUIRED")
	v = b.post("challenge", `{"factor":"key-1"}`, 200, "MFA_CHALLENGE")
	text, _ := json.Marshal(respond(t, v))
	b.post("verify", `{"response":`+string(text)+`}`, 200, "SUCCESS")
}

// A device that is remembered needs no factor; its token is in a cookie alone.
func TestDevice(t *testing.T) {
	b := open(t, func(c *authn.Config) { c.Policy.Remember = 24 * time.Hour }, nil)
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	b.post("verify", `{"code":"`+b.code(ada)+`","remember":true}`, 200, "SUCCESS")
	if token := b.cookies()["__Host-signin-device"]; token == "" || strings.Contains(b.body, token) {
		t.Fatalf("cookies %v, %s", b.cookies(), b.body)
	}
	b.other().begin("ada", "SUCCESS")
	if len(*b.in) != 2 || !(*b.in)[1].Remembered {
		t.Errorf("%+v", *b.in)
	}
}

// A fault is no verdict: the client sends the same again.
func TestFaults(t *testing.T) {
	var told []string
	down := errors.New("the host's own reason")
	fails := false
	b := open(t, nil, func(c *httphost.Config) {
		check, start := c.Password, c.Session
		c.Report = func(_ context.Context, err error) { told = append(told, err.Error()) }
		c.Password = func(ctx context.Context, name string, p authn.Secret) (authn.Login, error) {
			switch name {
			case "broken":
				return authn.Login{}, down
			case "fast":
				return authn.Login{}, &authn.Refusal{Event: "primary", Err: authn.ErrTooSoon, RetryAt: authntest.Epoch().Add(time.Minute)}
			}
			return check(ctx, name, p)
		}
		c.Session = func(w http.ResponseWriter, r *http.Request, a *authn.Assertion) error {
			if fails {
				return &authn.Refusal{Err: authn.ErrLocked} // it is a fault, whatever it is
			}
			return start(w, r, a)
		}
	})
	b.post("begin", `{"name":"broken","password":"p"}`, 503, "unavailable")
	if len(told) != 1 || told[0] != down.Error() || strings.Contains(b.body, "reason") {
		t.Errorf("told %q: %s", told, b.body)
	}
	b.post("begin", `{"name":"fast","password":"p"}`, 429, "too_soon")
	if b.head.Get("Retry-After") != "61" {
		t.Errorf("Retry-After %s", b.head.Get("Retry-After"))
	}
	b.world.FailOnce(authntest.Save, authntest.Fault{Err: authntest.ErrDown})
	b.post("begin", `{"name":"ada","password":"`+password+`"}`, 503, "unavailable")
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")

	// The save fails, and the repeat of the event gives the session.
	code := `{"code":"` + b.code(ada) + `"}`
	b.world.FailOnce(authntest.Save, authntest.Fault{Err: authntest.ErrDown})
	b.post("verify", code, 503, "unavailable", "Idempotency-Key", "k")
	b.post("verify", code, 200, "SUCCESS", "Idempotency-Key", "k")
	if len(*b.in) != 1 {
		t.Errorf("%d sessions", len(*b.in))
	}
	b.post("verify", code, 401, "finished", "Idempotency-Key", "k")

	// The host's session fails: its token is used up.
	fails = true
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	code = `{"code":"` + b.code(ada) + `"}`
	b.post("verify", code, 503, "unavailable", "Idempotency-Key", "k")
	b.post("verify", code, 401, "finished", "Idempotency-Key", "k")
}

// The right code and its session are one save.
func TestOneSave(t *testing.T) {
	var saves int
	b := open(t, func(c *authn.Config) { c.Store, c.Auditor = counting{c.Store, &saves}, nil }, nil)
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	saves = 0
	b.post("verify", `{"code":"`+b.code(ada)+`"}`, 200, "SUCCESS")
	if saves != 1 || len(*b.in) != 1 {
		t.Errorf("%d saves, %d sessions", saves, len(*b.in))
	}
}

// counting counts saves.
type counting struct {
	authn.Store
	saves *int
}

func (c counting) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	*c.saves++
	return c.Store.Save(ctx, key, old, r)
}

// A user who is gone when the session is to be made gets none.
func TestRedeemRefused(t *testing.T) {
	b := open(t, nil, nil)
	b.begin("ada", "MFA_REQUIRED")
	b.post("challenge", `{"factor":"mail"}`, 200, "MFA_CHALLENGE")
	code := b.code(ada)
	b.world.Remove("ada")
	b.post("verify", `{"code":"`+code+`"}`, 403, "no_user")
	if len(*b.in) > 0 {
		t.Error("a session")
	}
}

// A host without TLS, on a developer's machine.
func TestPlainHTTP(t *testing.T) {
	b := open(t, nil, func(c *httphost.Config) { c.PlainHTTP = true })
	b.begin("ada", "MFA_REQUIRED")
	if got := b.head.Get("Set-Cookie"); !strings.HasPrefix(got, "signin-"+b.tab+"=") || strings.Contains(got, "Secure") || !strings.Contains(got, "HttpOnly") {
		t.Errorf("the cookie is %s", got)
	}
	b.get(200, "MFA_REQUIRED")
}

// A sign-in that the host has begun itself goes on at the handler.
func TestReply(t *testing.T) {
	var w authntest.World
	w.SetFactors("ada", authntest.Mail(ada, authn.Active))
	svc := w.Service(t)
	h, err := httphost.New(httphost.Config{Service: svc, Passkeys: "key", Session: func(http.ResponseWriter, *http.Request, *authn.Assertion) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	a, err := svc.Begin(t.Context(), authn.Login{User: "ada", Fresh: true})
	rec := httptest.NewRecorder()
	h.Reply(rec, httptest.NewRequest(http.MethodPost, "/stepup", nil), a, err)
	var v httphost.View
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil || v.State != authn.MFARequired || v.SignIn == "" {
		t.Fatalf("%v %s", err, rec.Body)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(httphost.SignInHeader, v.SignIn)
	r.AddCookie(rec.Result().Cookies()[0])
	rec = httptest.NewRecorder()
	if h.ServeHTTP(rec, r); rec.Code != 200 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for _, path := range []string{"/begin", "/claim", "/open"} { // it has none of them
		rec = httptest.NewRecorder()
		if h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, nil)); rec.Code != 404 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
}

func TestNew(t *testing.T) {
	var w authntest.World
	good := httphost.Config{
		Service: w.Service(t), Claims: []authn.Purpose{authn.PurposeSignUp},
		Session: func(http.ResponseWriter, *http.Request, *authn.Assertion) error { return nil },
	}
	if _, err := httphost.New(good); err != nil {
		t.Error(err)
	}
	for i, change := range []func(*httphost.Config){
		func(c *httphost.Config) { c.Service = nil },
		func(c *httphost.Config) { c.Session = nil },
		func(c *httphost.Config) { c.Claims = nil },
		func(c *httphost.Config) { c.Claims = []authn.Purpose{authn.PurposeEnroll} },
		func(c *httphost.Config) { c.ClaimRequire = 9 },
	} {
		c := good
		change(&c)
		if _, err := httphost.New(c); err == nil || !strings.HasPrefix(err.Error(), "httphost: ") {
			t.Errorf("%s: %v", strconv.Itoa(i), err)
		}
	}
}
