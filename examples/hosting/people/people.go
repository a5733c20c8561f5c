// Package people is a Directory: the host's users, and the one factor that
// each of them has or may enroll.
package people

import (
	"context"
	"fmt"
	"sync"

	"github.com/authnfsm/authn"
)

// Directory is an [authn.Directory] in memory. A real one reads the same from
// the table of users. The zero value is empty and ready to use.
type Directory struct {
	mu    sync.Mutex
	users map[string]authn.Factor
}

// Add gives a user an e-mail address: one to be enrolled at the next sign-in,
// or, if the host has seen the user read mail there, an active factor.
func (d *Directory) Add(user, address string, active bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == nil {
		d.users = map[string]authn.Factor{}
	}
	f := authn.Factor{ID: "mail", Type: authn.Email, Address: address, Status: authn.NotSetUp}
	if active {
		f.Status = authn.Active
	}
	d.users[user] = f
}

// Factors implements [authn.Directory].
func (d *Directory) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.users[user]
	if !ok {
		return nil, fmt.Errorf("people: %w", authn.ErrNoUser)
	}
	return []authn.Factor{f}, nil
}

// Activated implements [authn.Directory]. It may come twice: storing the same
// again does no harm. An address that has changed meanwhile stays as it is.
func (d *Directory) Activated(_ context.Context, _, user string, f authn.Factor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now, ok := d.users[user]; ok && now.Address == f.Address {
		now.Status = authn.Active
		d.users[user] = now
	}
	return nil
}
