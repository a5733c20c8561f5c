package okta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// TestPlantedSignIn: whoever has begun a sign-in and had somebody else finish it
// asks in vain, with each request there is: the session token and its cookie are
// in the answer to the request that finished it and in no other.
func TestPlantedSignIn(t *testing.T) {
	for name, user := range map[string]string{"verified": "bob", "activated": "grace", "skipped": "may"} {
		t.Run(name, func(t *testing.T) {
			planter := newWorld(t, authn.Policy{}).client(user)
			factor := authnPath + "/factors/emf-" + user
			planter.login()
			victim := planter.client(user)
			victim.token = planter.token
			var r *reply
			switch user {
			case "bob":
				victim.send(verifyPath)
				r = victim.send(verifyPath, "passCode", victim.code(user))
			case "grace":
				victim.send(authnPath+"/factors", "factorType", "email", "provider", "OKTA")
				r = victim.send(factor+"/lifecycle/activate", "passCode", victim.code(user))
			default:
				r = victim.send(authnPath + "/skip")
			}
			session := victim.is(r, 200, "SUCCESS").str("sessionToken")
			if len(victim.cookies) != 1 {
				t.Errorf("the one who finished it has the cookies %v", victim.cookies)
			}
			code := victim.code(user)
			planter.unchanged(func() {
				for _, key := range []string{"", "k1"} {
					for _, path := range []string{
						authnPath, authnPath + "/introspect", authnPath + "/factors", authnPath + "/previous", authnPath + "/skip",
						factor + "/verify", factor + "/verify/resend", factor + "/lifecycle/activate", factor + "/lifecycle/resend",
						"/api/v1/users/u/factors/f/verify", "/api/v1/sessions",
					} {
						for _, members := range []string{``, `,"passCode":""`, `,"passCode":"` + code + `"`, `,"factorType":"email","provider":"OKTA"`} {
							var h []string
							if key != "" {
								h = []string{"Idempotency-Key", key}
							}
							r := planter.post(path, `{"stateToken":"`+planter.token+`"`+members+`}`, h...)
							if r.Code < 400 || strings.Contains(r.Body.String(), session[2:]) || r.Header()["Set-Cookie"] != nil || r.at("authn") != nil {
								t.Errorf("%s %s: %d %s", path, members, r.Code, r.Body)
							}
						}
					}
				}
			})
			r = planter.get(redirectPath + query("token", session, "redirectUrl", app))
			if planter.is(r, 401, "E0000011"); len(planter.people.started) != 0 {
				t.Error("the planter has a session")
			}
			if r := victim.get(redirectPath + query("token", session, "redirectUrl", app)); r.Code != 302 || len(planter.people.started) != 1 {
				t.Errorf("the one who finished it got %d %s", r.Code, r.Body)
			}
		})
	}
}

// TestRepeatsOfTheEnd: a request that is sent again under its key after the
// transaction has ended is answered like any other with a token that is no good;
// only what ended it is answered again, as long as there is something to say.
func TestRepeatsOfTheEnd(t *testing.T) {
	send := func(c *client, path, code string) *reply {
		body := `{"stateToken":"` + c.token + `"`
		if code != "" {
			body += `,"passCode":"` + code + `"`
		}
		return c.post(path, body+"}", "Idempotency-Key", "k")
	}
	ended := func(c *client, path, code string) {
		c.t.Helper()
		c.is(send(c, path, code), 401, "E0000011")
		want := c.is(c.send(authnPath), 401, "E0000011")
		c.is(send(c, path, code), 401, "E0000011")
		alike(c.t, path, want, send(c, path, code))
	}
	t.Run("a challenge, expired", func(t *testing.T) {
		c := newWorld(t, authn.Policy{}).client("bob")
		c.login()
		c.is(send(c, verifyPath, ""), 200, "MFA_CHALLENGE")
		c.wait(10 * time.Minute)
		ended(c, verifyPath, "")
	})
	t.Run("an enrollment, expired", func(t *testing.T) {
		c := newWorld(t, authn.Policy{}).client("grace")
		c.login()
		c.is(c.send(authnPath+"/factors", "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
		c.wait(time.Minute)
		c.is(send(c, authnPath+"/factors/emf-grace/lifecycle/resend", ""), 200, "MFA_ENROLL_ACTIVATE")
		c.wait(9 * time.Minute)
		ended(c, authnPath+"/factors/emf-grace/lifecycle/resend", "")
	})
	t.Run("a step back, expired", func(t *testing.T) {
		c := challenged(t, authn.Policy{})
		c.is(send(c, authnPath+"/previous", ""), 200, "MFA_REQUIRED")
		c.wait(10 * time.Minute)
		ended(c, authnPath+"/previous", "")
	})
	t.Run("a wrong code, expired", func(t *testing.T) {
		c := challenged(t, authn.Policy{})
		wrong := c.wrong("bob")
		c.is(send(c, verifyPath, wrong), 403, "E0000068")
		c.is(send(c, verifyPath, wrong), 403, "E0000068")
		c.wait(10 * time.Minute)
		ended(c, verifyPath, wrong)
	})
	t.Run("a late code, expired", func(t *testing.T) {
		c := challenged(t, authn.Policy{})
		c.wait(5 * time.Minute)
		code := c.code("bob")
		c.is(send(c, verifyPath, code), 403, "E0000068")
		c.wait(5 * time.Minute)
		ended(c, verifyPath, code)
	})
	t.Run("the last wrong code", func(t *testing.T) {
		c := challenged(t, authn.Policy{LockEvery: 1})
		wrong := c.wrong("bob")
		c.is(send(c, verifyPath, wrong), 403, "E0000069")
		c.is(send(c, verifyPath, wrong), 403, "E0000069")
		c.is(c.send(verifyPath, "passCode", wrong), 401, "E0000011")
	})
	t.Run("a code, canceled by another sign-in", func(t *testing.T) {
		c := newWorld(t, authn.Policy{Live: 1}).client("bob")
		c.login()
		c.is(send(c, verifyPath, ""), 200, "MFA_CHALLENGE")
		other := c.client("bob")
		other.login()
		ended(c, verifyPath, "")
	})
	t.Run("a code, ended by a lock", func(t *testing.T) {
		c := newWorld(t, authn.Policy{LockEvery: 1}).client("bob")
		c.login()
		c.is(send(c, verifyPath, ""), 200, "MFA_CHALLENGE")
		other := c.client("bob")
		other.login()
		other.send(verifyPath)
		other.is(other.send(verifyPath, "passCode", c.wrong("bob")), 403, "E0000069")
		ended(c, verifyPath, "")
	})
	t.Run("the cancellation", func(t *testing.T) {
		c := challenged(t, authn.Policy{})
		c.is(send(c, cancelPath, ""), 200, "")
		c.is(send(c, cancelPath, ""), 200, "")
		c.is(c.send(cancelPath), 401, "E0000011")
	})
	for name, after := range map[string]func(c *client, session string){
		"late":     func(c *client, _ string) { c.wait(okta.SessionLife) },
		"redeemed": func(c *client, s string) { c.post("/api/v1/sessions", `{"sessionToken":"`+s+`"}`) },
		"canceled": func(c *client, _ string) { c.is(c.send(cancelPath), 200, "") },
		"locked": func(c *client, _ string) {
			other := c.client("bob")
			other.login()
			other.send(verifyPath)
			other.is(other.send(verifyPath, "passCode", c.wrong("bob")), 403, "E0000069")
		},
	} {
		t.Run("the right code, "+name, func(t *testing.T) {
			c := challenged(t, authn.Policy{LockEvery: 1})
			code := c.code("bob")
			session := c.is(send(c, verifyPath, code), 200, "SUCCESS").str("sessionToken")
			if again := c.is(send(c, verifyPath, code), 200, "SUCCESS"); again.str("sessionToken") != session || again.Header()["Set-Cookie"] == nil {
				t.Errorf("the repeat got %s", again.Body)
			}
			after(c, session)
			ended(c, verifyPath, code)
		})
	}
}
