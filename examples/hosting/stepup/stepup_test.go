package stepup

import (
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

type host struct {
	authntest.World
	*authn.Service
}

func open(t *testing.T) *host {
	h := new(host)
	for _, user := range []string{"ada", "grace"} {
		h.SetFactors(user, authntest.Mail(user+"@example.com", authn.Active))
	}
	h.Service = h.World.Service(t, func(c *authn.Config) { c.Policy.Remember = 24 * time.Hour })
	return h
}

// proved goes through a sign-in by e-mail to its session token.
func (h *host) proved(t *testing.T, ans *authn.Answer, err error, user string) *authn.Answer {
	t.Helper()
	for _, ev := range []func() authn.Event{
		func() authn.Event { return authn.Challenge{Factor: "mail"} },
		func() authn.Event { return authn.Verify{Code: h.Code(user), Remember: true} },
	} {
		if err != nil {
			t.Fatal(err)
		}
		ans, err = h.Do(t.Context(), ans.Token, ev())
	}
	if err != nil || ans.State != authn.Success {
		t.Fatalf("%+v, %v", ans, err)
	}
	return ans
}

func (h *host) signedIn(t *testing.T, user string, device authn.Secret) (*Session, authn.Secret) {
	t.Helper()
	ans, err := h.Begin(t.Context(), authn.Login{User: user, Device: device})
	if device == "" {
		ans = h.proved(t, ans, err, user)
	}
	as, err := h.Redeem(t.Context(), ans.Session)
	if err != nil {
		t.Fatal(err)
	}
	return &Session{ID: "session of " + user, User: as.User, Proofs: as.Proofs}, ans.Device
}

func TestStepUp(t *testing.T) {
	h := open(t)
	s, device := h.signedIn(t, "ada", "")
	need := Need{Within: 5 * time.Minute}
	for at, want := range map[time.Duration]bool{0: true, need.Within - time.Second: true, need.Within: false} {
		if got := s.Meets(need, h.World.Now().Add(at)); got != want {
			t.Errorf("after %v: %t", at, got)
		}
	}
	h.World.Advance(time.Hour)
	if remembered, _ := h.signedIn(t, "ada", device); remembered.Meets(need, h.World.Now()) || len(remembered.Proofs) != 1 {
		t.Errorf("a remembered device is a proof: %+v", remembered)
	}
	ans, err := s.StepUp(t.Context(), h.Service, need, "transfer")
	if err != nil || ans.State != authn.MFARequired {
		t.Fatalf("%+v, %v", ans, err)
	}
	ans = h.proved(t, ans, err, "ada")
	if err := s.SteppedUp(t.Context(), h.Service, ans.Session, "transfer"); err != nil || !s.Meets(need, h.World.Now()) || len(s.Proofs) != 3 {
		t.Errorf("%v, %+v", err, s)
	}
}

// A browser in which somebody else signs in meanwhile, or which has another session, does
// not step this one up.
func TestAnotherUserInTheSameBrowser(t *testing.T) {
	h := open(t)
	s, _ := h.signedIn(t, "ada", "")
	other, _ := h.signedIn(t, "grace", "")
	second := &Session{ID: "ada's other session", User: s.User, Proofs: s.Proofs}
	h.World.Advance(time.Hour)
	for name, c := range map[string]struct {
		begun *Session
		act   string
	}{"another user": {other, "transfer"}, "another session": {second, "transfer"}, "another act": {s, "close"}} {
		ans, err := c.begun.StepUp(t.Context(), h.Service, Need{}, c.act)
		ans = h.proved(t, ans, err, c.begun.User)
		if err := s.SteppedUp(t.Context(), h.Service, ans.Session, "transfer"); !errors.Is(err, ErrOther) || len(s.Proofs) != 2 {
			t.Errorf("%s: %v, %+v", name, err, s)
		}
	}
}

// Only what the act accepts counts.
func TestAccept(t *testing.T) {
	h := open(t)
	s, _ := h.signedIn(t, "ada", "")
	need := Need{Within: time.Hour, Accept: []string{authn.TOTP}}
	if s.Meets(need, h.World.Now()) {
		t.Error("a code by e-mail counts as a code of an app")
	}
	if _, err := s.StepUp(t.Context(), h.Service, need, "transfer"); !errors.Is(err, authn.ErrNoFactor) {
		t.Errorf("without an app: %v", err)
	}
}
