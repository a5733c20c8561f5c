package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

const (
	tenant   = "acme"
	password = "correct horse battery"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A host has any number of users with one address each, and a manual clock. It
// does no work, so that only the library is measured.
type host struct {
	now   atomic.Int64
	codes sync.Map // the last code mailed to each user
}

func newHost() *host {
	h := new(host)
	h.set(start)
	return h
}

func (h *host) set(t time.Time) { h.now.Store(t.UnixNano()) }

func (h *host) clock() time.Time { return time.Unix(0, h.now.Load()).UTC() }

// code returns the code that was mailed to a user and removes it.
func (h *host) code(user string) authn.Code {
	c, _ := h.codes.LoadAndDelete(user)
	code, _ := c.(authn.Code)
	return code
}

func factorOf(user string) authn.Factor {
	return authn.Factor{ID: "emf1", Type: authn.Email, Address: user + "@example.com", Status: authn.Active}
}

// Factors implements [authn.Directory].
func (h *host) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{factorOf(user)}, nil
}

// Activated implements [authn.Directory].
func (h *host) Activated(context.Context, string, string, authn.Factor) error { return nil }

// Send implements [authn.Sender].
func (h *host) Send(_ context.Context, m authn.Message) error {
	h.codes.Store(m.User, m.Code)
	return nil
}

// VerifyPassword implements [okta.PasswordVerifier].
func (h *host) VerifyPassword(_ context.Context, name string, _ authn.Secret) (okta.Verified, error) {
	return okta.Verified{Login: authn.Login{User: name}}, nil
}

// StartSession implements [okta.Sessions].
func (h *host) StartSession(http.ResponseWriter, *http.Request, *authn.Assertion) (okta.Session, error) {
	return okta.Session{ID: "s", Expires: start.Add(time.Hour)}, nil
}

func keys() []authn.Key {
	return []authn.Key{{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}}
}

var pseudonymKey = []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L")

// service returns a service on the store.
func (h *host) service(s authn.Store) (*authn.Service, error) {
	return authn.New(authn.Config{
		Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey, Store: s, Mailer: h, Directory: h, Now: h.clock,
		Policy: authn.Policy{SessionLife: okta.SessionLife},
	})
}

func newMachine() (*authn.Machine, error) {
	return authn.NewMachine(authn.Config{Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey})
}

// wrong returns a different code of the same length.
func wrong(code authn.Code) authn.Code {
	b := []byte(code)
	b[len(b)-1] = '0' + (b[len(b)-1]-'0'+1)%10
	return authn.Code(b)
}
