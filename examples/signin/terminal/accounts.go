package terminal

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
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
	secret
	gates  []authn.State // of the demo's own that are still to be passed
	locked bool          // by the demo itself, after wrong passwords
	pet    string        // the answer to the question before a password is set anew; "" if none is asked
}

// One account for each way through the machine.
var accounts = []account{
	{name: "ada", about: "her address is verified: choose it, then the code", require: authn.RequireFactor,
		factors: []authn.Factor{{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.NotSetUp, Verified: true}}},
	{name: "grace", about: "has no factor yet: enrolls one in the same sign-in", require: authn.RequireFactor,
		factors: []authn.Factor{{ID: "grace-mail", Type: authn.Email, Address: "grace@example.com", Status: authn.NotSetUp}}},
	{name: "mary", about: "has two addresses to choose from", require: authn.RequireFactor,
		factors: []authn.Factor{
			{ID: "mary-home", Type: authn.Email, Address: "mary@home.example", Status: authn.Active},
			{ID: "mary-work", Type: authn.Email, Address: "mary@work.example", Status: authn.Active}}},
	{name: "hedy", about: "chooses between a text message, a call and a mail", require: authn.RequireFactor,
		factors: []authn.Factor{
			{ID: "hedy-text", Type: authn.SMS, Address: "+14155551234", Status: authn.Active},
			{ID: "hedy-call", Type: authn.Call, Address: "+14155551234", Status: authn.Active},
			{ID: "hedy-mail", Type: authn.Email, Address: "hedy@example.com", Status: authn.Active}}},
	{name: "radia", about: "sets up an authenticator app, and then signs in with it", require: authn.RequireFactor,
		factors: []authn.Factor{{ID: "radia-app", Type: authn.TOTP, Address: "radia@example.com", Status: authn.NotSetUp}}},
	{name: "annie", about: "gets a list of recovery codes, and then uses one", require: authn.RequireFactor,
		factors: []authn.Factor{{ID: "annie-list", Type: authn.RecoveryCodes, Status: authn.NotSetUp}}},
	{name: "karen", about: "pairs a phone, which then approves", require: authn.RequireFactor,
		factors: []authn.Factor{{ID: "karen-phone", Type: pushType, Status: authn.NotSetUp}}},
	{name: "betty", about: "answers a question: a type of factor of the demo's own", require: authn.RequireFactor,
		factors: []authn.Factor{{ID: "betty-pet", Type: questionType, Status: authn.NotSetUp}}},
	{name: "edith", about: "may enroll a factor, or skip it", require: authn.RequireIfActive,
		factors: []authn.Factor{{ID: "edith-mail", Type: authn.Email, Address: "edith@example.com", Status: authn.NotSetUp}}},
	{name: "alan", about: "needs no second factor", require: authn.RequireNothing},
	{name: "joan", about: "has a password that has expired: changes it after the code", secret: secret{status: authn.PasswordHasExpired},
		factors: []authn.Factor{{ID: "joan-mail", Type: authn.Email, Address: "joan@example.com", Status: authn.Active}}},
	{name: "lynn", about: "has a password that expires soon: changes it, or skips that", secret: secret{status: authn.PasswordExpiresSoon},
		factors: []authn.Factor{{ID: "lynn-mail", Type: authn.Email, Address: "lynn@example.com", Status: authn.Active}}},
	{name: "jean", about: "has to set another password, in place of one that an administrator has set", secret: secret{status: authn.PasswordNeedsReset},
		factors: []authn.Factor{{ID: "jean-mail", Type: authn.Email, Address: "jean@example.com", Status: authn.Active}}},
	{name: "frances", about: "accepts terms and gives a name: two states of the demo's own", gates: []authn.State{termsGate, nameGate},
		factors: []authn.Factor{{ID: "frances-mail", Type: authn.Email, Address: "frances@example.com", Status: authn.Active}}},
	{name: "ida", about: "is asked a question before a forgotten password is set anew: her pet was Shadow", pet: "shadow",
		factors: []authn.Factor{{ID: "ida-mail", Type: authn.Email, Address: "ida@example.com", Status: authn.Active}}},
	{name: "ruth", about: "is locked after too many wrong passwords: unlocks her account", locked: true,
		factors: []authn.Factor{{ID: "ruth-mail", Type: authn.Email, Address: "ruth@example.com", Status: authn.Active}}},
}

// Types are the types of factors that are the demo's own.
func Types() []authn.FactorType { return []authn.FactorType{push, question} }

// Names lists the demo accounts.
func Names() string {
	var list []string
	for _, a := range accounts {
		list = append(list, a.name)
	}
	return strings.Join(list, ", ")
}

// Usage writes how to call a program of the demo, with its flags.
func Usage(program string) {
	out := flag.CommandLine.Output()
	fmt.Fprintf(out, "usage: %s [flags]\n\nThe password of every demo account is %q.\n\n", program, password)
	for _, a := range accounts {
		fmt.Fprintf(out, "  %-7s %s\n", a.name, a.about)
	}
	fmt.Fprintf(out, "\nIn place of the password: %s.\n\nFlags:\n", instead)
	flag.PrintDefaults()
}

// People are the host's users. They are an [authn.Directory] with contacts, and they
// check passwords, which is the host's business, and keep new ones.
type People struct {
	mu     sync.Mutex
	cost   int
	decoy  []byte // the hash for a name that does not exist
	byName map[string]account
}

// NewPeople makes the demo accounts. It takes some milliseconds, for the hash.
func NewPeople() (*People, error) { return newPeople(bcrypt.DefaultCost) }

func newPeople(cost int) (*People, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return nil, err
	}
	d := &People{cost: cost, decoy: hash, byName: map[string]account{}}
	for _, a := range accounts {
		a.factors, a.hash = slices.Clone(a.factors), hash
		d.byName[a.name] = a
	}
	return d, nil
}

// Factors implements [authn.Directory].
func (d *People) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.byName[user]
	if !ok {
		return nil, authn.ErrNoUser
	}
	return slices.Clone(a.factors), nil
}

// Activated implements [authn.Directory].
func (d *People) Activated(_ context.Context, _, user string, f authn.Factor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fs := d.byName[user].factors
	for i := range fs {
		if fs[i].ID != f.ID || fs[i].Address != f.Address {
			continue
		}
		if fs[i].Status, fs[i].Verified = authn.Active, true; f.Revision > fs[i].Revision {
			fs[i].Data, fs[i].Revision = slices.Clone(f.Data), f.Revision
		}
	}
	return nil
}

// Contacts implements [authn.Contacts]: an app or a list of codes has no address that
// a notice could go to.
func (d *People) Contacts(_ context.Context, user string) ([]authn.Factor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []authn.Factor{{Type: authn.Email, Address: d.byName[user].mailbox(user)}}, nil
}

// mailbox is where mail to the user goes.
func (a account) mailbox(user string) string {
	for _, f := range a.factors {
		if f.Type == authn.Email {
			return f.Address
		}
	}
	return user + "@example.com"
}
