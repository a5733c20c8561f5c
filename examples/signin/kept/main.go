// Command kept is the sign-in of ./examples/signin with a store that outlives
// the program, so that the sign-in does too. The program shows the state token;
// ended in any way, even by kill -9, and started again with the token, it goes
// on where it was:
//
//	go run ./examples/signin/kept -store sqlite:demo.db
//	go run ./examples/signin/kept -store sqlite:demo.db -resume TOKEN
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
	"io/fs"
	"net"
	"os"
	"os/signal"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/examples/keys"
	"github.com/authnfsm/authn/examples/signin/terminal"
	"github.com/authnfsm/authn/smtpmail"
)

// options are the flags.
type options struct{ user, smtp, store, keys, resume string }

func main() {
	var o options
	flag.StringVar(&o.user, "user", "ada", "who signs in: "+terminal.Names())
	flag.StringVar(&o.smtp, "smtp", "", "send real mail through the relay at `host:port`, without encryption or authentication, instead of showing it")
	flag.StringVar(&o.store, "store", "", "where the sign-in is kept: sqlite:`FILE`, postgres://…, mysql://…, redis://… or memory")
	flag.StringVar(&o.keys, "keys", "", "`FILE` with the keys; made, with random ones, if it is not there and a sign-in begins (default: none with memory, FILE.keys with sqlite:FILE, else signin.keys)")
	flag.StringVar(&o.resume, "resume", "", "go on with the sign-in of this state `TOKEN`; wants the -store and the -keys that it began with")
	flag.Usage = func() { terminal.Usage("kept") }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "signin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	t := terminal.New(os.Stdin, os.Stdout)
	t.Lasting = o.store != host.Memory
	if o.resume != "" && !t.Lasting {
		return errors.New("-resume: a store in memory begins empty: name the -store that the sign-in is in")
	}
	mail, err := mailer(t, o.smtp)
	if err != nil {
		return err
	}
	people, err := terminal.NewPeople()
	if err != nil {
		return err
	}
	st, k, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	svc, err := authn.New(authn.Config{
		Tenant: "signin", Keys: k.KeyRing(), PseudonymKey: k.Pseudonym,
		Store: st.Store, Mailer: mail, Senders: t.Phones(), Types: terminal.Types(), Directory: people,
		Passwords: people, Questions: people.Questions(), Gates: people.Gates(),
	})
	if err != nil {
		return err
	}
	if o.resume != "" {
		return t.Resume(ctx, svc, authn.StateToken(o.resume))
	}
	return t.SignIn(ctx, svc, people, o.user)
}

// open opens the store and its keys. A sign-in that is to go on has both: the
// keys are read first, so that a wrong name makes no file of either kind.
func (o options) open(ctx context.Context) (st *host.Storage, k *keys.Keys, err error) {
	file := o.keys
	if o.store != host.Memory {
		file = cmp.Or(file, keys.Of(o.store), "signin.keys")
	}
	if o.resume != "" {
		k, err = keys.Read(file)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: name the -store and the -keys that the sign-in began with, or begin again without -resume", err)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("-keys: %w", err)
		}
	}
	if st, err = host.Open(ctx, o.store); err != nil {
		return nil, nil, fmt.Errorf("-store: %w", err)
	}
	if k == nil {
		if k, err = keys.Open(file); err != nil {
			st.Close()
			return nil, nil, fmt.Errorf("-keys: %w", err)
		}
	}
	return st, k, nil
}

// mailer is the terminal itself, or a relay that gets real mail.
func mailer(t *terminal.Terminal, relay string) (authn.Sender, error) {
	if relay == "" {
		return t, nil
	}
	if _, _, err := net.SplitHostPort(relay); err != nil {
		return nil, fmt.Errorf("-smtp: %w", err)
	}
	return smtpmail.New(smtpmail.Config{
		Addr:    relay,
		From:    "sign-in@example.com",
		Service: "the sign-in demo",
		TLS:     smtpmail.Plaintext,
	})
}
