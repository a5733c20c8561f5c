package authn_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// kept is a Directory of one user, which stores factors as it is told.
type kept map[string]authn.Factor

func (d kept) Factors(context.Context, string) (fs []authn.Factor, err error) {
	for _, f := range d {
		fs = append(fs, f)
	}
	return fs, nil
}

func (d kept) Activated(_ context.Context, key, user string, f authn.Factor) error {
	if old := d[f.ID]; old.Data == nil || f.Revision > old.Revision {
		d[f.ID] = f
	}
	return nil
}

// Take over a secret that another system has given to the user's authenticator app.
func ExampleService_Import() {
	ctx, users := context.Background(), kept{}
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: new(memsender.Sender), Directory: users,
		Now: func() time.Time { return time.Unix(2000000000, 0) },
	})
	if err != nil {
		panic(err)
	}
	if users["app"], err = svc.Import("ada", authn.Factor{ID: "app", Type: authn.TOTP}, "otpauth://totp/acme:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"); err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Factor: "app", Code: "279037"})
	fmt.Println(a.State)

	// The same code in another sign-in.
	a, _ = svc.Begin(ctx, authn.Login{User: "ada"})
	_, err = svc.Do(ctx, a.Token, authn.Verify{Factor: "app", Code: "279037"})
	fmt.Println(errors.Is(err, authn.ErrUsed))

	// Before a key is removed, what the Directory keeps is sealed with the new one.
	again, changed, err := svc.Reseal("ada", users["app"])
	fmt.Println(again.Revision, changed, err)
	// Output:
	// SUCCESS
	// true
	// 1 false <nil>
}

// push is a type of factor that asks an app on the user's phone.
var push = authn.FactorType{Name: "acme:push", Channel: "push", Methods: []string{"swk"}, Awaited: true}

// Ask another device. What it says proves nothing by itself: the sign-in takes it.
func ExampleService_Respond() {
	ctx, phone := context.Background(), new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: phone,
		Directory: kept{"phone": {ID: "phone", Type: "acme:push", Status: authn.Active}},
		Types:     []authn.FactorType{push},
		Senders:   map[string]authn.Sender{"push": phone},
	})
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: "ada"})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "phone"})
	number := a.Prompt.Number // on the screen of the sign-in

	_, err = svc.Do(ctx, a.Token, authn.Verify{})
	fmt.Println(errors.Is(err, authn.ErrWaiting))

	// On the phone, the user types the number.
	if _, err := svc.Respond(ctx, phone.Last("").Approval, authn.Reply{Approve: true, Number: number}); err != nil {
		panic(err)
	}

	a, _ = svc.Do(ctx, a.Token, authn.Verify{})
	fmt.Println(a.State)
	// Output:
	// true
	// SUCCESS
}

// A host that runs the machine by itself finds the account by the token of the message.
func ExampleMachine_Respond() {
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(), Types: []authn.FactorType{push}})
	if err != nil {
		panic(err)
	}
	env := authn.Env{Now: time.Now(), Factors: []authn.Factor{{ID: "phone", Type: "acme:push", Status: authn.Active}}}
	rand.Read(env.Entropy[:])
	secret := authn.TokenSecret(env.Entropy[16:48])
	var r authn.Result
	if err := m.Begin(new(authn.Account), authn.Login{User: user}, env, &r); err != nil {
		panic(err)
	}
	if err := m.Step(&r.Account, secret, authn.Challenge{Factor: "phone"}, env, &r); err != nil {
		panic(err)
	}
	job, err := m.Job(&r.Account, m.Key(user), r.Effects()[0], env.Factors, env.Now)
	if err != nil {
		panic(err)
	}
	key, ok := m.Asked(job.Message.Approval)
	fmt.Println(key == m.Key(user), ok)

	ans, _ := m.Status(&r.Account, secret, env)
	err = m.Respond(&r.Account, job.Message.Approval, authn.Reply{Approve: true, Number: ans.Prompt.Number}, env, &r)
	ans, _ = m.Status(&r.Account, secret, env)
	fmt.Println(ans.Prompt.Replied, err)
	// Output:
	// true true
	// approved <nil>
}

// even accepts the responses that end in an even digit.
type even struct{}

func (even) Prompt(context.Context, authn.Check) ([]byte, error) {
	return []byte("an even number"), nil
}

func (even) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	return authn.Verdict{Right: c.Response[len(c.Response)-1]%2 == 0}, nil
}

// A step that depends on a response says so; it is taken again with the verdict.
func ExampleMachine_Checks() {
	number := authn.FactorType{Name: "acme:number", Methods: []string{"pin"}, Verifier: even{}}
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(), Types: []authn.FactorType{number}})
	if err != nil {
		panic(err)
	}
	env := authn.Env{Now: time.Now(), Factors: []authn.Factor{{ID: "n", Type: "acme:number", Status: authn.Active}}}
	rand.Read(env.Entropy[:])
	secret := authn.TokenSecret(env.Entropy[16:48])
	var r authn.Result
	if err := m.Begin(new(authn.Account), authn.Login{User: user}, env, &r); err != nil {
		panic(err)
	}
	if err := m.Step(&r.Account, secret, authn.Challenge{Factor: "n"}, env, &r); err != nil {
		panic(err)
	}
	checks, _ := m.Checks(&r.Account, secret, env)
	prompt, _ := number.Verifier.Prompt(context.Background(), checks[0])
	fmt.Printf("%s\n", prompt)

	err = m.Step(&r.Account, secret, authn.Verify{Code: "42"}, env, &r)
	var lack *authn.Lack
	if errors.As(err, &lack) && lack.Check != nil {
		verdict, _ := number.Verifier.Verify(context.Background(), *lack.Check)
		env.Verdict = &verdict
		err = m.Step(&r.Account, secret, authn.Verify{Code: "42"}, env, &r)
	}
	fmt.Println(r.Moves()[0].Row.To, err)
	// Output:
	// an even number
	// SUCCESS <nil>
}
