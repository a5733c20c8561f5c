package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// password is that of every demo account.
const password = "correct horse battery"

const domain = "@example.com"

// A kind of account. Whoever signs in as NAME+ANYTHING has one of this kind
// that nobody used before.
type kind struct {
	Name, First, Last, About string

	require authn.Requirement
	factors []authn.Factor // ID is a suffix, Address what stands behind the name
}

// kinds has one for each way through the machine.
var kinds = []kind{
	{"ada", "Ada", "Lovelace", "has a verified address: the password, then a code", authn.RequireFactor,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.NotSetUp, Verified: true}}},
	{"grace", "Grace", "Hopper", "has no second factor yet: sets one up on the way", authn.RequireFactor,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.NotSetUp}}},
	{"mary", "Mary", "Somerville", "has two addresses to choose from", authn.RequireFactor,
		[]authn.Factor{{ID: "1", Address: "@home.example", Status: authn.Active}, {ID: "2", Address: "@work.example", Status: authn.Active}}},
	{"edith", "Edith", "Clarke", "may set up a second factor, or skip it", authn.RequireIfActive,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.NotSetUp}}},
	{"alan", "Alan", "Turing", "needs no second factor", authn.RequireNothing, nil},
	{"joan", "Joan", "Clarke", "is locked", authn.RequireFactor,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.Disabled}}},
}

func listAccounts() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Demo accounts, password %q:\n", password)
	for _, k := range kinds {
		fmt.Fprintf(&b, "  %-19s %s\n", k.Name+domain, k.About)
	}
	b.WriteString("A tag makes a fresh account of the same kind: ada+2" + domain + "\n")
	return b.String()
}

// people is the host's list of users: the Directory of the service, and the
// check of passwords. Nobody is stored in it but those who set up a factor.
type people struct {
	hash []byte
	kept kept
}

func newPeople(k kept, cost int) (*people, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return &people{hash, k}, err
}

const maxTag = 32

// find returns the account of a user name in lower case.
func find(user string) (k kind, local string, ok bool) {
	local, ok = strings.CutSuffix(user, domain)
	name, tag, tagged := strings.Cut(local, "+")
	if !ok || tagged && tag == "" || len(tag) > maxTag || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return k, "", false
	}
	for _, k := range kinds {
		if k.Name == name {
			return k, local, true
		}
	}
	return k, "", false
}

// VerifyPassword implements okta.PasswordVerifier. The hash is computed for
// whatever name was given: a stranger learns nothing from the time it takes.
func (p *people) VerifyPassword(_ context.Context, username string, pw authn.Secret) (okta.Verified, error) {
	right := bcrypt.CompareHashAndPassword(p.hash, []byte(pw)) == nil
	if len(pw) > 72 || strings.ContainsRune(string(pw), 0) { // bcrypt reads no further, or begins anew
		right = false
	}
	user := strings.ToLower(username)
	k, _, known := find(user)
	if !known || !right {
		return okta.Verified{}, okta.ErrPassword
	}
	return okta.Verified{Login: authn.Login{User: user, Require: k.require}, Profile: k.profile(user)}, nil
}

func (p *people) profile(_ context.Context, user string) (*okta.Profile, error) {
	k, _, ok := find(user)
	if !ok {
		return nil, authn.ErrNoUser
	}
	return k.profile(user), nil
}

func (k *kind) profile(user string) *okta.Profile {
	return &okta.Profile{Login: user, FirstName: k.First, LastName: k.Last, Locale: "en", TimeZone: "Europe/London"}
}

// activated is what is kept of a factor that was set up.
type activated struct{ Address string }

// Factors implements authn.Directory.
func (p *people) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	k, local, ok := find(user)
	if !ok {
		return nil, authn.ErrNoUser
	}
	fs := make([]authn.Factor, len(k.factors))
	for i, f := range k.factors {
		f.ID, f.Type, f.Address = factorID(user, f.ID), authn.Email, local+f.Address
		a, err := load[activated](ctx, p.kept, factorKind, f.ID)
		if err != nil {
			return nil, err
		}
		if a != nil && a.Address == f.Address && f.Status == authn.NotSetUp {
			f.Status, f.Verified = authn.Active, true
		}
		fs[i] = f
	}
	return fs, nil
}

// Activated implements authn.Directory. To do it twice changes nothing.
func (p *people) Activated(ctx context.Context, _, _ string, f authn.Factor) error {
	return save(ctx, p.kept, factorKind, f.ID, activated{f.Address})
}

// factorID looks like Okta's, and tells nothing.
func factorID(user, suffix string) string {
	sum := sha256.Sum256([]byte("factor " + suffix + " of " + user))
	return "emf" + hex.EncodeToString(sum[:9])
}
