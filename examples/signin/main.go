// Command signin signs a demo user in at the terminal: the password, then a
// code sent by e-mail. It shows where the sign-in stands after each step, and
// what may come next.
//
//	go run ./examples/signin
//
// With a store that outlives the program, so does the sign-in. The program
// shows the state token; ended in any way, even by kill -9, and started again
// with the token, it goes on where it was:
//
//	go run ./examples/signin -store sqlite:demo.db
//	go run ./examples/signin -store sqlite:demo.db -resume TOKEN
//
// Such a store is worth nothing without the keys that name and seal its
// records, so they are in a file. The demo users are not: that one of them has
// enrolled a factor is forgotten when the program ends.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
)

// options are the flags.
type options struct{ user, smtp, store, keys, resume string }

func main() {
	var o options
	flag.StringVar(&o.user, "user", "ada", "who signs in: "+strings.Join(names(), ", "))
	flag.StringVar(&o.smtp, "smtp", "", "send real mail through the relay at `host:port`, without encryption or authentication, instead of showing it")
	flag.StringVar(&o.store, "store", host.Memory, "where the sign-in is kept: memory, sqlite:`FILE`, postgres://…, mysql://… or redis://…")
	flag.StringVar(&o.keys, "keys", "", "`FILE` with the keys; made, with random ones, if it is not there (default: none with memory, FILE.keys with sqlite:FILE, else signin.keys)")
	flag.StringVar(&o.resume, "resume", "", "go on with the sign-in of this state `TOKEN`; wants the -store and the -keys that it began with")
	flag.Usage = usage
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
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

func run(ctx context.Context, o options) error {
	t := newTerminal(os.Stdin, os.Stdout)
	t.lasting = o.store != host.Memory
	if o.resume != "" && !t.lasting {
		return errors.New("-resume: a store in memory begins empty: name the -store that the sign-in is in")
	}
	mail, err := mailer(t, o.smtp)
	if err != nil {
		return err
	}
	dir, err := newDirectory(bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	st, err := host.Open(ctx, o.store)
	if err != nil {
		return fmt.Errorf("-store: %w", err)
	}
	defer st.Close()
	keys, err := o.openKeys()
	if err != nil {
		return fmt.Errorf("-keys: %w", err)
	}
	svc, err := authn.New(authn.Config{
		Tenant: "signin", Keys: keys.KeyRing(), PseudonymKey: keys.Pseudonym,
		Store: st.Store, Mailer: mail, Directory: dir,
	})
	if err != nil {
		return err
	}
	if o.resume != "" {
		return t.resume(ctx, svc, authn.StateToken(o.resume))
	}
	return t.signIn(ctx, svc, dir, o.user)
}

// openKeys opens those of a store that outlives the program, or makes some for
// one that does not.
func (o options) openKeys() (*host.Keys, error) {
	if o.store == host.Memory {
		return host.OpenKeys(o.keys)
	}
	return host.OpenKeys(cmp.Or(o.keys, host.KeysOf(o.store), "signin.keys"))
}
