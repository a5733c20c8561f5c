package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
)

const recovery = "/api/v1/authn/recovery/"

// sent are the texts that went to an address or a phone, the oldest first.
func (b *browser) sent(s *server, to string) (texts []string) {
	b.t.Helper()
	if err := s.svc.Wait(background(b.t)); err != nil {
		b.t.Fatal(err)
	}
	var list []struct{ Text string }
	if err := json.Unmarshal([]byte(b.get("/inbox.json?to="+url.QueryEscape(to)).body), &list); err != nil {
		b.t.Fatal(err)
	}
	for _, m := range list {
		texts = append(texts, m.Text)
	}
	return texts
}

// link is the token of the newest mail to an address, which has to be of this page.
func (b *browser) link(s *server, to, page string) string {
	b.t.Helper()
	all := b.sent(s, to)
	if len(all) == 0 {
		b.t.Fatalf("no mail to %s", to)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(s.base+page) + `#(\S+)$`).FindStringSubmatch(all[len(all)-1])
	if m == nil {
		b.t.Fatalf("no link in %q", all[len(all)-1])
	}
	return m[1]
}

func (b *browser) claimCode(s *server, to string) string {
	b.t.Helper()
	all := b.sent(s, to)
	if len(all) == 0 {
		b.t.Fatalf("no message to %s", to)
	}
	return regexp.MustCompile(`(?m)^\d{8}$`).FindString(all[len(all)-1])
}

// TestRecoveryByMail: the link is for the mailbox of the account, is good once, and leads
// to a new password without a session, since nothing else was proved.
func TestRecoveryByMail(t *testing.T) {
	s, _ := serve(t)
	const user = "ada+mail" + domain
	b := s.browser(t)
	r := b.post(recovery+"password", "username", strings.ToUpper(user), "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	if r.str("stateToken") != "" {
		t.Error("there is a state token")
	}
	token := b.link(s, user, recoverPath)
	if all := b.sent(s, user); len(all) != 1 || regexp.MustCompile(`(?m)^\d{6,8}$`).MatchString(all[0]) {
		t.Errorf("%q", all)
	}
	b.get(recoverPath).shows("Reset your password") // which takes nothing
	r = b.open(token).is(200, "PASSWORD_RESET")
	state := b.token
	b.open(token).is(401, "E0000011")
	b.token = state
	if r := b.post(r.str(next), "newPassword", "short").is(403, "E0000080"); r.str("errorCauses.0.errorSummary") != "It has 5 characters, and needs 8." {
		t.Error(r.body)
	}
	r = b.post(r.str(next), "newPassword", fresh).is(200, "SUCCESS")
	if r.str("sessionToken") != "" {
		t.Error("one mailbox is enough for a session")
	}
	b.login(user).is(401, "E0000004")
	b.with(user, fresh).is(200, "MFA_REQUIRED")
	b.with("ada"+domain, fresh).is(401, "E0000004")
	b.get("/inbox").shows("your password was changed", "your link to reset your password")
}

// open posts the token of a link, as its page does.
func (b *browser) open(token string) *reply {
	b.t.Helper()
	b.token = ""
	return b.post(recovery+"token", "recoveryToken", token)
}

// TestRecoveryTrusted: a server that has the key gets the token of the link, and is told
// whose name it is not; anybody else has to name a way.
func TestRecoveryTrusted(t *testing.T) {
	const key = "the key of a server of this host"
	t.Setenv(serverKeyEnv, key)
	s, _ := serve(t)
	ask := func(auth, name string) *reply {
		b := s.browser(t)
		b.header = http.Header{"Authorization": {auth}}
		return b.post(recovery+"password", "username", name)
	}
	const user = "ada+trusted" + domain
	ask("", user).is(400, "E0000001")
	ask("SSWS "+key+"x", user).is(400, "E0000001")
	ask("SSWS "+key, "nobody"+domain).is(403, "E0000095")
	token := ask("SSWS "+key, user).is(200, "RECOVERY").str("recoveryToken")
	b := s.browser(t)
	if all := b.sent(s, user); len(all) != 0 {
		t.Errorf("%q", all)
	}
	r := b.open(token).is(200, "PASSWORD_RESET")
	state := b.token
	b.open(token).is(401, "E0000011")
	b.token = state
	b.post(r.str(next), "newPassword", fresh).is(200, "SUCCESS")
	b.with(user, fresh).is(200, "MFA_REQUIRED")
}

// TestRecoveryElsewhere: whoever has a factor in another place proves it too, and is
// signed in at the end.
func TestRecoveryElsewhere(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	b.post(recovery+"password", "username", "mary+m"+domain, "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	r := b.open(b.link(s, "mary+m@home.example", recoverPath)).is(200, "MFA_REQUIRED")
	if r.str("_embedded.factors.1.id") != "" {
		t.Error("the mailbox of the link is offered")
	}
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next), "passCode", b.code("mary+m@work.example")).is(200, "PASSWORD_RESET")
	b.redeem(b.post(r.str(next), "newPassword", fresh).is(200, "SUCCESS"))
	b.get("/account").shows("Mary Somerville")
}

// TestRecoveryByPhone: emmy answers her question, by whatever way she comes, and the
// phone that had the code is not asked again.
func TestRecoveryByPhone(t *testing.T) {
	s, _ := serve(t, "-dev", "-resend-wait", "1s")
	for _, by := range []string{"SMS", "CALL"} {
		user := "emmy+" + strings.ToLower(by)
		b := s.browser(t)
		r := b.post(recovery+"password", "username", user+domain, "factorType", by).is(200, "RECOVERY_CHALLENGE")
		to := phoneNumber(user)
		code := b.claimCode(s, to)
		b.post(r.str(next), "passCode", "0"+code[1:7]+string('0'+(code[7]-'0'+1)%10)).is(403, "E0000068")
		advance(t, b, "1s")
		b.post(r.str("_links.resend.href")).is(200, "RECOVERY_CHALLENGE")
		newer := b.claimCode(s, to)
		if newer == code {
			t.Error("the same code again")
		}
		r = b.post(r.str(next), "passCode", newer).is(200, "RECOVERY")
		if r.str("_embedded.user.recovery_question.question") != accountQuestion {
			t.Error(r.body)
		}
		b.post(r.str(next), "answer", "difference engine").is(403, "E0000087")
		r = b.post(r.str(next), "answer", " Analytical  ENGINE\t").is(200, "PASSWORD_RESET")
		if r := b.post(r.str(next), "newPassword", fresh).is(200, "SUCCESS"); r.str("sessionToken") != "" {
			t.Error("one phone is enough for a session")
		}
		b.login(user+domain).is(401, "E0000004")
		r = b.with(user+domain, fresh).is(200, "MFA_REQUIRED")
		if got := r.str("_embedded.factors.0.factorType"); got != "sms" {
			t.Errorf("the factor is %s", got)
		}
		r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
		b.redeem(b.post(r.str(next), "passCode", b.code(to)).is(200, "SUCCESS"))
	}
	b := s.browser(t)
	b.post(recovery+"password", "username", "emmy+m"+domain, "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	r := b.open(b.link(s, "emmy+m"+domain, recoverPath)).is(200, "RECOVERY")
	b.post(r.str(next), "answer", accountAnswer).is(200, "MFA_REQUIRED")
}

// TestUnlock: joan's lock ends by her link, or with a new password, and for her alone.
func TestUnlock(t *testing.T) {
	store := "sqlite:" + t.TempDir() + "/idp.db"
	s, stop := serve(t, "-store", store)
	b := s.browser(t)
	b.login("joan+u"+domain).is(401, "E0000004")
	b.post(recovery+"unlock", "username", "joan+u"+domain, "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	token := b.link(s, "joan+u"+domain, unlockPath)
	b.get(unlockPath).shows("Unlock your account")
	b.login("joan+u"+domain).is(401, "E0000004") // the page alone unlocks nothing
	r := b.open(token).is(200, "SUCCESS")
	if r.str("sessionToken") != "" || r.str("recoveryType") != "UNLOCK" {
		t.Error(r.body)
	}
	b.open(token).is(401, "E0000011")
	b.login("joan+u"+domain).is(200, "MFA_REQUIRED")
	b.login("joan+o"+domain).is(401, "E0000004")
	b.post(recovery+"password", "username", "joan+p"+domain, "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	r = b.open(b.link(s, "joan+p"+domain, recoverPath)).is(200, "PASSWORD_RESET")
	b.post(r.str(next), "newPassword", fresh).is(200, "SUCCESS")
	b.with("joan+p"+domain, fresh).is(200, "MFA_REQUIRED")
	stop()
	s, _ = serve(t, "-store", store)
	s.browser(t).login("joan+u"+domain).is(200, "MFA_REQUIRED")
}

// TestClaimsTellNothing: whoever is named, the answer is the same, and a message goes out
// only to somebody who can be helped by it.
func TestClaimsTellNothing(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	changing := regexp.MustCompile(`"(now|expiresAt|resendAt|codeExpiresAt|at|stateToken)":"[^"]*"`)
	for _, what := range []string{"password", "unlock"} {
		for _, by := range []string{"EMAIL", "SMS", "CALL"} {
			var first string
			for _, name := range []string{"emmy", "ada", "nobody", "dorothy"} {
				user := name + "+" + what[:1] + strings.ToLower(by) + domain // each name has few tries
				r := s.browser(t).post(recovery+what, "username", user, "factorType", by).is(200, "RECOVERY_CHALLENGE")
				got := changing.ReplaceAllString(r.body, `"$1":"…"`)
				if first == "" {
					first = got
				}
				if got != first {
					t.Errorf("%s:\n%s\nnot\n%s", user, got, first)
				}
			}
		}
	}
	if n := len(b.sent(s, "")); n != 2*(3+1) { // emmy by each way, ada by mail
		t.Errorf("%d messages", n)
	}
	for to, n := range map[string]int{
		"emmy+pemail" + domain: 1, phoneNumber("emmy+psms"): 1, phoneNumber("emmy+ucall"): 1, "ada+uemail" + domain: 1,
		phoneNumber("ada+psms"): 0, "nobody+pemail" + domain: 0, "dorothy+uemail" + domain: 0,
	} {
		if got := b.sent(s, to); len(got) != n {
			t.Errorf("%s: %q", to, got)
		}
	}
}

// TestFind: an account is found by its login name, at its own mailbox or its phone.
func TestFind(t *testing.T) {
	p, err := newPeople(new(keptInMemory), bcrypt.MinCost, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, by, address string }{
		{"ada" + domain, authn.Email, "ada" + domain},
		{"mary+1" + domain, authn.Email, "mary+1@home.example"},
		{"radia" + domain, authn.Email, "radia" + domain},
		{"alan" + domain, authn.Email, "alan" + domain},
		{"emmy" + domain, authn.Email, "emmy" + domain},
		{"emmy" + domain, authn.SMS, phoneNumber("emmy")},
		{"emmy+2" + domain, authn.Call, phoneNumber("emmy+2")},
		{"ada" + domain, authn.SMS, ""}, {"dorothy" + domain, authn.Email, ""}, {"mary@home.example", authn.Email, ""}, {"nobody", authn.Email, ""},
	} {
		got, err := p.Find(t.Context(), authn.Claimed{Name: authn.Secret(c.name), By: c.by, For: authn.PurposeRecover})
		if c.address == "" && err == nil || c.address != "" && (err != nil || got != authn.Subject{User: c.name, Address: c.address}) {
			t.Errorf("%s by %s: %+v, %v", c.name, c.by, got, err)
		}
	}
	if phoneNumber("emmy") == phoneNumber("emmy+2") || !regexp.MustCompile(`^\+1555\d{7}$`).MatchString(phoneNumber("emmy")) {
		t.Errorf("%s", phoneNumber("emmy"))
	}
}

// TestLetters: with a relay too a mail with a link is shown, and what is over is not sent.
func TestLetters(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	box, err := newInbox(new(keptInMemory), func() time.Time { return now }, func() {})
	if err != nil {
		t.Fatal(err)
	}
	var relayed []authn.Message
	l := letters{box, "http://localhost:1", senderFunc(func(m authn.Message) error { relayed = append(relayed, m); return nil })}
	m := authn.Message{Key: "1", Kind: authn.CodeMessage, Channel: "email", To: "a@b.example", Purpose: authn.PurposeUnlock, Code: "12345678", Link: "TOKEN", Expires: now.Add(90 * time.Second)}
	for range 2 {
		if err := l.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	all, err := box.list(t.Context(), "a@b.example")
	if err != nil || len(all) != 1 || len(relayed) != 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, part := range []string{all[0].Text, all[0].HTML} {
		if !strings.Contains(part, "http://localhost:1/unlock#TOKEN") || !strings.Contains(part, "for 2 minutes") || strings.Contains(part, "12345678") {
			t.Error(part)
		}
	}
	m.Link = ""
	if err := l.Send(t.Context(), m); err != nil || len(relayed) != 1 {
		t.Errorf("%v, %v", relayed, err)
	}
	m.Key, m.Link, m.Expires = "2", "TOKEN", now
	if err := l.Send(t.Context(), m); err == nil {
		t.Error("a link that is over is sent")
	}
	m.Expires, m.Purpose = now.Add(time.Minute), authn.PurposeSignIn
	if err := l.Send(t.Context(), m); err == nil {
		t.Error("a link to sign in is sent")
	}
	if err := (texts{box}).Send(t.Context(), authn.Message{Key: "3", Kind: authn.PasswordMessage, Channel: "sms", To: "+15550000000"}); err == nil {
		t.Error("a notice goes to a phone")
	}
}

type senderFunc func(authn.Message) error

func (f senderFunc) Send(_ context.Context, m authn.Message) error { return f(m) }

// TestPromisedMails: what was answered is sent before the program ends.
func TestPromisedMails(t *testing.T) {
	ctx, stop := context.WithCancel(background(t))
	defer stop()
	store := "sqlite:" + t.TempDir() + "/idp.db"
	base, done := running(ctx, "-store", store)
	b := &browser{t: t, base: base}
	const claims = 20
	for i := range claims {
		b.post(recovery+"password", "username", fmt.Sprintf("ada+%d%s", i, domain), "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s, _ := serve(t, "-store", store)
	if n := len(s.browser(t).sent(s, "")); n != claims {
		t.Errorf("%d of %d mails", n, claims)
	}
}

// TestMachineFollowsRecovery: /machine shows a recovery from the name to the end.
func TestMachineFollowsRecovery(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	b.get("/").shows("Forgot your password?", "Unlock your account")
	r := b.post(recovery+"password", "username", "emmy+w"+domain, "factorType", "SMS").is(200, "RECOVERY_CHALLENGE")
	b.get("/machine").shows(`class="now RECOVERY_CHALLENGE"`)
	r = b.post(r.str(next), "passCode", b.claimCode(s, phoneNumber("emmy+w"))).is(200, "RECOVERY")
	b.get("/machine").shows(`class="now RECOVERY"`, "→ RECOVERY_CHALLENGE<", "→ RECOVERY<")
	b.post(r.str(next), "answer", accountAnswer).is(200, "PASSWORD_RESET")
	b.get("/machine").shows(`class="now PASSWORD_RESET"`)

	const user = "ada+w" + domain
	b.post(recovery+"password", "username", user, "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
	b.get("/machine").shows(`class="now RECOVERY_CHALLENGE"`) // a mail has the rest
	other := s.browser(t)
	other.get("/").shows("Sign in")
	other.login("grace+w"+domain).is(200, "MFA_ENROLL")
	token := b.link(s, user, recoverPath)
	b.get("/inbox").shows(`href="` + s.base + recoverPath + "#" + token + `"`)
	other.open(token).is(200, "PASSWORD_RESET")
	other.get("/machine").shows(`class="now PASSWORD_RESET"`)
	if strings.Contains(other.get("/machine/part").body, "→ MFA_ENROLL<") {
		t.Error("the sign-in before is part of it")
	}
}
