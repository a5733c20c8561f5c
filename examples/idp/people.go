package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// password is that of every demo account that has not changed it.
const password = "correct horse battery"

const domain = "@example.com"

// A kind of account. Whoever signs in as NAME+ANYTHING has one of this kind
// that nobody used before.
type kind struct {
	Name, First, Last, About string

	require  authn.Requirement
	password authn.PasswordStatus // of everybody's password
	factors  []authn.Factor       // ID is a suffix; Address what stands behind the name, "" if there is none; and no Type is that of mail
}

// kinds has one for each way through the machine.
var kinds = []kind{
	{"ada", "Ada", "Lovelace", "has a verified address: the password, then a code", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.NotSetUp, Verified: true}}},
	{"grace", "Grace", "Hopper", "has no second factor yet: sets one up on the way", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.NotSetUp}}},
	{"mary", "Mary", "Somerville", "has two addresses to choose from", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: "@home.example", Status: authn.Active}, {ID: "2", Address: "@work.example", Status: authn.Active}}},
	{"radia", "Radia", "Perlman", "sets up an authenticator app, and has its codes from then on", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "app", Address: domain, Type: authn.TOTP, Status: authn.NotSetUp}}},
	{"kay", "Kay", "McNulty", "sets up a security key or a passkey, and then signs in with it", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "key", Address: domain, Type: keyType, Status: authn.NotSetUp}}},
	{"karen", "Karen", "Spärck Jones", "pairs a phone, which approves her sign-ins: the inbox plays it", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "phone", Type: pushType, Status: authn.NotSetUp}}},
	{"annie", "Annie", "Easley", "has an address, and gets recovery codes for the day that she cannot read her mail", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.Active}, {ID: "list", Type: authn.RecoveryCodes, Status: authn.NotSetUp, Required: true}}},
	{"hedy", "Hedy", "Lamarr", "sets up an app and a key beside her address, and chooses between them", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{
			{ID: "1", Address: domain, Status: authn.Active},
			{ID: "app", Address: domain, Type: authn.TOTP, Status: authn.NotSetUp, Required: true},
			{ID: "key", Address: domain, Type: keyType, Status: authn.NotSetUp, Required: true}}},
	{"betty", "Betty", "Holberton", "has an address, and a question that she can answer instead", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.Active}, {ID: "question", Type: questionType, Status: authn.NotSetUp, Required: true}}},
	{"edith", "Edith", "Clarke", "may set up a second factor, or skip it", authn.RequireIfActive, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.NotSetUp}}},
	{"alan", "Alan", "Turing", "needs no second factor", authn.RequireNothing, authn.PasswordFine, nil},
	{"barbara", "Barbara", "Liskov", "has an address, and a password that has expired", authn.RequireFactor, authn.PasswordHasExpired,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.Active}}},
	{"frances", "Frances", "Allen", "has a password that expires in 4 days", authn.RequireNothing, authn.PasswordExpiresSoon, nil},
	{"margaret", "Margaret", "Hamilton", "has no second factor yet, and every kind to choose from", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{
			{ID: "1", Address: domain, Status: authn.NotSetUp}, {ID: "sms", Type: authn.SMS, Status: authn.NotSetUp}, {ID: "call", Type: authn.Call, Status: authn.NotSetUp},
			{ID: "okta", Address: domain, Type: oktaTOTP, Status: authn.NotSetUp}, {ID: "app", Address: domain, Type: authn.TOTP, Status: authn.NotSetUp}, {ID: "question", Type: questionType, Status: authn.NotSetUp},
			{ID: "phone", Type: pushType, Status: authn.NotSetUp}, {ID: "key", Address: domain, Type: keyType, Status: authn.NotSetUp}}},
	{"katherine", "Katherine", "Johnson", "has every kind of factor but a key, and a question if she forgets her password", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{
			{ID: "1", Address: domain, Status: authn.Active}, {ID: "sms", Type: authn.SMS, Status: authn.Active}, {ID: "call", Type: authn.Call, Status: authn.Active},
			{ID: "app", Address: domain, Type: authn.TOTP, Status: authn.Active}, {ID: "question", Type: questionType, Status: authn.Active},
			{ID: "phone", Type: pushType, Status: authn.Active}, {ID: "list", Type: authn.RecoveryCodes, Status: authn.Active}}},
	{"emmy", "Emmy", "Noether", "has a phone for codes, and a question if she forgets her password: " + accountAnswer, authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "sms", Type: authn.SMS, Status: authn.Active}}},
	{lockedOut, "Joan", "Clarke", "has tried too many passwords, and unlocks her account by mail", authn.RequireFactor, authn.PasswordFine,
		[]authn.Factor{{ID: "1", Address: domain, Status: authn.Active}}},
	{"dorothy", "Dorothy", "Vaughan", "is blocked for good", authn.RequireFactor, authn.PasswordFine,
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

// people is the host's list of users: the Finder of the service, its Unlocker, and the
// check of passwords. Nobody is stored in it but those who set up a factor, have another
// password than everybody, or have unlocked their account.
type people struct {
	hash    []byte // of everybody's password
	cost    int
	slots   chan struct{} // one for each hash that may run
	kept    kept
	now     func() time.Time
	imports func(user string, f authn.Factor, from authn.Secret) (authn.Factor, error) // of the service
	mu      sync.Mutex                                                                 // guards that a newer change stays; between processes nothing does, in this demo
}

func newPeople(k kept, cost int, now func() time.Time) (*people, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return &people{hash: hash, cost: cost, slots: make(chan struct{}, hashesAtOnce), kept: k, now: now}, err
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
func (p *people) VerifyPassword(ctx context.Context, username string, pw authn.Secret) (okta.Verified, error) {
	user := strings.ToLower(username)
	right, own, err := p.matches(ctx, user, pw)
	if err != nil {
		return okta.Verified{}, err
	}
	locked, err := p.isLocked(ctx, user, own)
	k, _, known := find(user)
	switch {
	case err != nil:
		return okta.Verified{}, err
	case !known || !right || locked:
		return okta.Verified{}, okta.ErrPassword
	}
	v := okta.Verified{Login: authn.Login{User: user, Require: k.require}, Profile: k.profile(user)}
	k.status(&v.Login, own, p.now())
	return v, nil
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
type activated struct {
	Address  string
	Handle   string `json:",omitempty"` // by which a passkey names its user
	Data     []byte `json:",omitempty"`
	Revision uint32 `json:",omitempty"`
}

// Factors implements authn.Directory.
func (p *people) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	k, local, ok := find(user)
	if !ok {
		return nil, authn.ErrNoUser
	}
	fs := make([]authn.Factor, len(k.factors))
	for i, f := range k.factors {
		f.Type = cmp.Or(f.Type, authn.Email)
		f.ID = factorID(user, f)
		switch {
		case f.Type == authn.SMS, f.Type == authn.Call:
			f.Address = phoneNumber(local)
		case f.Address != "":
			f.Address = local + f.Address
		}
		a, err := load[activated](ctx, p.kept, factorKind, f.ID)
		if err == nil && a == nil && f.Status == authn.Active && f.Type != authn.Email {
			a, err = p.furnish(ctx, user, f)
		}
		if err != nil {
			return nil, err
		}
		if a != nil && a.Address == f.Address && f.Status != authn.Disabled {
			f.Status, f.Verified, f.Handle, f.Data, f.Revision = authn.Active, true, a.Handle, a.Data, a.Revision
		}
		fs[i] = f
	}
	return fs, nil
}

// Activated implements authn.Directory. To do it twice changes nothing, and what is
// older than what is kept changes nothing either.
func (p *people) Activated(ctx context.Context, _, user string, f authn.Factor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, err := load[activated](ctx, p.kept, factorKind, f.ID)
	if err != nil || old != nil && f.Data != nil && old.Revision >= f.Revision {
		return err
	}
	if f.Handle != "" {
		if err := save(ctx, p.kept, handleKind, f.Handle, user); err != nil {
			return err
		}
	}
	return save(ctx, p.kept, factorKind, f.ID, activated{f.Address, f.Handle, f.Data, f.Revision})
}

// Contacts implements authn.Contacts.
func (p *people) Contacts(_ context.Context, user string) ([]authn.Factor, error) {
	k, local, ok := find(user)
	if !ok {
		return nil, authn.ErrNoUser
	}
	return []authn.Factor{{Type: authn.Email, Address: k.mailbox(user, local)}}, nil
}

// factorID looks like Okta's, and tells nothing.
func factorID(user string, f authn.Factor) string {
	sum := sha256.Sum256([]byte("factor " + f.ID + " of " + user))
	return marks[f.Type] + hex.EncodeToString(sum[:9])
}

// marks are what Okta's ids of each type begin with.
var marks = map[string]string{
	authn.Email: "emf", authn.SMS: "mbl", authn.Call: "clf", authn.TOTP: "uft", oktaTOTP: "ost", authn.RecoveryCodes: "ufh", keyType: "fuf", pushType: "opf", questionType: "ufs",
}
