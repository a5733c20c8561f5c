package authn_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// The table that runs, row by row.
func ExampleTransitions() {
	for _, t := range authn.Transitions() {
		if t.From == authn.MFAChallenge && t.To == authn.Success {
			fmt.Println(t.Label(), t.Then, t.Emit)
		}
	}
	// Output:
	// verify [right code] [use code succeed] [report sign-in]
}

// The pure core, for a host that runs the loop of load, step, save and effects
// itself.
func ExampleNewMachine() {
	m, err := authn.NewMachine("acme",
		[]authn.Key{{ID: 1, Secret: []byte("32 random bytes or more, kept outside the store")}},
		[]byte("32 other random bytes, which never ever change"), authn.Policy{})
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	env := func() authn.Env {
		e := authn.Env{Now: now, Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active}}}
		rand.Read(e.Entropy[:])
		return e
	}

	// The password was right. What is in force is what was saved.
	var acct authn.Account
	var r authn.Result
	e := env()
	if err := m.Begin(&acct, authn.Login{User: user}, e, &r); err != nil {
		panic(err)
	}
	handle := authn.TokenSecret(e.Entropy[16:48])
	stored := m.Seal(&r.Account, "key of the record")

	acct, err = m.Open(stored, "key of the record")
	if err != nil {
		panic(err)
	}
	asked, row, _ := m.Explain(&acct, handle, authn.Challenge{Factor: "mail"}, env())
	fmt.Println(asked[0][0], asked[0][1], row.Label())
	if err := m.Step(&acct, handle, authn.Challenge{Factor: "mail"}, env(), &r); err != nil {
		panic(err)
	}
	for _, move := range r.Moves() {
		fmt.Println(move.Row.From, "to", move.Row.To)
	}
	acct = r.Account // saved

	// After the save: what it owes is claimed, carried out and acknowledged.
	now = now.Add(time.Minute)
	owed, err := m.Tend(&acct, now, &r)
	if err != nil {
		panic(err)
	}
	acct = r.Account
	code, live := m.Code(&acct, owed[0])
	fmt.Println(owed[0].Do, len(string(code)), live)
	acct, changed, err := m.Acknowledge(&acct, owed, []authn.Delivered{authn.Accepted}, now)
	fmt.Println(changed, err)

	a, err := m.Status(&acct, handle, now)
	fmt.Println(a.State, a.Delivery, err)
	// Output:
	// May a code go out? may send challenge [may send]
	// MFA_REQUIRED to MFA_CHALLENGE
	// send code 6 true
	// true <nil>
	// MFA_CHALLENGE sent <nil>
}
