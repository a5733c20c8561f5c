package okta_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/okta"
)

const (
	recoverPath = "/api/v1/authn/recovery/password"
	unlockPath  = "/api/v1/authn/recovery/unlock"
	tokenPath   = "/api/v1/authn/recovery/token"
	answerPath  = "/api/v1/authn/recovery/answer"
)

// reachable finds bob by his name, at his mailbox and his phone.
type reachable struct{ authn.Directory }

func (r reachable) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	switch {
	case c.Name != "bob":
	case c.By == authn.Email:
		return authn.Subject{User: "user-bob", Address: "bob.private@example.com"}, nil
	case c.By == authn.SMS:
		return authn.Subject{User: "user-bob", Address: "+12025550123"}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

// asking has a question for everybody, or none.
type asking string

func (q asking) Question(context.Context, string) (string, error) { return string(q), nil }

func (q asking) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	return authn.Verdict{Right: in.Answer == "blue"}, nil
}

// Unlock makes the vault an Unlocker.
func (v *vault) Unlock(_ context.Context, _, user string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stored = append(v.stored, "unlocked "+user)
	return nil
}

func newRecovery(t testing.TB, q asking) (*world, *vault, *memsender.Sender) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordFine)
	phone := new(memsender.Sender)
	w.authn = func(c *authn.Config) {
		c.Passwords, c.Questions, c.Directory = v, q, reachable{c.Directory}
		c.Senders = map[string]authn.Sender{"sms": phone}
		c.Go = func(f func()) { f() }
	}
	w.okta = func(c *okta.Config) { c.Recovery = true }
	w.svc, w.h = w.node(authn.Policy{}, "acme")
	return w, v, phone
}

func last(s *memsender.Sender) authn.Message {
	all := s.All()
	return all[len(all)-1]
}

func TestWalkRecovery_Link(t *testing.T) {
	w, v, _ := newRecovery(t, "Your favorite color?")
	w.people.factors["user-bob"] = append(w.people.factors["user-bob"], authn.Factor{ID: "sms-bob", Type: authn.SMS, Address: "+12025550199", Status: authn.Active})
	c := w.client("bob")
	c.comment("A link is mailed. There is no state token, and nothing tells whether there is a bob.")
	r := c.is(c.post(recoverPath, `{"username":"bob","factorType":"EMAIL","relayState":"/x"}`), 200, "RECOVERY_CHALLENGE")
	if r.at("stateToken") != nil || r.at("_links") != nil || r.str("factorResult") != "WAITING" || r.str("recoveryType") != "PASSWORD" || r.str("factorType") != "EMAIL" || r.str("relayState") != "/x" {
		t.Errorf("%s", r.Body)
	}
	link := c.hide(string(last(w.mail).Link), "THE-LINK")
	c.comment("The page of the link posts its token.")
	r = c.is(c.post(tokenPath, `{"recoveryToken":"`+link+`"}`), 200, "RECOVERY")
	if r.str("_embedded.user.recovery_question.question") != "Your favorite color?" || !strings.HasSuffix(r.str(next), answerPath) || r.str("recoveryType") != "PASSWORD" {
		t.Errorf("%s", r.Body)
	}
	c.comment("It is good once.")
	token := c.token
	c.is(c.post(tokenPath, `{"recoveryToken":"`+link+`"}`), 401, "E0000011")
	c.token = token
	c.is(c.send(r.str(next), "answer", "red"), 403, "E0000087")
	r = c.is(c.send(r.str(next), "answer", "blue"), 200, "MFA_REQUIRED")
	c.comment("The e-mail factor in the same mailbox does not count; another one is proved before the password is set.")
	if n, _ := r.at("_embedded.factors").([]any); len(n) != 1 || r.str("_embedded.factors.0.factorType") != "sms" {
		t.Fatalf("%s", r.Body)
	}
	c.golden()
	v.has(t)
}

func TestWalkRecovery_Trusted(t *testing.T) {
	w, v, phone := newRecovery(t, "Your favorite color?")
	own := w.okta
	w.okta = func(c *okta.Config) {
		own(c)
		c.Trusted = func(r *http.Request) bool { return r.Header.Get("Authorization") == serverKey }
	}
	w.svc, w.h = w.node(authn.Policy{}, "acme")
	key := []string{"Authorization", serverKey}
	c := w.client("bob")
	c.comment("A server of the host's own names no way: it gets the recoveryToken, and nothing is sent.")
	r := c.is(c.post(recoverPath, `{"username":"bob","relayState":"/x"}`, key...), 200, "RECOVERY")
	if r.str("_links.next.name") != "recovery" || !strings.HasSuffix(r.str(next), tokenPath) || r.at("stateToken") != nil || r.at("_embedded.user") != nil ||
		r.str("recoveryType") != "PASSWORD" || r.str("relayState") != "/x" || r.str("expiresAt") == "" {
		t.Errorf("%s", r.Body)
	}
	if len(w.mail.All()) != 0 || len(phone.All()) != 0 {
		t.Error("something was sent")
	}
	token := c.hide(r.str("recoveryToken"), "THE-RECOVERY-TOKEN")
	c.comment("It is told that there is no eve. Anybody else has to name a way, and is told nothing.")
	c.is(c.post(recoverPath, `{"username":"eve"}`, key...), 403, "E0000095")
	c.is(c.post(unlockPath, `{"username":"eve"}`, key...), 403, "E0000095")
	c.unchanged(func() {
		for _, name := range []string{"bob", "eve"} {
			for _, path := range []string{recoverPath, unlockPath} {
				c.is(c.post(path, `{"username":"`+name+`"}`), 400, "E0000001")
				c.is(c.post(path, `{"username":"`+name+`","factorType":null}`, "Authorization", serverKey+"x"), 400, "E0000001")
			}
		}
	})
	c.comment("The server delivers the token in its own way, and whoever has it goes on, once.")
	r = c.is(c.post(tokenPath, `{"recoveryToken":"`+token+`"}`), 200, "RECOVERY")
	state := c.token
	c.is(c.post(tokenPath, `{"recoveryToken":"`+token+`"}`), 401, "E0000011")
	c.token = state
	r = c.is(c.send(r.str(next), "answer", "blue"), 200, "PASSWORD_RESET")
	c.is(c.send(r.str(next), "newPassword", freshPassword), 200, "SUCCESS")
	v.has(t, "user-bob form of "+freshPassword)
	c.golden()

	c.wait(time.Hour)
	c.token = ""
	r = c.is(c.post(unlockPath, `{"username":"bob"}`, key...), 200, "RECOVERY")
	if r.str("recoveryType") != "UNLOCK" {
		t.Errorf("%s", r.Body)
	}
	c.is(c.post(tokenPath, `{"recoveryToken":"`+r.str("recoveryToken")+`"}`), 200, "RECOVERY")
}

func TestWalkRecovery_TextMessage(t *testing.T) {
	w, v, phone := newRecovery(t, "")
	c := w.client("bob")
	w.people.factors["user-bob"] = nil
	c.comment("A code is sent to the phone.")
	r := c.is(c.post(recoverPath, `{"username":"bob","factorType":"sms"}`), 200, "RECOVERY_CHALLENGE")
	if !strings.HasSuffix(r.str(next), "/recovery/factors/SMS/verify") || !strings.HasSuffix(r.str("_links.resend.href"), "/recovery/factors/SMS/resend") || r.at("_embedded.user") != nil {
		t.Errorf("%s", r.Body)
	}
	c.is(c.send(r.str(next), "passCode", "00000000"), 403, "E0000068")
	c.is(c.send(r.str("_links.resend.href")), 429, "E0000118")
	w.wait(30 * time.Second)
	r = c.is(c.send(r.str("_links.resend.href")), 200, "RECOVERY_CHALLENGE")
	code := c.hide(string(last(phone).Code), "12345678")
	was := c.token
	c.token = ""
	r = c.is(c.post(r.str(next), `{"stateToken":"`+was+`","passCode":"`+code+`"}`), 200, "PASSWORD_RESET")
	c.comment("One phone is one proof: the password is new, and the user signs in with it.")
	r = c.is(c.send(r.str(next), "newPassword", freshPassword), 200, "SUCCESS")
	if r.at("sessionToken") != nil || r.at("stateToken") != nil || r.str("recoveryType") != "PASSWORD" {
		t.Errorf("%s", r.Body)
	}
	v.has(t, "user-bob form of "+freshPassword)
	c.golden()
}

// TestUnlockLink: the answer to the right password of a locked account says where it is
// unlocked, if it can be.
func TestUnlockLink(t *testing.T) {
	for disabled, after := range map[bool]int{true: 1, false: 50} {
		w, _, _ := newRecovery(t, "")
		w.svc, w.h = w.node(authn.Policy{LockEvery: 1, DisableAfter: after}, "acme")
		c := w.client("bob")
		r := c.is(c.login(), 200, "MFA_REQUIRED")
		r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
		code := []byte(last(w.mail).Code)
		code[0] ^= 1 // another digit
		c.is(c.send(r.str(next), "passCode", string(code)), 403, "E0000069")
		r = c.is(c.login(), 200, "LOCKED_OUT")
		if r.at("stateToken") != nil || (r.at("_links.next") == nil) != disabled {
			t.Fatalf("disabled %t: %s", disabled, r.Body)
		}
		if disabled {
			continue
		}
		if r.str("_links.next.name") != "unlock" {
			t.Errorf("%s", r.Body)
		}
		c.is(c.post(r.str(next), `{"username":"bob","factorType":"EMAIL"}`), 200, "RECOVERY_CHALLENGE")
		c.is(c.post(tokenPath, `{"recoveryToken":"`+string(last(w.mail).Link)+`"}`), 200, "SUCCESS")
		c.is(c.login(), 200, "MFA_REQUIRED")
	}
}

// TestRecoveryPaths: a code goes by SMS or CALL, and no other path takes one or sends one.
func TestRecoveryPaths(t *testing.T) {
	w, _, phone := newRecovery(t, "")
	c := w.client("bob")
	r := c.is(c.post(recoverPath, `{"username":"bob","factorType":"sms"}`), 200, "RECOVERY_CHALLENGE")
	code := string(last(phone).Code)
	w.wait(30 * time.Second)
	for _, id := range []string{"xyz", "EMAIL", "SMSS", "SM", "QUESTION"} {
		at := strings.Replace(r.str(next), "/SMS/", "/"+id+"/", 1)
		c.is(c.send(at, "passCode", code), 404, "E0000007")
		c.is(c.send(strings.Replace(at, "/verify", "/resend", 1)), 404, "E0000007")
	}
	was := c.token
	c.token = "" // another one comes
	c.is(c.post(strings.Replace(r.str(next), "/SMS/", "/sms/", 1), `{"stateToken":"`+was+`","passCode":"`+code+`"}`), 200, "MFA_REQUIRED")
}

// TestRecoveryHeldUp: what an account refuses leaves the code as good as it was, and the
// answer says how long to wait, if that is not for longer than the code is good.
func TestRecoveryHeldUp(t *testing.T) {
	for _, lock := range []time.Duration{2 * time.Minute, time.Hour} {
		w, _, phone := newRecovery(t, "")
		w.svc, w.h = w.node(authn.Policy{LockEvery: 2, BackoffFrom: 2, Lock: lock}, "acme")
		b := w.client("bob")
		r := b.is(b.login(), 200, "MFA_REQUIRED")
		r = b.is(b.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
		b.is(b.send(r.str(next), "passCode", "000000"), 403, "E0000068")
		b.is(b.send(r.str(next), "passCode", "000000"), 403, "E0000069")

		c := w.client("bob")
		r = c.is(c.post(recoverPath, `{"username":"bob","factorType":"sms"}`), 200, "RECOVERY_CHALLENGE")
		body, verify := `{"stateToken":"`+c.token+`","passCode":"`+string(last(phone).Code)+`"}`, r.str(next)
		r = c.is(c.post(verify, body), 403, "E0000069")
		if lock > time.Hour/2 {
			if why := r.str("errorCauses.0.errorSummary"); why != "This sign-in ends before that. Sign in again later." {
				t.Errorf("%q", why)
			}
			continue
		}
		if why := r.str("errorCauses.0.errorSummary"); why != "Wait 120 seconds, then try again." {
			t.Errorf("%q", why)
		}
		w.wait(lock)
		c.token = "" // that of the account follows
		c.is(c.post(verify, body), 200, "MFA_REQUIRED")
	}
}

// TestRecoveryFactorAppears: a factor that becomes active while a new password is asked for
// is proved before it is taken.
func TestRecoveryFactorAppears(t *testing.T) {
	w, v, phone := newRecovery(t, "")
	c := w.client("bob")
	was := w.people.factors["user-bob"]
	w.people.factors["user-bob"] = nil
	r := c.is(c.post(recoverPath, `{"username":"bob","factorType":"sms"}`), 200, "RECOVERY_CHALLENGE")
	claim := c.token
	c.token = "" // that of the account follows
	r = c.is(c.post(r.str(next), `{"stateToken":"`+claim+`","passCode":"`+string(last(phone).Code)+`"}`), 200, "PASSWORD_RESET")
	w.people.factors["user-bob"] = was
	reset := r.str(next)
	r = c.is(c.send(reset, "newPassword", freshPassword), 200, "MFA_REQUIRED")
	v.has(t)
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	c.is(c.send(r.str(next), "passCode", string(last(w.mail).Code)), 200, "PASSWORD_RESET")
	c.is(c.send(reset, "newPassword", freshPassword), 200, "SUCCESS")
	v.has(t, "user-bob form of "+freshPassword)
}

func TestWalkRecovery_Unlock(t *testing.T) {
	w, v, _ := newRecovery(t, "")
	c := w.client("bob")
	r := c.is(c.post(unlockPath, `{"username":"BOB","factorType":"EMAIL"}`), 200, "RECOVERY_CHALLENGE")
	if r.str("recoveryType") != "UNLOCK" {
		t.Errorf("%s", r.Body)
	}
	r = c.is(c.post(tokenPath, `{"recoveryToken":"`+c.hide(string(last(w.mail).Link), "THE-LINK")+`"}`), 200, "SUCCESS")
	if r.at("sessionToken") != nil || r.at("stateToken") != nil || r.str("recoveryType") != "UNLOCK" {
		t.Errorf("%s", r.Body)
	}
	v.has(t, "unlocked user-bob")
	c.golden()
}

// Nobody's name has the answers of somebody's: bytes, status and headers, but for what
// differs from run to run.
func TestRecoveryTellsNothing(t *testing.T) {
	for _, by := range []string{"EMAIL", "SMS"} {
		for _, path := range []string{recoverPath, unlockPath} {
			var stories [2]string
			for i, name := range []string{"bob", "zoe"} {
				w, _, _ := newRecovery(t, "")
				c := w.client("bob")
				for round := range 4 {
					c.token = ""
					r := c.post(path, fmt.Sprintf(`{"username":%q,"factorType":%q}`, name, by))
					if by == "SMS" && r.Code == 200 {
						for range 3 {
							c.send(r.str(next), "passCode", "0000000"+fmt.Sprint(round))
						}
						c.send(r.str("_links.resend.href"))
					}
				}
				stories[i] = strings.ReplaceAll(c.story.String(), name, "NAME")
				for _, r := range c.all {
					stories[i] += fmt.Sprint(r.Code, len(r.Header()), r.Body.Len(), "\n")
				}
			}
			if stories[0] != stories[1] {
				t.Errorf("%s by %s:\n%s\n%s", path, by, stories[0], stories[1])
			}
		}
	}
}

func TestBadRecovery(t *testing.T) {
	w, _, _ := newRecovery(t, "")
	c := w.client("bob")
	for _, x := range []struct {
		path, body string
		status     int
		code       string
	}{
		{recoverPath, `{"username":"bob"}`, 400, "E0000001"},
		{recoverPath, `{"username":"bob","factorType":"PUSH"}`, 400, "E0000001"},
		{recoverPath, `{"username":"bob","factorType":"CALL"}`, 400, "E0000001"},
		{recoverPath, `{"factorType":"EMAIL"}`, 400, "E0000001"},
		{recoverPath, `{"username":"bob\u0000","factorType":"EMAIL"}`, 400, "E0000001"},
		{recoverPath, `{"username":"bob","factorType":"EMAIL","password":"x"}`, 400, "E0000001"},
		{tokenPath, `{}`, 400, "E0000001"},
		{tokenPath, `{"recoveryToken":"x"}`, 401, "E0000011"},
		{tokenPath, `{"recoveryToken":"` + strings.Repeat("a", 64) + `"}`, 401, "E0000011"},
		{answerPath, `{"answer":"blue"}`, 400, "E0000001"},
		{recoverPath[:len(recoverPath)-len("password")] + "factors/SMS/verify", `{"passCode":"12345678"}`, 400, "E0000001"},
	} {
		if r := c.post(x.path, x.body); r.Code != x.status || r.str("errorCode") != x.code {
			t.Errorf("%s %s: %d %s", x.path, x.body, r.Code, r.Body)
		}
	}
	if r := c.get(tokenPath + "?recoveryToken=x"); r.Code != 405 {
		t.Errorf("a link is opened by GET: %d", r.Code)
	}
	if r := c.post(tokenPath+"?recoveryToken=x", `{}`); r.Code != 400 || !strings.Contains(r.Body.String(), "never in a URL") {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}
