// Command signin signs a demo user in at the terminal: the password, then a code that
// is sent, one of an authenticator app or of a list, the answer to a question, or a
// phone that approves, and then, for some, a new password, or states of the demo's own.
// In place of the password, a code signs in too, sets a forgotten password anew, unlocks
// an account, or signs an address up.
// It shows where the sign-in stands after each step, and what may come next.
//
//	go run ./examples/signin
//
// The store is in memory and messages are shown, so this needs nothing and is
// built in seconds. Command kept has a store that outlives the program.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/keys"
	"github.com/authnfsm/authn/examples/signin/terminal"
	"github.com/authnfsm/authn/memstore"
)

func main() {
	user := flag.String("user", "ada", "who signs in: "+terminal.Names())
	flag.Usage = func() {
		terminal.Usage("signin")
		fmt.Fprintln(flag.CommandLine.Output(), "\nFor a sign-in that outlives the program, run ./examples/signin/kept.")
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *user); err != nil {
		fmt.Fprintln(os.Stderr, "signin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, user string) error {
	people, err := terminal.NewPeople()
	if err != nil {
		return err
	}
	t, k := terminal.New(os.Stdin, os.Stdout), keys.Random()
	svc, err := authn.New(authn.Config{
		Tenant: "signin", Keys: k.KeyRing(), PseudonymKey: k.Pseudonym,
		Store: new(memstore.Store), Mailer: t, Senders: t.Phones(), Types: terminal.Types(), Directory: people,
		Passwords: people, Questions: people.Questions(), Gates: people.Gates(),
	})
	if err != nil {
		return err
	}
	return t.SignIn(ctx, svc, people, user)
}
