package okta_test

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
	"github.com/authnfsm/authn/okta"
)

// TestAnyHistory drives the handler with random histories: what it answers,
// sends and reports, and the sessions that come of it.
func TestAnyHistory(t *testing.T) { authntest.Run(t, openHandler) }

// handlerHost is the handler, as a client that follows its links sees it.
type handlerHost struct {
	h        http.Handler
	mu       sync.Mutex
	users    []string // of sessions
	reported []string
}

func openHandler(t testing.TB, p authntest.Ports) authntest.Host {
	svc, err := authn.New(p.Config())
	if err != nil {
		t.Fatal(err)
	}
	x := new(handlerHost)
	x.h, err = okta.New(okta.Config{Service: svc, Passwords: x, Sessions: x, Report: x.report})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *handlerHost) VerifyPassword(_ context.Context, user string, password authn.Secret) (okta.Verified, error) {
	if string(password) != authntest.Password {
		return okta.Verified{}, okta.ErrPassword
	}
	return okta.Verified{Login: authn.Login{User: user}}, nil
}

func (x *handlerHost) StartSession(_ http.ResponseWriter, _ *http.Request, a *authn.Assertion) (okta.Session, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.users = append(x.users, a.User)
	return okta.Session{ID: fmt.Sprint("session ", len(x.users))}, nil
}

func (x *handlerHost) report(_ context.Context, _ string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reported = append(x.reported, err.Error())
}

func (x *handlerHost) Sessions() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.users)
}

func (x *handlerHost) Start(user string) authntest.Seen {
	return x.post("/api/v1/authn", "", "username", user, "password", authntest.Password)
}

func (x *handlerHost) Redeem(session string) authntest.Seen {
	return x.post("/api/v1/sessions", "", "sessionToken", session)
}

func (x *handlerHost) Do(token string, r authntest.Request) authntest.Seen {
	factor := "/api/v1/authn/factors/" + r.Factor
	switch r.Event {
	case "challenge":
		return x.post(factor+"/verify", r.Key, "stateToken", token)
	case "verify":
		return x.post(factor+"/verify", r.Key, "stateToken", token, "passCode", r.Code)
	case "enroll":
		return x.post("/api/v1/authn/factors", r.Key, "stateToken", token, "factorType", r.Factor, "provider", "OKTA")
	case "activate":
		return x.post(factor+"/lifecycle/activate", r.Key, "stateToken", token, "passCode", r.Code)
	case "resend":
		if strings.HasPrefix(r.State, "MFA_ENROLL") {
			return x.post(factor+"/lifecycle/resend", r.Key, "stateToken", token)
		}
		return x.post(factor+"/verify/resend", r.Key, "stateToken", token)
	}
	return x.post("/api/v1/authn/"+r.Event, r.Key, "stateToken", token)
}

// Dialect: Okta's clients ask for a code by verify without one, whether it is
// the first or another.
func (x *handlerHost) Dialect() authntest.Dialect {
	return authntest.Dialect{
		Keys: true,
		Means: func(state string, r authntest.Request) authntest.Request {
			switch {
			case r.Event == "resend" && state == "MFA_REQUIRED":
				r.Event = "challenge"
			case r.Event == "challenge" && state == "MFA_CHALLENGE":
				r.Event = "resend"
			}
			return r
		},
		Says: func(r authntest.Request, c authntest.Class) authntest.Class {
			if r.Event == "redeem" && (c == authntest.NotOffered || c == authntest.NoUser) {
				return authntest.Finished // why it is no good is nobody's business
			}
			return c
		},
	}
}

// body is what is read of an answer or an error.
type body struct {
	Status, StateToken, SessionToken, ErrorCode string
	ErrorCauses                                 []struct{ ErrorSummary string }
	Authn                                       *struct{ Allowed []struct{ Event string } }
}

func (x *handlerHost) post(path, key string, members ...string) authntest.Seen {
	m := map[string]string{}
	for i := 0; i < len(members); i += 2 {
		m[members[i]] = members[i+1]
	}
	b, _ := json.Marshal(m)
	r := httptest.NewRequest("POST", path, strings.NewReader(string(b)))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	x.h.ServeHTTP(w, r)
	var a body
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		return authntest.Seen{Class: authntest.Class(err.Error())}
	}
	s := authntest.Seen{State: a.Status, Token: a.StateToken, Session: a.SessionToken, Raw: fmt.Sprint(w.Code, w.Header(), w.Body)}
	cause := ""
	if len(a.ErrorCauses) > 0 {
		cause = a.ErrorCauses[0].ErrorSummary
	}
	s.Class = classOf(w.Code, a.ErrorCode, cause)
	switch {
	case s.Class == authntest.OK && s.State == "LOCKED_OUT":
		s.Class = authntest.Locked
	case s.Class == authntest.OK && path == "/api/v1/authn/cancel":
		s.State = "CANCELED"
	}
	if a.Authn != nil {
		s.Allowed = []string{}
		for _, y := range a.Authn.Allowed {
			s.Allowed = append(s.Allowed, y.Event)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s.Log, x.reported = strings.Join(x.reported, "\n"), nil
	return s
}

// classOf reads an error as a client does that shows the first cause.
func classOf(status int, code, cause string) authntest.Class {
	says := func(text string) bool { return strings.Contains(cause, text) }
	switch fmt.Sprint(status, " ", code) {
	case "200 ":
		return authntest.OK
	case "400 E0000001":
		switch {
		case says("Idempotency-Key"):
			return authntest.KeyReused
		case says("not offered"):
			return authntest.NotOffered
		}
		return authntest.Malformed
	case "401 E0000004":
		return authntest.NoUser
	case "401 E0000011", "403 E0000005": // the second: a state token in place of a session token
		return authntest.Finished
	case "403 E0000068":
		switch {
		case says("has expired"):
			return authntest.LateCode
		case says("no code to compare"):
			return authntest.NoCode
		}
		return authntest.WrongCode
	case "403 E0000069":
		return authntest.WrongCode
	case "403 E0000079":
		if says("required is missing") {
			return authntest.Required
		}
		return authntest.NotAllowed
	case "403 E0000085":
		return authntest.NoFactor
	case "404 E0000007":
		return authntest.NotOffered
	case "429 E0000047":
		return authntest.TooSoon
	case "429 E0000118":
		if says("sends no more codes") {
			return authntest.Exhausted
		}
		return authntest.TooSoon
	case "503 E0000009":
		return authntest.Unavailable
	}
	return authntest.Class(fmt.Sprint(status, " ", code, ": ", cause))
}
