package authn_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// terms is a Gatekeeper: each user accepts the terms once. A real one keeps that in
// the table of users.
type terms struct{ accepted sync.Map }

// Needed says whether the user has to pass the gate.
func (t *terms) Needed(_ context.Context, user string) (bool, error) {
	_, done := t.accepted.Load(user)
	return !done, nil
}

// Check judges, and keeps nothing.
func (t *terms) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	switch in.Input {
	case "accept":
		return authn.Verdict{Right: true}, nil
	case "decline":
		return authn.Verdict{Denied: true}, nil
	}
	return authn.Verdict{Rejected: true, Reasons: []string{"say accept or decline"}}, nil
}

// Passed keeps. It may come twice.
func (t *terms) Passed(_ context.Context, c authn.Change) error {
	t.accepted.Store(c.User, c.At)
	return nil
}

// Add a state of your own between the last proof and SUCCESS.
func ExampleGate() {
	ctx, mail := context.Background(), new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: mail, Directory: people{},
		Gates: []authn.Gate{{State: "TERMS", Keeper: new(terms)}},
	})
	if err != nil {
		panic(err)
	}
	signIn := func() *authn.Answer {
		a, _ := svc.Begin(ctx, authn.Login{User: user})
		a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
		a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last(user).Code})
		return a
	}
	a := signIn()
	fmt.Println(a.State, a.Allowed[0].Event)
	a, _ = svc.Do(ctx, a.Token, authn.Pass{Gate: "TERMS", Input: "maybe"})
	fmt.Println(a.State, a.Outcome, a.Reasons)
	a, _ = svc.Do(ctx, a.Token, authn.Pass{Gate: "TERMS", Input: "accept"})
	fmt.Println(a.State)
	fmt.Println("and again:", signIn().State)
	// Output:
	// TERMS pass
	// TERMS rejected [say accept or decline]
	// SUCCESS
	// and again: SUCCESS
}

// Read the table of a machine with a gate.
func ExampleMachine_Transitions() {
	m, err := authn.NewMachine(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Gates: []authn.Gate{{State: "TERMS", Means: "The terms are not accepted yet."}},
	})
	if err != nil {
		panic(err)
	}
	for _, t := range m.Transitions() {
		if t.From == authn.MFAChallenge && t.To == "TERMS" || t.From == "TERMS" && t.To == authn.Success {
			fmt.Println(t.From, t.Label(), t.Emit)
		}
	}
	// Output:
	// MFA_CHALLENGE verify [right code, nothing required, needs TERMS] []
	// MFA_CHALLENGE verify [right code, data change, nothing required, needs TERMS] [hand over factor]
	// MFA_CHALLENGE verify [right code, one code fewer, nothing required, needs TERMS] [hand over factor notify of recovery code]
	// TERMS pass [right] [pass gate report sign-in]
	// TERMS pass [right, redeemed at once] [pass gate report sign-in]
}

// Read the documentation of a machine with a gate.
func ExampleMachine_Reference() {
	m, err := authn.NewMachine(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Gates: []authn.Gate{{State: "TERMS", Means: "The terms are not accepted yet."}},
	})
	if err != nil {
		panic(err)
	}
	r := m.Reference()
	last := r.States[len(r.States)-1]
	fmt.Println(last.State, last.Lasts, last.Means)
	for _, g := range r.Guards {
		if g.Name == "needs TERMS" {
			fmt.Println(g.Group, g.Text)
		}
	}
	// Output:
	// TERMS Life The terms are not accepted yet.
	// Which gate is still to be passed? the gate's Keeper says that it is needed, or cannot be asked
}
