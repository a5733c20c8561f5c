package okta_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

const remembered = 30 * 24 * time.Hour

// serverKey is how a server of the host's own says that it is one.
const serverKey = "SSWS the-key-of-a-server"

// remember has the hosts of a world remember devices.
func (w *world) remember(p authn.Policy) *world {
	p.Remember = remembered
	own := w.okta
	w.okta = func(c *okta.Config) {
		orNothing(own)(c)
		c.Remember, c.RememberByDefault = remembered, true
		c.Trusted = func(r *http.Request) bool { return r.Header.Get("Authorization") == serverKey }
	}
	w.svc, w.h = w.node(p, "acme")
	return w
}

// until goes to MFA_CHALLENGE of bob's.
func (c *client) until(headers ...string) {
	c.t.Helper()
	c.token = ""
	c.is(c.post(authnPath, fmt.Sprintf(`{"username":%q,"password":%q}`, c.user, goodPassword), headers...), 200, "MFA_REQUIRED")
	c.is(c.send(verifyPath), 200, "MFA_CHALLENGE")
}

// deviceCookies are the names of those that a browser has.
func (c *client) deviceCookies() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c.cookies)) {
		if strings.HasPrefix(name, "__Host-authn-device-") {
			names = append(names, name)
		}
	}
	return names
}

func TestWalkDevice(t *testing.T) {
	c := newWorld(t, authn.Policy{}).remember(authn.Policy{}).client("bob")
	c.comment("A browser asks to be remembered, in the query of verify.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)+"?rememberDevice=true", "passCode", ""), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next)+"?rememberDevice=true", "passCode", c.code("bob")), 200, "SUCCESS")
	cookies := r.Result().Cookies()
	if r.at("authn.deviceToken") != nil || len(c.deviceCookies()) != 1 {
		t.Errorf("%v %s", cookies, r.Body)
	}
	for _, k := range cookies {
		if k.Name == c.deviceCookies()[0] && (!k.HttpOnly || !k.Secure || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" || k.MaxAge != int(remembered/time.Second)) {
			t.Error(k)
		}
	}
	c.comment("From now on the password is enough here.")
	r = c.is(c.login(), 200, "SUCCESS")
	if r := c.post("/api/v1/sessions", `{"sessionToken":"`+r.str("sessionToken")+`"}`); fmt.Sprint(r.at("amr")) != "[pwd]" || r.at("mfaActive") != false {
		t.Error(r.Body)
	}
	c.comment("Another browser is asked.")
	c.cookies = map[string]string{}
	c.is(c.login(), 200, "MFA_REQUIRED")
	c.golden()
}

// TestDeviceInTime: no cookie is believed for longer than the policy says.
func TestDeviceInTime(t *testing.T) {
	c := newWorld(t, authn.Policy{}).remember(authn.Policy{}).client("bob")
	c.until()
	c.is(c.send(verifyPath+"?rememberDevice=true", "passCode", c.code("bob")), 200, "SUCCESS")
	c.wait(remembered - time.Second)
	c.is(c.login(), 200, "SUCCESS")
	c.wait(time.Second)
	c.is(c.login(), 200, "MFA_REQUIRED")
}

// TestRememberSpellings: in the query, in any letter case and once; or in the body, if
// the query does not say.
func TestRememberSpellings(t *testing.T) {
	c := newWorld(t, authn.Policy{}).remember(authn.Policy{}).client("bob")
	for ask, want := range map[[2]string]bool{
		{"?rememberDevice=true"}: true, {"?rememberDevice=True"}: true, {"?autoPush=false&rememberDevice=TRUE"}: true,
		{"?rememberDevice=false"}: false, {"?rememberDevice=False"}: false, {""}: false, {"?rememberdevice=true"}: false,
		{"", `,"rememberDevice":true`}: true, {"", `,"rememberDevice":false`}: false, {"", `,"rememberDevice":null`}: false,
		{"?rememberDevice=false", `,"rememberDevice":true`}: false, {"?rememberDevice=true", `,"rememberDevice":false`}: true,
	} {
		c.cookies = map[string]string{}
		c.until()
		c.is(c.post(verifyPath+ask[0], `{"stateToken":"`+c.token+`","passCode":"`+c.code("bob")+`"`+ask[1]+`}`), 200, "SUCCESS")
		if got := len(c.deviceCookies()); (got == 1) != want {
			t.Errorf("%q: %d cookies", ask, got)
		}
		c.wait(2 * time.Hour)
	}
	c.cookies = map[string]string{}
	c.until()
	c.unchanged(func() {
		for _, q := range []string{"=", "=1", "=yes", "=true&rememberDevice=true", "=true&rememberDevice=false", "", "=true%20"} {
			c.is(c.send(verifyPath+"?rememberDevice"+q, "passCode", c.code("bob")), 400, "E0000001")
		}
		c.is(c.send(verifyPath, "passCode", c.code("bob"), "rememberDevice", "true"), 400, "E0000001")
		c.is(c.post(verifyPath+"?deviceToken=x", `{"stateToken":"`+c.token+`"}`), 400, "E0000001")
	})
}

// TestRememberIsTold: policy says what is possible, and without it nothing is.
func TestRememberIsTold(t *testing.T) {
	const policy = "_embedded.policy."
	c := newWorld(t, authn.Policy{}).remember(authn.Policy{}).client("bob")
	for _, r := range []*reply{c.login(), c.send(verifyPath)} {
		if r.at(policy+"allowRememberDevice") != true || r.at(policy+"rememberDeviceLifetimeInMinutes") != 43200.0 || r.at(policy+"rememberDeviceByDefault") != true {
			t.Error(r.Body)
		}
	}
	w := newWorld(t, authn.Policy{})
	w.okta = func(c *okta.Config) { c.RememberByDefault = true }
	w.svc, w.h = w.node(authn.Policy{Remember: remembered}, "acme") // the service would
	c = w.client("bob")
	if r := c.login(); r.at(policy+"allowRememberDevice") != false || r.at(policy+"rememberDeviceLifetimeInMinutes") != 0.0 || r.at(policy+"rememberDeviceByDefault") != false {
		t.Error(r.Body)
	}
	c.send(verifyPath)
	r := c.is(c.send(verifyPath+"?rememberDevice=true", "passCode", c.code("bob")), 200, "SUCCESS")
	if len(c.deviceCookies()) != 0 || r.at("authn.deviceToken") != nil {
		t.Error(r.Header())
	}
}

// TestTrusted: a server of the host's own gets the token and brings it; of any other
// client it is not believed, and a cookie does not speak for a server.
func TestTrusted(t *testing.T) {
	c := newWorld(t, authn.Policy{}).remember(authn.Policy{}).client("bob")
	begin := func(token string, headers ...string) *reply {
		t.Helper()
		c.token = ""
		return c.post(authnPath, fmt.Sprintf(`{"username":"bob","password":%q,"context":{"deviceToken":%s,"deviceName":7}}`, goodPassword, token), headers...)
	}
	key := []string{"Authorization", serverKey}
	c.until(key...)
	r := c.is(c.post(verifyPath+"?rememberDevice=true", `{"stateToken":"`+c.token+`","passCode":"`+c.code("bob")+`"}`, key...), 200, "SUCCESS")
	token := r.str("authn.deviceToken")
	if token == "" || len(c.deviceCookies()) != 0 {
		t.Fatal(r.Header(), r.Body)
	}
	c.is(begin(`"`+token+`"`, key...), 200, "SUCCESS")
	c.is(begin(`null`, key...), 200, "MFA_REQUIRED")
	c.is(begin(`"`+token+`x"`, key...), 200, "MFA_REQUIRED")
	c.is(begin(`"`+token+`"`), 200, "MFA_REQUIRED")
	c.is(begin(`"`+token+`"`, "Authorization", serverKey+"x"), 200, "MFA_REQUIRED")
	c.user = "ada"
	c.token = ""
	c.is(c.post(authnPath, fmt.Sprintf(`{"username":"ada","password":%q,"context":{"deviceToken":%q}}`, goodPassword, token), key...), 200, "MFA_REQUIRED")
	c.user = "bob"
	c.wait(2 * time.Hour)
	c.until()
	c.is(c.send(verifyPath+"?rememberDevice=true", "passCode", c.code("bob")), 200, "SUCCESS")
	c.is(c.login(), 200, "SUCCESS")
	c.is(begin(`null`, key...), 200, "MFA_REQUIRED")
	c.unchanged(func() {
		for _, bad := range []string{`7`, `true`, `{}`, `[]`, `"` + strings.Repeat("x", 129) + `"`} {
			c.is(begin(bad), 400, "E0000001")
			c.is(begin(bad, key...), 400, "E0000001")
		}
	})
	for _, r := range c.all { // only that answer has it
		if s := fmt.Sprint(r.Header(), r.Body); strings.Contains(s, token) && r.str("authn.deviceToken") != token {
			t.Error(s)
		}
	}
}

// TestDevicesOfOne: each user of a browser has a cookie of another name, which does not
// tell who it is; the oldest go when there are too many, and one of another user's is
// of no use.
func TestDevicesOfOne(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	for i := range 9 {
		name := fmt.Sprintf("u%d", i)
		w.people.factors["user-"+name] = []authn.Factor{mailFactor(name, authn.Active)}
	}
	c := w.remember(authn.Policy{}).client("")
	var order []string
	for i := range 9 {
		c.user = fmt.Sprintf("u%d", i)
		r := c.is(c.login(), 200, "MFA_REQUIRED")
		r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
		before := c.deviceCookies()
		rec := c.sendInOrder(order, r.str(next)+"?rememberDevice=true", c.code(c.user))
		if rec.Code != 200 {
			t.Fatal(rec.Body)
		}
		for _, name := range c.deviceCookies() {
			if !slices.Contains(before, name) {
				order = append(order, name)
			}
			if strings.Contains(name, c.user) {
				t.Errorf("%s tells who it is", name)
			}
		}
	}
	if n := len(c.deviceCookies()); n != 8 {
		t.Errorf("%d cookies", n)
	}
	for i, want := range []string{"MFA_REQUIRED", "SUCCESS", "SUCCESS"} {
		c.user = fmt.Sprintf("u%d", i)
		c.is(c.login(), 200, want)
	}
	// The value of one under the name of another.
	c.cookies = map[string]string{order[1]: c.cookies[order[2]]}
	c.user = "u1"
	c.is(c.login(), 200, "MFA_REQUIRED")
}

// sendInOrder is a request of a browser that sends its cookies in the order in which it
// got them.
func (c *client) sendInOrder(order []string, where, code string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", strings.TrimPrefix(where, base), strings.NewReader(`{"stateToken":"`+c.token+`","passCode":"`+code+`"}`))
	r.Header.Set("Content-Type", "application/json")
	for _, name := range order {
		if v, ok := c.cookies[name]; ok {
			r.AddCookie(&http.Cookie{Name: name, Value: v})
		}
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	for _, k := range w.Result().Cookies() {
		if c.cookies[k.Name] = k.Value; k.MaxAge < 0 {
			delete(c.cookies, k.Name)
		}
	}
	return w
}

// TestRememberByPoll: where another device approves, the polls ask to remember.
func TestRememberByPoll(t *testing.T) {
	k := newKinds(t, authn.Policy{})
	k.people.set("user-phone", 0, authn.Active)
	k.remember(authn.Policy{})
	c := k.start("phone")
	r := c.is(c.send(phonePath+"?rememberDevice=true"), 200, "MFA_CHALLENGE")
	c.is(c.send(phonePath+"?rememberDevice=true"), 200, "MFA_CHALLENGE")
	k.respond(authn.Reply{Approve: true, Number: c.number(r)})
	body := `{"stateToken":"` + c.token + `"}`
	c.is(c.post(phonePath+"?rememberDevice=true", body, "Idempotency-Key", "k1"), 200, "SUCCESS")
	c.is(c.post(phonePath+"?rememberDevice=true", body, "Idempotency-Key", "k1"), 200, "SUCCESS")
	if len(c.deviceCookies()) != 1 {
		t.Error("the device is not remembered")
	}
	c.is(c.login(), 200, "SUCCESS")
}

// TestDeviceOfTheHost: a token that the host itself has found goes before any other.
func TestDeviceOfTheHost(t *testing.T) {
	c := newWorld(t, authn.Policy{}).remember(authn.Policy{}).client("bob")
	c.until()
	c.is(c.send(verifyPath+"?rememberDevice=true", "passCode", c.code("bob")), 200, "SUCCESS")
	token := c.cookies[c.deviceCookies()[0]]
	c.people.login = func(l *authn.Login) { l.Device = "none" }
	c.is(c.login(), 200, "MFA_REQUIRED")
	c.people.login = func(l *authn.Login) { l.Device = authn.Secret(token) }
	c.cookies = map[string]string{}
	c.is(c.login(), 200, "SUCCESS")
}
