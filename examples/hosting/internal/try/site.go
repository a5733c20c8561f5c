package try

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// A Site is a host on the web as its browsers see it: an [authntest.Host]. It
// checks passwords and makes sessions for the host besides.
type Site struct {
	// Send sends a request to the host.
	Send func(*http.Request) (*http.Response, error)

	mu    sync.Mutex
	users []string // of sessions
}

// Direct sends requests to a handler without a network.
func Direct(h http.Handler) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result(), nil
	}
}

// Handler serves sign-ins over a service, and makes the site's sessions.
func (s *Site) Handler(t testing.TB, svc *authn.Service) http.Handler {
	t.Helper()
	h, err := httphost.New(httphost.Config{Service: svc, Password: s.Check, Session: s.Session})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Check knows every user of package authntest.
func (s *Site) Check(_ context.Context, name string, password authn.Secret) (authn.Login, error) {
	if string(password) != authntest.Password {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: name}, nil
}

// Session makes one.
func (s *Site) Session(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, a.User)
	http.SetCookie(w, &http.Cookie{Name: "session", Value: fmt.Sprint("session ", len(s.users)), HttpOnly: true})
	return nil
}

// Sessions implements [authntest.Host].
func (s *Site) Sessions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.users)
}

// Start implements [authntest.Host].
func (s *Site) Start(user string) authntest.Seen {
	return s.post("begin", "", "", map[string]string{"name": user, "password": authntest.Password})
}

// Do implements [authntest.Host].
func (s *Site) Do(token string, r authntest.Request) authntest.Seen {
	body := map[string]string{}
	switch r.Event {
	case "enroll", "challenge":
		body["factor"] = r.Factor
	case "verify", "activate":
		body["factor"], body["code"] = r.Factor, r.Code
	case "resend":
		body["factor"] = r.Factor
	}
	return s.post(r.Event, token, r.Key, body)
}

// Redeem implements [authntest.Host]. The site redeems by itself.
func (s *Site) Redeem(string) authntest.Seen { panic("no browser has a session token") }

// Dialect says that a success becomes a session at once.
func (s *Site) Dialect() authntest.Dialect { return authntest.Dialect{AtOnce: true, Keys: true} }

const cookie = "__Host-signin-"

// post sends an event with the token's cookie, and reads what comes back. A token is a
// cookie here, with its name.
func (s *Site) post(event, token, key string, body map[string]string) authntest.Seen {
	text, err := json.Marshal(body)
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	q := httptest.NewRequest("POST", "https://site.example/signin/"+event, bytes.NewReader(text))
	q.RequestURI = ""
	q.Header.Set("Content-Type", "application/json")
	if key != "" {
		q.Header.Set("Idempotency-Key", key)
	}
	if name, value, _ := strings.Cut(token, "="); strings.HasPrefix(name, cookie) {
		q.Header.Set(httphost.SignInHeader, strings.TrimPrefix(name, cookie))
		q.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r, err := s.Send(q)
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	var v httphost.View
	if err := json.Unmarshal(b, &v); err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	seen := Seen(v)
	seen.Raw = fmt.Sprint(r.StatusCode, r.Header, string(b))
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, cookie) && c.Value != "" {
			seen.Token = c.Name + "=" + c.Value
		}
	}
	return seen
}

// Seen is what a view says, for package authntest.
func Seen(v httphost.View) authntest.Seen {
	s := authntest.Seen{Class: classOf(v), State: string(v.State)}
	for _, m := range v.Allowed {
		s.Allowed = append(s.Allowed, string(m.Event))
	}
	return s
}

func classOf(v httphost.View) authntest.Class {
	if v.Error == "" {
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
