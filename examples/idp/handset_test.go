package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// phoneOf reads /phone.json.
func (b *browser) phoneOf(user string) (h handset) {
	b.t.Helper()
	r := b.get("/phone.json?" + url.Values{"of": {user}}.Encode())
	if err := json.Unmarshal([]byte(r.body), &h); r.status != 200 || err != nil {
		b.t.Fatal(r.status, err, r.body)
	}
	return h
}

func (b *browser) press(id, answer string, number int) int {
	b.t.Helper()
	body := fmt.Sprintf(`{"answer":%q,"number":%d}`, answer, number)
	if answer == "reject" {
		body = `{"answer":"reject"}`
	}
	return b.send("/phone/push/"+id, body).status
}

// factorOf is the id of a user's factor of one of Okta's types, in the last answer.
func (r *reply) factorOf(factorType string) string {
	r.t.Helper()
	for i := range 9 {
		if r.str(fmt.Sprintf("_embedded.factors.%d.factorType", i)) == factorType {
			return r.str(fmt.Sprintf("_embedded.factors.%d.id", i))
		}
	}
	r.t.Fatalf("no %s in %s", factorType, r.body)
	return ""
}

// number is the one on the screen.
func (r *reply) number() (int, error) {
	return strconv.Atoi(r.under("_embedded.factor._embedded.challenge.correctAnswer"))
}

func verifyPath(id string) string { return "/api/v1/authn/factors/" + id + "/verify" }

// TestHandset: katherine has every kind of factor, and her phone what they take.
func TestHandset(t *testing.T) {
	store := "sqlite:" + t.TempDir() + "/idp.db"
	s, stop := serve(t, "-dev", "-resend-wait", "1s", "-store", store)
	b := s.browser(t)
	const user = "katherine+p" + domain
	h := b.phoneOf(user)
	if h.Number == "" || len(h.TOTP) != 1 || len(h.Recovery) != 10 || len(h.Push)+len(h.SMS)+len(h.Calls)+len(h.Pairing) != 0 || h.TOTP[0].Issuer != serviceName || h.TOTP[0].Account != user {
		t.Fatalf("%+v", h)
	}
	signIn := func(factorType string, members ...string) *reply {
		t.Helper()
		r := b.login(user).is(200, "MFA_REQUIRED")
		return b.post(verifyPath(r.factorOf(factorType)), members...)
	}
	signIn("token:software:totp", "passCode", h.TOTP[0].Code).is(200, "SUCCESS")
	signIn("token:software:totp", "passCode", h.TOTP[0].Code).is(403, "E0000068")
	signIn("question", "answer", accountAnswer).is(200, "SUCCESS")
	signIn("recovery_codes", "passCode", h.Recovery[4]).is(200, "SUCCESS")
	if left := b.phoneOf(user).Recovery; len(left) != 9 || slices.Contains(left, h.Recovery[4]) {
		t.Errorf("the used code is not crossed out: %q", left)
	}
	signIn("recovery_codes", "passCode", h.Recovery[4]).is(403, "E0000068")

	for _, by := range []string{"sms", "call"} {
		r := signIn(by).is(200, "MFA_CHALLENGE")
		h := b.phoneOf(user)
		texts := map[string][]said{"sms": h.SMS, "call": h.Calls}[by]
		if len(texts) != 1 {
			t.Fatalf("%s: %+v", by, h)
		}
		b.post(r.str(next), "passCode", b.code(h.Number)).is(200, "SUCCESS")
	}

	r := signIn("push").is(200, "MFA_CHALLENGE")
	right, err := r.number()
	q := b.phoneOf(user).Push
	if err != nil || len(q) != 1 || q[0].State != "waiting" || len(q[0].Numbers) != 3 || !slices.Contains(q[0].Numbers, right) {
		t.Fatal(q, right, err)
	}
	b.get("/phone?"+url.Values{"of": {user}}.Encode()).shows(user, strconv.Itoa(right), h.TOTP[0].Secret)
	if b.send("/phone/push/"+q[0].ID, `{"answer":"perhaps"}`).status != 400 || b.press("nothing", "approve", right) != 409 || b.press(q[0].ID, "approve", right) != 200 || b.press(q[0].ID, "reject", 0) != 409 {
		t.Error("the phone is answered otherwise")
	}
	b.post(r.str(next)).is(200, "SUCCESS")

	r = signIn("push").is(200, "MFA_CHALLENGE")
	q = b.phoneOf(user).Push
	right, err = r.number()
	wrong := slices.IndexFunc(q[1].Numbers, func(n int) bool { return err == nil && n != right })
	if q[0].State != "approved" || b.press(q[1].ID, "approve", q[1].Numbers[wrong]) != 200 || b.phoneOf(user).Push[1].State != "rejected" {
		t.Error(b.phoneOf(user).Push)
	}
	if r = b.post(verifyPath(r.str("_embedded.factor.id"))).is(200, "MFA_CHALLENGE"); r.str("factorResult") != "REJECTED" {
		t.Error(r.body)
	}
	poll := verifyPath(r.str("_embedded.factor.id"))
	if r = b.post(poll).is(200, "MFA_CHALLENGE"); r.str("factorResult") != "WAITING" { // asks anew
		t.Error(r.body)
	}
	advance(t, b, (2 * time.Minute).String())
	if q = b.phoneOf(user).Push; q[2].State != "gone" || b.press(q[2].ID, "approve", 10) != 409 {
		t.Error(q)
	}
	for _, want := range []string{"TIMEOUT", "WAITING"} {
		if r = b.post(poll).is(200, "MFA_CHALLENGE"); r.str("factorResult") != want {
			t.Error(r.body)
		}
	}
	secret := h.TOTP[0].Secret
	stop()

	s, _ = serve(t, "-store", store)
	if h := s.browser(t).phoneOf(user); len(h.TOTP) != 1 || h.TOTP[0].Secret != secret || len(h.Recovery) != 9 {
		t.Errorf("after a restart: %+v", h)
	}
}

// TestHandsetSetsUp: margaret sets up what she likes, and what she scans is in her phone.
func TestHandsetSetsUp(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	user := func(tag string) string { return "margaret+" + tag + domain }
	offered := func(tag string) *reply {
		r := b.login(user(tag)).is(200, "MFA_ENROLL")
		if r.str("_links.skip.href") != "" || r.str("_embedded.factors.6.enrollment") != "OPTIONAL" {
			t.Error(r.body)
		}
		return r
	}
	for _, provider := range []string{"OKTA", "GOOGLE"} {
		who := user(strings.ToLower(provider))
		offered(strings.ToLower(provider))
		r := b.enroll("token:software:totp", provider)
		app := b.phoneOf(who).TOTP
		if len(app) != 1 || app[0].Secret != r.str("_embedded.factor._embedded.activation.sharedSecret") {
			t.Fatal(app)
		}
		b.post(r.str(next), "passCode", app[0].Code).is(200, "SUCCESS")
		r = b.login(who).is(200, "MFA_REQUIRED")
		if got := r.str("_embedded.factors.0.provider"); got != provider || r.str("_embedded.factors.1.provider") != "" {
			t.Errorf("%s is shown as %s", provider, got)
		}
	}

	offered("b")
	r := b.enroll("push", "OKTA")
	pair := b.phoneOf(user("b")).Pairing
	if len(pair) != 1 || b.press(pair[0].ID, "approve", 0) != 200 || b.press(pair[0].ID, "approve", 0) != 409 {
		t.Fatal(pair)
	}
	b.post(r.str(next)).is(200, "SUCCESS")
	if left := b.phoneOf(user("b")).Pairing; len(left) != 0 {
		t.Error(left)
	}

	for _, by := range []string{"sms", "call", "email"} {
		offered(by)
		r = b.enroll(by, "OKTA")
		to := user(by)
		if by != "email" {
			to = b.phoneOf(user(by)).Number
		}
		b.post(r.str(next), "passCode", b.code(to)).is(200, "SUCCESS")
	}
}

func TestShownCode(t *testing.T) {
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 2000000000: "279037"} { // RFC 6238, appendix B
		code, until := shownCode(base32Text.EncodeToString([]byte("12345678901234567890")), time.Unix(at, 0))
		if code != want || until.Unix() <= at || until.Unix() > at+30 {
			t.Errorf("at %d: %s until %d", at, code, until.Unix())
		}
	}
}
