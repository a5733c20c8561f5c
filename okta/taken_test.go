package okta_test

import (
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// TestHeadersTaken: ways to write the same headers, all of which are taken.
func TestHeadersTaken(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	for _, h := range [][]string{
		{"Content-Type", "application/json; charset=utf-8"},
		{"Content-Type", "application/json;charset=UTF-8"},
		{"Content-Type", `Application/JSON; Charset="Utf-8"`},
		{"Content-Type", "application/json; charset=utf8"},
		{"Content-Type", `application/json;charset="UTF8"`},
		{"Content-Type", "application/json;"},
		{"Content-Encoding", "identity"},
		{"Content-Encoding", "Identity"},
		{"Content-Encoding", " "},
		{"Content-Encoding", "identity, identity"},
	} {
		r := c.request("POST", authnPath, `{"username":"bob","password":"`+goodPassword+`"}`, h...)
		if c.is(r, 200, "MFA_REQUIRED"); r.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%q is answered with %q", h, r.Header().Get("Content-Type"))
		}
		c.wait(time.Hour)
	}
	c.unchanged(func() {
		for _, h := range [][]string{
			{"Content-Type", "application/json; charset=utf8; charset=utf-8"},
			{"Content-Type", "application/json; charset=utf-7"},
			{"Content-Type", "application/json; charset="},
			{"Content-Type", "application/json; version=2"},
			{"Content-Encoding", "identity, gzip"},
			{"Content-Encoding", "br"},
			{"Content-Encoding", "identityx"},
		} {
			c.is(c.request("POST", authnPath, `{"username":"bob","password":"`+goodPassword+`"}`, h...), 400, "E0000021")
		}
	})
}

// TestTrailingSlash: one slash at the end of a path is as good as none.
func TestTrailingSlash(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.is(c.post(authnPath+"/", `{"username":"bob","password":"`+goodPassword+`"}`), 200, "MFA_REQUIRED")
	c.is(c.send(authnPath+"/"), 200, "MFA_REQUIRED")
	c.is(c.send(authnPath+"/introspect/"), 200, "MFA_REQUIRED")
	c.is(c.send(verifyPath+"/?rememberDevice=false"), 200, "MFA_CHALLENGE")
	c.is(c.send(authnPath+"/previous/"), 200, "MFA_REQUIRED")
	c.is(c.send(verifyPath+"/"), 200, "MFA_CHALLENGE")
	c.wait(time.Minute)
	c.is(c.send(verifyPath+"/resend/"), 200, "MFA_CHALLENGE")
	r := c.is(c.send(verifyPath+"/", "passCode", c.code("bob")), 200, "SUCCESS")
	if r := c.get(redirectPath + "/" + query("token", r.str("sessionToken"), "redirectUrl", app)); r.Code != 302 {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
	c = c.world.client("alan")
	r = c.is(c.login(), 200, "SUCCESS")
	if r := c.post("/api/v1/sessions/", `{"sessionToken":"`+r.str("sessionToken")+`"}`); r.Code != 200 {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
	c = c.world.client("grace")
	c.login()
	c.is(c.send(authnPath+"/skip/"), 403, "E0000079")
	c.is(c.send(authnPath+"/factors/", "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	c.wait(time.Minute)
	c.is(c.send(authnPath+"/factors/emf-grace/lifecycle/resend/"), 200, "MFA_ENROLL_ACTIVATE")
	c.unchanged(func() {
		for _, path := range []string{authnPath + "//", cancelPath + "//", "/api/v1/authn/factors/emf-grace/lifecycle/activate//"} {
			c.is(c.send(path), 404, "E0000008")
		}
	})
	c.is(c.send(authnPath+"/factors/emf-grace/lifecycle/activate/", "passCode", c.code("grace")), 200, "SUCCESS")
	c.login()
	c.is(c.send(cancelPath+"/"), 200, "")
}

// TestRelayStateEverywhere: every request of a sign-in may bring it, and has it
// back in its answer.
func TestRelayStateEverywhere(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	send := func(path string, status int, what string, members ...string) {
		t.Helper()
		r := c.is(c.send(path, append(members, "relayState", "/orders?id=7")...), status, what)
		if r.str("relayState") != "/orders?id=7" {
			t.Errorf("%s: %s", path, r.Body)
		}
	}
	const grace = "/api/v1/authn/factors/emf-grace"
	c.login()
	send(authnPath, 200, "MFA_REQUIRED")
	send(authnPath+"/introspect", 200, "MFA_REQUIRED")
	send(verifyPath, 200, "MFA_CHALLENGE")
	send(authnPath+"/previous", 200, "MFA_REQUIRED")
	send(verifyPath+"/resend", 200, "MFA_CHALLENGE")
	send(verifyPath, 200, "SUCCESS", "passCode", c.code("bob"))
	c.login()
	send(cancelPath, 200, "")
	c = c.world.client("may")
	c.login()
	send(authnPath+"/skip", 200, "SUCCESS")
	c = c.world.client("grace")
	c.login()
	send(authnPath+"/factors", 200, "MFA_ENROLL_ACTIVATE", "factorType", "email", "provider", "OKTA")
	c.wait(time.Minute)
	send(grace+"/lifecycle/resend", 200, "MFA_ENROLL_ACTIVATE")
	send(grace+"/lifecycle/activate", 200, "SUCCESS", "passCode", c.code("grace"))
}
