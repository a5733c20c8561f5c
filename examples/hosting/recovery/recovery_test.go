package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/chihost"
	"github.com/authnfsm/authn/examples/hosting/client"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/passwords"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/sendertest"
)

const fresh = "a difference engine"

// site is a host with ada, as a browser sees it.
type site struct {
	*try.Browser
	svc  *authn.Service
	mail *memsender.Sender
	in   []authn.Assertion // sessions
	list *passwords.Passwords
}

func open(t *testing.T, change func(*authn.Config)) *site {
	t.Helper()
	s := &site{mail: new(memsender.Sender), list: passwords.New(passwords.Rules{MinLength: passwords.Alone, Blocked: func(string) bool { return false }}, 4)}
	members := new(Members)
	members.Join("u1", try.Ada)
	c := authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: try.Key()}}, PseudonymKey: try.Key(), Store: new(memstore.Store),
		Mailer: s.mail, Directory: members, Passwords: s.list, Limiter: &chihost.Limiter{PerHour: 20},
	}
	if change != nil {
		change(&c)
	}
	svc, err := authn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Handler(httphost.Config{Service: svc, Password: try.Check, Session: func(_ http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
		s.in = append(s.in, *a)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.svc, s.Browser = svc, try.NewBrowser(t, client.Handler("", h))
	return s
}

// claim begins, and waits for the mail.
func (s *site) claim(t *testing.T, state authn.State, form ...string) {
	t.Helper()
	s.Post("/signin/claim", 200, state, form...)
	if err := s.svc.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSignIn(t *testing.T) {
	s := open(t, nil)
	s.claim(t, authn.FactorChallenge, "name", " ADA@example.com", "for", "sign_in")
	s.Post("/signin/verify", 200, authn.FactorChallenge, "code", "00000000")
	s.Post("/signin/verify", 200, authn.Success, "code", try.Code(s.mail, try.Ada), "key", "k")
	if len(s.in) != 1 || s.in[0].User != "u1" || !slices.Equal(s.in[0].Methods, []string{"otp"}) {
		t.Errorf("sessions %+v", s.in)
	}
}

// A recovery sets the password and makes no session.
func TestRecover(t *testing.T) {
	s := open(t, nil)
	s.claim(t, authn.RecoveryChallenge, "name", try.Ada, "for", "recover")
	s.Post("/signin/verify", 200, authn.PasswordReset, "code", try.Code(s.mail, try.Ada), "key", "k")
	s.Post("/signin/reset_password", 200, authn.PasswordReset, "new", "short")
	s.Post("/signin/reset_password", 200, authn.Success, "new", fresh)
	if ok, err := s.list.Match(t.Context(), "u1", fresh); !ok || err != nil || len(s.in) != 0 {
		t.Errorf("the password is kept: %v, %v; sessions %+v", ok, err, s.in)
	}
}

func TestUnlock(t *testing.T) {
	s := open(t, nil)
	s.claim(t, authn.RecoveryChallenge, "name", try.Ada, "for", "unlock")
	s.Post("/signin/verify", 200, authn.Success, "code", try.Code(s.mail, try.Ada), "key", "k")
	if len(s.in) != 0 {
		t.Errorf("sessions %+v", s.in)
	}
}

// The host learns from the assertion which address to make an account for.
func TestSignUp(t *testing.T) {
	s := open(t, nil)
	s.Post("/signin/claim", 400, "", "name", "no address", "for", "sign_up")
	s.claim(t, authn.FactorChallenge, "name", "New@Example.com", "for", "sign_up")
	s.Post("/signin/verify", 200, authn.Success, "code", try.Code(s.mail, "new@example.com"))
	if len(s.in) != 1 || s.in[0].User != "" || s.in[0].Name != "new@example.com" {
		t.Errorf("%+v", s.in)
	}
}

// Somebody whose answer was lost asks again, with the same key. Nobody else can, even with
// the code.
func TestLostAnswer(t *testing.T) {
	s := open(t, nil)
	s.claim(t, authn.FactorChallenge, "name", try.Ada)
	code := try.Code(s.mail, try.Ada)
	lost, err := s.svc.Do(t.Context(), authn.StateToken(s.Cookies()[0].Value), authn.WithKey("k", authn.Verify{Code: authn.Code(code)}))
	if err != nil || lost.State != authn.Success {
		t.Fatal(lost, err)
	}
	for _, form := range [][]string{{"code", code, "key", "another"}, {"code", code}} {
		old := s.Cookies()
		s.Post("/signin/verify", 401, "", form...)
		s.SetCookies(old) // the host takes away that of a claim that is done
	}
	s.Post("/signin/verify", 200, authn.Success, "code", code, "key", "k")
	if len(s.in) != 1 {
		t.Errorf("%d sessions", len(s.in))
	}
}

var states = map[string]authn.State{"sign_in": authn.FactorChallenge, "recover": authn.RecoveryChallenge, "unlock": authn.RecoveryChallenge}

// Nobody's name gets what somebody's gets, even if no mail can be sent now.
func TestSameAnswers(t *testing.T) {
	for _, purpose := range []string{"sign_in", "recover", "unlock"} {
		var seen []string
		for _, name := range []string{try.Ada, "nobody@example.com", "not an address"} {
			s := open(t, func(c *authn.Config) {
				at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
				c.Now = func() time.Time { return at }
				c.Mailer = &sendertest.Faulty{Sender: new(memsender.Sender), Plan: func(int, authn.Message) sendertest.Fault { return sendertest.FailBefore }}
			})
			v, h := s.Post("/signin/claim", 200, states[purpose], "name", name, "for", purpose)
			v.SignIn = ""
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			h.Del("Set-Cookie")
			h.Del("Date")
			seen = append(seen, fmt.Sprint(string(text), h))
		}
		if seen[0] != seen[1] || seen[0] != seen[2] {
			t.Errorf("%s: %q", purpose, seen)
		}
	}
}

// A client may have so many codes sent, whichever names it types.
func TestClients(t *testing.T) {
	s := open(t, func(c *authn.Config) { c.Limiter = &chihost.Limiter{PerHour: 2} })
	for _, name := range []string{"a@example.com", "b@example.com"} {
		s.Post("/signin/claim", 200, authn.FactorChallenge, "name", name)
	}
	if v, _ := s.Post("/signin/claim", 429, "", "name", try.Ada); v.Error != "too_soon" {
		t.Errorf("%+v", v)
	}
}

// A server that shuts down has sent what it has promised.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail := new(memsender.Sender)
		members := new(Members)
		members.Join("u1", try.Ada)
		svc, err := authn.New(authn.Config{
			Keys: []authn.Key{{ID: 1, Secret: try.Key()}}, PseudonymKey: try.Key(), Store: new(memstore.Store), Directory: members,
			Mailer: slow{mail}, Now: func() time.Time { return time.Now().AddDate(30, 0, 0) },
		})
		if err != nil {
			t.Fatal(err)
		}
		h, err := Handler(httphost.Config{Service: svc, Session: func(http.ResponseWriter, *http.Request, *authn.Assertion) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/signin/claim", strings.NewReader(`{"name":"`+try.Ada+`"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 || len(mail.All()) != 0 {
			t.Fatalf("%d, %d mails", w.Code, len(mail.All()))
		}
		if err := Shutdown(&http.Server{}, svc); err != nil || len(mail.All()) != 1 {
			t.Errorf("%v, %d mails", err, len(mail.All()))
		}
	})
}

// slow takes a second for each mail.
type slow struct{ *memsender.Sender }

func (s slow) Send(ctx context.Context, m authn.Message) error {
	time.Sleep(time.Second)
	return s.Sender.Send(ctx, m)
}
