package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"html"
	"log"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	vw "github.com/descope/virtualwebauthn"
)

// under is a member of an answer as JSON, by its path.
func (r *reply) under(path string) string {
	r.t.Helper()
	v := json.RawMessage(r.body)
	for name := range strings.SplitSeq(path, ".") {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(v, &m); err != nil || m[name] == nil {
			r.t.Fatalf("no %s in %s", path, r.body)
		}
		v = m[name]
	}
	return string(v)
}

// parts are those of what an authenticator says.
func parts(t *testing.T, said string) map[string]string {
	t.Helper()
	var c struct{ Response map[string]string }
	if err := json.Unmarshal([]byte(said), &c); err != nil {
		t.Fatal(err)
	}
	return c.Response
}

// A key is a security key with one credential.
type key struct {
	site       vw.RelyingParty
	device     vw.Authenticator
	credential vw.Credential
}

func (s *server) key() *key {
	k := &key{vw.RelyingParty{Name: serviceName, ID: keyDomain, Origin: s.site}, vw.NewAuthenticator(), credential()}
	k.device.AddCredential(k.credential)
	return k
}

// credential is one on the curve P-256. The virtual authenticator leaves out the zeros
// that a coordinate begins with, which CTAP2 forbids: such a key is not used.
func credential() vw.Credential {
	const wholeKey = 77 // bytes: RFC 9053 section 7.1.1
	for {
		c := vw.NewCredential(vw.KeyTypeEC2)
		if len(c.Key.AttestationData()) == wholeKey {
			return c
		}
	}
}

// made are the members that set it up, for an answer that asks for it.
func (k *key) made(r *reply) []string {
	r.t.Helper()
	o, err := vw.ParseAttestationOptions(r.under("_embedded.factor._embedded.activation"))
	if err != nil {
		r.t.Fatal(err)
	}
	p := parts(r.t, vw.CreateAttestationResponse(k.site, k.device, k.credential, *o))
	return []string{"attestation", p["attestationObject"], "clientData", p["clientDataJSON"]}
}

// signed are the members that sign in.
func (k *key) signed(r *reply) []string {
	r.t.Helper()
	o, err := vw.ParseAssertionOptions(r.under("_embedded.factor._embedded.challenge"))
	if err != nil {
		r.t.Fatal(err)
	}
	k.credential.Counter++
	p := parts(r.t, vw.CreateAssertionResponse(k.site, k.device, k.credential, *o))
	return []string{"clientData", p["clientDataJSON"], "authenticatorData", p["authenticatorData"], "signatureData", p["signature"]}
}

func (b *browser) enroll(factorType, provider string) *reply {
	b.t.Helper()
	return b.post("/api/v1/authn/factors", "factorType", factorType, "provider", provider).is(200, "MFA_ENROLL_ACTIVATE")
}

// TestKey: a security key is for localhost, is set up, signs in, also by another
// process, and a response to a challenge that is used up does not.
func TestKey(t *testing.T) {
	store := "sqlite:" + t.TempDir() + "/idp.db"
	s, stop := serve(t, "-store", store)
	b, k := s.browser(t), s.key()
	b.login("kay"+domain).is(200, "MFA_ENROLL")
	r := b.enroll("webauthn", "FIDO")
	const activation = "_embedded.factor._embedded.activation."
	if r.str(activation+"rp.id") != "localhost" || r.str(activation+"user.name") != "kay"+domain || r.str("_embedded.factor.id")[:3] != "fuf" {
		t.Error(r.body)
	}
	elsewhere := *k
	elsewhere.site.Origin = "http://evil.example"
	b.post(r.str(next), elsewhere.made(r)...).is(400, "E0000001")
	b.post(r.str(next), k.made(r)...).is(200, "SUCCESS")
	if all, err := s.inbox.list(t.Context(), "kay"+domain); err != nil || len(all) != 1 {
		t.Errorf("%d notices, %v", len(all), err)
	}
	stop()

	s, _ = serve(t, "-store", store)
	b, k.site.Origin = s.browser(t), s.site
	r = b.login("kay"+domain).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	thief := s.key()
	thief.credential.ID = k.credential.ID
	b.post(r.str(next), thief.signed(r)...).is(403, "E0000068")
	b.post(r.str(next), k.signed(r)...).is(400, "E0000001") // its challenge is used up
	r = b.post("/api/v1/authn").is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next), k.signed(r)...).is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	b.get("/account").shows("Kay McNulty", "a password and a security key")
}

// TestPasskey: a passkey signs in without a name and a password, in the browser that has
// asked for it, and once.
func TestPasskey(t *testing.T) {
	s, _ := serve(t)
	b, k := s.browser(t), s.key()
	b.login("kay"+domain).is(200, "MFA_ENROLL")
	r := b.enroll("webauthn", "FIDO")
	handle, err := base64.RawURLEncoding.DecodeString(r.str("_embedded.factor._embedded.activation.user.id"))
	if err != nil {
		t.Fatal(err)
	}
	k.device.Options.UserHandle = handle
	b.post(r.str(next), k.made(r)...).is(200, "SUCCESS")

	b, other := s.browser(t), s.browser(t)
	asked := b.post(passkeyPath + "/request")
	o, err := vw.ParseAssertionOptions(string(asked.body))
	if err != nil {
		t.Fatal(err)
	}
	response := vw.CreateAssertionResponse(k.site, k.device, k.credential, *o)
	other.send(passkeyPath, response).is(401, "")
	other.post(passkeyPath + "/request")
	other.send(passkeyPath, response).is(401, "") // it is for another request
	b.send(passkeyPath, "{}").is(401, "")
	r = b.send(passkeyPath, response).is(200, "SUCCESS")
	b.send(passkeyPath, response).is(401, "")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	b.get("/account").shows("Kay McNulty", "a security key")
}

func TestKeySite(t *testing.T) {
	for port, want := range map[string]string{"80": "http://localhost", "8080": "http://localhost:8080"} {
		if got := keySite(port); got != want {
			t.Errorf("%s: %s", port, got)
		}
		if _, err := types(keySite(port)); err != nil {
			t.Errorf("%s: %v", port, err)
		}
	}
	s, _ := serve(t)
	s.browser(t).get("/").shows(`data-host="` + strings.TrimPrefix(s.site, "http://") + `"`)
}

// phone finds what is asked, and answers it as the page's form does.
func (b *browser) phone(user, say, number string) *reply {
	b.t.Helper()
	page := b.get("/inbox?to=" + url.QueryEscape(user))
	m := regexp.MustCompile(`action="(/inbox/reply/[^"]+)"`).FindStringSubmatch(page.body)
	if m == nil {
		b.t.Fatalf("the phone is asked nothing:\n%s", page.body)
	}
	return b.answer(html.UnescapeString(m[1]), user, say, number)
}

func (b *browser) answer(action, user, say, number string) *reply {
	b.t.Helper()
	form := url.Values{"say": {say}, "number": {number}, "to": {user}}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+action, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	to := b.do(r)
	if to.status != http.StatusSeeOther {
		return to
	}
	if strings.Contains(to.header.Get("Location"), "number") {
		b.t.Errorf("it leads to %s", to.header.Get("Location"))
	}
	return b.get(to.header.Get("Location"))
}

// pair sets up a phone by the inbox.
func (b *browser) pair(user string) {
	b.t.Helper()
	b.login(user).is(200, "MFA_ENROLL")
	r := b.enroll("push", "OKTA")
	if r := b.post("/inbox/scan"); r.status != 200 {
		b.t.Fatalf("scan: %d %s", r.status, r.body)
	}
	b.post("/inbox/scan") // once more shows it once
	b.phone(user, "yes", "").shows(saidPair)
	b.post(r.str(next)).is(200, "SUCCESS")
}

// TestPhone: the inbox plays the phone. It is paired, asked, and may say no or
// another number; each is one answer to one request.
func TestPhone(t *testing.T) {
	s, _ := serve(t, "-dev", "-resend-wait", "1s")
	var logged bytes.Buffer
	s.log = log.New(&logged, "", 0)
	s.tracer.say = s.log.Printf
	b := s.browser(t)
	const user = "karen+p" + domain
	b.pair(user)
	if all, err := s.inbox.list(t.Context(), user); err != nil || len(all) != 2 { // and a notice
		t.Errorf("%d messages, %v", len(all), err)
	}

	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	number := r.under("_embedded.factor._embedded.challenge.correctAnswer")
	b.phone(user, "yes", "").shows("Are you signing in?", "Number on the screen") // nothing was entered: nothing is said
	var list []struct{ Reply string }
	json.Unmarshal([]byte(b.get("/inbox.json?to="+url.QueryEscape(user)).body), &list)
	if n := len(list); n != 3 || list[0].Reply != "" || list[1].Reply != "" || !strings.HasPrefix(list[2].Reply, "/inbox/reply/") {
		t.Errorf("for programs: %+v", list)
	}
	if page := b.get("/inbox"); strings.Contains(page.body, s.ask(t, user).Token) {
		t.Error("the page has the phone's token")
	}
	if b.post(r.str(next)).str("factorResult") != "WAITING" {
		t.Error("it does not wait")
	}
	b.phone(user, "yes", " "+number+" ").shows(saidYes)
	b.answer(list[2].Reply, user, "no", "").shows(saidYes) // too late
	r = b.post(r.str(next)).is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	b.get("/account").shows("Karen Spärck Jones", "a password and a phone")

	r = b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	b.phone(user, "no", "").shows(saidNo)
	if r = b.post(r.str(next)); r.str("factorResult") != "REJECTED" {
		t.Error(r.body)
	}
	for _, c := range []struct{ number, want, then string }{{"1", saidWrong, "REJECTED"}, {"", "", "WAITING"}} {
		advance(t, b, "4s")
		r = b.post(r.str("_links.resend.0.href")).is(200, "MFA_CHALLENGE")
		if c.number != "" {
			b.phone(user, "yes", c.number).shows(c.want)
		}
		if r = b.post(r.str(next)); r.str("factorResult") != c.then {
			t.Error(r.body)
		}
	}
	last := s.ask(t, user)
	advance(t, b, "5m")
	b.get("/inbox?to=" + url.QueryEscape(user)).shows("The request is over.")
	if last.openAt(s.clock.now()) {
		t.Error("a request is open when its time is up")
	}
	if strings.Contains(logged.String(), last.Token) {
		t.Errorf("logged:\n%s", &logged)
	}
}

// TestPhoneAskedAgain: a newer request takes the place of one that was not answered.
func TestPhoneAskedAgain(t *testing.T) {
	s, _ := serve(t, "-dev", "-resend-wait", "1s")
	b := s.browser(t)
	const user = "karen+a" + domain
	b.pair(user)
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	advance(t, b, "1s")
	r = b.post(r.str("_links.resend.0.href")).is(200, "MFA_CHALLENGE")
	if n := strings.Count(b.get("/inbox?to="+url.QueryEscape(user)).body, "<form class=\"ask\""); n != 1 {
		t.Errorf("the phone is asked %d things", n)
	}
	b.phone(user, "yes", r.under("_embedded.factor._embedded.challenge.correctAnswer")).shows(saidYes)
	b.post(r.str(next)).is(200, "SUCCESS")
}

// ask is the newest that a user's phone is asked.
func (s *server) ask(t *testing.T, user string) *ask {
	t.Helper()
	all, err := s.inbox.list(t.Context(), user)
	if err != nil || len(all) == 0 || all[len(all)-1].Ask == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	return all[len(all)-1].Ask
}

// TestPhoneOver: an answer after the sign-in was canceled, and to what is nothing.
func TestPhoneOver(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	const user = "karen+o" + domain
	b.login(user).is(200, "MFA_ENROLL")
	if r := b.post("/inbox/scan"); r.status != http.StatusConflict {
		t.Errorf("nothing is being paired: %d", r.status)
	}
	b.enroll("push", "OKTA")
	b.post("/inbox/scan")
	b.post("/api/v1/authn/cancel")
	if r := b.post("/inbox/scan"); r.status != http.StatusConflict {
		t.Errorf("canceled: %d", r.status)
	}
	b.phone(user, "yes", "").shows(saidOver)
	r, _ := http.NewRequest(http.MethodPost, s.url+"/inbox/scan", strings.NewReader("token"))
	if r := b.do(r); r.status != http.StatusBadRequest {
		t.Errorf("no JSON: %d", r.status)
	}
	b.signIn("ada" + domain)
	all, _ := s.inbox.list(t.Context(), "ada"+domain)
	for _, id := range []string{"nothing", all[0].ID} {
		if r := b.answer("/inbox/reply/"+id, user, "yes", "10"); r.status != http.StatusNotFound {
			t.Errorf("%s: %d", id, r.status)
		}
	}
}

// TestRelayedPhone: with a relay for mail, the inbox is still the phone.
func TestRelayedPhone(t *testing.T) {
	s, _ := serve(t, "-smtp", "127.0.0.1:9")
	s.browser(t).pair("karen" + domain)
}

// TestRecoveryCodes: a list is shown once, a code is good once, and how many are left
// is told.
func TestRecoveryCodes(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	const user = "annie" + domain
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	b.post(r.str(next), "passCode", b.code(user)).is(200, "MFA_ENROLL")
	r = b.enroll("recovery_codes", "CUSTOM")
	var codes []string
	if err := json.Unmarshal([]byte(r.under("authn.codes")), &codes); err != nil || len(codes) != 10 {
		t.Fatalf("%v, %v", codes, err)
	}
	b.post(r.str(next), "passCode", codes[0]).is(200, "SUCCESS")

	list := func() (verify string) {
		t.Helper()
		r := b.login(user).is(200, "MFA_REQUIRED")
		if r.str("_embedded.factors.0.factorType") != "recovery_codes" {
			t.Errorf("what was proved last is not first: %s", r.body)
		}
		return r.str(firstVerify)
	}
	if r := b.post(list(), "passCode", codes[0]).is(200, "SUCCESS"); r.under("authn.codesLeft") != "9" {
		t.Error(r.body)
	}
	b.post(list(), "passCode", codes[0]).is(403, "E0000068")
	if r := b.post(list()).is(400, "E0000001"); strings.Contains(r.body, codes[1]) {
		t.Error(r.body)
	}
	b.get("/inbox").shows("recovery code")
}

// TestSeveral: an app and a key are set up in one sign-in, one after the other.
func TestSeveral(t *testing.T) {
	s, _ := serve(t)
	b, k := s.browser(t), s.key()
	const user = "hedy" + domain
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next), "passCode", b.code(user)).is(200, "MFA_ENROLL")
	if r.str("_links.skip.href") != "" {
		t.Error("what is required can be skipped")
	}
	r = b.enroll("token:software:totp", "GOOGLE")
	now, _ := time.Parse(time.RFC3339, r.str("authn.now"))
	secret, _ := base32.StdEncoding.DecodeString(r.str("_embedded.factor._embedded.activation.sharedSecret"))
	b.post(r.str(next), "passCode", appCode(secret, now)).is(200, "MFA_ENROLL")
	r = b.enroll("webauthn", "FIDO")
	r = b.post(r.str(next), k.made(r)...).is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	b.get("/account").shows("a password and a one-time code and a security key", "by email")

	r = b.login(user).is(200, "MFA_REQUIRED")
	var order []string
	for _, n := range []string{"0", "1", "2"} {
		order = append(order, r.str("_embedded.factors."+n+".factorType"))
	}
	if got := strings.Join(order, " "); got != "webauthn email token:software:totp" {
		t.Error(got)
	}
}

// TestQuestion: a question and its answer are set up by one request.
func TestQuestion(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	const user = "betty" + domain
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next), "passCode", b.code(user)).is(200, "MFA_ENROLL")
	if list := b.get("/api/v1/authn/factors/questions"); !strings.Contains(list.body, questions[1].Text) {
		t.Errorf("%d %s", list.status, list.body)
	}
	send, _ := http.NewRequest(http.MethodPost, s.url+"/api/v1/authn/factors", strings.NewReader(
		`{"stateToken":"`+r.str("stateToken")+`","factorType":"question","provider":"OKTA","profile":{"question":"first_computer","answer":"The ENIAC"}}`))
	send.Header.Set("Content-Type", "application/json")
	b.do(send).is(200, "SUCCESS")

	r = b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	if r.str("_embedded.factor.profile.questionText") != questions[1].Text {
		t.Error(r.body)
	}
	b.post(r.str(next), "answer", "the univac").is(403, "E0000068")
	r = b.post(r.str(next), "answer", "the eniac").is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
	b.get("/account").shows("a password and an answer")
}

// What a factor has no address for, has none; and what it is proved by is in its id.
func TestAddresses(t *testing.T) {
	s, _ := serve(t)
	for user, want := range map[string]string{"karen": " opf", "annie": "annie" + domain + " emf, ufh", "kay": "kay" + domain + " fuf", "betty": "betty" + domain + " emf, ufs"} {
		fs, err := s.people.Factors(t.Context(), user+domain)
		if err != nil {
			t.Fatal(err)
		}
		got := fs[0].Address + " " + fs[0].ID[:3]
		for _, f := range fs[1:] {
			if got += ", " + f.ID[:3]; f.Address != "" {
				t.Errorf("%s: %s has %q", user, f.Type, f.Address)
			}
		}
		if got != want {
			t.Errorf("%s: %s, not %s", user, got, want)
		}
	}
}

// A browser is told a name if there is one: a key works for a name only.
func TestBaseURL(t *testing.T) {
	for ip, want := range map[string]string{
		"127.0.0.1": "http://localhost:80", "::1": "http://localhost:80", "0.0.0.0": "http://localhost:80", "::": "http://localhost:80",
		"127.0.0.2": "http://127.0.0.2:80", "192.0.2.5": "http://192.0.2.5:80", "2001:db8::1": "http://[2001:db8::1]:80",
	} {
		if got := baseURL(&net.TCPAddr{IP: net.ParseIP(ip), Port: 80}); got != want {
			t.Errorf("%s: %s", ip, got)
		}
	}
	urls := strings.Join(ownURLs("http://localhost:8080", "/account"), " ")
	if want := "http://localhost:8080/account http://127.0.0.1:8080/account http://[::1]:8080/account"; urls != want {
		t.Errorf("%s", urls)
	}
}
