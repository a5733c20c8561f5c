package authn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// open returns a service in memory with a fixed clock, and its mailbox.
func open() (*authn.Service, *memsender.Sender) {
	mail := new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte("32 random bytes or more, kept outside the store")}},
		PseudonymKey: []byte("32 other random bytes, which never ever change"),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    people{},
		Now:          func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		panic(err)
	}
	return svc, mail
}

// Run Tend periodically, on any node. It sends what a crash interrupted and deletes
// finished transactions.
func ExampleService_Tend() {
	svc, _ := open()
	ctx := context.Background()
	tend := func() {
		for range time.Tick(10 * time.Second) {
			if did, err := svc.Tend(ctx); err != nil {
				slog.Error("tend", "did", did, "err", err)
			}
		}
	}
	_ = tend // start it with go tend()

	did, err := svc.Tend(ctx)
	fmt.Printf("%+v %v\n", did, err)
	// Output:
	// {Records:0 Ended:0 Delivered:0 Deleted:0 Unreadable:0} <nil>
}

// Show an account to an operator. The text has the host's user id, but no code,
// token or address.
func ExampleService_Inspect() {
	svc, _ := open()
	ctx := context.Background()
	if _, err := svc.Begin(ctx, authn.Login{User: "ada@example.com"}); err != nil {
		panic(err)
	}

	acct, err := svc.Inspect(ctx, "ada@example.com")
	summary, transactions, _ := strings.Cut(acct.String(), "\n")

	fmt.Println(summary, err)
	fmt.Println(strings.Fields(transactions)[2])
	// Output:
	// account user="ada@example.com" saved=2026-03-01T12:00:00Z failures=0 charges: failures=0 sends=0 starts=1 <nil>
	// MFA_REQUIRED
}

// After a user changes the password, end the transactions that began with the old
// one.
func ExampleService_Revoke() {
	svc, _ := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: "ada@example.com"})
	fmt.Println(svc.Revoke(ctx, "ada@example.com"))
	_, err := svc.Status(ctx, a.Token)
	fmt.Println(errors.Is(err, authn.ErrFinished))
	// Output:
	// <nil>
	// true
}
