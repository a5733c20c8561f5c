package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// What a new password is: NIST SP 800-63B-4 section 3.1.1.2. There is no rule for what
// it is made of.
const (
	lengthAlone  = 15 // characters, where the password is all that is proved
	lengthBeside = 8  // where a second factor is proved as well
	mostBytes    = 72 // that bcrypt reads
)

// hashesAtOnce bounds the time that hashes keep from everything else.
const hashesAtOnce = 4

// ownPassword is the one that an account was given in the place of everybody's.
type ownPassword struct {
	Hash []byte
	At   time.Time
}

// matches says whether this is the account's password. It does the same work for any
// name, of an account or not.
func (p *people) matches(ctx context.Context, user string, pw authn.Secret) (right bool, own *ownPassword, err error) {
	hash := p.hash
	if own, err = load[ownPassword](ctx, p.kept, passwordKind, user); err != nil {
		return false, nil, err
	}
	if own != nil {
		hash = own.Hash
	}
	err = p.hashing(ctx, func() {
		right = bcrypt.CompareHashAndPassword(hash, []byte(pw)) == nil
	})
	if len(pw) > mostBytes || strings.ContainsRune(string(pw), 0) { // bcrypt reads no further, or begins anew
		right = false
	}
	return right, own, err
}

// hashing waits until another hash may run.
func (p *people) hashing(ctx context.Context, f func()) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
		f()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("too many passwords at a time: %w", ctx.Err())
	}
}

// Check implements authn.Passwords. The old password is judged first: whoever does not
// know it learns nothing of the rules, and it is counted.
func (p *people) Check(ctx context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	if in.Old != "" {
		if right, _, err := p.matches(ctx, in.User, in.Old); err != nil || !right {
			return authn.Verdict{}, err
		}
	}
	reasons, err := p.reasons(ctx, in.User, in.New)
	if err != nil || reasons != nil {
		return authn.Verdict{Rejected: reasons != nil, Reasons: reasons}, err
	}
	var v authn.Verdict
	if wait := p.hashing(ctx, func() {
		v.Data, err = bcrypt.GenerateFromPassword([]byte(in.New), p.cost)
	}); wait != nil {
		return v, wait
	}
	v.Right = err == nil
	return v, err
}

// reasons say why a new password is not good enough; nil: it is.
func (p *people) reasons(ctx context.Context, user string, pw authn.Secret) (list []string, err error) {
	k, _, _ := find(user)
	if n := utf8.RuneCountInString(string(pw)); n < k.leastLength() {
		list = append(list, fmt.Sprintf("It has %d characters, and needs %d.", n, k.leastLength()))
	}
	if len(pw) > mostBytes {
		list = append(list, fmt.Sprintf("It has %d bytes, and this demo takes %d.", len(pw), mostBytes))
	}
	if name, _, _ := strings.Cut(user, "@"); strings.EqualFold(string(pw), user) || strings.EqualFold(string(pw), name) || string(pw) == password {
		list = append(list, "Others would guess it.")
	}
	if list == nil {
		same, _, err := p.matches(ctx, user, pw)
		if err != nil || !same {
			return nil, err
		}
		list = append(list, "It is the password that you have.")
	}
	return list, nil
}

// Store implements authn.Passwords: an older password may come after a newer one. It is
// for this account alone.
func (p *people) Store(ctx context.Context, c authn.Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, err := load[ownPassword](ctx, p.kept, passwordKind, c.User)
	if err != nil || old != nil && !c.At.After(old.At) {
		return err
	}
	return save(ctx, p.kept, passwordKind, c.User, ownPassword{c.Data, c.At})
}

// leastLength is that of a new password.
func (k *kind) leastLength() int {
	if k.require == authn.RequireFactor {
		return lengthBeside
	}
	return lengthAlone
}

// status is what is known of a right password: a new one is fine, whatever everybody's is.
func (k *kind) status(l *authn.Login, own *ownPassword, now time.Time) {
	if own != nil {
		return
	}
	if l.Password = k.password; l.Password == authn.PasswordExpiresSoon {
		l.PasswordExpires = now.Add(expiresIn)
	}
}

// expiresIn is four whole days, and what it takes to read the page.
const expiresIn = 4*24*time.Hour + time.Hour

// passwordPolicy is what clients say before somebody makes up a password.
func (p *people) passwordPolicy(_ context.Context, user string) (*okta.PasswordPolicy, error) {
	k, _, ok := find(user)
	if !ok {
		return nil, authn.ErrNoUser
	}
	return &okta.PasswordPolicy{Complexity: okta.PasswordComplexity{MinLength: k.leastLength(), ExcludeUsername: true}}, nil
}
