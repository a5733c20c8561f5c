package webauthnfactor_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/webauthnfactor"
	vw "github.com/descope/virtualwebauthn"
)

// ring is a Directory of one user, with one key.
type ring struct {
	mu  sync.Mutex
	key authn.Factor
}

// Factors implements [authn.Directory].
func (r *ring) Factors(context.Context, string) ([]authn.Factor, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []authn.Factor{r.key}, nil
}

// Activated implements [authn.Directory]: it keeps what the key is checked against next
// time, unless what it has is newer.
func (r *ring) Activated(_ context.Context, _, _ string, f authn.Factor) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Revision > r.key.Revision {
		r.key = f
	}
	return nil
}

// Find implements [authn.Finder]: a passkey names its user by the handle.
func (r *ring) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.By == r.key.Type && r.key.Handle != "" && string(c.Name) == r.key.Handle {
		return authn.Subject{User: "u1"}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

func Example() {
	keys, err := webauthnfactor.New(webauthnfactor.Config{
		RPID:    "example.com",
		RPName:  "Example",
		Origins: []string{"https://login.example.com"},
	})
	if err != nil {
		panic(err)
	}
	users := &ring{key: authn.Factor{ID: "key-1", Type: keys.Name, Address: "ada@example.com", Status: authn.NotSetUp}}
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}}, // a real host keeps them
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Store:        new(memstore.Store),
		Mailer:       new(memsender.Sender),
		Directory:    users,
		Types:        []authn.FactorType{keys},
	})
	if err != nil {
		panic(err)
	}

	// This stands for the browser and a key: navigator.credentials.
	site := vw.RelyingParty{ID: "example.com", Name: "Example", Origin: "https://login.example.com"}
	key, owner := vw.NewAuthenticator(), newDevice().Credential
	create := func(prompt []byte) authn.Code {
		options, _ := vw.ParseAttestationOptions(string(prompt))
		return authn.Code(vw.CreateAttestationResponse(site, key, owner, *options))
	}
	get := func(prompt []byte) authn.Code {
		options, _ := vw.ParseAssertionOptions(string(prompt))
		return authn.Code(vw.CreateAssertionResponse(site, key, owner, *options))
	}

	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: "u1"})
	a, _ = svc.Do(ctx, a.Token, authn.Enroll{Type: keys.Name})
	fmt.Println(a.State)
	a, _ = svc.Do(ctx, a.Token, authn.Activate{Code: create(a.Prompt.Options)})
	fmt.Println(a.State)

	a, _ = svc.Begin(ctx, authn.Login{User: "u1"})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "key-1"})
	fmt.Println(a.State)
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: get(a.Prompt.Options)})
	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(a.State, who.Methods)

	// And as a passkey: nobody has said who they are.
	request, _ := svc.RequestPasskey(ctx, keys.Name)
	key.Options.UserHandle, _ = base64url.DecodeString(users.key.Handle) // which the key has kept
	a, _ = svc.BeginPasskey(ctx, authn.PasskeyLogin{Type: keys.Name, Request: request.Token, Response: get(request.Options)})
	who, _ = svc.Redeem(ctx, a.Session)
	fmt.Println(a.State, who.User, who.Methods)
	// Output:
	// MFA_ENROLL_ACTIVATE
	// SUCCESS
	// MFA_CHALLENGE
	// SUCCESS [pwd pop user uv]
	// SUCCESS u1 [pop user uv]
}
