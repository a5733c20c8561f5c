package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
)

const fresh = "a difference engine"

// with begins with another password than everybody's, as a client that shows warnings.
func (b *browser) with(user, pw string) *reply {
	b.t.Helper()
	body, _ := json.Marshal(map[string]any{"username": user, "password": pw, "options": map[string]bool{"warnBeforePasswordExpired": true}})
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+"/api/v1/authn", strings.NewReader(string(body)))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	a := b.do(r)
	b.token = a.str("stateToken")
	return a
}

func (b *browser) redeem(r *reply) {
	b.t.Helper()
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
}

// TestExpired: barbara proves her factor, and then has to change her password. The new
// one is for her account alone, and outlives the program.
func TestExpired(t *testing.T) {
	store := "sqlite:" + t.TempDir() + "/idp.db"
	s, stop := serve(t, "-store", store)
	const user = "barbara+x" + domain
	b := s.browser(t)
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next), "passCode", b.code(user)).is(200, "PASSWORD_EXPIRED")
	if got := r.under("_embedded.policy.complexity.minLength"); got != "8" {
		t.Errorf("at least %s characters", got)
	}
	change := r.str(next)
	say := func(old, pw, why string) {
		t.Helper()
		if r := b.post(change, "oldPassword", old, "newPassword", pw).is(403, "E0000014"); r.str("errorCauses.0.errorSummary") != why {
			t.Errorf("%q: %s", pw, r.body)
		}
	}
	say("a guess", fresh, "oldPassword: That is not the password that you have. Check it and try again.")
	say("a guess", "short", "oldPassword: That is not the password that you have. Check it and try again.")
	say(password, "1234567", "It has 7 characters, and needs 8.")
	say(password, password, "Others would guess it.")
	say(password, strings.ToUpper(user), "Others would guess it.")
	say(password, "BARBARA+x", "Others would guess it.")
	say(password, strings.Repeat("é", 37), "It has 74 bytes, and this demo takes 72.")
	b.redeem(b.post(change, "oldPassword", password, "newPassword", fresh).is(200, "SUCCESS"))
	b.get("/account").shows("Barbara Liskov")
	b.get("/inbox").shows("your password was changed")

	stop()
	s, _ = serve(t, "-store", store)
	b = s.browser(t)
	b.login(user).is(401, "E0000004")
	b.with(user, fresh).is(200, "MFA_REQUIRED")
	b.with("barbara"+domain, fresh).is(401, "E0000004")
	b.with("ada"+domain, fresh).is(401, "E0000004")
	b.login("barbara"+domain).is(200, "MFA_REQUIRED")
	// It is fine from now on.
	r = b.with(user, fresh).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	b.post(r.str(next), "passCode", b.code(user)).is(200, "SUCCESS")
}

// TestExpiresSoon: frances is warned if her client can show it. She has no second
// factor, so her password is a long one.
func TestExpiresSoon(t *testing.T) {
	s, _ := serve(t, "-dev")
	const user = "frances+x" + domain
	b := s.browser(t)
	b.login(user).is(200, "SUCCESS")
	r := b.with(user, password).is(200, "PASSWORD_WARN")
	if got := r.under("_embedded.policy.expiration.passwordExpireDays"); got != "4" {
		t.Errorf("%s days", got)
	}
	b.redeem(b.post(r.str("_links.skip.href")).is(200, "SUCCESS"))
	r = b.with(user, password).is(200, "PASSWORD_WARN")
	change := r.str(next)
	for pw, why := range map[string]string{strings.Repeat("x", 14): "It has 14 characters, and needs 15.", user: "Others would guess it."} {
		if r := b.post(change, "oldPassword", password, "newPassword", pw).is(403, "E0000014"); r.str("errorCauses.0.errorSummary") != why {
			t.Error(r.body)
		}
	}
	b.redeem(b.post(change, "oldPassword", password, "newPassword", strings.Repeat("x", 15)).is(200, "SUCCESS"))
	b.with(user, strings.Repeat("x", 15)).is(200, "SUCCESS")
}

// TestSamePassword: one that was changed is not changed to itself.
func TestSamePassword(t *testing.T) {
	p, err := newPeople(new(keptInMemory), bcrypt.MinCost, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	in := authn.PasswordInput{User: "ada" + domain, Old: fresh, New: fresh}
	hash, _ := bcrypt.GenerateFromPassword([]byte(fresh), bcrypt.MinCost)
	if err := p.Store(t.Context(), authn.Change{User: in.User, At: time.Unix(1, 0), Data: hash}); err != nil {
		t.Fatal(err)
	}
	for _, old := range []authn.Secret{fresh, ""} { // to change, and to reset
		in.Old = old
		if v, err := p.Check(t.Context(), in); err != nil || !v.Rejected || v.Reasons[0] != "It is the password that you have." {
			t.Errorf("%+v %v", v, err)
		}
	}
}

// TestOlderPassword: of two changes the later one counts, in whatever order they come.
func TestOlderPassword(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		want authn.Secret
	}{{-1, "first"}, {0, "first"}, {1, "second"}} {
		p, err := newPeople(new(keptInMemory), bcrypt.MinCost, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_800_000_000, 0)
		for pw, when := range map[string]time.Time{"first": at} {
			hash, _ := bcrypt.GenerateFromPassword([]byte(pw), bcrypt.MinCost)
			if err := p.Store(t.Context(), authn.Change{User: "ada" + domain, At: when, Data: hash}); err != nil {
				t.Fatal(err)
			}
		}
		hash, _ := bcrypt.GenerateFromPassword([]byte("second"), bcrypt.MinCost)
		if err := p.Store(t.Context(), authn.Change{User: "ada" + domain, At: at.Add(c.at), Data: hash}); err != nil {
			t.Fatal(err)
		}
		for _, pw := range []authn.Secret{"first", "second"} {
			if right, _, err := p.matches(t.Context(), "ada"+domain, pw); err != nil || right != (pw == c.want) {
				t.Errorf("at %v: %s: %t, %v", c.at, string(pw), right, err)
			}
		}
	}
}

// TestHashesAtOnce: nobody waits for a hash for longer than the request, and none runs
// beside those that may.
func TestHashesAtOnce(t *testing.T) {
	p, err := newPeople(new(keptInMemory), bcrypt.MinCost, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for range hashesAtOnce {
		p.slots <- struct{}{}
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if _, err := p.VerifyPassword(ctx, "ada"+domain, password); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a sign-in: %v", err)
	}
	if v, err := p.Check(ctx, authn.PasswordInput{User: "ada" + domain, New: fresh}); !errors.Is(err, context.DeadlineExceeded) || v.Right {
		t.Errorf("a new password: %v", err)
	}
	for range hashesAtOnce {
		<-p.slots
	}
	for range hashesAtOnce + 1 { // each gives its place back
		if _, err := p.VerifyPassword(t.Context(), "ada"+domain, password); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRemembered: a browser that was remembered needs the password alone, until its
// user changes it.
func TestRemembered(t *testing.T) {
	s, _ := serve(t, "-dev")
	const user = "barbara+r" + domain
	b := s.browser(t)
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next)+"?rememberDevice=true", "passCode", b.code(user)).is(200, "PASSWORD_EXPIRED")
	b.redeem(b.post(r.str(next), "oldPassword", password, "newPassword", fresh).is(200, "SUCCESS"))
	b.redeem(b.with(user, fresh).is(200, "SUCCESS"))
	b.get("/account").shows("a password, on a device that is remembered")
	s.browser(t).with(user, fresh).is(200, "MFA_REQUIRED")
	at, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.c.Jar.Cookies(at) {
		if strings.HasPrefix(c.Name, "authn-device-") && strings.Contains(b.get("/machine").body+b.get("/account").body, c.Value) {
			t.Error("a page has the token of the device")
		}
	}
	advance(t, b, "719h")
	b.with(user, fresh).is(200, "SUCCESS")
	advance(t, b, "2h")
	b.with(user, fresh).is(200, "MFA_REQUIRED")
}

// TestNewPasswordEndsSessions: whoever signed in with the old password is signed out, by a
// change as by a reset. The session that the change leads to stays, and so do those of
// others.
func TestNewPasswordEndsSessions(t *testing.T) {
	s, _ := serve(t)
	const long = "a difference engine, number two"
	in := func(b *browser, user string) bool {
		t.Helper()
		switch r := b.get("/account"); r.status {
		case http.StatusOK:
			return true
		case http.StatusSeeOther:
			return false
		default:
			t.Fatalf("%s: %d", user, r.status)
			return false
		}
	}
	changes := map[string]func(b *browser, user string){
		"frances+old": func(b *browser, user string) {
			r := b.with(user, password).is(200, "PASSWORD_WARN")
			b.redeem(b.post(r.str(next), "oldPassword", password, "newPassword", long).is(200, "SUCCESS"))
			if !in(b, user) {
				t.Error("the change does not lead to a session")
			}
		},
		"alan+old": func(b *browser, user string) {
			b.post(recovery+"password", "username", user, "factorType", "EMAIL").is(200, "RECOVERY_CHALLENGE")
			r := b.open(b.link(s, user, recoverPath)).is(200, "PASSWORD_RESET")
			b.post(r.str(next), "newPassword", long).is(200, "SUCCESS")
		},
	}
	for name, change := range changes {
		user := name + domain
		old, other, fresh := s.browser(t), s.browser(t), s.browser(t)
		old.redeem(old.login(user).is(200, "SUCCESS"))
		other.redeem(other.login("alan+other"+domain).is(200, "SUCCESS"))
		if !in(old, user) || !in(other, user) {
			t.Fatal("there is no session")
		}
		change(fresh, user)
		if in(old, user) {
			t.Errorf("%s: a session has outlived its password", user)
		}
		if !in(other, user) {
			t.Errorf("%s: a new password ends the session of somebody else", user)
		}
		fresh.redeem(fresh.with(user, long).is(200, "SUCCESS"))
		if !in(fresh, user) || in(old, user) {
			t.Errorf("%s: signed in anew: %t, and the old one: %t", user, in(fresh, user), in(old, user))
		}
	}
}
