package main

import (
	"net/url"
	"strings"
	"testing"
)

// asked is the token with which a page sends the browser to the sign-in.
func (b *browser) asked(path string) string {
	b.t.Helper()
	r := b.get(path)
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != 303 || u.Path != "/" || u.Query().Get("stateToken") == "" {
		b.t.Fatalf("%d %v", r.status, r.header)
	}
	return u.Query().Get("stateToken")
}

// TestBilling: the page wants a sign-in of the last minutes. Who has a session is asked
// for a factor alone, in the same browser.
func TestBilling(t *testing.T) {
	s, _ := serve(t, "-dev")
	b := s.browser(t)
	token := b.asked(billingPath)
	r := b.send("/api/v1/authn", `{"stateToken":"`+token+`"}`).is(200, "UNAUTHENTICATED")
	if r.str("_embedded.target.label") != "Billing" {
		t.Error(r.body)
	}
	b.token = ""
	r = b.send("/api/v1/authn", `{"stateToken":"`+token+`","username":"ada+b`+domain+`","password":"`+password+`"}`).is(200, "MFA_REQUIRED")
	b.leadsOn(b.proves(r, "ada+b"+domain))
	b.get(billingPath).shows("Nothing is owed, ada+b" + domain)
	b.get("/account").shows("Ada Lovelace")

	advance(t, b, "5m")
	token = b.asked(billingPath)
	other := s.browser(t)
	other.send("/api/v1/authn", `{"stateToken":"`+token+`"}`).is(401, "E0000011")
	b.token = ""
	r = b.send("/api/v1/authn", `{"stateToken":"`+token+`"}`).is(200, "MFA_REQUIRED")
	b.leadsOn(b.proves(r, "ada+b"+domain))
	b.get(billingPath).shows("a password and a one-time code")

	// Nobody is asked for what they do not need, and nobody is sent in a circle.
	b = s.browser(t)
	token = b.asked(billingPath)
	b.leadsOn(b.send("/api/v1/authn", `{"stateToken":"`+token+`","username":"alan+b`+domain+`","password":"`+password+`"}`).is(200, "SUCCESS"))
	b.get(billingPath).shows("Nothing is owed")
	advance(t, b, "6m")
	b.leadsOn(b.send("/api/v1/authn", `{"stateToken":"`+b.asked(billingPath)+`"}`).is(200, "SUCCESS"))
	b.get(billingPath).shows("Nothing is owed")
}

// proves proves the first factor by the code that was mailed.
func (b *browser) proves(r *reply, user string) *reply {
	b.t.Helper()
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	return b.post(r.str(next), "passCode", b.code(user)).is(200, "SUCCESS")
}

// leadsOn follows the link that makes the session, to where the sign-in was asked for.
func (b *browser) leadsOn(r *reply) {
	b.t.Helper()
	if r.str("sessionToken") != "" || r.str("_links.next.name") != "original" {
		b.t.Fatal(r.body)
	}
	if r := b.get(r.str(next)); r.status != 302 || !strings.HasSuffix(r.header.Get("Location"), billingPath) {
		b.t.Fatalf("%d %v", r.status, r.header)
	}
}
