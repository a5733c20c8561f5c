package authn_test

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// people is a Directory: every user has the e-mail address that is the id.
type people struct{}

func (people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active}}, nil
}

func (people) Activated(_ context.Context, key, user string, f authn.Factor) error { return nil }

// newKey makes a key. A server makes its keys once, and keeps them outside the
// store, for instance in a secret manager.
func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

func Example() {
	ctx, mail := context.Background(), new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    people{},
	})
	if err != nil {
		panic(err)
	}

	// You have checked Ada's password.
	a, _ := svc.Begin(ctx, authn.Login{User: "ada@example.com"})
	fmt.Println(a.State, a.Factors[0].Address)

	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: a.Factors[0].ID})
	fmt.Println(a.State, a.Allowed[0].Event)

	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last("ada@example.com").Code})
	fmt.Println(a.State)

	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(who.User, who.Methods)
	// Output:
	// MFA_REQUIRED a...a@example.com
	// MFA_CHALLENGE verify
	// SUCCESS
	// ada@example.com [pwd otp]
}
