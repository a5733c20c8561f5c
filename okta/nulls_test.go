package okta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// everyMember is every name that a request of Okta's clients may have, and one
// that no request has. Some clients cannot leave a member out: they send null.
var everyMember = []string{
	"username", "password", "stateToken", "sessionToken", "passCode", "relayState", "factorType", "provider", "sid", "token",
	"options", "context", "profile", "rememberDevice", "autoPush", "audience", "answer", "nextPassCode",
	"clientData", "authenticatorData", "signatureData", "attestation", "credentialId", "transports", "clientExtensions", "recoveryToken", "unheardOf",
	"oldPassword", "newPassword", "revokeSessions", "consent", "registration", "input",
}

// withNulls is a body with null for every member that it does not have.
func withNulls(body string) string {
	for _, name := range everyMember {
		if !strings.Contains(body, `"`+name+`":`) {
			body = strings.TrimSuffix(body, "}") + `,"` + name + `":null}`
		}
	}
	return body
}

// TestNullIsAbsence: null for each member that a request may leave out, and for
// those that it cannot have, is the same as leaving it out.
func TestNullIsAbsence(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	post := func(path, body string, status int, what string) *reply {
		t.Helper()
		return c.is(c.post(path, withNulls(strings.ReplaceAll(body, "@state", c.token))), status, what)
	}
	const state = `{"stateToken":"@state"}`
	login := `{"username":"bob","password":"` + goodPassword + `","options":{"multiOptionalFactorEnroll":null},"context":{"deviceToken":null}}`
	post(authnPath, login, 200, "MFA_REQUIRED")
	post(authnPath, state, 200, "MFA_REQUIRED")
	post(authnPath+"/introspect", state, 200, "MFA_REQUIRED")
	post(verifyPath, state, 200, "MFA_CHALLENGE")
	post(authnPath+"/previous", state, 200, "MFA_REQUIRED")
	post(verifyPath, state, 200, "MFA_CHALLENGE")
	c.wait(time.Minute)
	post(verifyPath, state, 200, "MFA_CHALLENGE")
	c.wait(time.Minute)
	post(verifyPath+"/resend", state, 200, "MFA_CHALLENGE")
	r := post(verifyPath, `{"stateToken":"@state","passCode":"`+c.code("bob")+`"}`, 200, "SUCCESS")
	if n := len(c.mail.All()); n != 3 {
		t.Errorf("%d mails", n)
	}
	if r := c.post("/api/v1/sessions", withNulls(`{"sessionToken":"`+r.str("sessionToken")+`"}`)); r.Code != 200 {
		t.Errorf("got %d %s", r.Code, r.Body)
	}

	c = c.world.client("may")
	post(authnPath, `{"username":"may","password":"`+goodPassword+`"}`, 200, "MFA_ENROLL")
	post(authnPath+"/factors", `{"stateToken":"@state","factorType":"email","provider":"OKTA"}`, 200, "MFA_ENROLL_ACTIVATE")
	c.wait(time.Minute)
	post("/api/v1/authn/factors/emf-may/lifecycle/resend", state, 200, "MFA_ENROLL_ACTIVATE")
	post("/api/v1/users/u/factors/f/lifecycle/activate", state, 403, "E0000005")
	post("/api/v1/authn/factors/emf-may/lifecycle/activate", `{"stateToken":"@state","passCode":"`+c.code("may")+`"}`, 200, "SUCCESS")
	c.token = ""
	c.people.set("user-may", 0, authn.NotSetUp)
	post(authnPath, `{"username":"may","password":"`+goodPassword+`"}`, 200, "MFA_ENROLL")
	post(authnPath+"/skip", state, 200, "SUCCESS")
	c.token = ""
	post(authnPath, `{"username":"bob","password":"`+goodPassword+`"}`, 200, "MFA_REQUIRED")
	post(authnPath+"/cancel", state, 200, "")
}

// TestNullWhereRequired: null for a member that is required is refused as its
// absence is.
func TestNullWhereRequired(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("may")
	c.login()
	for _, x := range []struct{ path, null, missing string }{
		{authnPath, `{"username":null,"password":"x"}`, `{"password":"x"}`},
		{authnPath, `{"username":"may","password":null}`, `{"username":"may"}`},
		{authnPath, `{"stateToken":null}`, `{}`},
		{authnPath + "/introspect", `{"stateToken":null}`, `{}`},
		{authnPath + "/factors", `{"stateToken":"@state","factorType":null,"provider":"OKTA"}`, `{"stateToken":"@state","provider":"OKTA"}`},
		{authnPath + "/factors", `{"stateToken":"@state","factorType":"email","provider":null}`, `{"stateToken":"@state","factorType":"email"}`},
		{authnPath + "/factors", `{"stateToken":null,"factorType":"email","provider":"OKTA"}`, `{"factorType":"email","provider":"OKTA"}`},
		{"/api/v1/authn/factors/emf-may/lifecycle/activate", `{"stateToken":"@state","passCode":null}`, `{"stateToken":"@state"}`},
		{verifyPath, `{"stateToken":null,"passCode":"123456"}`, `{"passCode":"123456"}`},
		{verifyPath, `{"stateToken":null,"passCode":null}`, `{}`},
		{cancelPath, `{"stateToken":null}`, `{}`},
		{"/api/v1/sessions", `{"sessionToken":null}`, `{}`},
	} {
		c.unchanged(func() {
			post := func(body string) *reply { return c.post(x.path, strings.ReplaceAll(body, "@state", c.token)) }
			want := c.is(post(x.missing), 400, "E0000001")
			alike(t, x.path+" "+x.null, want, post(x.null))
		})
	}
	c.is(c.send(cancelPath), 200, "")
}

// TestNullHidesNothing: a member that is null is there all the same where two
// equal names are looked for.
func TestNullHidesNothing(t *testing.T) {
	c := challenged(t, authn.Policy{})
	for _, body := range []string{
		`{"stateToken":"@state","passCode":null,"passCode":"@code"}`,
		`{"stateToken":"@state","passCode":"@code","passCode":null}`,
		`{"stateToken":"@state","passCode":null,"pass\u0043ode":null}`,
		`{"stateToken":"@state","unheardOf":null,"passCode":"@code","unheardOf":null}`,
		`{"stateToken":"@state","unheardOf":null,"unheardOf":1}`,
		`{"stateToken":"@state","stateToken":null,"passCode":"@code"}`,
		`{"stateToken":null,"stateToken":"@state","passCode":"@code"}`,
	} {
		c.unchanged(func() {
			c.is(c.post(verifyPath, strings.NewReplacer("@state", c.token, "@code", c.code("bob")).Replace(body)), 400, "E0000003")
		})
	}
	c.is(c.send(verifyPath, "passCode", c.code("bob")), 200, "SUCCESS")
}

// TestEmptyCode: a code that is empty asks for the first one, since Okta's
// widget asks in that way. Once a code is out it is a field that was left
// empty: that is not counted, and replaces no code.
func TestEmptyCode(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.login()
	blank := []string{" ", "\t\r\n", "\u00a0", "\u3000", "-", " - "}
	c.unchanged(func() {
		for _, code := range blank {
			c.is(c.send(verifyPath, "passCode", code), 400, "E0000001")
		}
	})
	c.is(c.send(verifyPath, "passCode", ""), 200, "MFA_CHALLENGE")
	for range 2 { // another code may not be sent yet; then it may
		c.unchanged(func() {
			for _, code := range append(blank, "") {
				r := c.is(c.send(verifyPath, "passCode", code), 400, "E0000001")
				if s := r.str("errorCauses.0.errorSummary"); s != "Enter the digits of the code from the message." {
					t.Errorf("%q: %s", code, s)
				}
			}
			r := c.is(c.send(verifyPath, "passCode", ""), 400, "E0000001")
			if r.at("authn.triesLeft") != 5.0 || r.str("errorCauses.1.href") != base+verifyPath+"/resend" {
				t.Errorf("the answer does not say where another code is to be had: %s", r.Body)
			}
		})
		c.wait(time.Minute)
	}
	if n := len(c.mail.All()); n != 1 {
		t.Errorf("%d mails", n)
	}
	first := c.code("bob")
	c.comment("No member at all asks for another code, as Okta's documentation has it.")
	if c.is(c.send(verifyPath), 200, "MFA_CHALLENGE"); len(c.mail.All()) != 2 {
		t.Errorf("%d mails", len(c.mail.All()))
	}
	if first != c.code("bob") {
		c.is(c.send(verifyPath, "passCode", first), 403, "E0000068")
	}
	c.is(c.send(verifyPath, "passCode", c.code("bob")), 200, "SUCCESS")
	c.is(c.send(verifyPath, "passCode", ""), 401, "E0000011")

	const activatePath = "/api/v1/authn/factors/emf-grace/lifecycle/activate"
	c = c.world.client("grace")
	c.login()
	c.unchanged(func() { c.is(c.send("/api/v1/authn/factors/emf-grace/verify", "passCode", ""), 403, "E0000079") })
	c.is(c.send("/api/v1/authn/factors", "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	c.wait(time.Minute)
	c.unchanged(func() {
		c.is(c.send(activatePath), 400, "E0000001")
		for _, code := range append(blank, "") {
			c.is(c.send(activatePath, "passCode", code), 400, "E0000001")
		}
		c.is(c.send("/api/v1/authn/factors/emf-grace/verify", "passCode", ""), 403, "E0000079")
	})
	c.is(c.send(activatePath, "passCode", c.code("grace")), 200, "SUCCESS")
}

// TestEmptyCodeRepeated: under its key, the request that asked for the first
// code with an empty one is answered again and not refused.
func TestEmptyCodeRepeated(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.login()
	send := func(path, key, code string) *reply {
		return c.post(path, `{"stateToken":"`+c.token+`","passCode":"`+code+`"}`, "Idempotency-Key", key)
	}
	c.is(send(verifyPath, "k1", ""), 200, "MFA_CHALLENGE")
	c.wait(time.Minute)
	c.unchanged(func() {
		c.is(send(verifyPath, "k1", ""), 200, "MFA_CHALLENGE")
		c.is(send(verifyPath, "k2", ""), 400, "E0000001")
	})
	c.is(send(verifyPath, "k3", c.wrong("bob")), 403, "E0000068")
	c.unchanged(func() { c.is(send(verifyPath, "k3", ""), 400, "E0000001") })
	c.is(send(verifyPath, "k4", c.code("bob")), 200, "SUCCESS")
}
