package authn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// pager is a type of factor of the host's own: a code that is sent to a pager.
var pager = authn.FactorType{
	Name: "acme:pager", Channel: "pager", Methods: []string{"otp"},
	Canonical: func(address string) (string, error) {
		if len(address) != 6 || strings.Trim(address, "0123456789") != "" {
			return "", errors.New("a pager has six digits")
		}
		return address, nil
	},
	Mask: func(address string) string { return "pager ..." + address[4:] },
}

// holders is a Directory in which everybody has the pager 421337.
type holders struct{}

func (holders) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "pager-1", Type: "acme:pager", Address: "421337", Status: authn.Active}}, nil
}

func (holders) Activated(context.Context, string, string, authn.Factor) error { return nil }

// A host adds a type of factor without a change of the library: budgets, tries, and
// locks hold for it as for any other.
func ExampleFactorType() {
	ctx, gateway := context.Background(), new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: gateway, Directory: holders{},
		Types:   []authn.FactorType{pager},
		Senders: map[string]authn.Sender{"pager": gateway}, // here the same one
	})
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	fmt.Println(a.Factors[0].Type, a.Factors[0].Address)
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "pager-1"})
	m := gateway.Last("421337")
	fmt.Println(m.Channel, m.To)
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: m.Code})
	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(who.Methods, who.Channels)
	// Output:
	// acme:pager pager ...37
	// pager 421337
	// [pwd otp] [pager]
}

// apps is a Directory in which everybody may set up two authenticator apps.
type apps struct{}

func (apps) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "app-1", Type: authn.TOTP, Status: authn.NotSetUp}, {ID: "app-2", Type: "acme:app", Status: authn.NotSetUp}}, nil
}

func (apps) Activated(context.Context, string, string, authn.Factor) error { return nil }

// A host offers two authenticator apps side by side, each as a type of its own.
func ExampleTOTPType() {
	ctx := context.Background()
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: new(memsender.Sender), Directory: apps{},
		Types: []authn.FactorType{authn.TOTPType("acme:app")},
	})
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Enroll{Type: "acme:app"})
	uri, _, _ := strings.Cut(string(a.Prompt.URI), "?")
	fmt.Println(a.State, a.Factor.ID, uri)
	// Output:
	// MFA_ENROLL_ACTIVATE app-2 otpauth://totp/ada
}
