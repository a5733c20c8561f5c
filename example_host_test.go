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
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
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
	// {Records:0 Ended:0 Delivered:0 Deleted:0 Foreign:0 Unreadable:0} <nil>
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

// Show an operator what follows from an account's record: locks in force, what is used of
// budgets, what is owed. Package operate makes a program of it.
func ExampleService_Account() {
	svc, mail := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: "ada@example.com"})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: a.Factors[0].ID})
	wrong := mail.Last("ada@example.com").Code[1:] + "x"
	if _, err := svc.Do(ctx, a.Token, authn.Verify{Code: wrong}); err == nil {
		panic("a code has digits only")
	}

	info, err := svc.Account(ctx, "ada@example.com")
	fmt.Println(info.Transactions[0].State, info.LockEnds.IsZero(), len(info.Owed), err)
	for _, b := range info.Budgets[:2] {
		fmt.Println(b.Policy, b.Used, "of", b.Of)
	}

	same, err := svc.AccountByKey(ctx, info.Account) // as in audit events and traces
	fmt.Println(same.User, err)
	// Output:
	// MFA_CHALLENGE true 0 <nil>
	// SendsPerHour 1 of 6
	// SendsPerDay 1 of 20
	// ada@example.com <nil>
}

// Before a key leaves the list, seal all records with the one in use. Keys says what else
// is left of the old one.
func ExampleService_Accounts() {
	svc, _ := open()
	ctx := context.Background()
	if _, err := svc.Begin(ctx, authn.Login{User: "ada@example.com"}); err != nil {
		panic(err)
	}
	for info, err := range svc.Accounts(ctx) {
		if err != nil {
			fmt.Println(info.Account, err)
			continue
		}
		did, err := svc.ResealRecord(ctx, info.Account)
		fmt.Println(info.User, info.SealedBy, info.Keys, did, err)
	}
	// Output:
	// ada@example.com 1 [1] false <nil>
}
