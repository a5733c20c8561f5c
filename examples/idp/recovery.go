package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
)

// Where the links of mails lead to. Without a token the page asks for an account.
const (
	recoverPath = "/recover"
	unlockPath  = "/unlock"
)

// recoverPage is the sign-in page, which begins with the recovery of a password or the
// unlocking of an account. The token of a link is in the fragment of the page's address,
// which a browser sends nowhere; the page posts it when its user says so.
func (p *provider) recoverPage(what string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { p.signIn(w, r, what) }
}

// Find implements authn.Finder: an account is found by its login name, which is an
// address, or by the handle of its passkey. Of a login name nothing is looked up but what
// the name itself says, for every name.
func (p *people) Find(ctx context.Context, c authn.Claimed) (authn.Subject, error) {
	user := string(c.Name)
	if c.By == keyType {
		owner, err := load[string](ctx, p.kept, handleKind, user)
		if owner == nil {
			return authn.Subject{}, cmp.Or(err, authn.ErrNoUser)
		}
		return authn.Subject{User: *owner}, nil
	}
	k, local, ok := find(user)
	to := k.mailbox(user, local)
	if c.By != authn.Email {
		to, ok = phoneNumber(local), ok && k.has(authn.SMS)
	}
	if !ok || k.blocked() {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: user, Address: to}, nil
}

// mailbox is the account's own: the first address that it proves itself by, and else the
// one that it is named by, as an app has none.
func (k *kind) mailbox(user, local string) string {
	if i := slices.IndexFunc(k.factors, func(f authn.Factor) bool { return f.Type == "" }); i >= 0 {
		return local + k.factors[i].Address
	}
	return user
}

func (k *kind) has(typ string) bool {
	return slices.ContainsFunc(k.factors, func(f authn.Factor) bool { return f.Type == typ })
}

func (k *kind) blocked() bool {
	return slices.ContainsFunc(k.factors, func(f authn.Factor) bool { return f.Status == authn.Disabled })
}

// phoneNumber is that of an account that has a phone, with an area code that nobody has.
func phoneNumber(local string) string {
	sum := sha256.Sum256([]byte("phone of " + local))
	return fmt.Sprintf("+1555%07d", binary.BigEndian.Uint64(sum[:8])%10_000_000)
}

// lockedOut is the kind of account that has had too many wrong passwords: no password is
// right until it is unlocked, so that nobody learns which one would be.
const lockedOut = "joan"

// isLocked does the same work for any name. A new password ends the lock as well: what
// was guessed at is gone.
func (p *people) isLocked(ctx context.Context, user string, own *ownPassword) (bool, error) {
	k, _, _ := find(user)
	unlocked, err := load[bool](ctx, p.kept, unlockedKind, user)
	return k.Name == lockedOut && unlocked == nil && own == nil, err
}

// Unlock implements authn.Unlocker. To do it twice changes nothing.
func (p *people) Unlock(ctx context.Context, _, user string) error {
	return save(ctx, p.kept, unlockedKind, user, true)
}

// The question of the kinds of account that are asked one when their password is
// recovered. It is no factor: what a factor has to be answered, the service alone reads.
var asked = []string{"emmy", "katherine"}

const (
	accountQuestion = "Which machine was ahead of its time?"
	accountAnswer   = "analytical engine"
)

// asker is the authn.Questions of the demo.
type asker struct {
	*people
	hash []byte // of the answer
}

func newAsker(p *people) (*asker, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(accountAnswer), p.cost)
	return &asker{p, hash}, err
}

// Question implements authn.Questions.
func (a *asker) Question(_ context.Context, user string) (string, error) {
	if k, _, _ := find(user); slices.Contains(asked, k.Name) {
		return accountQuestion, nil
	}
	return "", nil
}

// Check implements authn.Questions. Capital letters and blanks do not count.
func (a *asker) Check(ctx context.Context, in authn.QuestionInput) (v authn.Verdict, err error) {
	given := strings.Join(strings.Fields(strings.ToLower(string(in.Answer))), " ")
	k, _, _ := find(in.User)
	err = a.hashing(ctx, func() {
		v.Right = bcrypt.CompareHashAndPassword(a.hash, []byte(given)) == nil && len(given) <= mostBytes && slices.Contains(asked, k.Name)
	})
	return v, err
}
