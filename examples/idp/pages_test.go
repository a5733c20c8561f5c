package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

var ownScript = regexp.MustCompile(`(?i)<script(>| [^>]*>[^<])|\son[a-z]+=|\sstyle=|<style|"javascript:|https?://`)

func TestPages(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	b.signIn("ada" + domain)
	for _, path := range []string{"/", "/inbox", "/machine", "/account", "/assets/style.css", "/assets/signin.js", "/assets/live.js", "/assets/api.js", "/assets/clock.js", "/assets/codes.js", "/assets/factors.js", "/assets/key.js", "/assets/renew.js", "/assets/mark.svg"} {
		r := b.get(path)
		csp := r.header.Get("Content-Security-Policy")
		if r.status != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %v", path, r.status, r.header)
		}
		body := strings.ReplaceAll(r.body, "http://www.w3.org/", "")
		if bad := ownScript.FindString(body); bad != "" && !strings.HasPrefix(path, "/assets/") {
			t.Errorf("%s: %q would not run, or loads from elsewhere", path, bad)
		}
	}
	for _, path := range []string{"/nowhere", "/assets/../pages/base.html", "/inbox/mail/1"} {
		if r := b.get(path); r.status == 200 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	r, _ := http.NewRequest(http.MethodPost, s.url+"/", strings.NewReader("password=x"))
	if r := b.do(r); r.status != http.StatusMethodNotAllowed {
		t.Errorf("a form without script: %d", r.status)
	}
}

func TestInbox(t *testing.T) {
	s, _ := serve(t, "-resend-wait", "1s", "-dev")
	b := s.browser(t)
	b.get("/inbox").shows("No mail yet")
	const user = "mary+x" + domain
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	advance(t, b, "1s")
	b.post(r.str("_links.resend.0.href")).is(200, "MFA_CHALLENGE")
	var list []map[string]string
	if err := json.Unmarshal([]byte(b.get("/inbox.json?to=MARY%2Bx@home.example").body), &list); err != nil || len(list) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	for i, m := range list {
		code := regexp.MustCompile(`(?m)^\d{6}$`).FindString(m["text"])
		if len(m) != 4 || m["to"] != "mary+x@home.example" || !strings.Contains(m["subject"], "(code "+string(rune('1'+i))+")") ||
			code == "" || !strings.Contains(m["html"], "<strong>"+code+"</strong>") || strings.Contains(m["subject"], code) {
			t.Errorf("mail %d: %v", i+1, m)
		}
	}
	if body := b.get("/inbox.json?to=nobody@example.com").body; strings.TrimSpace(body) != "[]" {
		t.Errorf("nobody's mail: %s", body)
	}
	all, err := s.inbox.list(t.Context(), "")
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	page := b.get("/inbox?to=mary%2bx@home.example")
	page.shows(all[0].Code, all[1].Code, "show all")
	if strings.Index(page.body, all[1].Code) > strings.Index(page.body, all[0].Code) {
		t.Error("the newest is not first")
	}
	html := b.get("/inbox/mail/" + all[1].ID)
	html.shows(all[1].Code)
	if csp := html.header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || strings.Contains(csp, "script-src") {
		t.Errorf("a mail may do %s", csp)
	}
}

func TestMails(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b, err := newInbox(new(keptInMemory), func() time.Time { return at }, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Send(t.Context(), authn.Message{Kind: "other"}); !errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("a mail of no kind: %v", err)
	}
	code := authn.Message{Key: "code", Kind: authn.CodeMessage, Purpose: authn.PurposeEnroll, Code: "012345", Generation: 2, Expires: at.Add(2 * time.Minute), To: "a@example.com"}
	if err := b.Send(t.Context(), code); err != nil {
		t.Fatal(err)
	}
	all, err := b.list(t.Context(), "a@example.com")
	if err != nil || len(all) != 1 || all[0].Code != "012345" || !strings.Contains(all[0].Subject, serviceName) ||
		!strings.Contains(all[0].Text, "that is 2 minutes") || !strings.Contains(all[0].HTML, "<strong>012345</strong>") {
		t.Errorf("%+v, %v", all, err)
	}
	for i := range maxMails + 5 {
		m := authn.Message{Key: string(rune('A' + i)), Kind: authn.BackoffMessage, To: "a@example.com"}
		for range 2 { // an attempt is repeated
			if err := b.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if all, err := b.list(t.Context(), ""); err != nil || len(all) != maxMails || all[0].Key != string(rune('A'+5)) {
		t.Errorf("%d mails, %v", len(all), err)
	}
}

// lit is the state that a drawing has lit, and how many arrows were taken.
func lit(body string) (state string, taken int) {
	m := regexp.MustCompile(`class="node [a-z]+ lit">\s*<title>([A-Z_]+)</title>`).FindStringSubmatch(body)
	if m != nil {
		state = m[1]
	}
	return state, strings.Count(body, `class="edge arrow taken"`)
}

func TestMachine(t *testing.T) {
	s, _ := serve(t, "-dev")
	b := s.browser(t)
	look := func(b *browser, state string, arrows int, words ...string) {
		t.Helper()
		for _, path := range []string{"/machine", "/machine/part"} {
			r := b.get(path)
			r.shows(words...)
			if got, n := lit(r.body); got != state || n != arrows {
				t.Fatalf("%s: %s is lit and %d arrows are taken, not %s and %d", path, got, n, state, arrows)
			}
		}
	}
	look(b, "UNAUTHENTICATED", 0, "Nothing is under way")
	r := b.login("ada"+domain).is(200, "MFA_REQUIRED")
	look(b, "MFA_REQUIRED", 1, "an active factor", ">challenge<", ">cancel<")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	b.post(r.str(next), "passCode", "1234567").is(400, "E0000001")
	b.post(r.str("_links.resend.0.href")).is(429, "E0000118")
	look(b, "MFA_CHALLENGE", 2, "refused: too soon", "SUCCESS, LOCKED_OUT, stays", "1, sent")
	look(s.browser(t), "UNAUTHENTICATED", 0)
	r = b.post(r.str(next), "passCode", b.code("ada"+domain)).is(200, "SUCCESS")
	look(b, "SUCCESS", 3, ">cancel<")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	look(b, "SUCCESS", 3, "this sign-in is over")
	b.login("grace"+domain).is(200, "MFA_ENROLL")
	look(b, "MFA_ENROLL", 1)
	b.post("/api/v1/authn/cancel")
	look(b, "CANCELED", 2, "this sign-in is over")
	b.login("dorothy"+domain).is(200, "LOCKED_OUT")
	look(b, "LOCKED_OUT", 0, "refused: account is locked")
	b.login("alan"+domain).is(200, "SUCCESS")
	look(b, "SUCCESS", 1)
	b.login("ada+late"+domain).is(200, "MFA_REQUIRED")
	advance(t, b, "10m")
	look(b, "EXPIRED", 1, "this sign-in is over")
	advance(t, b, "1h")
	if err := s.tracer.kept.sweep(t.Context(), s.clock.now()); err != nil {
		t.Error(err)
	}
	look(b, "UNAUTHENTICATED", 0)
}

// A lock says until when.
func TestMachineLock(t *testing.T) {
	w := httptest.NewRecorder()
	until := time.Date(2026, 3, 2, 12, 30, 0, 0, time.UTC)
	v := machineView{State: authn.LockedOut, Answer: &authn.Answer{State: authn.LockedOut, Until: until}}
	if err := writePage(w, "view", v); err != nil || !strings.Contains(w.Body.String(), "<dt>Locked until</dt><dd>2 March 2026, 12:30:00 UTC</dd>") {
		t.Errorf("%v\n%s", err, w.Body)
	}
}

// Whoever shows no password leaves no trace, whatever cookie comes along.
func TestNoTrace(t *testing.T) {
	s, _ := serve(t)
	traces := func() int {
		t.Helper()
		all, err := s.tracer.kept.all(t.Context(), traceKind)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	b := s.browser(t)
	b.get("/")
	b.post("/api/v1/authn", "username", "ada"+domain, "password", "guess").is(401, "E0000004")
	b.post("/api/v1/authn", "username", "nobody"+domain, "password", password).is(401, "E0000004")
	for _, token := range []string{"", "00made-up", "00" + strings.Repeat("A", 64)} {
		b.token = token
		b.post("/api/v1/authn")
		b.post("/api/v1/authn/cancel")
		b.post("/api/v1/authn/factors/emf1/verify", "passCode", "123456")
		b.post("/api/v1/sessions", "sessionToken", token)
	}

	// The token of somebody else's sign-in is not this visitor's either.
	other := s.browser(t)
	other.login("ada"+domain).is(200, "MFA_REQUIRED")
	b.token = other.token
	b.post("/api/v1/authn/factors/emf1/verify", "passCode", "123456")
	if n := traces(); n != 0 {
		t.Errorf("%d traces without a password", n)
	}
	b.login("ada"+domain).is(200, "MFA_REQUIRED")
	if n := traces(); n != 1 {
		t.Errorf("%d traces of one visitor", n)
	}
}

// TestLive: a page is told at once, and again when something happens.
func TestLive(t *testing.T) {
	s, _ := serve(t)
	r, _ := http.NewRequestWithContext(background(t), http.MethodGet, s.url+"/live", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	read := func() {
		t.Helper()
		for _, want := range []string{"id: ", "data: look", ""} {
			if !events.Scan() || !strings.HasPrefix(events.Text(), want) {
				t.Fatalf("%q, %v", events.Text(), events.Err())
			}
		}
	}
	read()
	began := time.Now()
	s.browser(t).login("alan" + domain)
	read()
	if time.Since(began) > tick {
		t.Error("it was the tick, not the change")
	}
}
