package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/examples/keys"
	"github.com/authnfsm/authn/okta"
)

// options are the flags.
type options struct {
	addr, store, smtp, keys  string
	codeLifetime, resendWait time.Duration
	dev                      bool
	serverKey                string // of the environment: flags can be seen by others

	cost int // of a password's hash; no flag: tests lower it
}

func parse(args []string, out io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("idp", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`host:port` to serve on; port 0 takes a free one; a name is also one that the server answers to")
	fs.StringVar(&o.store, "store", host.Memory, "where sign-ins are kept: memory, sqlite:`FILE`, postgres://…, mysql://… or redis://…")
	fs.StringVar(&o.smtp, "smtp", "", "send mail to the relay at `host:port`, without encryption or a login, instead of showing it in /inbox, but for mail with a link")
	fs.StringVar(&o.keys, "keys", "", "`FILE` with the keys; made, with random ones, if it is not there (default: none with memory, FILE.keys with sqlite:FILE)")
	fs.DurationVar(&o.codeLifetime, "code-lifetime", 5*time.Minute, "how long a code is good for, 1m to 9m30s")
	fs.DurationVar(&o.resendWait, "resend-wait", 0, "wait before each further code, at least 1s (default 30s, then 1m, then 2m)")
	fs.BoolVar(&o.dev, "dev", false, "let POST /dev/clock?advance=5m set the clock forward")
	fs.Usage = func() {
		fmt.Fprintf(out, "usage: idp [flags]\n\nAn identity provider to try in a browser.\n\n%s\nFlags:\n", listAccounts())
		fs.PrintDefaults()
		fmt.Fprintf(out, "\nWith %s, of at least %d characters, in the environment, whoever sends\n\"Authorization: SSWS KEY\" is a trusted server: see Trusted in package okta.\n", serverKeyEnv, minServerKey)
	}
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.cost, o.serverKey = bcrypt.DefaultCost, os.Getenv(serverKeyEnv)
	return o, o.check(fs)
}

func (o *options) check(fs *flag.FlagSet) error {
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if _, _, err := net.SplitHostPort(o.addr); err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["resend-wait"] && o.resendWait < time.Second {
		return fmt.Errorf("-resend-wait: %v is less than 1s", o.resendWait)
	}
	if o.codeLifetime <= 0 {
		return fmt.Errorf("-code-lifetime: %v is not a time to live", o.codeLifetime)
	}
	if n := len(o.serverKey); n > 0 && n < minServerKey {
		return fmt.Errorf("%s: it has %d characters, and needs %d", serverKeyEnv, n, minServerKey)
	}
	k := keys.Random()
	if _, err := authn.NewMachine(authn.Config{Keys: k.KeyRing(), PseudonymKey: k.Pseudonym, Policy: o.policy()}); err != nil {
		return err // of the policy: before anything is opened
	}
	o.keys = cmp.Or(o.keys, keys.Of(o.store))
	if o.store != host.Memory && o.keys == "" {
		return fmt.Errorf("-keys: this store outlives the program, and so must the keys: name a file for them")
	}
	return nil
}

// rememberFor is how long a browser may be remembered, if its user wants it.
const rememberFor = 30 * 24 * time.Hour

// policy is the recommended one but for what the flags and Okta's clients ask.
func (o *options) policy() authn.Policy {
	p := authn.Policy{CodeLife: o.codeLifetime, SessionLife: okta.SessionLife, Remember: rememberFor}
	if o.resendWait > 0 {
		p.Cooldowns = []time.Duration{o.resendWait}
	}
	return p
}
