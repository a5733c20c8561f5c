package authn_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// passwords are those of one user. A real one compares and keeps slow hashes: see
// examples/hosting/passwords.
type passwords struct {
	mu  sync.Mutex
	now string
	at  time.Time
}

// Check judges the old password, and then the new one. It keeps nothing.
func (p *passwords) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case in.Old != "" && string(in.Old) != p.now:
		return authn.Verdict{}, nil // counted like a wrong code
	case len(in.New) < 8:
		return authn.Verdict{Rejected: true, Reasons: []string{"shorter than 8 characters"}}, nil
	}
	return authn.Verdict{Right: true, Data: []byte(in.New)}, nil
}

// Store keeps. It may come twice, and the older of two changes after the newer one.
func (p *passwords) Store(_ context.Context, c authn.Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.At.After(p.at) {
		p.now, p.at = string(c.Data), c.At
	}
	return nil
}

// Let a user change a password that has expired, after the second factor.
func ExamplePasswords() {
	ctx, mail, list := context.Background(), new(memsender.Sender), &passwords{now: "correct horse"}
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: mail, Directory: people{}, Passwords: list,
	})
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: user, Password: authn.PasswordHasExpired})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last(user).Code})
	fmt.Println(a.State)
	for _, ev := range []authn.Event{
		authn.ChangePassword{Old: "a guess", New: "battery staple"},
		authn.ChangePassword{Old: "correct horse", New: "short"},
		authn.ChangePassword{Old: "correct horse", New: "battery staple"},
	} {
		a, _ = svc.Do(ctx, a.Token, ev)
		fmt.Println(a.State, a.Outcome, a.Reasons)
	}
	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(who.User, "has another password:", list.now == "battery staple")
	// Output:
	// PASSWORD_EXPIRED
	// PASSWORD_EXPIRED wrong code []
	// PASSWORD_EXPIRED rejected [shorter than 8 characters]
	// SUCCESS  []
	// ada@example.com has another password: true
}
