package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/authnfsm/authn"
)

const (
	password = "correct horse battery" // of every account of the demo
	domain   = "@example.com"
	keyType  = "webauthn"
)

// person is an account. Its id is the name before the @ and the subject of its ID tokens.
type person struct {
	Given, Family, About string
	factors              []authn.Factor
}

// cast returns the accounts: one for each way to sign in.
func cast() map[string]*person {
	mail := func(id string) authn.Factor {
		return authn.Factor{ID: "mail", Type: authn.Email, Address: id + domain, Status: authn.Active}
	}
	key := func(id string) authn.Factor {
		return authn.Factor{ID: "key", Type: keyType, Address: id + domain, Status: authn.NotSetUp, Required: true}
	}
	app := authn.Factor{ID: "app", Type: authn.TOTP, Address: "radia" + domain, Status: authn.NotSetUp, Required: true}
	return map[string]*person{
		"ada":   {"Ada", "Lovelace", "gets a code by email", []authn.Factor{mail("ada")}},
		"hedy":  {"Hedy", "Lamarr", "has email, sets up a passkey, and steps up to it", []authn.Factor{mail("hedy"), key("hedy")}},
		"kay":   {"Kay", "McNulty", "sets up a passkey, and signs in with it", []authn.Factor{key("kay")}},
		"radia": {"Radia", "Perlman", "sets up an authenticator app; the demo has a phone", []authn.Factor{app}},
	}
}

func listAccounts() string {
	s := fmt.Sprintf("Accounts, with the password %q:\n\n", password)
	all := cast()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		s += fmt.Sprintf("  %-19s %s\n", id+domain, all[id].About)
	}
	return s
}

// people is the provider's table of users: the Directory, and the check of passwords.
type people struct {
	hash, salt []byte
	rounds     int
	slots      chan struct{} // one for each hash that may run

	mu  sync.Mutex // guards the factors
	all map[string]*person
}

// newPeople hashes the password with so many rounds of PBKDF2.
func newPeople(rounds int) (*people, error) {
	p := &people{salt: random(16), rounds: rounds, slots: make(chan struct{}, 2), all: cast()}
	var err error
	p.hash, err = pbkdf2.Key(sha256.New, password, p.salt, rounds, sha256.Size)
	return p, err
}

// check says who has this name and password. A name that does not exist costs the same
// work.
func (p *people) check(ctx context.Context, name, pw string) (user string, ok bool, err error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	hash, err := pbkdf2.Key(sha256.New, pw, p.salt, p.rounds, sha256.Size)
	user, found := strings.CutSuffix(strings.ToLower(strings.TrimSpace(name)), domain)
	_, known := p.all[user]
	return user, subtle.ConstantTimeCompare(hash, p.hash) == 1 && found && known, err
}

// Factors implements [authn.Directory].
func (p *people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[user] == nil {
		return nil, authn.ErrNoUser
	}
	return slices.Clone(p.all[user].factors), nil
}

// Activated implements [authn.Directory]: it keeps what a factor is proved with, unless
// what it has is as new.
func (p *people) Activated(_ context.Context, _, user string, f authn.Factor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[user] == nil {
		return authn.ErrNoUser
	}
	for i := range p.all[user].factors {
		if mine := &p.all[user].factors[i]; mine.ID == f.ID && (f.Data == nil || f.Revision > mine.Revision) {
			mine.Status, mine.Data, mine.Revision = authn.Active, f.Data, f.Revision
		}
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
