package main

import (
	"io"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/authnfsm/authn"
)

func (s *site) isNow(c claims) {
	s.t.Helper()
	if d := s.now().Sub(time.Unix(c.AuthTime, 0)); d < 0 || d > 20*time.Second {
		s.t.Errorf("auth_time is %v ago", d)
	}
}

// A real client signs a user in with a code by e-mail, and the session answers a second
// client without a page.
func TestMail(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	c := f.redeem(b.open(f.url).byMail("ada").back)
	if c.Subject != "ada" || c.ACR != acrTwoFactors || !reflect.DeepEqual(c.AMR, []string{"pwd", "otp"}) {
		t.Errorf("%+v", c)
	}
	s.isNow(c)
	if info, err := f.userinfo(c); err != nil || info["name"] != "Ada Lovelace" || info["email"] != "ada@example.com" || info["sub"] != "ada" {
		t.Errorf("%v, %v", info, err)
	}
	s.advance(time.Hour)
	other := s.ask("other")
	if again := other.redeem(b.open(other.url).back); again.Subject != "ada" || again.AuthTime != c.AuthTime {
		t.Errorf("%+v", again)
	}
	s.advance(sessionLife)
	f = s.ask("app")
	b.open(f.url).shows("Password")
}

// An authenticator app is set up with the demo's phone, and then asked for.
func TestApp(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url).password("radia").shows("Set up an authenticator app").do("enroll", "factor", authn.TOTP)
	b.shows("Set up your app")
	enrolling := b.page
	form := url.Values{"request": {requestID.FindStringSubmatch(b.page)[1]}}
	b.send("POST", s.issuer+"/phone/scan", form).shows("radia@example.com")
	shows := regexp.MustCompile(`\d{6}`)
	code := shows.FindString(b.page)
	b.page = enrolling
	if c := f.redeem(b.do("activate", "code", code).back); !reflect.DeepEqual(c.AMR, []string{"pwd", "otp"}) || c.ACR != acrTwoFactors {
		t.Errorf("%+v", c)
	}
	f = s.ask("app", "prompt", "login")
	b.open(f.url).password("radia").do("challenge", "factor", "app").shows("Your app shows it")
	b.do("verify", "code", code).shows("was used before")
	s.advance(31 * time.Second)
	signing := b.page
	code = shows.FindString(b.open(s.issuer + "/phone").page)
	b.page = signing
	f.redeem(b.do("verify", "code", code).back)
}

// A passkey is made, and then asked for.
func TestPasskey(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app", "acr_values", acrPasskey)
	b.open(f.url).shows("asks for a passkey").password("kay").do("enroll", "factor", keyType).shows("Make a passkey")
	c := f.redeem(b.passkey().back)
	if c.ACR != acrPasskey || !slices.Contains(c.AMR, "pop") {
		t.Errorf("%+v", c)
	}
	f = s.ask("app", "prompt", "login")
	b.open(f.url).password("kay").do("challenge", "factor", "key").shows("Use your passkey")
	if c := f.redeem(b.passkey().back); c.ACR != acrPasskey {
		t.Errorf("%+v", c)
	}
}

// withKey is a browser in which hedy has a session that rests on e-mail alone, and a
// passkey to step up with.
func withKey(s *site) *browser {
	s.t.Helper()
	b, f := s.browser(), s.ask("app")
	b.open(f.url).byMail("hedy").shows("Make a passkey").do("enroll", "factor", keyType)
	f.redeem(b.passkey().back)
	f = s.ask("app", "prompt", "login")
	if c := f.redeem(b.open(f.url).byMail("hedy").back); c.ACR != acrTwoFactors {
		s.t.Fatalf("%+v", c)
	}
	return b
}

// A session that is too weak is stepped up: only the passkey is asked for, and auth_time
// stays that of the password.
func TestStepUp(t *testing.T) {
	s := start(t)
	b := withKey(s)
	began := s.now()
	s.advance(time.Hour)
	f := s.ask("app", "acr_values", acrPasskey)
	before := b.cookieOf(sessionCookie).Value
	b.open(f.url).shows("your password is not needed").do("step-up").do("challenge", "factor", "key")
	c := f.redeem(b.passkey().back)
	if c.ACR != acrPasskey || !slices.Contains(c.AMR, "pwd") || !slices.Contains(c.AMR, "pop") || c.AuthTime > began.Unix() {
		t.Errorf("%+v, begun %d", c, began.Unix())
	}
	if after := b.cookieOf(sessionCookie).Value; after == before || s.store.sessions[hashed(before)] != nil {
		t.Error("the session has kept its id")
	}
	// A passkey does not make the password younger: with max_age both are asked for.
	f = s.ask("app", "acr_values", acrPasskey, "max_age", "60")
	b.open(f.url).shows("Password").password("hedy").do("challenge", "factor", "key")
	c = f.redeem(b.passkey().back)
	s.isNow(c)
}

// A session that is too weak and too old is not stepped up, nor one that becomes too old
// on the way.
func TestStepUpOfAnOldSession(t *testing.T) {
	s := start(t)
	b := withKey(s)
	s.advance(time.Hour)
	f := s.ask("app", "acr_values", acrPasskey, "max_age", "60")
	b.open(f.url).shows("Password").do("step-up").shows("Password")
	f = s.ask("app", "acr_values", acrPasskey, "max_age", "3900")
	b.open(f.url).do("step-up").do("challenge", "factor", "key")
	s.advance(6 * time.Minute)
	if b.passkey(); b.status != 403 || b.back != nil {
		t.Errorf("%d %v", b.status, b.back)
	}
}

// Young is younger than max_age, to the nanosecond.
func TestIsYoung(t *testing.T) {
	at, age := time.Unix(1e9, 0), uint(60)
	x := &session{proofs: []authn.Proof{{At: at.Add(time.Second)}, {At: at}}}
	r := &request{AuthRequest: &oidc.AuthRequest{MaxAge: &age}}
	for after, want := range map[time.Duration]bool{0: true, time.Minute - 1: true, time.Minute: false, time.Minute + 1: false} {
		if got := r.isYoung(x, at.Add(after)); got != want {
			t.Errorf("after %v: %t", after, got)
		}
	}
}

// A step-up offers nothing but what counts, and whoever lacks it is told so at once.
func TestStepUpWithout(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	f.redeem(b.open(f.url).byMail("ada").back)
	f = s.ask("app", "acr_values", acrPasskey)
	b.open(f.url).do("step-up").refused(f, "unmet_authentication_requirements")
	b = withKey(s)
	f = s.ask("app", "acr_values", acrPasskey)
	b.open(f.url).do("step-up").shows("Use a passkey")
	if strings.Contains(b.page, "Send a code") {
		t.Error("e-mail is offered")
	}
	b.do("challenge", "factor", "mail").shows("not possible")
}

// A list of acr values is voluntary, and in order of preference.
func TestACRValues(t *testing.T) {
	for values, want := range map[string]bool{
		"": false, "phr": true, "unknown": false, "unknown phr": true, "phr " + acrTwoFactors: false, acrTwoFactors: false,
	} {
		if got := accepted(strings.Fields(values)); (got != nil) != want {
			t.Errorf("%q: %v", values, got)
		}
	}
}

// max_age, at its limit. Times are in whole seconds, so the session is begun on one.
func TestMaxAge(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	c := f.redeem(b.open(f.url).byMail("ada").back)
	s.ahead.Store(int64(time.Until(time.Unix(c.AuthTime, 0).Add(59 * time.Second)))) // up to a second, whatever the test takes
	f = s.ask("app", "max_age", "60")
	if again := f.redeem(b.open(f.url).back); again.AuthTime != c.AuthTime {
		t.Errorf("%+v", again)
	}
	s.ahead.Store(int64(time.Until(time.Unix(c.AuthTime, 0).Add(60 * time.Second))))
	f = s.ask("app", "max_age", "60")
	again := f.redeem(b.open(f.url).shows("Password").byMail("ada").back)
	s.isNow(again)
	for _, params := range [][]string{{"max_age", "0"}, {"prompt", "login"}} {
		f = s.ask("app", params...)
		b.open(f.url).shows("Password").byMail("ada")
		f.redeem(b.back)
	}
	f = s.ask("app", "max_age", "4294967296000")
	f.redeem(b.open(f.url).back)
}

// prompt=none shows no page, whatever is missing.
func TestPromptNone(t *testing.T) {
	s := start(t)
	b := s.browser()
	none := func(params ...string) *flow { return s.ask("app", append(params, "prompt", "none")...) }
	f := none()
	b.open(f.url).refused(f, "login_required")
	f = s.ask("app")
	hint := f.redeem(b.open(f.url).byMail("ada").back).raw
	f = none()
	if c := f.redeem(b.open(f.url).back); c.Subject != "ada" {
		t.Errorf("%+v", c)
	}
	f = none("id_token_hint", hint)
	f.redeem(b.open(f.url).back)
	for _, params := range [][]string{{"max_age", "0"}, {"acr_values", "phr"}} {
		f = none(params...)
		b.open(f.url).refused(f, "login_required")
	}
	f = s.ask("app", "prompt", "none login")
	b.open(f.url).refused(f, "invalid_request")
	f = s.ask("app", "prompt", "consent")
	b.open(f.url).refused(f, "consent_required")
	f = s.ask("app", "prompt", "select_account")
	b.open(f.url).refused(f, "account_selection_required")
	f = s.ask("app", "prompt", "create")
	b.open(f.url).refused(f, "invalid_request")
}

// The hint of one user does not let another in: neither by a session nor by a password.
func TestIDTokenHint(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	ada := f.redeem(b.open(f.url).byMail("ada").back).raw
	hedy := withKey(s)
	f = s.ask("app", "id_token_hint", ada, "prompt", "none")
	hedy.open(f.url).refused(f, "login_required")
	f = s.ask("app", "id_token_hint", ada)
	hedy.open(f.url).shows(`value="ada@example.com" readonly`).password("hedy").refused(f, "login_required")
	f = s.ask("app", "id_token_hint", ada)
	hedy.open(f.url).byMail("ada")
	if c := f.redeem(hedy.back); c.Subject != "ada" {
		t.Errorf("%+v", c)
	}
	f = s.ask("app", "id_token_hint", ada[:len(ada)-8]+"AAAAAAAA")
	hedy.open(f.url).refused(f, "login_required")
	s.advance(tokenLife + time.Hour) // an old one says who, as well
	f = s.ask("app", "id_token_hint", ada)
	f.redeem(b.open(f.url).back)
}

// login_hint is a name that can be changed, and is no HTML.
func TestLoginHint(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app", "login_hint", "ada@example.com")
	b.open(f.url).shows(`value="ada@example.com">`)
	f.redeem(b.byMail("hedy").shows("Make a passkey").do("enroll", "factor", keyType).passkey().back)
	f = s.ask("app", "prompt", "login", "login_hint", `"><script>`)
	resp, err := b.c.Get(f.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var raw strings.Builder
	if _, err := io.Copy(&raw, resp.Body); err != nil || strings.Contains(raw.String(), "<script>") || !strings.Contains(raw.String(), "&lt;script&gt;") {
		t.Error(err, raw.String())
	}
}
