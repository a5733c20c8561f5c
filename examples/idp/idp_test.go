package main

import (
	"bufio"
	"context"
	"io"
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
		"ada": "MFA_REQUIRED", "grace": "MFA_ENROLL", "mary": "MFA_REQUIRED", "edith": "MFA_ENROLL", "alan": "SUCCESS", "joan": "LOCKED_OUT",
	} {
		for _, user := range []string{name, name + "+7", strings.ToUpper(name), name + "+a_b-c"} {
			s.browser(t).login(user+domain).is(200, state)
		}
	}
	wrong := s.browser(t).post("/api/v1/authn", "username", "ada"+domain, "password", "guess").is(401, "E0000004")
	for user, pw := range map[string]string{
		"joan" + domain:   "guess",
		"joan+1" + domain: "guess",
		"eve" + domain:    password,
		"ada+" + domain:   password,
		"ada+é" + domain:  password,
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
	if err := s.sessions.sweep(t.Context()); err != nil {
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
	b.get("/inbox").shows("codes by mail are set up")
}

func TestSkip(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	r := b.login("edith"+domain).is(200, "MFA_ENROLL")
	b.post(r.str("_links.skip.href")).is(200, "SUCCESS")
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
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-store", "sqlite:" + t.TempDir() + "/idp.db", "-dev"}, in, io.Discard)
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	base := ""
	for base == "" && lines.Scan() {
		if at, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "Sign in"); ok {
			base = strings.TrimSpace(at)
		}
	}
	go io.Copy(io.Discard, out)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/live", nil)
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
