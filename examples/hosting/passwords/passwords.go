// Package passwords is a host's passwords: slow hashes, of which few run at a time, and
// the rules of NIST SP 800-63B-4 section 3.1.1.2 for new ones.
package passwords

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// Passwords are the hashes of the passwords of a host's users, in memory. A host with a
// database has them in the table of users. They are an [authn.Passwords], safe for
// concurrent use.
type Passwords struct {
	rules Rules
	slots chan struct{} // one for each hash that may run
	decoy []byte        // the hash for a user who does not exist

	mu     sync.Mutex
	hashes map[string]stored
}

type stored struct {
	hash []byte
	at   time.Time
}

// New returns passwords without a user. Each hash takes 19 MiB, so atOnce bounds the
// memory that they take, and the time that other requests wait.
func New(rules Rules, atOnce int) *Passwords {
	return &Passwords{rules: rules, slots: make(chan struct{}, atOnce), decoy: hash(rand.Text()), hashes: map[string]stored{}}
}

// Match says whether this is the password of the user, for the sign-in. It does the same
// work for a user who does not exist.
func (p *Passwords) Match(ctx context.Context, user, password string) (bool, error) {
	release, err := p.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	now, known := p.of(user)
	return matches(now, normal(password)) && known, nil
}

// Check implements [authn.Passwords]. The old password is judged first: whoever does not
// know it learns nothing of the rules, and it is counted.
func (p *Passwords) Check(ctx context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	release, err := p.acquire(ctx)
	if err != nil {
		return authn.Verdict{}, err
	}
	defer release()
	now, _ := p.of(in.User)
	if in.Old != "" && !matches(now, normal(string(in.Old))) {
		return authn.Verdict{}, nil
	}
	next := normal(string(in.New))
	reasons := p.rules.reasons(in.User, next)
	if reasons == nil && matches(now, next) {
		reasons = []string{"it is the password that you have"}
	}
	if reasons != nil {
		return authn.Verdict{Rejected: true, Reasons: reasons}, nil
	}
	return authn.Verdict{Right: true, Data: hash(next)}, nil
}

// Store implements [authn.Passwords]. It is repeated until it returns nil, and an older
// password may come after a newer one.
func (p *Passwords) Store(ctx context.Context, c authn.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.hashes[c.User]; !ok || c.At.After(s.at) {
		p.hashes[c.User] = stored{c.Data, c.At}
	}
	return nil
}

// of returns the hash of the user's password, or the decoy.
func (p *Passwords) of(user string) (hash []byte, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, known := p.hashes[user]
	if !known {
		return p.decoy, false
	}
	return s.hash, true
}

// acquire waits until another hash may run.
func (p *Passwords) acquire(ctx context.Context) (release func(), err error) {
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("passwords: too many at a time: %w", ctx.Err())
	}
}
