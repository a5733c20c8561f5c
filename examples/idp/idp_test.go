package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/png" // to look at a QR code
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAccounts(t *testing.T) {
	s, _ := serve(t)
	for name, state := range map[string]string{
		"ada": "MFA_REQUIRED", "grace": "MFA_ENROLL", "mary": "MFA_REQUIRED", "edith": "MFA_ENROLL", "radia": "MFA_ENROLL", "kay": "MFA_ENROLL", "karen": "MFA_ENROLL",
		"annie": "MFA_REQUIRED", "hedy": "MFA_REQUIRED", "betty": "MFA_REQUIRED", "alan": "SUCCESS", "dorothy": "LOCKED_OUT", "katherine": "MFA_REQUIRED",
		"barbara": "MFA_REQUIRED", "frances": "SUCCESS",
	} {
		for _, user := range []string{name, name + "+7", strings.ToUpper(name), name + "+a_b-c"} {
			s.browser(t).login(user+domain).is(200, state)
		}
	}
	wrong := s.browser(t).post("/api/v1/authn", "username", "ada"+domain, "password", "guess").is(401, "E0000004")
	for user, pw := range map[string]string{
		"dorothy" + domain:   "guess",
		"dorothy+1" + domain: "guess",
		"joan" + domain:      password, // no password is right while the account is locked
		"joan+1" + domain:    password,
		"eve" + domain:       password,
		"ada+" + domain:      password,
		"ada+é" + domain:     password,
		"ada+" + strings.Repeat("x", maxTag+1) + domain: password,
		"ada":           password,
		"ada@evil.test": password,
		domain:          password,
		"alan" + domain: password + "\x00" + password, // what bcrypt alone would take for the same
	} {
		r := s.browser(t).post("/api/v1/authn", "username", user, "password", pw).is(401, "E0000004")
		if r.str("errorSummary") != wrong.str("errorSummary") {
			t.Errorf("%s: %s", user, r.body)
		}
	}
}

func TestVerifiedAddress(t *testing.T) {
	s, _ := serve(t, "-resend-wait", "1s")
	b := s.browser(t)
	if r := b.get("/account"); r.status != http.StatusSeeOther || r.header.Get("Location") != "/" {
		t.Errorf("an account without a session: %d", r.status)
	}
	b.signIn("ada" + domain)
	b.get("/account").shows("Ada Lovelace", "ada@example.com", "a password and a one-time code, by email")
	b.get("/").shows("You are signed in as")
	other := s.browser(t)
	if r := other.get("/account"); r.status != http.StatusSeeOther {
		t.Errorf("another browser: %d", r.status)
	}
	r, _ := http.NewRequest(http.MethodPost, s.url+"/sign-out", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if r := b.do(r); r.status != http.StatusForbidden {
		t.Errorf("signed out by another site: %d", r.status)
	}
	r, _ = http.NewRequest(http.MethodPost, s.url+"/sign-out", nil)
	if r := b.do(r); r.status != http.StatusSeeOther {
		t.Errorf("sign out: %d", r.status)
	}
	if r := b.get("/account"); r.status != http.StatusSeeOther {
		t.Errorf("after signing out: %d", r.status)
	}
}

func TestSessionEnds(t *testing.T) {
	s, _ := serve(t, "-dev")
	b := s.browser(t)
	r := b.login("alan"+domain).is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(401, "E0000011")
	b.get("/account").shows("a password")
	advance(t, b, "59m59s")
	b.get("/account").shows("a password")
	advance(t, b, "1s")
	if r := b.get("/account"); r.status != http.StatusSeeOther {
		t.Errorf("after its end: %d", r.status)
	}
	if err := s.sessions.kept.sweep(t.Context(), s.clock.now()); err != nil {
		t.Error(err)
	}
	if all, _ := s.sessions.kept.all(t.Context(), sessionKind); len(all) != 0 {
		t.Errorf("%d sessions are left", len(all))
	}
}

func advance(t *testing.T, b *browser, by string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.base+"/dev/clock?advance="+by, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.do(r).shows("now")
}

func TestEnrollment(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	const user = "grace+e" + domain
	r := b.login(user).is(200, "MFA_ENROLL")
	r = b.post(r.str(firstEnroll), "factorType", "email", "provider", "OKTA").is(200, "MFA_ENROLL_ACTIVATE")
	r = b.post(r.str(next), "passCode", b.code(user)).is(200, "SUCCESS")
	id := r.str("sessionToken")
	// The redirect, as Okta's widget does it.
	to := b.get("/login/sessionCookieRedirect?token=" + url.QueryEscape(id) + "&redirectUrl=" + url.QueryEscape(s.url+"/account"))
	if to.status != http.StatusFound || to.header.Get("Location") != s.url+"/account" {
		t.Fatalf("%d %s", to.status, to.body)
	}
	b.get("/account").shows("Grace Hopper", user)
	s.browser(t).login(user).is(200, "MFA_REQUIRED")
	s.browser(t).login("grace"+domain).is(200, "MFA_ENROLL")
	b.get("/inbox").shows("a second factor was set up")
}

func TestSkip(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	r := b.login("edith"+domain).is(200, "MFA_ENROLL")
	b.post(r.str("_links.skip.href")).is(200, "SUCCESS")
}

// What is due is done although the server's clock was set ahead of the store's.
func TestDevClockTends(t *testing.T) {
	s, _ := serve(t, "-dev", "-store", "sqlite:"+t.TempDir()+"/idp.db")
	b := s.browser(t)
	b.login("ada"+domain).is(200, "MFA_REQUIRED")
	advance(t, b, "1h")
	if did, err := s.svc.Tend(t.Context()); err != nil || did.Ended != 1 {
		t.Errorf("%+v, %v", did, err)
	}
}

func TestDevClock(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	r, _ := http.NewRequest(http.MethodPost, s.url+"/dev/clock?advance=5m", nil)
	if r := b.do(r); r.status != http.StatusNotFound {
		t.Errorf("without -dev: %d", r.status)
	}
	s, _ = serve(t, "-dev")
	for _, bad := range []string{"", "-1s", "soon", "9000h"} {
		r, _ := http.NewRequest(http.MethodPost, s.url+"/dev/clock?advance="+bad, nil)
		if r := b.do(r); r.status != http.StatusBadRequest {
			t.Errorf("advance=%s: %d", bad, r.status)
		}
	}
	b = s.browser(t)
	rep := b.login("ada"+domain).is(200, "MFA_REQUIRED")
	rep = b.post(rep.str(firstVerify)).is(200, "MFA_CHALLENGE")
	advance(t, b, "5m")
	b.post(rep.str(next), "passCode", b.code("ada"+domain)).is(403, "E0000068")
	advance(t, b, "5m")
	b.post(rep.str(next), "passCode", "123456").is(401, "E0000011")
}

// TestRelay: with -smtp nothing is kept here, and a relay that is away is told
// by the answer.
func TestRelay(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	s, _ := serve(t, "-smtp", ln.Addr().String())
	b := s.browser(t)
	r := b.login("ada"+domain).is(200, "MFA_REQUIRED")
	if r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE"); r.str("authn.delivery") != "pending" {
		t.Errorf("delivery: %s", r.str("authn.delivery"))
	}
	if r := b.get("/inbox.json"); strings.TrimSpace(r.body) != "[]" {
		t.Errorf("kept: %s", r.body)
	}
	for _, path := range []string{"/", "/inbox"} {
		b.get(path).shows(ln.Addr().String())
	}
}

// TestRun is the program: it says where to go, serves, and ends when it is
// told to, also while somebody watches.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(background(t))
	defer stop()
	base, done := running(ctx, "-store", "sqlite:"+t.TempDir()+"/idp.db", "-dev")
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, base+"/live", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "id: ") {
		t.Errorf("%q, %v", line, err)
	}
	began := time.Now()
	stop()
	if err := <-done; err != nil || time.Since(began) > patience/2 {
		t.Errorf("it ended with %v after %v", err, time.Since(began))
	}
}

// TestApp: an authenticator app is set up, asked for, and its codes are good once, also
// in another process on the same store.
func TestApp(t *testing.T) {
	store := "sqlite:" + t.TempDir() + "/idp.db"
	s, stop := serve(t, "-dev", "-store", store)
	b := s.browser(t)
	r := b.login("radia"+domain).is(200, "MFA_ENROLL")
	r = b.post(r.str("_embedded.factors.0._links.enroll.href"), "factorType", "token:software:totp", "provider", "GOOGLE").is(200, "MFA_ENROLL_ACTIVATE")
	const activation = "_embedded.factor._embedded.activation."
	secret, picture := r.str(activation+"sharedSecret"), r.str(activation+"_links.qrcode.href")
	if r.str("_embedded.factor.profile.credentialId") != "radia"+domain || r.str("_embedded.factor.id")[:3] != "uft" {
		t.Error(r.body)
	}
	png, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(picture, "data:image/png;base64,"))
	if _, kind, err2 := image.DecodeConfig(bytes.NewReader(png)); err != nil || err2 != nil || kind != "png" {
		t.Errorf("the picture is none: %v, %v", err, err2)
	}
	code := func(r *reply) string {
		now, err := time.Parse(time.RFC3339, r.str("authn.now"))
		if err != nil {
			t.Fatal(err)
		}
		key, _ := base32.StdEncoding.DecodeString(secret)
		return appCode(key, now)
	}
	used := code(r)
	r = b.post(r.str("_links.next.href"), "passCode", used).is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	if all, err := s.inbox.list(t.Context(), "radia"+domain); err != nil || len(all) != 1 {
		t.Errorf("%d notices, %v", len(all), err)
	}
	r = b.login("radia"+domain).is(200, "MFA_REQUIRED")
	b.post(r.str(firstVerify), "passCode", used).is(403, "E0000068")
	stop()

	s, _ = serve(t, "-dev", "-store", store)
	b = s.browser(t)
	advance(t, b, "30s")
	r = b.login("radia"+domain).is(200, "MFA_REQUIRED")
	b.post(r.str(firstVerify), "passCode", code(r)).is(200, "SUCCESS")
}

// appCode is what an authenticator app shows: RFC 6238.
func appCode(key []byte, at time.Time) string {
	h := hmac.New(sha1.New, key)
	binary.Write(h, binary.BigEndian, at.Unix()/30)
	sum := h.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}
