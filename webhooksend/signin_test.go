package webhooksend_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/webhooksend"
)

// people is a Directory: every user has the address that is the id.
type people struct{}

func (people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active}}, nil
}

func (people) Activated(context.Context, string, string, authn.Factor) error { return nil }

// signIn begins a sign-in and asks for a code.
func signIn(t *testing.T, sender authn.Sender, at *time.Time) (*authn.Service, *authn.Answer) {
	t.Helper()
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}},
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Store:        new(memstore.Store), Mailer: sender, Directory: people{},
		Now: func() time.Time { return *at },
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := svc.Begin(t.Context(), authn.Login{User: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	a, err = svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "mail"})
	if err != nil {
		t.Fatal(err)
	}
	return svc, a
}

// A gateway that is busy at first gets the same message again, and its code signs
// the user in.
func TestSignIn(t *testing.T) {
	at := now
	g, url := start(t, nil)
	g.set(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.keep(r, body)
		w.WriteHeader(http.StatusTooManyRequests)
	})
	svc, a := signIn(t, open(t, url, nil), &at)
	if a.Delivery != authn.Pending {
		t.Fatalf("delivery %q, want %q", a.Delivery, authn.Pending)
	}
	g.behave("accepts everything")
	at = at.Add(time.Minute)
	if _, err := svc.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := g.all()
	if len(got) != 2 || string(got[0].body) != string(got[1].body) {
		t.Fatalf("%d requests, or two messages", len(got))
	}
	var m authn.Message
	if err := json.Unmarshal(got[1].body, &m); err != nil {
		t.Fatal(err)
	}
	a, err := svc.Do(t.Context(), a.Token, authn.Verify{Code: m.Code})
	if err != nil || a.State != authn.Success {
		t.Errorf("state %v, error %v", a.State, err)
	}
}

// The user learns at once that a recipient cannot be reached.
func TestSignInUndeliverable(t *testing.T) {
	at := now
	g, url := start(t, nil)
	g.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) })
	if _, a := signIn(t, open(t, url, nil), &at); a.Delivery != authn.Failed {
		t.Errorf("delivery %q, want %q", a.Delivery, authn.Failed)
	}
}

// A connection that the gateway closes instead of answering on it is replaced,
// under the same key. A new one is not.
func TestClosedConnection(t *testing.T) {
	g, url := start(t, nil)
	s := open(t, url, nil)
	if err := s.Send(t.Context(), code()); err != nil {
		t.Fatal(err)
	}
	g.set(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.keep(r, body)
		panic(http.ErrAbortHandler)
	})
	err := s.Send(t.Context(), code())
	if answer := new(webhooksend.StatusError); err == nil || errors.Is(err, authn.ErrUndeliverable) || errors.As(err, &answer) {
		t.Errorf("error %v, want one to try again later", err)
	}
	got := g.all()
	if len(got) != 3 || got[1].header.Get("Idempotency-Key") != got[2].header.Get("Idempotency-Key") {
		t.Errorf("%d requests, want one on the kept connection and one on a new one", len(got)-1)
	}
}
