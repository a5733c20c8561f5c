package hardtoken_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/hardtoken"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// drawer is a Directory of one user, who was given a token.
type drawer struct{ token authn.Factor }

// Factors implements [authn.Directory].
func (d *drawer) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{d.token}, nil
}

// Activated implements [authn.Directory]. The counter is in Data: it never goes back.
func (d *drawer) Activated(_ context.Context, _, _ string, f authn.Factor) error {
	if f.Revision > d.token.Revision {
		d.token = f
	}
	return nil
}

// seeds is what the vendor delivers with the tokens.
func seeds(_ context.Context, serial string) ([]byte, error) {
	if serial != "20451337" {
		return nil, errors.New("no such token")
	}
	return []byte("12345678901234567890"), nil
}

func Example() {
	token := hardtoken.Type(seeds)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}}, // a real host keeps them
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Store:        new(memstore.Store),
		Mailer:       new(memsender.Sender),
		Directory:    &drawer{authn.Factor{ID: "t1", Type: token.Name, Address: "20451337", Status: authn.NotSetUp}},
		Types:        []authn.FactorType{token},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Enroll{Type: token.Name})
	a, _ = svc.Do(ctx, a.Token, authn.Activate{Code: "755224 287082"}) // two in a row
	fmt.Println("enrolled:", a.State)

	signIn := func(codes ...authn.Code) {
		a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
		for _, code := range codes {
			a, _ = svc.Do(ctx, a.Token, authn.Verify{Factor: "t1", Code: code})
			fmt.Println(string(code)+":", a.State)
		}
	}
	signIn("359152")                  // the next code
	signIn("359152", "520489")        // it was used; the seventh after it is near enough
	signIn("328281", "191635 184416") // too far ahead, unless two in a row say so
	// Output:
	// enrolled: SUCCESS
	// 359152: SUCCESS
	// 359152: MFA_REQUIRED
	// 520489: SUCCESS
	// 328281: MFA_REQUIRED
	// 191635 184416: SUCCESS
}
