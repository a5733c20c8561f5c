package authn_test

import (
	"context"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// Remember a device on which no factor has to be proved for a while, until it is lost.
func ExampleService_ForgetDevices() {
	ctx, mail := context.Background(), new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: mail, Directory: people{},
		Policy: authn.Policy{Remember: 30 * 24 * time.Hour},
	})
	if err != nil {
		panic(err)
	}
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last(user).Code, Remember: true}) // the user has asked for it
	device := a.Device                                                                    // the browser keeps it

	a, _ = svc.Begin(ctx, authn.Login{User: user, Device: device})
	fmt.Println(a.State)
	a, _ = svc.Begin(ctx, authn.Login{User: user, Device: device, Fresh: true})
	fmt.Println(a.State)
	if err := svc.ForgetDevices(ctx, user); err != nil {
		panic(err)
	}
	a, _ = svc.Begin(ctx, authn.Login{User: user, Device: device})
	fmt.Println(a.State)
	// Output:
	// SUCCESS
	// MFA_REQUIRED
	// MFA_REQUIRED
}
