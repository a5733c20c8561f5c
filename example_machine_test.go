package authn_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// Read the rows of the table.
func ExampleTransitions() {
	for _, t := range authn.Transitions() {
		if t.From == authn.MFAChallenge && t.To == authn.Success && len(t.When) == 2 {
			fmt.Println(t.Label(), t.Then, t.Emit)
		}
	}
	// Output:
	// verify [right code, nothing required] [use code succeed] [report sign-in]
}

// Read the documentation of states, for pages and tools.
func ExampleNewReference() {
	for _, st := range authn.NewReference().States {
		if st.Lasts == "SessionLife" {
			fmt.Println(st.State, st.Terminal, st.Means)
		}
	}
	// Output:
	// SUCCESS true The sign-in has succeeded. The answer holds a single-use session token, or the assertion if the host asked for it at once.
}

// List the factors that cannot be used and are ignored, with the reason.
func ExampleMachine_Faults() {
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey()})
	if err != nil {
		panic(err)
	}
	for _, e := range m.Faults(m.Key(user), user, []authn.Factor{{ID: "k1", Type: "token:hardware", Status: authn.Active}}) {
		fmt.Println(e.Event, e.Factor, e.Err)
	}
	// Output:
	// factor_unusable "k1" type "token:hardware": its type is not known here
}

// Use the machine in a host that runs load, step, save and effects itself, from
// the password check to the assertion.
func ExampleNewMachine() {
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey()})
	if err != nil {
		panic(err)
	}
	var (
		ctx     = context.Background()
		store   = new(memstore.Store)
		mail    = new(memsender.Sender)
		factors = []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active}}
		key     = m.Key(user)
	)

	// step loads, steps, saves, and then performs the effects.
	step := func(f func(*authn.Account, authn.Env, *authn.Result) error) *authn.Account {
		rec, err := store.Load(ctx, key)
		var a authn.Account
		if err == nil {
			a, err = m.Open(rec.Value, key)
		} else if errors.Is(err, authn.ErrNotFound) {
			err = nil // a new account
		}
		if err != nil {
			panic(err)
		}
		env := authn.Env{Now: time.Now(), Factors: factors}
		rand.Read(env.Entropy[:])
		var r authn.Result
		if err := f(&a, env, &r); err != nil {
			panic(err) // a *Refusal lists the allowed events
		}
		if err := store.Save(ctx, key, rec.Version, m.Record(&r.Account, key, mathrand.Uint64()|1)); err != nil {
			panic(err) // after ErrConflict, repeat from the load
		}
		for _, e := range r.Effects() { // then acknowledge them: see Machine.Acknowledge
			job, err := m.Job(&r.Account, key, e, factors, time.Now())
			switch {
			case err != nil:
			case job.Message != nil:
				err = mail.Send(ctx, *job.Message)
			case job.Activated != nil: // Directory.Activated(ctx, e.Key, e.User, *job.Activated)
			case job.Password != nil: // Passwords.Store(ctx, *job.Password)
			case job.Passed != nil: // Passed of the Keeper of job.Gate
			case job.Report != nil: // Auditor.Audit(ctx, *job.Report)
			}
			fmt.Println("effect:", e.Name, err)
		}
		for _, move := range r.Moves() {
			fmt.Println(move.Row.Label(), "->", move.Row.To)
		}
		return &r.Account
	}

	var secret authn.TokenSecret // the client keeps it, in a token that you define
	step(func(a *authn.Account, env authn.Env, r *authn.Result) error {
		secret = authn.TokenSecret(env.Entropy[16:48])
		return m.Begin(a, authn.Login{User: user}, env, r)
	})
	step(func(a *authn.Account, env authn.Env, r *authn.Result) error {
		return m.Step(a, secret, authn.Challenge{Factor: "mail"}, env, r)
	})
	a := step(func(a *authn.Account, env authn.Env, r *authn.Result) error {
		return m.Step(a, secret, authn.Verify{Code: mail.Last(user).Code}, env, r)
	})
	session, _ := m.Session(a, secret)
	step(func(a *authn.Account, env authn.Env, r *authn.Result) error {
		who, err := m.Redeem(a, session, env, r)
		if err == nil && !r.Ended {
			fmt.Println(who.User, who.Methods)
		}
		return err
	})
	// Output:
	// primary [an active factor, starts left] -> MFA_REQUIRED
	// effect: send code <nil>
	// challenge [may send] -> MFA_CHALLENGE
	// effect: report sign-in <nil>
	// verify [right code, nothing required] -> SUCCESS
	// ada@example.com [pwd otp]
	// redeem [unused, factors stand] -> SUCCESS
}

// Explain lists the questions that a step would ask, and the row they lead to.
func ExampleMachine_Explain() {
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey()})
	if err != nil {
		panic(err)
	}
	env := authn.Env{Now: time.Now(), Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active}}}
	rand.Read(env.Entropy[:])
	var r authn.Result
	if err := m.Begin(new(authn.Account), authn.Login{User: user}, env, &r); err != nil {
		panic(err)
	}
	secret := authn.TokenSecret(env.Entropy[16:48])
	asked, row, _ := m.Explain(&r.Account, secret, authn.Challenge{Factor: "mail"}, env)
	for _, q := range asked {
		fmt.Println(q[0], q[1])
	}
	fmt.Println(row.Label(), "->", row.To)

	// Record the result of an effect, and save it.
	if err := m.Step(&r.Account, secret, authn.Challenge{Factor: "mail"}, env, &r); err != nil {
		panic(err)
	}
	owed := r.Effects()
	next, changed, err := m.Acknowledge(&r.Account, owed, make([]error, len(owed)), env.Now)
	fmt.Println(changed, err, next.View().Transactions[0].Delivery)

	// After a minute without acknowledgment, another node takes over the effect.
	owed, err = m.Tend(&r.Account, env.Now.Add(time.Minute), &r)
	fmt.Println(owed[0].Name, err)

	next.Shift(time.Hour) // as if everything had happened an hour later
	ans, err := m.Status(&next, secret, authn.Env{Now: env.Now.Add(time.Hour), Factors: env.Factors})
	fmt.Println(ans.State, ans.Delivery, err)
	// Output:
	// Does the host know the user? known user
	// May a code be sent? may send
	// Does the host's Limiter let it go on? within the host's limits
	// challenge [may send] -> MFA_CHALLENGE
	// true <nil> sent
	// send code <nil>
	// MFA_CHALLENGE sent <nil>
}
