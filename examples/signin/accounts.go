package main

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
)

// password is that of every demo account.
const password = "correct horse battery"

type account struct {
	name, about string
	require     authn.Requirement
	factors     []authn.Factor
}

// One account for each way through the machine.
var accounts = []account{
	{"ada", "her address is verified: choose it, then the code", authn.RequireFactor,
		[]authn.Factor{{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.NotSetUp, Verified: true}}},
	{"grace", "has no factor yet: enrolls one in the same sign-in", authn.RequireFactor,
		[]authn.Factor{{ID: "grace-mail", Type: authn.Email, Address: "grace@example.com", Status: authn.NotSetUp}}},
	{"mary", "has two addresses to choose from", authn.RequireFactor,
		[]authn.Factor{
			{ID: "mary-home", Type: authn.Email, Address: "mary@home.example", Status: authn.Active},
			{ID: "mary-work", Type: authn.Email, Address: "mary@work.example", Status: authn.Active}}},
	{"edith", "may enroll a factor, or skip it", authn.RequireIfActive,
		[]authn.Factor{{ID: "edith-mail", Type: authn.Email, Address: "edith@example.com", Status: authn.NotSetUp}}},
	{"alan", "needs no second factor", authn.RequireNothing, nil},
}

func names() (list []string) {
	for _, a := range accounts {
		list = append(list, a.name)
	}
	return list
}

// directory is the host's list of users. It is a Directory, and it checks
// passwords, which is the host's business.
type directory struct {
	mu     sync.Mutex
	hash   []byte
	byName map[string]account
}

func newDirectory(cost int) (*directory, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return nil, err
	}
	d := &directory{hash: hash, byName: map[string]account{}}
	for _, a := range accounts {
		a.factors = slices.Clone(a.factors)
		d.byName[a.name] = a
	}
	return d, nil
}

// check says what a sign-in asks for, or that name and password do not match.
func (d *directory) check(name, pw string) (authn.Login, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, known := d.byName[name]
	right := bcrypt.CompareHashAndPassword(d.hash, []byte(pw)) == nil
	return authn.Login{User: name, Require: a.require}, known && right
}

func (d *directory) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.byName[user]
	if !ok {
		return nil, authn.ErrNoUser
	}
	return slices.Clone(a.factors), nil
}

func (d *directory) Activated(_ context.Context, _, user string, f authn.Factor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fs := d.byName[user].factors
	for i := range fs {
		if fs[i].ID == f.ID && fs[i].Address == f.Address {
			fs[i].Status, fs[i].Verified = authn.Active, true
		}
	}
	return nil
}
