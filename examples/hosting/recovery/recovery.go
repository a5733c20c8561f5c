// Package recovery is a host on net/http that people can enter without a password: they
// sign in by a code, recover a password, unlock an account, or sign up.
package recovery

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/httphost"
)

// Members is an [authn.Finder]: the directory of the host's users, and whose address is
// whose. A database has a unique index on addresses, trimmed and in lower case as a
// claimed name comes.
type Members struct {
	people.Directory
	mu    sync.Mutex
	users map[string]string // by address
}

// Join adds a user who is found by an address.
func (m *Members) Join(user, address string) {
	m.Add(user, address, true)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users == nil {
		m.users = map[string]string{}
	}
	m.users[address] = user
}

// Find implements [authn.Finder]: one look-up, for every name.
func (m *Members) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	user, ok := m.users[string(c.Name)]
	if !ok || c.By != authn.Email {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: user, Address: string(c.Name)}, nil
}

// Handler serves sign-ins, with a password or without one. Whoever is named in a claim, the
// answer is the same. A sign-in without a password asks those who have another factor for it.
func Handler(c httphost.Config) (http.Handler, error) {
	c.Claims = []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignUp}
	c.ClaimRequire = authn.RequireIfActive
	h, err := httphost.New(c)
	return http.StripPrefix("/signin", h), err
}

// Shutdown ends a server: first its requests, then the codes that it has promised.
func Shutdown(srv *http.Server, svc *authn.Service) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(srv.Shutdown(ctx), svc.Wait(ctx))
}
