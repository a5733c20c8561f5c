package authntest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// A World is all that a service needs. The test reads the inbox and moves the
// clock.
func Example() {
	ctx := context.Background()
	var w authntest.World
	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
	svc, err := authn.New(w.Config())
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	late := w.Code("ada")
	w.Advance(5 * time.Minute)
	b, _ := svc.Do(ctx, a.Token, authn.Verify{Code: late})
	fmt.Println(b.State, b.Outcome)
	_, _ = svc.Do(ctx, a.Token, authn.Resend{})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: w.Code("ada")})
	fmt.Println(a.State, w.Now().Sub(authntest.Epoch()))
	// Output:
	// MFA_CHALLENGE late code
	// SUCCESS 5m0s
}

// A port fails before or after it has done its work, once or until it is
// healed.
func ExampleWorld_Fail() {
	ctx := context.Background()
	var w authntest.World
	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
	svc, err := authn.New(w.Config())
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})

	w.Fail(authntest.Save, authntest.Fault{Err: authntest.ErrDown})
	_, err = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	fmt.Println(errors.Is(err, authn.ErrUnavailable), len(w.Messages("ada")))
	w.Heal()

	w.FailOnce(authntest.Send, authntest.Fault{Err: authn.ErrUndeliverable})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	at, ok := a.Allows(authn.EventResend)
	fmt.Println(a.Delivery, ok, at.IsZero())
	for _, c := range w.Calls(authntest.Send) {
		fmt.Println(c.User, c.Done, c.Err)
	}
	// Output:
	// true 0
	// failed true true
	// ada false undeliverable
}

// The directory changes while users sign in.
func ExampleWorld_SetFactors() {
	ctx := context.Background()
	var w authntest.World
	w.SetFactors("grace", authntest.Mail("grace@example.com", authn.NotSetUp))
	svc, err := authn.New(w.Config())
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "grace"})
	a, _ = svc.Do(ctx, a.Token, authn.Enroll{Type: authn.Email})
	a, _ = svc.Do(ctx, a.Token, authn.Activate{Code: w.Code("grace")})
	fmt.Println(a.State, w.FactorsOf("grace")[0].Status, len(w.Messages("grace")))

	w.Forget()
	w.SetFactors("grace", authntest.Mail("new@example.com", authn.Active))
	_, err = svc.Redeem(ctx, a.Session)
	fmt.Println(errors.Is(err, authn.ErrNotOffered))
	w.Remove("grace")
	_, err = svc.Redeem(ctx, a.Session)
	fmt.Println(errors.Is(err, authn.ErrNoUser), len(w.Calls(authntest.Factors)))
	// Output:
	// SUCCESS ACTIVE 2
	// true
	// true 2
}

// The account of a user is data, as an operator sees it.
func ExampleWorld_View() {
	ctx := context.Background()
	var w authntest.World
	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
	svc, err := authn.New(w.Config())
	if err != nil {
		panic(err)
	}
	_, _ = svc.Begin(ctx, authn.Login{User: "ada"})
	m, err := w.Machine(authn.Policy{})
	if err != nil {
		panic(err)
	}
	v, err := w.View(ctx, m, "ada")
	fmt.Println(v.Transactions[0].State, len(v.Starts), err)
	rs, err := w.Records(ctx)
	fmt.Println(len(rs), err)
	// Output:
	// MFA_REQUIRED 1 <nil>
	// 1 <nil>
}

// What a host in process shows is what the service has said.
func ExampleSee() {
	s := authntest.See(nil, &authn.Refusal{State: authn.MFARequired, Event: authn.EventVerify, Err: authn.ErrNotAllowed})
	fmt.Printf("%s, %s\n", s.Class, s.State)
	fmt.Println(authntest.Classify(&authn.Answer{Outcome: authn.WrongCode}, nil))
	// Output:
	// not allowed in this state, MFA_REQUIRED
	// wrong code
}
