package webauthnfactor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/webauthnfactor"
)

// handles is a Directory that knows whose a user handle is.
type handles struct {
	*authntest.World
	users []string
}

// Find implements [authn.Finder].
func (h handles) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	for _, user := range h.users {
		for _, f := range h.FactorsOf(user) {
			if f.Handle != "" && f.Type == c.By && f.Handle == string(c.Name) && f.Status == authn.Active {
				return authn.Subject{User: user}, nil
			}
		}
	}
	return authn.Subject{}, authn.ErrNoUser
}

// openPasskeys is a service at which ada has enrolled a key.
func openPasskeys(t testing.TB, change ...func(*authn.Config)) (*desk, *device) {
	t.Helper()
	keys, err := webauthnfactor.New(config())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{TB: t}
	d.Service = d.World.Service(t, append(change, func(c *authn.Config) {
		c.Types = []authn.FactorType{keys}
		c.Directory = handles{&d.World, []string{"ada", "grace"}}
	})...)
	for _, user := range []string{"ada", "grace"} {
		d.SetFactors(user, slot("k1"), slot("k2"))
	}
	k := newDevice()
	d.enroll("ada", k)
	return d, k
}

// enroll enrolls a key, which keeps the user handle.
func (d *desk) enroll(user string, k *device) {
	d.Helper()
	a := d.enrolling(user)
	handle, err := base64url.DecodeString(read(d.TB, a.Prompt.Options).User.ID)
	if err != nil {
		d.Fatal(err)
	}
	k.Authenticator.Options.UserHandle = handle
	if a = d.do(a, authn.Activate{Code: k.create(d.TB, a)}); a.State != authn.Success {
		d.Fatal(a.State)
	}
}

func (d *desk) request() *authn.PasskeyRequest {
	d.Helper()
	r, err := d.RequestPasskey(d.Context(), "webauthn")
	if err != nil {
		d.Fatal(err)
	}
	return r
}

// respond is the response of a key to a request.
func (k *device) respond(t testing.TB, r *authn.PasskeyRequest) authn.PasskeyLogin {
	t.Helper()
	return authn.PasskeyLogin{Type: "webauthn", Request: r.Token, Response: k.get(t, &authn.Answer{Prompt: authn.Prompt{Options: r.Options}})}
}

// turnedAway says that a login is refused for this reason, and that nothing was saved.
func (d *desk) turnedAway(what string, l authn.PasskeyLogin, why error) {
	d.Helper()
	saves := d.saves()
	if a, err := d.BeginPasskey(d.Context(), l); !errors.Is(err, why) {
		d.Errorf("%s: %v, %v; want %v", what, a, err, why)
	}
	if n := d.saves(); n != saves {
		d.Errorf("%s: it has saved something", what)
	}
}

func (d *desk) saves() (n int) {
	for _, c := range d.Calls() {
		if c.Port == authntest.Save {
			n++
		}
	}
	return n
}

// A user signs in who has not said who they are. It takes one save.
func TestPasskey(t *testing.T) {
	d, k := openPasskeys(t)
	r := d.request()
	if o := read(t, r.Options); len(o.AllowCredentials) != 0 || !strings.Contains(string(r.Options), `"userVerification":"required"`) {
		t.Errorf("%s", r.Options)
	}
	l := k.respond(t, r)
	l.Relay = "back to the shop"
	saves := d.saves()
	a, err := d.BeginPasskey(t.Context(), l)
	if err != nil || a.State != authn.Success || a.User != "ada" {
		t.Fatal(a, err)
	}
	if n := d.saves() - saves; n != 2 { // the report to the Auditor is acknowledged
		t.Errorf("%d saves", n)
	}
	d.turnedAway("the same response, before the session", l, authn.ErrFinished)
	as, err := d.Redeem(t.Context(), a.Session)
	if err != nil || as.User != "ada" || as.Relay != l.Relay || !slices.Equal(as.Methods, []string{"pop", "user", "uv"}) || !slices.Equal(as.Factors, []string{"k1"}) || len(as.Proofs) != 1 {
		t.Errorf("%+v, %v", as, err)
	}
	d.turnedAway("the same response", l, authn.ErrFinished)
	d.turnedAway("another response to it", k.respond(t, r), authn.ErrFinished)
}

// If the answer is lost, the same response with the same key is answered again.
func TestPasskeyAgain(t *testing.T) {
	d, k := openPasskeys(t)
	l := k.respond(t, d.request())
	l.Key = "once"
	first, err := d.BeginPasskey(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.BeginPasskey(t.Context(), l)
	if err != nil || again.Session != first.Session || again.State != authn.Success {
		t.Errorf("%+v, %v", again, err)
	}
	for what, change := range map[string]func(*authn.PasskeyLogin){
		"another key": func(l *authn.PasskeyLogin) { l.Key = "twice" },
		"no key":      func(l *authn.PasskeyLogin) { l.Key = "" },
		"a relay":     func(l *authn.PasskeyLogin) { l.Relay = "elsewhere" },
	} {
		other := l
		change(&other)
		d.turnedAway(what, other, authn.ErrFinished)
	}
	if _, err := d.Redeem(t.Context(), first.Session); err != nil {
		t.Error(err)
	}
}

// Whatever does not sign in looks alike, is not counted and leaves nothing behind.
func TestPasskeyRefused(t *testing.T) {
	d, k := openPasskeys(t)
	r := d.request()
	good := k.respond(t, r)

	unverified := *k
	unverified.Authenticator.Options.UserNotVerified = true
	d.turnedAway("a user who is not verified", unverified.respond(t, r), authn.ErrFinished)
	stranger := *newDevice()
	stranger.Authenticator.Options.UserHandle = []byte("a handle of nobody")
	d.turnedAway("nobody's key", stranger.respond(t, r), authn.ErrFinished)
	stranger.Authenticator.Options.UserHandle = k.Authenticator.Options.UserHandle
	d.turnedAway("a key that is not the user's", stranger.respond(t, r), authn.ErrFinished)
	stranger.Credential.ID = k.Credential.ID
	d.turnedAway("a signature that does not fit", stranger.respond(t, r), authn.ErrFinished)
	other := k.respond(t, d.request())
	other.Request = r.Token
	d.turnedAway("a response to another request", other, authn.ErrFinished)
	nameless := *k
	nameless.Authenticator.Options.UserHandle = nil
	d.turnedAway("no user handle", nameless.respond(t, r), authn.ErrMalformed)
	graces := newDevice()
	d.enroll("grace", graces)
	graces.Authenticator.Options.UserHandle = k.Authenticator.Options.UserHandle
	d.turnedAway("another user's handle", graces.respond(t, r), authn.ErrFinished)

	for what, x := range map[string]struct {
		l   authn.PasskeyLogin
		why error
	}{
		"no response":        {authn.PasskeyLogin{Type: "webauthn", Request: r.Token}, authn.ErrMalformed},
		"not JSON":           {authn.PasskeyLogin{Type: "webauthn", Request: r.Token, Response: "x"}, authn.ErrMalformed},
		"too long":           {authn.PasskeyLogin{Type: "webauthn", Request: r.Token, Response: authn.Code(strings.Repeat("x", 16<<10+1))}, authn.ErrMalformed},
		"a long key":         {authn.PasskeyLogin{Type: "webauthn", Request: r.Token, Response: good.Response, Key: strings.Repeat("x", 65)}, authn.ErrMalformed},
		"a long relay":       {authn.PasskeyLogin{Type: "webauthn", Request: r.Token, Response: good.Response, Relay: strings.Repeat("x", 1025)}, authn.ErrMalformed},
		"no request":         {authn.PasskeyLogin{Type: "webauthn", Response: good.Response}, authn.ErrFinished},
		"a forged request":   {authn.PasskeyLogin{Type: "webauthn", Request: forged(r.Token), Response: good.Response}, authn.ErrFinished},
		"an email":           {authn.PasskeyLogin{Type: authn.Email, Request: r.Token, Response: good.Response}, authn.ErrNotAllowed},
		"a type not known":   {authn.PasskeyLogin{Type: "x", Request: r.Token, Response: good.Response}, authn.ErrNotAllowed},
		"another's response": {authn.PasskeyLogin{Type: "webauthn", Request: r.Token, Response: stranger.respond(t, d.request()).Response}, authn.ErrFinished},
	} {
		d.turnedAway(what, x.l, x.why)
	}
	if a, err := d.BeginPasskey(t.Context(), good); err != nil || a.State != authn.Success {
		t.Errorf("the right one, after all of that: %v, %v", a, err)
	}
}

// The request of a site elsewhere, or of another tenant, is none here.
func TestPasskeyElsewhere(t *testing.T) {
	d, k := openPasskeys(t)
	others, _ := openPasskeys(t, func(c *authn.Config) { c.Tenant = "another" })
	l := k.respond(t, others.request())
	d.turnedAway("another tenant's request", l, authn.ErrFinished)
	plain := d.World.Service(t)
	if _, err := plain.RequestPasskey(t.Context(), "webauthn"); !errors.Is(err, authn.ErrNotAllowed) {
		t.Errorf("a Directory that finds nobody: %v", err)
	}
}

// A request is good for Policy.Life, and not across a revocation.
func TestPasskeyInTime(t *testing.T) {
	life := 10 * time.Minute
	for _, c := range []struct {
		after time.Duration
		why   error
	}{{life - 1, nil}, {life, authn.ErrFinished}, {life + 1, authn.ErrFinished}, {-authn.MaxSkew, nil}, {-authn.MaxSkew - 1, authn.ErrFinished}} {
		d, k := openPasskeys(t, func(c *authn.Config) { c.Policy.Life = life })
		d.Advance(time.Hour)
		r := d.request()
		if want := d.World.Now().Add(life); !r.Expires.Equal(want) {
			t.Errorf("it expires at %s, not %s", r.Expires, want)
		}
		l := k.respond(t, r)
		d.Advance(c.after)
		if _, err := d.BeginPasskey(t.Context(), l); !errors.Is(err, c.why) {
			t.Errorf("after %s: %v", c.after, err)
		}
	}
	d, k := openPasskeys(t)
	l := k.respond(t, d.request())
	if err := d.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	d.turnedAway("it is older than a revocation", l, authn.ErrFinished)
	d.Advance(time.Second)
	if a, err := d.BeginPasskey(t.Context(), k.respond(t, d.request())); err != nil || a.State != authn.Success {
		t.Errorf("and a newer one: %v", err)
	}
}

// What bars other sign-ins bars this one.
func TestPasskeyBarred(t *testing.T) {
	d, k := openPasskeys(t)
	fs := d.FactorsOf("ada")
	disabled := slot("k3")
	disabled.Status = authn.Disabled
	d.SetFactors("ada", append(fs, disabled)...)
	d.turnedAway("a disabled factor", k.respond(t, d.request()), authn.ErrLocked)
	d.SetFactors("ada", fs...)
	d.Remove("ada")
	d.turnedAway("a closed account", k.respond(t, d.request()), authn.ErrNoUser)
	d.SetFactors("ada", fs...)
	required := slot("k3")
	required.Required = true
	d.SetFactors("ada", append(fs, required)...)
	a, err := d.BeginPasskey(t.Context(), k.respond(t, d.request()))
	if err != nil || a.State != authn.MFAEnroll {
		t.Errorf("a required factor is missing: %v, %v", a, err)
	}
}

// A key that was enrolled without a test of the user is no passkey.
func TestPasskeyWithoutPIN(t *testing.T) {
	d, _ := openPasskeys(t)
	k := newDevice()
	k.Authenticator.Options.UserNotVerified = true
	d.enroll("grace", k)
	k.Authenticator.Options.UserNotVerified = false
	d.turnedAway("it learned a PIN later", k.respond(t, d.request()), authn.ErrFinished)
}

// A sign count that has risen is handed over; one that has not tells of a copy.
func TestPasskeyCounts(t *testing.T) {
	d, k := openPasskeys(t)
	k.Counter = 5
	if a, err := d.BeginPasskey(t.Context(), k.respond(t, d.request())); err != nil || a.State != authn.Success {
		t.Fatal(err)
	}
	if f := d.FactorsOf("ada")[0]; f.Revision != 2 || f.Handle == "" {
		t.Errorf("revision %d, handle %q", f.Revision, f.Handle)
	}
	d.turnedAway("a copy", k.respond(t, d.request()), authn.ErrFinished)
	k.Counter = 6
	if a, err := d.BeginPasskey(t.Context(), k.respond(t, d.request())); err != nil || a.State != authn.Success {
		t.Error(err)
	}
}

// However many send one response at a time, one signs in.
func TestPasskeyOnce(t *testing.T) {
	d, k := openPasskeys(t)
	r := d.request()
	var in, other int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 16 {
		l := k.respond(t, r)
		all.Go(func() {
			a, err := d.BeginPasskey(t.Context(), l)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.State == authn.Success {
				in++
			} else if !errors.Is(err, authn.ErrFinished) {
				other++
			}
		})
	}
	all.Wait()
	if in != 1 || other != 0 {
		t.Errorf("%d signed in, and %d got another answer", in, other)
	}
}

// forged is a token with another last character.
func forged(token authn.Secret) authn.Secret {
	last := authn.Secret("A")
	if token[63:] == last {
		last = "B"
	}
	return token[:63] + last
}
