package okta_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

const originalPath = "/login/step-up/redirect"

// orders is an application that wants a factor.
var orders = okta.StepUp{To: app + "/orders?id=7", Name: "orders", Label: "Orders & more"}

// stepUp is the token of a step-up, in the browser of the client.
func (c *client) stepUp(s okta.StepUp) string {
	c.t.Helper()
	rec := httptest.NewRecorder()
	token, err := c.h.StepUp(rec, httptest.NewRequest("GET", "/orders", nil), s)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, k := range rec.Result().Cookies() {
		c.cookies[k.Name] = k.Value
	}
	return c.hide(token, "{step-up}")
}

func TestWalkR_StepUp(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	c := w.client("bob")
	token := c.stepUp(orders)
	c.comment("R. An application sends a browser here with a token. Nobody is signed in, and nothing is told but who asks.")
	var r *reply
	c.unchanged(func() { r = c.is(c.post(authnPath, `{"stateToken":"`+token+`"}`), 200, "UNAUTHENTICATED") })
	c.unchanged(func() { c.is(c.post(authnPath+"/introspect", `{"stateToken":"`+token+`"}`), 200, "UNAUTHENTICATED") })
	if r.str("type") != "SESSION_STEP_UP" || r.str("_embedded.target.label") != orders.Label || r.str("_links.next.name") != "authenticate" || r.at("_embedded.user") != nil || r.str("stateToken") != token {
		t.Errorf("%s", r.Body)
	}
	c.is(c.post(authnPath, `{"stateToken":"`+token+`","username":"bob","password":"wrong"}`), 401, "E0000004")
	c.token = "" // a new one follows
	r = c.is(c.post(authnPath, `{"stateToken":"`+token+`","username":"bob","password":"`+goodPassword+`"}`), 200, "MFA_REQUIRED")
	if r.str("type") != "SESSION_STEP_UP" || r.str("_embedded.target.name") != orders.Name {
		t.Errorf("%s", r.Body)
	}
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "SUCCESS")
	if r.at("sessionToken") != nil || r.at("stateToken") != nil || r.str("type") != "SESSION_STEP_UP" || r.str("_links.next.name") != "original" || r.str("_links.next.hints.allow.0") != "GET" {
		t.Errorf("%s", r.Body)
	}
	c.comment("The link makes the session and leads to the application. A second click leads on as well.")
	to := r.str(next)[len(base):]
	for range 2 {
		if r := c.get(to); r.Code != http.StatusFound || r.Header().Get("Location") != orders.To {
			t.Errorf("got %d %s", r.Code, r.Header().Get("Location"))
		}
	}
	if got := w.people.started; len(got) != 1 || got[0].User != "user-bob" || !strings.HasPrefix(got[0].Relay, "okta step-up {") || len(got[0].Factors) != 1 {
		t.Errorf("%+v", got)
	}
	c.golden()
}

// A session that lacks a factor is asked for that alone, and one that lacks nothing for
// nothing. The token is this browser's.
func TestStepUpOfSession(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	c := w.client("bob")
	s := orders
	s.User, s.Methods, s.At = "user-bob", []string{"pwd"}, w.now().Add(-time.Hour)
	token := c.stepUp(s)
	body := `{"stateToken":"` + token + `"}`
	other := w.client("bob")
	other.unchanged(func() {
		other.is(other.post(authnPath, body), 401, "E0000011")
		other.is(other.post(authnPath, `{"stateToken":"`+token+`","username":"bob","password":"`+goodPassword+`"}`), 401, "E0000011")
	})
	r := c.is(c.post(authnPath, body), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "SUCCESS")
	c.get(r.str(next)[len(base):])
	if got := w.people.started; len(got) != 1 || !got[0].Began.Equal(w.now()) || len(got[0].Proofs) != 2 || !got[0].Proofs[0].At.Equal(s.At.Truncate(time.Second)) {
		t.Errorf("%+v", got)
	}

	s.Require = authn.RequireNothing
	token = c.stepUp(s)
	c.token = ""
	r = c.is(c.post(authnPath, `{"stateToken":"`+token+`"}`), 200, "SUCCESS")
	if r.str("_links.next.name") != "original" {
		t.Errorf("%s", r.Body)
	}
	c.token = ""
	c.is(c.post(authnPath, `{"stateToken":"`+token+`","username":"ada","password":"`+goodPassword+`"}`), 401, "E0000004") // another user
	c.token = ""
	c.is(c.post(authnPath, `{"stateToken":"`+token+`","username":"bob","password":"`+goodPassword+`"}`), 200, "MFA_REQUIRED") // the stricter one counts
}

// What is no token of a step-up, or is over, is as good as none, and changes nothing.
func TestStepUpForged(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	c := w.client("bob")
	token := c.stepUp(orders)
	w.okta = func(c *okta.Config) { c.CookieKey = nil } // one of its own
	other := w.client("bob")
	_, other.h = w.node(authn.Policy{}, "acme")
	try := func(c *client, token string) {
		t.Helper()
		c.unchanged(func() {
			for _, more := range []string{"", `,"username":"bob","password":"` + goodPassword + `"`} {
				c.is(c.post(authnPath, `{"stateToken":"`+token+`"`+more+`}`), 401, "E0000011")
			}
			c.is(c.post(authnPath+"/cancel", `{"stateToken":"`+token+`"}`), 401, "E0000011")
			c.is(c.post(authnPath+"/introspect", `{"stateToken":"`+token+`"}`), 401, "E0000011")
		})
	}
	try(other, token)
	mark := token[:strings.IndexByte(token, '.')+1]
	for _, bad := range []string{mark, mark + "AAAA", mark + strings.Repeat("A", 64), token + "A", token[:len(token)-1], token[:len(mark)] + "B" + token[len(mark)+1:], mark + strings.ToUpper(token[len(mark):])} {
		try(c, bad)
	}
	c.wait(15*time.Minute - time.Second)
	c.is(c.post(authnPath, `{"stateToken":"`+token+`"}`), 200, "UNAUTHENTICATED")
	c.wait(time.Second)
	try(c, token)
}

// Where the browser goes is the host's word, and is on the list.
func TestStepUpRefused(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	for name, change := range map[string]func(*okta.StepUp){
		"not on the list":      func(s *okta.StepUp) { s.To = "https://evil.example/" },
		"no URL":               func(s *okta.StepUp) { s.To = "" },
		"an unknown demand":    func(s *okta.StepUp) { s.Require = authn.RequireNothing + 1 },
		"a name that is long":  func(s *okta.StepUp) { s.Label = strings.Repeat("x", 200) },
		"methods without end":  func(s *okta.StepUp) { s.Methods = []string{strings.Repeat("x", 800)} },
		"a time without a way": func(s *okta.StepUp) { s.At = time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		s := orders
		change(&s)
		rec := httptest.NewRecorder()
		if token, err := w.h.StepUp(rec, httptest.NewRequest("GET", "/", nil), s); err == nil || token != "" || len(rec.Result().Cookies()) != 0 {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
	c := w.client("bob")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	session := c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "SUCCESS").str("sessionToken")
	c.unchanged(func() {
		c.is(c.get(originalPath+query("stateToken", session, "redirectUrl", "https://evil.example/")), 400, "E0000001")
		c.is(c.get(originalPath+query("token", session, "redirectUrl", app)), 400, "E0000001")
		other := w.client("bob")
		other.is(other.get(originalPath+query("stateToken", session, "redirectUrl", app)), 401, "E0000011")
	})
}

// TestStepUpOutOfOrder: a token of a step-up has to begin; a forged one leads nowhere.
func TestStepUpOutOfOrder(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.token = c.stepUp(orders)
	c.unchanged(func() {
		for _, path := range []string{"/api/v1/authn/cancel", "/api/v1/authn/skip", "/api/v1/authn/factors/emf-bob/verify"} {
			r := c.is(c.send(path), 403, "E0000079")
			if why := r.str("errorCauses.0.errorSummary"); why != "The transaction is in UNAUTHENTICATED. Begin with POST "+base+authnPath {
				t.Errorf("%s: %q", path, why)
			}
		}
	})
	c.token += "A"
	c.is(c.send("/api/v1/authn/cancel"), 401, "E0000011")
}

func TestWalkQ_Activation(t *testing.T) {
	w, v, _ := newRecovery(t, "")
	w.people.factors["user-bob"] = nil
	c := w.client("bob")
	hand := func(p authn.Purpose) string {
		a, err := w.svc.Claim(t.Context(), authn.Claim{Name: "bob", For: p, HandOver: true, Require: map[authn.Purpose]authn.Requirement{authn.PurposeSignIn: authn.RequireIfActive}[p]})
		if err != nil {
			t.Fatal(err)
		}
		return c.hide(string(a.Link), "{activation of "+string(p)+"}")
	}
	token := hand(authn.PurposeRecover)
	c.comment("Q. The host has handed out a token: a new user sets the first password.")
	r := c.is(c.post(authnPath, `{"token":"`+token+`"}`), 200, "PASSWORD_RESET")
	c.token = ""
	c.is(c.post(authnPath, `{"token":"`+token+`"}`), 401, "E0000004")
	c.is(c.post(authnPath, `{"token":"abc"}`), 401, "E0000004")
	c.unchanged(func() {
		c.is(c.post(authnPath, `{"token":""}`), 400, "E0000001")
		c.is(c.post(authnPath, `{"token":"abc","username":"bob","password":"`+goodPassword+`"}`), 400, "E0000001")
	})
	c.is(c.post(r.str(next), `{"stateToken":"`+r.str("stateToken")+`","newPassword":"`+freshPassword+`"}`), 200, "SUCCESS")
	v.has(t, "user-bob form of "+freshPassword)
	w.wait(2 * time.Second) // a new password voids what was handed out before
	c.comment("Or goes on into a sign-in.")
	c.token = ""
	c.is(c.post(authnPath, `{"token":"`+hand(authn.PurposeSignIn)+`"}`), 200, "SUCCESS")
	c.golden()
}
