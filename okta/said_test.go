package okta_test

import (
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// TestSaysWhatHelps: the first cause, which clients show to users, names what
// the state has left, and when; nothing else counts down.
func TestSaysWhatHelps(t *testing.T) {
	const minute = time.Minute
	wrong := func(c *client) *reply { return c.send(verifyPath, "passCode", c.wrong("bob")) }
	again := func(c *client) *reply { return c.send(verifyPath + "/resend") }
	for name, x := range map[string]struct {
		policy  authn.Policy
		before  func(c *client)
		ask     func(c *client) *reply
		code    string // of the error
		says    string
		retry   string // Retry-After
		expires bool   // whether there is a code to count down
	}{
		"a wrong code": {
			ask: wrong, code: "E0000068", says: "That is not the code that was sent. Check it and try again.", expires: true,
		},
		"a wait": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 2 * minute},
			ask:    wrong, code: "E0000068", says: "That is not the code that was sent. Try again in 120 seconds.", expires: true,
		},
		"a wait that the code just outlives": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 5*minute - time.Second},
			ask:    wrong, code: "E0000068", says: "That is not the code that was sent. Try again in 299 seconds.", expires: true,
		},
		"a wait that outlives the code": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 5 * minute},
			ask:    wrong, code: "E0000068", says: "That is not the code that was sent. Ask for a new one in 300 seconds.",
		},
		"a wait that outlives the code, asked in it": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 5 * minute}, before: func(c *client) { wrong(c); c.wait(minute) },
			ask: wrong, code: "E0000047", says: "Ask for a new one in 240 seconds.", retry: "240",
		},
		"a wait that outlives the second code": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 5 * minute}, before: func(c *client) { c.wait(minute); again(c) },
			ask: wrong, code: "E0000068", says: "That is not code 2, the one sent last. Ask for a new one in 300 seconds.",
		},
		"a wait that outlives the code, and no code left": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 5 * minute, Sends: 1},
			ask:    wrong, code: "E0000068", says: "That is not the code that was sent. Sign in again.",
		},
		"the same, asked in it": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 5 * minute, Sends: 1}, before: func(c *client) { wrong(c) },
			ask: wrong, code: "E0000047", says: "Sign in again.", retry: "300",
		},
		"a wait that outlives the sign-in": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 10 * minute},
			ask:    wrong, code: "E0000068", says: "That is not the code that was sent. Sign in again.",
		},
		"a wait, asked in it": {
			policy: authn.Policy{BackoffFrom: 1, Backoff: 2 * minute}, before: func(c *client) { wrong(c); c.wait(minute) },
			ask: wrong, code: "E0000047", says: "Wait 60 seconds, then try again.", retry: "60", expires: true,
		},
		"the last try of a code": {
			policy: authn.Policy{CodeTries: 1}, before: func(c *client) { c.wait(minute) },
			ask: wrong, code: "E0000068", says: "That was the last try for this code. Ask for a new one.",
		},
		"the last try of a code, another later": {
			policy: authn.Policy{CodeTries: 1},
			ask:    wrong, code: "E0000068", says: "That was the last try for this code. Ask for a new one in 30 seconds.",
		},
		"the last try of the last code": {
			policy: authn.Policy{CodeTries: 1, Sends: 1},
			ask:    wrong, code: "E0000068", says: "That was the last try for this code. Sign in again.",
		},
		"a late code": {
			before: func(c *client) { c.wait(5 * minute) },
			ask:    wrong, code: "E0000068", says: "The code has expired. Ask for a new one.",
		},
		"the last code, late": {
			policy: authn.Policy{Sends: 1}, before: func(c *client) { c.wait(5 * minute) },
			ask: wrong, code: "E0000068", says: "The code has expired. Sign in again.",
		},
		"no code": {
			policy: authn.Policy{CodeTries: 1}, before: func(c *client) { wrong(c); c.wait(minute) },
			ask: wrong, code: "E0000068", says: "There is no code to compare with any more. Ask for a new one.",
		},
		"no code, another later": {
			policy: authn.Policy{CodeTries: 1}, before: func(c *client) { wrong(c); c.wait(10 * time.Second) },
			ask: wrong, code: "E0000068", says: "There is no code to compare with any more. Ask for a new one in 20 seconds.",
		},
		"no code, and none left": {
			policy: authn.Policy{CodeTries: 1, Sends: 1}, before: func(c *client) { wrong(c) },
			ask: wrong, code: "E0000068", says: "There is no code to compare with any more. Sign in again.",
		},
		"another code too soon": {
			ask: again, code: "E0000118", says: "Wait 30 seconds, then try again.", retry: "30", expires: true,
		},
		"another code after the end": {
			policy: authn.Policy{SendsPerHour: 1, Sends: 2}, before: func(c *client) { c.wait(minute) },
			ask: again, code: "E0000118", says: "This sign-in ends before another code can be sent. Enter the last one, or sign in again.", retry: "3540", expires: true,
		},
		"another code after the end, and none now": {
			policy: authn.Policy{SendsPerHour: 1, CodeTries: 1}, before: func(c *client) { wrong(c) },
			ask: again, code: "E0000118", says: "This sign-in ends before another code can be sent. Sign in again.", retry: "30",
		},
		"no code left, one out": {
			policy: authn.Policy{Sends: 1},
			ask:    again, code: "E0000118", says: "This sign-in sends no more codes. Enter the last one, or sign in again.", retry: "600", expires: true,
		},
		"no code left, none out": {
			policy: authn.Policy{Sends: 1, CodeTries: 1}, before: func(c *client) { wrong(c) },
			ask: again, code: "E0000118", says: "This sign-in sends no more codes. Sign in again.", retry: "600",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := challenged(t, x.policy)
			if x.before != nil {
				x.before(c)
			}
			r := x.ask(c)
			if r.str("errorCode") != x.code || r.str("errorCauses.0.errorSummary") != x.says || r.Header().Get("Retry-After") != x.retry {
				t.Errorf("got %s, Retry-After %q, %s", r.str("errorCode"), r.Header().Get("Retry-After"), r.str("errorCauses.0.errorSummary"))
			}
			if r.at("authn") == nil || (r.str("authn.codeExpiresAt") != "") != x.expires {
				t.Errorf("codeExpiresAt: %q in %v", r.str("authn.codeExpiresAt"), r.at("authn"))
			}
			if r := c.send(authnPath); (r.str("authn.codeExpiresAt") != "") != x.expires {
				t.Errorf("the state has codeExpiresAt: %q", r.str("authn.codeExpiresAt"))
			}
		})
	}
}

// TestSaysWhatHelpsEnrolling: the same for a factor that is being enrolled.
func TestSaysWhatHelpsEnrolling(t *testing.T) {
	const path = "/api/v1/authn/factors/emf-grace/lifecycle/"
	c := newWorld(t, authn.Policy{BackoffFrom: 1, Backoff: 5 * time.Minute}).client("grace")
	c.login()
	c.is(c.send("/api/v1/authn/factors", "factorType", "email", "provider", "OKTA"), 200, "MFA_ENROLL_ACTIVATE")
	r := c.is(c.send(path+"activate", "passCode", c.wrong("grace")), 403, "E0000068")
	if s := r.str("errorCauses.0.errorSummary"); s != "That is not the code that was sent. Ask for a new one in 300 seconds." || r.at("authn.codeExpiresAt") != nil {
		t.Error(r.Body)
	}
	if href := r.str("errorCauses.1.href"); href != base+path+"resend" {
		t.Errorf("the new code is to be had at %q", href)
	}
	r = c.is(c.send(path+"activate", "passCode", c.code("grace")), 429, "E0000047")
	if s := r.str("errorCauses.0.errorSummary"); s != "Ask for a new one in 300 seconds." {
		t.Error(s)
	}
}
