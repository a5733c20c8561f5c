package try

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/examples/hosting/view"
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

// Check knows every user of package authntest.
func (s *Site) Check(_ context.Context, name, password string) (string, bool) {
	return name, password == authntest.Password
}

// Session makes one.
func (s *Site) Session(w http.ResponseWriter, a *authn.Assertion) error {
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
	return s.post("/signin", "", "name", user, "password", authntest.Password)
}

// Do implements [authntest.Host].
func (s *Site) Do(token string, r authntest.Request) authntest.Seen {
	return s.post("/signin/"+r.Event, token, "factor", r.Factor, "code", r.Code)
}

// Redeem implements [authntest.Host]. The site redeems by itself.
func (s *Site) Redeem(string) authntest.Seen { panic("no browser has a session token") }

// Dialect says that a success becomes a session at once.
func (s *Site) Dialect() authntest.Dialect {
	return authntest.Dialect{AtOnce: true, Says: func(r authntest.Request, c authntest.Class) authntest.Class {
		if r.Event == "redeem" && c != authntest.OK {
			return authntest.Unavailable
		}
		return c
	}}
}

// post sends a form with the token's cookie, and reads what comes back.
func (s *Site) post(path, token string, form ...string) authntest.Seen {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	q := httptest.NewRequest("POST", "https://site.example"+path, strings.NewReader(values.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.RequestURI = ""
	q.AddCookie(&http.Cookie{Name: "__Host-signin", Value: token})
	r, err := s.Send(q)
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	if r.StatusCode == http.StatusServiceUnavailable {
		return authntest.Seen{Class: authntest.Unavailable, Raw: fmt.Sprint(r.Header, string(b))}
	}
	var v view.View
	if err := json.Unmarshal(b, &v); err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	seen := Seen(v)
	seen.Raw = fmt.Sprint(r.StatusCode, r.Header, string(b))
	for _, c := range r.Cookies() {
		if c.Name == "__Host-signin" {
			seen.Token = c.Value
		}
	}
	return seen
}

// Seen is what a view says, for package authntest.
func Seen(v view.View) authntest.Seen {
	s := authntest.Seen{Class: authntest.Class(v.Refused), State: string(v.State)}
	if v.Refused == "" {
		s.Class = authntest.Class(v.Outcome)
	}
	for _, m := range v.Allowed {
		s.Allowed = append(s.Allowed, m.Event)
	}
	return s
}
