package authn_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/authnfsm/authn"
)

// signers judges the signatures of a key that knows the handle of its user. A real one
// also has to know that the device has verified the user: package webauthnfactor does.
type signers struct{}

func (signers) Prompt(_ context.Context, c authn.Check) ([]byte, error) { return c.Challenge[:], nil }

// Handle implements [authn.Discoverer]. A response is "handle signature".
func (signers) Handle(response []byte) string {
	handle, _, _ := strings.Cut(string(response), " ")
	return handle
}

// HandleOf implements [authn.Discoverer]. The data are "handle public-key".
func (s signers) HandleOf(data []byte) string { return s.Handle(data) }

func (s signers) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	_, signature, _ := strings.Cut(string(c.Response), " ")
	data := c.Factor.Data
	if c.Purpose == authn.PurposeEnroll {
		data = c.Response // which brings the key, in place of a signature
		return authn.Verdict{Right: true, Data: data}, nil
	}
	_, key, _ := strings.Cut(string(data), " ")
	return authn.Verdict{Right: ed25519.Verify(ed25519.PublicKey(unhex(key)), c.Challenge[:], unhex(signature))}, nil
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// keyring is a Directory of one user with one key, found by its handle.
type keyring struct {
	mu  sync.Mutex
	key authn.Factor
}

func (r *keyring) Factors(context.Context, string) ([]authn.Factor, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return []authn.Factor{r.key}, nil
}

func (r *keyring) Activated(_ context.Context, _, _ string, f authn.Factor) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Revision > r.key.Revision {
		r.key = f // with its Handle
	}
	return nil
}

func (r *keyring) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.By == r.key.Type && string(c.Name) == r.key.Handle && r.key.Handle != "" {
		return authn.Subject{User: user}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

// Sign in by a passkey, without a name. The first part enrolls one.
func ExampleService_BeginPasskey() {
	passkey := authn.FactorType{Name: "acme:passkey", Methods: []string{"pop"}, Verifier: signers{}}
	svc, _ := claiming(func(c *authn.Config) {
		c.Types = []authn.FactorType{passkey}
		c.Directory = &keyring{key: authn.Factor{ID: "k1", Type: passkey.Name, Status: authn.NotSetUp}}
	})
	ctx := context.Background()
	public, private, _ := ed25519.GenerateKey(nil)
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	a, _ = svc.Do(ctx, a.Token, authn.Enroll{Type: passkey.Name})
	a, _ = svc.Do(ctx, a.Token, authn.Activate{Code: authn.Code("a-handle " + hex.EncodeToString(public))})
	fmt.Println(a.State)

	request, err := svc.RequestPasskey(ctx, passkey.Name)
	if err != nil {
		panic(err)
	}
	// The page gets request.Options, and a cookie request.Token. This is what its device says:
	response := "a-handle " + hex.EncodeToString(ed25519.Sign(private, request.Options))
	login := authn.PasskeyLogin{Type: passkey.Name, Request: request.Token, Response: authn.Code(response)}
	a, err = svc.BeginPasskey(ctx, login)
	if err != nil {
		panic(err)
	}
	who, _ := svc.Redeem(ctx, a.Session)
	fmt.Println(a.State, who.User, who.Methods, who.Factors)
	_, err = svc.BeginPasskey(ctx, login)
	fmt.Println(err)
	// Output:
	// SUCCESS
	// SUCCESS ada@example.com [pop] [k1]
	// authn: passkey: transaction is unknown or finished
}
