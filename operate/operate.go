// Package operate has the commands of an operator's program over any store of authn:
// show, list and explain accounts; unlock, revoke, forget and erase them; seal records
// anew before a key goes; tend once; and a doctor.
//
//	func main() {
//		tool := operate.Tool{Name: "signinctl", Open: open} // open returns your authn.Config
//		os.Exit(tool.Run(context.Background(), os.Args[1:]))
//	}
//
// cmd/authnctl is such a program, which has a store and keys only. Make one of your own
// if your [authn.Config] has a Policy, Gates or Types that authnctl should know, or for
// tend, which takes your Mailer and your Directory.
//
// # Exit codes
//
//	0  done
//	1  failed: the store, the keys or a record; nothing else is known to have happened
//	2  the command line or the configuration is wrong; nothing was done
//	3  refused, or not confirmed; nothing was done
//	4  there is no record of that account, so nothing is limited, locked or owed
//	5  doctor has found something that needs you
//
// Results go to Stdout: text for people, or with -json one JSON object, for list one in
// each line. What the text says may change with a release; names in JSON stay.
// Questions, progress and errors go to Stderr. Neither ever has a code, a token, a key or
// an address.
package operate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/authnfsm/authn"
)

// ErrUsage is wrapped by errors of [Tool].Open that are about the command line or the
// environment: the exit code is then 2.
var ErrUsage = errors.New("usage")

// A Tool is a program for operators. [Tool.Run] may be called from one goroutine at a
// time.
type Tool struct {
	// Name is that of the program, for its help; "authnctl" by default.
	Name string

	// Flags adds flags to those of every command; nil adds none. Open reads them.
	Flags func(*flag.FlagSet)

	// Open returns the configuration, and a function that gives up what it holds, which
	// may be nil. It is required, and called once for each Run, after the flags were
	// read. Mailer and Directory may be nil: then tend is refused, and nothing else
	// needs them. The Auditor, if there is one, gets what the commands do.
	Open func(context.Context) (authn.Config, func() error, error)

	Stdin          io.Reader // nil: os.Stdin
	Stdout, Stderr io.Writer // nil: os.Stdout, os.Stderr
}

// Exit codes.
const (
	done = iota
	failed
	badUsage
	refused
	noRecord
	unwell
)

// A coded error has an exit code of its own.
type coded struct {
	code int
	err  error
}

func (c *coded) Error() string { return c.err.Error() }
func (c *coded) Unwrap() error { return c.err }

func usage(format string, args ...any) error {
	return &coded{badUsage, fmt.Errorf(format, args...)}
}

// silent ends a command whose output has said all.
func silent(code int) error { return &coded{code, nil} }

// A run is one command under way.
type run struct {
	*Tool
	name    string // of the program
	cmd     string // the command
	in      *bufio.Reader
	out     io.Writer
	err     io.Writer
	cfg     authn.Config
	svc     *authn.Service
	ports   bool // of the host, besides the store
	json    bool
	yes     bool
	account string   // flag -account
	args    []string // what is not a flag
}

// Run runs one command, "show ada" for instance, and returns the exit code.
func (t *Tool) Run(ctx context.Context, args []string) int {
	r := &run{Tool: t, name: cmp.Or(t.Name, "authnctl"), in: bufio.NewReader(os.Stdin), out: os.Stdout, err: os.Stderr}
	if t.Stdin != nil {
		r.in = bufio.NewReader(t.Stdin)
	}
	if t.Stdout != nil {
		r.out = t.Stdout
	}
	if t.Stderr != nil {
		r.err = t.Stderr
	}
	err := r.command(ctx, args)
	var c *coded
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return done
	case errors.As(err, &c) && c.err == nil:
		return c.code
	}
	fmt.Fprintf(r.err, "%s: %v\n", r.name, err)
	if errors.Is(err, authn.ErrCorrupt) && !r.json {
		fmt.Fprintf(r.err, "Are these the keys of this store? Compare them with those of your nodes: %s doctor -all\n", r.name)
	}
	switch {
	case c != nil:
		return c.code
	case errors.Is(err, ErrUsage):
		return badUsage
	}
	return failed
}

// command finds the command and reads its flags.
func (r *run) command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		r.help(r.err)
		return silent(badUsage)
	}
	name, to := args[0], r.err
	if name == "help" || name == "-h" || name == "-help" || name == "--help" {
		if len(args) < 2 {
			r.help(r.out)
			return nil
		}
		name, args, to = args[1], []string{"", "-h"}, r.out
	}
	cmd := find(name)
	r.cmd = name
	if cmd == nil {
		return usage("there is no command %q: see %s help", name, r.name)
	}
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(to)
	fs.BoolVar(&r.json, "json", false, "write JSON")
	if cmd.user {
		fs.StringVar(&r.account, "account", "", "the account by the `KEY` of its record, as in audit events, in place of USER")
	}
	if cmd.asks {
		fs.BoolVar(&r.yes, "yes", false, "do not ask for confirmation")
	}
	act := cmd.flags(fs)
	if r.Flags != nil {
		r.Flags(fs)
	}
	fs.Usage = func() { r.helpOn(cmd, fs) }
	var err error
	if r.args, err = parse(fs, args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return silent(badUsage) // fs has said why
	}
	if err := r.check(cmd); err != nil {
		return err
	}
	return r.with(ctx, cmd, act)
}

// parse reads flags before, between and behind the other arguments. Behind "--" there
// are no flags.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		n := len(args) - fs.NArg()
		if fs.NArg() == 0 || n > 0 && args[n-1] == "--" {
			return append(rest, fs.Args()...), nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// check checks how many arguments there are.
func (r *run) check(cmd *command) error {
	want := 0
	if cmd.user && r.account == "" {
		want = 1
	}
	switch {
	case len(r.args) > want:
		return usage("%s: unexpected argument %q: see %s help %s", cmd.name, r.args[want], r.name, cmd.name)
	case len(r.args) < want:
		return usage("%s: name the user, or the account by -account KEY: see %s help %s", cmd.name, r.name, cmd.name)
	}
	return nil
}

// with opens the store and runs the command on it.
func (r *run) with(ctx context.Context, cmd *command, act action) (err error) {
	cfg, end, err := r.Open(ctx)
	if end != nil {
		defer func() { err = errors.Join(err, end()) }()
	}
	if err == nil {
		r.ports = cfg.Mailer != nil && cfg.Directory != nil
		r.cfg = cfg
		if cfg.Mailer == nil {
			cfg.Mailer = absent{}
		}
		if cfg.Directory == nil {
			cfg.Directory = absent{}
		}
		r.svc, err = authn.New(cfg)
	}
	if err != nil && cmd.name == "doctor" {
		return r.cannotOpen(err)
	}
	if err != nil {
		return err
	}
	return act(ctx, r)
}

// absent is in the place of a Mailer and a Directory that the program does not have. No
// command that runs without them calls one.
type absent struct{}

var errAbsent = errors.New("this program has no Mailer and no Directory")

func (absent) Send(context.Context, authn.Message) error { return errAbsent }

func (absent) Factors(context.Context, string) ([]authn.Factor, error) { return nil, errAbsent }

func (absent) Activated(context.Context, string, string, authn.Factor) error { return errAbsent }

// print writes a result: as JSON, or as text by the function.
func (r *run) print(v any, text func(io.Writer)) error {
	if !r.json {
		text(r.out)
		return nil
	}
	return json.NewEncoder(r.out).Encode(v)
}

// look returns the account that the command line names.
func (r *run) look(ctx context.Context) (authn.AccountInfo, error) {
	if r.account != "" {
		info, err := r.svc.AccountByKey(ctx, strings.ToLower(r.account))
		if errors.Is(err, authn.ErrMalformed) {
			return info, usage("-account: %q is not the key of an account of tenant %q: it has 40 hexadecimal digits, as in audit events", r.account, r.cfg.Tenant)
		}
		return info, err
	}
	info, err := r.svc.Account(ctx, r.args[0])
	if errors.Is(err, authn.ErrMalformed) {
		return info, usage("%q cannot be a user id: it has 1 to 128 bytes and no control characters", r.args[0])
	}
	return info, err
}

// user is whose account it is, as the command line or its record says; "" if neither does.
func (r *run) user(info *authn.AccountInfo) string {
	if r.account == "" {
		return r.args[0]
	}
	return info.User
}

// who is how the command line has named the account.
func (r *run) who() string {
	if r.account != "" {
		return "-account " + shown(r.account)
	}
	return shown(r.args[0])
}

// missing says that there is no record.
func (r *run) missing(info authn.AccountInfo) error {
	err := r.print(info, func(w io.Writer) {
		fmt.Fprintf(w, "There is no record of %s in tenant %q: nothing is limited, locked or owed.\n", r.who(), r.cfg.Tenant)
	})
	if err != nil {
		return err
	}
	if !r.json {
		fmt.Fprintf(r.err, "If you expected one, check the spelling, the tenant and the pseudonym key: %s list\n", r.name)
	}
	return silent(noRecord)
}
