// Command signin signs a demo user in at the terminal: the password, then a
// code sent by e-mail. It shows where the sign-in stands after each step, and
// what may come next.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

func main() {
	user := flag.String("user", "ada", "who signs in: "+strings.Join(names(), ", "))
	smtp := flag.String("smtp", "", "send real mail through the relay at `host:port`, without encryption or authentication, instead of showing it")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *user, *smtp); err != nil {
		fmt.Fprintln(os.Stderr, "signin:", err)
		os.Exit(1)
	}
}

func usage() {
	out := flag.CommandLine.Output()
	fmt.Fprintf(out, "usage: signin [flags]\n\nThe password of every demo account is %q.\n\n", password)
	for _, a := range accounts {
		fmt.Fprintf(out, "  %-6s %s\n", a.name, a.about)
	}
	fmt.Fprintln(out, "\nFlags:")
	flag.PrintDefaults()
}

func run(ctx context.Context, user, smtp string) error {
	t := newTerminal(os.Stdin, os.Stdout)
	mail, err := mailer(t, smtp)
	if err != nil {
		return err
	}
	dir, err := newDirectory(bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: random()}},
		PseudonymKey: random(),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    dir,
	})
	if err != nil {
		return err
	}
	return t.signIn(ctx, svc, dir, user)
}

// random is a key that lives as long as the program, like its store.
func random() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}
