package okta_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

const (
	freshPassword  = "a difference engine"
	changePath     = "/api/v1/authn/credentials/change_password"
	resetPath      = "/api/v1/authn/credentials/reset_password"
	firstCause     = "errorCauses.0.errorSummary"
	expireDays     = "_embedded.policy.expiration.passwordExpireDays"
	deniedPassword = "the host says no"
)

// vault is a host's passwords: a new one of 8 characters is good, and no form is a hash.
type vault struct {
	mu     sync.Mutex
	asked  int
	stored []string
}

func (v *vault) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked++
	switch {
	case in.Old != "" && string(in.Old) != goodPassword:
		return authn.Verdict{}, nil
	case string(in.New) == deniedPassword:
		return authn.Verdict{Denied: true}, nil
	case len(in.New) < 8:
		return authn.Verdict{Rejected: true, Reasons: []string{fmt.Sprintf("It has %d characters, and needs 8.", len(in.New)), "Others would guess it."}}, nil
	}
	return authn.Verdict{Right: true, Data: []byte("form of " + in.New[:min(len(in.New), 100)])}, nil
}

func (v *vault) Store(_ context.Context, c authn.Change) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stored = append(v.stored, c.User+" "+string(c.Data))
	return nil
}

// newVault is a world whose passwords all have a status.
func newVault(t testing.TB, p authn.Policy, st authn.PasswordStatus) (*world, *vault) {
	v := new(vault)
	w := newWorld(t, p)
	w.authn = func(c *authn.Config) { c.Passwords = v }
	w.okta = func(c *okta.Config) {
		c.PasswordPolicy = func(_ context.Context, user string) (*okta.PasswordPolicy, error) {
			if user == "user-alan" {
				return nil, errors.New("the rules are away")
			}
			return &okta.PasswordPolicy{Complexity: okta.PasswordComplexity{MinLength: 8, ExcludeUsername: true}}, nil
		}
	}
	w.people.login = func(l *authn.Login) {
		if l.Password = st; st == authn.PasswordExpiresSoon {
			l.PasswordExpires = t0.Add(4*24*time.Hour + 6*time.Hour)
		}
	}
	w.svc, w.h = w.node(p, "acme")
	return w, v
}

// warned begins as a client that can show PASSWORD_WARN.
func (c *client) warned(options string) *reply {
	c.t.Helper()
	c.token = ""
	return c.post(authnPath, fmt.Sprintf(`{"username":%q,"password":%q,"options":%s}`, c.user, goodPassword, options))
}

const warn = `{"warnBeforePasswordExpired":true}`

func (v *vault) has(t *testing.T, want ...string) {
	t.Helper()
	if fmt.Sprint(v.stored) != fmt.Sprint(want) {
		t.Errorf("stored %q, want %q", v.stored, want)
	}
}

func TestWalkK_PasswordExpired(t *testing.T) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordHasExpired)
	c := w.client("bob")
	c.comment("K. The password has expired, and a factor is active: that is proved first.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "PASSWORD_EXPIRED")
	if r.at("_links.skip") != nil || r.at(expireDays) != 0.0 {
		t.Error(r.Body)
	}
	c.comment("A wrong old password is counted like a wrong code, whatever the new one is.")
	e := c.is(c.send(r.str(next), "oldPassword", "a guess", "newPassword", "short"), 403, "E0000014")
	if !strings.HasPrefix(e.str(firstCause), "oldPassword: ") || e.at("authn.triesLeft") != 9.0 {
		t.Error(e.Body)
	}
	c.comment("A new one that is not good enough is not counted, and the causes say why.")
	e = c.is(c.send(r.str(next), "oldPassword", goodPassword, "newPassword", "short"), 403, "E0000014")
	if e.str(firstCause) != "It has 5 characters, and needs 8." || e.str("errorCauses.1.errorSummary") != "Others would guess it." || e.at("authn.triesLeft") != 9.0 {
		t.Error(e.Body)
	}
	v.has(t)
	r = c.is(c.send(r.str(next), "oldPassword", goodPassword, "newPassword", freshPassword), 200, "SUCCESS")
	if r := c.post("/api/v1/sessions", `{"sessionToken":"`+r.str("sessionToken")+`"}`); r.Code != 200 {
		t.Errorf("got %d %s", r.Code, r.Body)
	}
	v.has(t, "user-bob form of "+freshPassword)
	c.golden()
}

func TestWalkL_PasswordWarn(t *testing.T) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordExpiresSoon)
	c := w.client("alan")
	c.comment("L. The password expires soon. A client that has not said that it can show this is not told.")
	c.is(c.login(), 200, "SUCCESS")
	c.comment("One that has may skip it,")
	r := c.is(c.warned(warn), 200, "PASSWORD_WARN")
	c.is(c.send(r.str(skip)), 200, "SUCCESS")
	v.has(t)
	c.comment("or change the password.")
	r = c.is(c.warned(warn), 200, "PASSWORD_WARN")
	c.is(c.send(r.str(next), "oldPassword", goodPassword, "newPassword", freshPassword), 200, "SUCCESS")
	v.has(t, "user-alan form of "+freshPassword)
	c.golden()
}

func TestWalkPasswordReset(t *testing.T) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordNeedsReset)
	c := w.client("bob")
	c.comment("The password has to be reset: no old one is asked for, and the factor is proved before.")
	r := c.is(c.login(), 200, "MFA_REQUIRED")
	r = c.is(c.send(r.str(firstVerify)), 200, "MFA_CHALLENGE")
	r = c.is(c.send(r.str(next), "passCode", c.code("bob")), 200, "PASSWORD_RESET")
	c.unchanged(func() {
		c.is(c.send(changePath, "oldPassword", goodPassword, "newPassword", freshPassword), 403, "E0000079")
	})
	c.is(c.send(r.str(next), "newPassword", "short"), 403, "E0000080")
	c.is(c.send(r.str(next), "newPassword", freshPassword), 200, "SUCCESS")
	v.has(t, "user-bob form of "+freshPassword)
	c.golden()
}

// TestOptions: only true, and under its own name, says that a client can show
// PASSWORD_WARN; what is no boolean is refused before anything is looked up.
func TestOptions(t *testing.T) {
	w, _ := newVault(t, authn.Policy{}, authn.PasswordExpiresSoon)
	c := w.client("alan")
	for options, want := range map[string]string{
		warn: "PASSWORD_WARN", `{"warnBeforePasswordExpired":false}`: "SUCCESS", `{"warnBeforePasswordExpired":null}`: "SUCCESS",
		`{"warnbeforepasswordexpired":true}`: "SUCCESS", `{}`: "SUCCESS", `null`: "SUCCESS",
		`{"multiOptionalFactorEnroll":true}`: "SUCCESS", `{"another":"x"}`: "SUCCESS",
	} {
		c.is(c.warned(options), 200, want)
		c.wait(time.Hour)
	}
	for _, v := range []string{`"true"`, `1`, `[]`, `{}`} {
		for _, name := range []string{"warnBeforePasswordExpired", "multiOptionalFactorEnroll"} {
			c.unchanged(func() { c.is(c.warned(`{"`+name+`":`+v+`}`), 400, "E0000001") })
		}
	}
}

// A password that has expired, or has to be reset, is told to every client.
func TestStatusesWithoutOption(t *testing.T) {
	for st, want := range map[authn.PasswordStatus]string{
		authn.PasswordFine: "SUCCESS", authn.PasswordHasExpired: "PASSWORD_EXPIRED", authn.PasswordNeedsReset: "PASSWORD_RESET",
	} {
		w, _ := newVault(t, authn.Policy{}, st)
		c := w.client("alan")
		c.is(c.login(), 200, want)
	}
}

// TestExpireDays: whole days that are left, never one too many; the rules are told as
// the host has them, and not at all if it cannot say.
func TestExpireDays(t *testing.T) {
	w, _ := newVault(t, authn.Policy{}, authn.PasswordExpiresSoon)
	for at, want := range map[time.Duration]float64{
		6*time.Hour - 1: 4, 6 * time.Hour: 4, 6*time.Hour + 1: 3, 3*24*time.Hour + 6*time.Hour: 1, 3*24*time.Hour + 6*time.Hour + 1: 0,
		4*24*time.Hour + 6*time.Hour: 0, 9 * 24 * time.Hour: 0,
	} {
		w.mu.Lock()
		w.time = t0.Add(at)
		w.mu.Unlock()
		r := w.client("alan").warned(warn)
		if got := r.at(expireDays); r.str("status") != "PASSWORD_WARN" || got != want || r.at("_embedded.policy.complexity") != nil {
			t.Errorf("after %v: %v days, want %v: %s", at, got, want, r.Body)
		}
		if r.str("authn.passwordExpiresAt") != "2026-03-05T18:00:00.000Z" {
			t.Error(r.str("authn.passwordExpiresAt"))
		}
	}
	w, _ = newVault(t, authn.Policy{}, authn.PasswordNeedsReset)
	w.people.require["user-none"] = authn.RequireNothing
	r := w.client("none").login()
	if r.at("_embedded.policy.expiration") != nil || r.at("_embedded.policy.complexity.minLength") != 8.0 || fmt.Sprint(r.at("_embedded.policy.complexity.excludeAttributes")) != "[]" {
		t.Error(r.Body)
	}
}

// TestPasswordTries: wrong old passwords are slowed down, and lock, as wrong codes are;
// in a wait the host is not asked.
func TestPasswordTries(t *testing.T) {
	w, v := newVault(t, authn.Policy{LockEvery: 5}, authn.PasswordHasExpired)
	c := w.client("alan")
	r := c.is(c.login(), 200, "PASSWORD_EXPIRED")
	guess := func(status int, what string) *reply {
		t.Helper()
		return c.is(c.send(r.str(next), "oldPassword", "a guess", "newPassword", freshPassword), status, what)
	}
	for range 3 {
		if e := guess(403, "E0000014"); e.str(firstCause) != "oldPassword: That is not the password that you have. Check it and try again." {
			t.Error(e.Body)
		}
	}
	if e := guess(403, "E0000014"); !strings.HasSuffix(e.str(firstCause), " Try again in 30 seconds.") {
		t.Error(e.Body)
	}
	asked := v.asked
	c.unchanged(func() {
		if e := guess(429, "E0000047"); e.Header().Get("Retry-After") != "30" || e.str(firstCause) != "Wait 30 seconds, then try again." {
			t.Error(e.Header(), e.Body)
		}
	})
	if v.asked != asked {
		t.Error("the host was asked during a wait")
	}
	c.wait(30 * time.Second)
	guess(403, "E0000069")
	guess(401, "E0000011")
	c.is(c.login(), 200, "LOCKED_OUT")
}

// TestPasswordDenied: the host ends the sign-in.
func TestPasswordDenied(t *testing.T) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordHasExpired)
	c := w.client("alan")
	r := c.is(c.login(), 200, "PASSWORD_EXPIRED")
	if e := c.is(c.send(r.str(next), "oldPassword", goodPassword, "newPassword", deniedPassword), 403, "E0000006"); e.at("authn") != nil {
		t.Error(e.Body)
	}
	c.is(c.send(r.str(next), "oldPassword", goodPassword, "newPassword", freshPassword), 401, "E0000011")
	v.has(t)
}

// TestPasswordRepeated: under its key a request is answered again and not judged again.
func TestPasswordRepeated(t *testing.T) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordHasExpired)
	c := w.client("alan")
	c.is(c.login(), 200, "PASSWORD_EXPIRED")
	send := func(key, fresh string) *reply {
		return c.post(changePath, fmt.Sprintf(`{"stateToken":%q,"oldPassword":%q,"newPassword":%q}`, c.token, goodPassword, fresh), "Idempotency-Key", key)
	}
	c.is(send("k1", "short"), 403, "E0000014")
	if e := c.is(send("k1", "short"), 403, "E0000014"); e.str(firstCause) == "" {
		t.Error(e.Body)
	}
	first := c.is(send("k2", freshPassword), 200, "SUCCESS")
	again := c.is(send("k2", freshPassword), 200, "SUCCESS")
	if v.asked != 2 || first.str("sessionToken") != again.str("sessionToken") {
		t.Errorf("the host was asked %d times", v.asked)
	}
	v.has(t, "user-alan form of "+freshPassword)
}

// badPasswords has what can be wrong with a body.
var badPasswords = map[string]string{
	"no old one":           `{@token,"newPassword":"a difference engine"}`,
	"an empty old one":     `{@token,"oldPassword":"","newPassword":"a difference engine"}`,
	"no new one":           `{@token,@old}`,
	"an empty new one":     `{@token,@old,"newPassword":""}`,
	"null":                 `{@token,@old,"newPassword":null}`,
	"a number":             `{@token,@old,"newPassword":12345678}`,
	"an object":            `{@token,@old,"newPassword":{"value":"a difference engine"}}`,
	"a list":               `{@token,@old,"newPassword":["a difference engine"]}`,
	"twice":                `{@token,@old,"newPassword":"a difference engine","newPassword":"another engine"}`,
	"another letter case":  `{@token,@old,"newpassword":"a difference engine"}`,
	"too long":             `{@token,@old,"newPassword":"` + strings.Repeat("x", 1025) + `"}`,
	"too long an old one":  `{@token,"oldPassword":"` + strings.Repeat("x", 1025) + `","newPassword":"a difference engine"}`,
	"NUL":                  `{@token,@old,"newPassword":"a difference\u0000engine"}`,
	"NUL in the old one":   `{@token,"oldPassword":"\u0000","newPassword":"a difference engine"}`,
	"not UTF-8":            `{@token,@old,"newPassword":"` + "\xff" + `difference"}`,
	"half a pair":          `{@token,@old,"newPassword":"\ud800difference"}`,
	"revokeSessions: text": `{@token,@old,"newPassword":"a difference engine","revokeSessions":"true"}`,
	"a code":               `{@token,@old,"newPassword":"a difference engine","passCode":"123456"}`,
	"a name":               `{@token,@old,"newPassword":"a difference engine","username":"alan"}`,
	"no token":             `{@old,"newPassword":"a difference engine"}`,
}

// TestBadPasswords: what is wrong with a body is found before anything is looked up;
// the host is not asked, and nothing is counted.
func TestBadPasswords(t *testing.T) {
	w, v := newVault(t, authn.Policy{}, authn.PasswordHasExpired)
	c := w.client("alan")
	c.login()
	fill := strings.NewReplacer("@token", `"stateToken":"`+c.token+`"`, "@old", `"oldPassword":"`+goodPassword+`"`)
	for name, body := range badPasswords {
		t.Run(name, func(t *testing.T) {
			c.t = t
			c.unchanged(func() {
				r := c.post(changePath, fill.Replace(body))
				if r.Code != 400 || r.str("errorCode") != "E0000001" && r.str("errorCode") != "E0000003" {
					t.Errorf("got %d %s", r.Code, r.Body)
				}
			})
		})
	}
	c.t = t
	c.unchanged(func() {
		for _, q := range []string{"newPassword", "oldPassword"} {
			c.is(c.post(changePath+"?"+q+"=a+difference+engine", fill.Replace(`{@token,@old}`)), 400, "E0000001")
		}
		c.is(c.send(resetPath, "newPassword", freshPassword), 403, "E0000079")
		c.is(c.send(resetPath), 400, "E0000001")
		c.is(c.send(resetPath, "oldPassword", goodPassword, "newPassword", freshPassword), 400, "E0000001")
		c.is(c.post(resetPath, `{"newPassword":"`+freshPassword+`"}`), 400, "E0000001")
		c.is(c.post(changePath, `{"stateToken":"00`+strings.Repeat("A", 64)+`","oldPassword":"a","newPassword":"b"}`), 401, "E0000011")
		e := c.is(c.send(authnPath+"/factors/x/verify"), 403, "E0000079")
		if e.str("errorCauses.1.event") != "change_password" || e.str("errorCauses.1.href") != base+changePath {
			t.Error(e.Body)
		}
	})
	if v.asked != 0 {
		t.Errorf("the host was asked %d times", v.asked)
	}
	longest := strings.Repeat("x", 1024)
	c.is(c.post(changePath, fill.Replace(`{@token,@old,"newPassword":"`+longest+`","revokeSessions":true}`)), 200, "SUCCESS")
	v.has(t, "user-alan form of "+longest[:100])
}

// TestPasswordCanaries: no password is in an answer, nor in what is reported or stored.
func TestPasswordCanaries(t *testing.T) {
	w, _ := newVault(t, authn.Policy{}, authn.PasswordHasExpired)
	c := w.client("alan")
	c.login()
	secrets := []string{goodPassword, freshPassword, "guessed it"}
	c.send(changePath, "oldPassword", "guessed it", "newPassword", freshPassword)
	c.send(changePath, "oldPassword", goodPassword, "newPassword", "short")
	c.send(changePath, freshPassword, "x")
	c.send(changePath+"?newPassword="+strings.ReplaceAll(freshPassword, " ", "+"), "oldPassword", goodPassword)
	c.send(changePath, "oldPassword", goodPassword, "newPassword", freshPassword)
	for _, r := range c.all {
		for _, s := range secrets {
			if strings.Contains(fmt.Sprint(r.Header(), r.Body, c.reported), s) {
				t.Errorf("%q is told: %s", s, r.Body)
			}
		}
	}
	for _, r := range c.store.records {
		for _, s := range append(secrets, "form of") {
			if strings.Contains(string(r.Value), s) {
				t.Errorf("%q is stored", s)
			}
		}
	}
}
