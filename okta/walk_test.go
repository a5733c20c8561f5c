package okta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// The walk-throughs have the letters of the reference; each is recorded in
// testdata, word for word.

func TestWalkA_NoSecondFactor(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("alan")
	c.comment("A. The password is enough.")
	r := c.is(c.login(), 200, "SUCCESS")
	if r.str("sessionToken") == "" || r.at("stateToken") != nil {
		t.Error("SUCCESS has a session token and no state token")
	}
	body := `{"sessionToken":"` + r.str("sessionToken") + `"}`
	c.comment("A server exchanges the session token, once.")
	if r := c.post("/api/v1/sessions", body); r.Code != 200 || r.str("userId") != "user-alan" {
		t.Errorf("got %d", r.Code)
	}
	c.is(c.post("/api/v1/sessions", body), 401, "E0000011")
	c.golden()
}

func TestWalkB_EmailSecondFactor(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.comment("B. E-mail as the second factor, enrolled before. The password sends no mail.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	if n := len(c.mail.All()); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
	c.comment("Without a passCode, or with an empty one as Okta's widget sends it, verify sends a code.")
	r = c.is(c.send(r.str(firstVerify)+"?rememberDevice=false", "passCode", ""), 200, "MFA_CHALLENGE")
	if n := len(c.mail.All()); n != 1 {
		t.Errorf("%d mails were sent", n)
	}
	c.comment("A wrong code changes neither the state nor the state token.")
	c.is(c.send(r.str(next), "passCode", c.wrong("bob")), 403, "E0000068")
	c.comment("A second mail has to wait.")
	c.unchanged(func() { c.is(c.send(r.str(resend)), 429, "E0000118") })
	c.wait(30 * time.Second)
	old := c.code("bob")
	r = c.is(c.send(r.str(resend)), 200, "MFA_CHALLENGE")
	if old != c.code("bob") {
		c.comment("The first code is dead from then on.")
		c.is(c.send(r.str(next), "passCode", old), 403, "E0000068")
	}
	c.comment("The right one.")
	r = c.is(c.send(r.str(next)+"?rememberDevice=true", "passCode", c.code("bob")), 200, "SUCCESS")
	c.comment("It is good once: there is no transaction any more.")
	c.is(c.send("/api/v1/authn"), 401, "E0000011")
	c.is(c.send("/api/v1/authn/factors/emf-bob/verify", "passCode", c.code("bob")), 401, "E0000011")
	c.comment("The browser that got SUCCESS exchanges the session token, once.")
	to := "/login/sessionCookieRedirect" + query("checkAccountSetupComplete", "true", "token", r.str("sessionToken"), "redirectUrl", app+"/orders?id=7")
	if r := c.get(to); r.Code != 302 || r.Header().Get("Location") != app+"/orders?id=7" {
		t.Errorf("got %d %s", r.Code, r.Header().Get("Location"))
	}
	c.comment("A second click leads on as well. It makes no second session.")
	if r := c.get(to); r.Code != 302 || r.Header().Get("Location") != app+"/orders?id=7" {
		t.Errorf("got %d %s", r.Code, r.Header().Get("Location"))
	}
	if len(c.people.started) != 1 || c.people.started[0].User != "user-bob" {
		t.Error("one session was to be made, for user-bob")
	}
	c.golden()
}

func TestWalkC_EmailEnrollment(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("grace")
	c.comment("C. The e-mail factor is enrolled inside the sign-in.")
	r := c.is(c.login(), 200, "MFA_ENROLL")
	r = c.is(c.send(r.str(firstEnroll), "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	c.wait(time.Minute)
	r = c.is(c.send(r.str(resend), "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	c.is(c.send(r.str(next), "passCode", c.wrong("grace")), 403, "E0000068")
	c.is(c.send(r.str(next), "passCode", c.code("grace")), 200, "SUCCESS")
	c.comment("From now on it is asked for.")
	c.is(c.login(), 200, "MFA_REQUIRED")
	c.golden()
}

func TestWalkC_TwoAreRequired(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("two")
	c.comment("C. Two factors are required: the first one leads back to MFA_ENROLL.")
	r := c.is(c.login(), 200, "MFA_ENROLL")
	r = c.is(c.send(r.str(firstEnroll), "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	r = c.is(c.send(r.str(next), "passCode", c.code("two")), 200, "MFA_ENROLL")
	c.comment("It cannot be skipped, and there is no link for it.")
	if r.str(skip) != "" {
		t.Error("skip is published")
	}
	c.unchanged(func() { c.is(c.send("/api/v1/authn/skip"), 403, "E0000079") })
	c.wait(30 * time.Second)
	r = c.is(c.send("/api/v1/authn/factors", "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	c.is(c.send(r.str(next), "passCode", c.code("more")), 200, "SUCCESS")
	c.golden()
}

func TestWalkD_BackOutOfEnrollment(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("grace")
	c.comment("D. Back out of an enrollment, and in again.")
	r := c.is(c.login(), 200, "MFA_ENROLL")
	r = c.is(c.send(r.str(firstEnroll), "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	first := c.code("grace")
	r = c.is(c.send(r.str(prev)), 200, "MFA_ENROLL")
	c.comment("The code is dead, and going back does not shorten the wait.")
	c.unchanged(func() {
		c.is(c.send("/api/v1/authn/factors/emf-grace/lifecycle/activate", "passCode", first), 403, "E0000079")
		c.is(c.send(r.str(firstEnroll), "factorType", "email", "provider", "OKTA"), 429, "E0000118")
	})
	c.wait(30 * time.Second)
	r = c.is(c.send(r.str(firstEnroll)+"?updatePhone=true", "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	c.is(c.send(r.str(next), "passCode", c.code("grace")), 200, "SUCCESS")
	c.golden()
}

func TestWalkE_OptionalEnrollment(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("may")
	c.comment("E. Enrollment is offered and may be skipped.")
	r := c.is(c.login(), 200, "MFA_ENROLL")
	c.is(c.send(r.str(skip)), 200, "SUCCESS")
	c.golden()
}

func TestWalkM_ExpiredAndCanceled(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("bob")
	c.comment("M. A code that comes too late; a new one is to be asked for.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	c.wait(5 * time.Minute)
	c.is(c.send(r.str(next), "passCode", c.code("bob")), 403, "E0000068")
	c.comment("Now there is none.")
	c.unchanged(func() { c.is(c.send(r.str(next), "passCode", c.code("bob")), 403, "E0000068") })
	c.comment("A transaction that comes to its end.")
	c.wait(5 * time.Minute)
	c.is(c.send(r.str(resend)), 401, "E0000011")
	c.comment("One that is canceled.")
	r = c.is(c.login(), 200, "MFA_REQUIRED")
	c.is(c.send(r.str(cancel)), 200, "")
	c.is(c.send(r.str(cancel)), 401, "E0000011")
	c.is(c.send("/api/v1/authn/introspect"), 401, "E0000011")
	c.golden()
}

func TestWalkN_Lock(t *testing.T) {
	c := newWorld(t, authn.Policy{LockEvery: 5}).client("bob")
	c.comment("N. Five wrong codes; the account locks at the fifth here.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	for range 4 {
		c.is(c.send(r.str(next), "passCode", c.wrong("bob")), 403, "E0000068")
	}
	c.comment("From the fourth on there is a wait: not even the right code is looked at.")
	c.unchanged(func() { c.is(c.send(r.str(next), "passCode", c.code("bob")), 429, "E0000047") })
	c.wait(30 * time.Second)
	c.is(c.send(r.str(next), "passCode", c.wrong("bob")), 403, "E0000069")
	c.is(c.send(r.str(next), "passCode", c.code("bob")), 401, "E0000011")
	c.comment("The right password shows the lock, a wrong one does not.")
	c.unchanged(func() {
		if r := c.is(c.login(), 200, "LOCKED_OUT"); r.at("stateToken") != nil || r.at("sessionToken") != nil {
			t.Error("a locked account got a token")
		}
		c.is(c.post("/api/v1/authn", `{"username":"bob","password":"guess"}`), 401, "E0000004")
	})
	c.comment("It ends.")
	c.wait(30 * time.Minute)
	c.is(c.login(), 200, "MFA_REQUIRED")
	c.golden()
}

func TestWalkO_ResumeInAnotherProcess(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	c := w.client("bob")
	c.comment("O. Another process, with the same store and keys, knows the transaction.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	was := r.Body.String()
	_, c.h = w.node(authn.Policy{}, "acme")
	for _, path := range []string{"/api/v1/authn", "/api/v1/authn/introspect"} {
		if got := c.is(c.send(path), 200, "MFA_CHALLENGE").Body.String(); got != was {
			t.Errorf("%s: the answer differs:\n%s\n%s", path, was, got)
		}
	}
	c.comment("After a reload a client goes back at once; the code that was sent is good all the same.")
	r = c.is(c.send(r.str(prev)), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "SUCCESS")
	if n := len(c.mail.All()); n != 1 {
		t.Errorf("%d mails were sent", n)
	}
	c.golden()
}

// TestWalkOrigin is the question that began it all: a state token, a code
// from the mail, and an API that says "invalid session".
func TestWalkOrigin(t *testing.T) {
	c := newWorld(t, authn.Policy{}).client("grace")
	c.comment("The factor is being enrolled, and the code goes to the API that manages factors.")
	r := c.is(c.login(), 200, "MFA_ENROLL")
	c.is(c.send(r.str(firstEnroll), "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	var right string
	c.unchanged(func() {
		r = c.is(c.send("/api/v1/users/user-grace/factors/emf-grace/lifecycle/activate", "passCode", c.code("grace")), 403, "E0000005")
		right = r.str("errorCauses.1.href")
		c.is(c.post("/api/v1/sessions", `{"sid":"`+c.token+`"}`), 403, "E0000005")
		c.is(c.post("/api/v1/sessions", `{"sessionToken":"`+c.token+`"}`), 403, "E0000005")
		c.is(c.post("/api/v1/authn/factors/emf-grace/lifecycle/activate", `{"passCode":"123456"}`, "Authorization", "SSWS "+c.token), 403, "E0000005")
		c.is(c.send("/api/v1/authn/factors/emf-grace/verify", "passCode", c.code("grace")), 403, "E0000079")
		c.is(c.send("/api/v1/authn/factors/emf-grace/verify/resend"), 403, "E0000079")
	})
	c.comment("The first of the operations that the answer names.")
	if !strings.HasSuffix(right, "/lifecycle/activate") {
		t.Errorf("it names %s", right)
	}
	c.is(c.send(right, "passCode", c.code("grace")), 200, "SUCCESS")
	c.golden()
}
