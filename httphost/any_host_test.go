package httphost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/httphost"
)

// Whatever browsers do, and whatever fails meanwhile.
func TestAnyHistory(t *testing.T) {
	authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host {
		cfg := p.Config()
		cfg.AcknowledgeLater = true
		svc, err := authn.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := new(site)
		if s.h, err = httphost.New(httphost.Config{Service: svc, Password: s.check, Session: s.start, Report: s.report}); err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// site is a host as its browsers see it.
type site struct {
	h        *httphost.Handler
	mu       sync.Mutex
	users    []string // of sessions
	reported []string
}

func (s *site) check(_ context.Context, name string, password authn.Secret) (authn.Login, error) {
	if string(password) != authntest.Password {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: name}, nil
}

func (s *site) start(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, a.User)
	http.SetCookie(w, &http.Cookie{Name: "session", Value: fmt.Sprint("session ", len(s.users)), HttpOnly: true})
	return nil
}

func (s *site) report(_ context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reported = append(s.reported, err.Error())
}

func (s *site) Sessions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.users)
}

func (s *site) Start(user string) authntest.Seen {
	return s.post("/begin", "", "", map[string]any{"name": user, "password": authntest.Password})
}

func (s *site) Do(token string, r authntest.Request) authntest.Seen {
	body := map[string]any{}
	if r.Factor != "" || r.Event == "enroll" || r.Event == "challenge" {
		body["factor"] = r.Factor
	}
	if r.Code != "" || r.Event == "verify" || r.Event == "activate" {
		body["code"] = r.Code
	}
	switch r.Event {
	case "previous", "skip", "cancel":
		body = map[string]any{}
	}
	return s.post("/"+r.Event, token, r.Key, body)
}

func (s *site) Redeem(string) authntest.Seen { panic("no browser has a session token") }

func (s *site) Dialect() authntest.Dialect { return authntest.Dialect{AtOnce: true, Keys: true} }

const signInCookie = "__Host-signin-"

// post sends JSON with the token's cookie. A token is a cookie here, with its name.
func (s *site) post(path, token, key string, body map[string]any) authntest.Seen {
	b, _ := json.Marshal(body)
	r := httptest.NewRequest("POST", "https://site.example"+path, strings.NewReader(string(b)))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	name, value, _ := strings.Cut(token, "=")
	if tab := strings.TrimPrefix(name, signInCookie); tab != "" {
		r.Header.Set(httphost.SignInHeader, tab)
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	var v httphost.View
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	seen := authntest.Seen{Class: classOf(v), State: string(v.State), Raw: fmt.Sprint(w.Code, w.Header(), w.Body)}
	for _, m := range v.Allowed {
		seen.Allowed = append(seen.Allowed, string(m.Event))
	}
	for _, c := range w.Result().Cookies() {
		if strings.HasPrefix(c.Name, signInCookie) && c.Value != "" {
			seen.Token = c.Name + "=" + c.Value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen.Log, s.reported = strings.Join(s.reported, "\n"), nil
	return seen
}

// classOf reads a view as authntest does.
func classOf(v httphost.View) authntest.Class {
	switch {
	case v.Error == "unavailable":
		return authntest.Unavailable
	case v.Error == "":
		return authntest.Class(strings.ReplaceAll(v.Outcome, "_", " "))
	}
	for _, err := range []error{
		authn.ErrNotAllowed, authn.ErrFinished, authn.ErrMalformed, authn.ErrNotOffered, authn.ErrNoFactor, authn.ErrNoUser,
		authn.ErrNoCode, authn.ErrRequired, authn.ErrExhausted, authn.ErrTooSoon, authn.ErrLocked, authn.ErrKeyReused,
	} {
		if w, _ := httphost.NewView(nil, &authn.Refusal{Err: err}); w.Error == v.Error {
			return authntest.Class(err.Error())
		}
	}
	return authntest.Class(v.Error)
}
