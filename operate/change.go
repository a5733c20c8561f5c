package operate

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// A change is a command that changes one account.
type change struct {
	warning string // what cannot be undone, of a user
	done    string // what has happened to a user
	rescues bool   // it also takes a record that cannot be opened, and replaces it
	do      func(ctx context.Context, s *authn.Service, user string) error
}

var (
	revoke = change{
		"This ends all sign-ins of %s, voids session tokens and forgets remembered devices.", "All sign-ins of %s have ended.", false,
		func(ctx context.Context, s *authn.Service, user string) error { return s.Revoke(ctx, user) },
	}
	forget = change{
		"This forgets the remembered devices of %s.", "No device of %s is remembered.", false,
		func(ctx context.Context, s *authn.Service, user string) error { return s.ForgetDevices(ctx, user) },
	}
	erase = change{
		"This forgets %s: sign-ins end, and what is owed, such as a message or a factor for your Directory, is never delivered.",
		"%s is forgotten.", true,
		func(ctx context.Context, s *authn.Service, user string) error { return s.Erase(ctx, user) },
	}
)

// unlock is Reinstate with a reason.
func unlock(reason string) change {
	return change{
		"This clears every lock and count of %s, and grants one more yearly budget of guesses. Sign-ins under way end.",
		"%s may sign in.", true,
		func(ctx context.Context, s *authn.Service, user string) error { return s.Reinstate(ctx, user, reason) },
	}
}

func changes(c change) func(*flag.FlagSet) action {
	return func(fs *flag.FlagSet) action {
		replace := new(bool)
		if c.rescues {
			replace = replaceFlag(fs)
		}
		return func(ctx context.Context, r *run) error { return r.change(ctx, &c, *replace) }
	}
}

func unlockFlags(fs *flag.FlagSet) action {
	reason := fs.String("reason", "", "why, `TEXT` for the audit log; required")
	replace := replaceFlag(fs)
	return func(ctx context.Context, r *run) error {
		if strings.TrimSpace(*reason) == "" {
			return usage("unlock: say why, for the audit log: -reason TEXT")
		}
		c := unlock(*reason)
		return r.change(ctx, &c, *replace)
	}
}

func replaceFlag(fs *flag.FlagSet) *bool {
	return fs.Bool("replace", false, "also replace a record that cannot be opened: all its limits are lost")
}

// changed is the result of a change.
type changed struct {
	Done    string             `json:"done"` // the command
	User    string             `json:"user"`
	Account string             `json:"account"`
	Now     *authn.AccountInfo `json:"now,omitempty"` // as it is afterwards, if it could be read
}

// change carries out a change, after it was confirmed.
func (r *run) change(ctx context.Context, c *change, replace bool) error {
	info, err := r.look(ctx)
	switch {
	case errors.Is(err, authn.ErrCorrupt) && !c.rescues:
		return err
	case errors.Is(err, authn.ErrCorrupt) && (!replace || r.account != ""):
		return &coded{refused, fmt.Errorf("%w\nnothing was changed. If a node has a key that this program lacks, the record is good: give it that key.\n"+
			"If the record is lost, name its USER with -replace: it gives way to a fresh one", err)}
	case errors.Is(err, authn.ErrCorrupt):
		fmt.Fprintf(r.err, "The record cannot be opened (%v): it is replaced, and all its limits are lost.\n", err)
	case err != nil:
		return err
	case info.SealedBy == 0:
		return r.missing(info)
	case r.user(&info) == "":
		return &coded{refused, errors.New("the user of this account was erased: what is left are limits, which end by themselves")}
	}
	user := r.user(&info)
	if err := r.sameTime(ctx); err != nil {
		return err
	}
	if err := r.confirm(ctx, fmt.Sprintf(c.warning, shown(user)), user); err != nil {
		return err
	}
	if err := c.do(ctx, r.svc, user); err != nil {
		return err
	}
	res := changed{Done: r.cmd, User: user, Account: info.Account}
	if now, err := r.svc.Account(ctx, user); err == nil {
		res.Now = &now
	}
	return r.print(res, func(w io.Writer) {
		fmt.Fprintf(w, c.done+"\n", shown(user))
		if now := res.Now; now != nil && now.SealedBy != 0 {
			fmt.Fprintf(w, "standing: %s\n", strings.Join(standing(now), "; "))
		}
	})
}

// confirm asks for the user id, unless -yes was given.
func (r *run) confirm(ctx context.Context, warning, user string) error {
	if r.yes {
		return nil
	}
	fmt.Fprintf(r.err, "%s\nThis cannot be undone. Type the user id to go on: ", warning)
	typed := make(chan string, 1)
	go func() { // which an interrupt does not reach
		line, _ := r.in.ReadString('\n')
		typed <- line
	}()
	line := ""
	select {
	case line = <-typed:
	case <-ctx.Done():
	}
	if strings.TrimRight(line, "\r\n") == user && ctx.Err() == nil {
		return nil
	}
	if !strings.HasSuffix(line, "\n") {
		fmt.Fprintln(r.err)
	}
	return &coded{refused, errors.New("not confirmed: nothing was changed. Type the user id, or give -yes")}
}

// sameTime returns an error if the clock of this machine is far from the store's, or the
// store does not say: by a wrong clock, what is in force looks over.
func (r *run) sameTime(ctx context.Context) error {
	clock, ok := r.cfg.Store.(authn.Clock)
	if !ok {
		return nil
	}
	off, err := skew(ctx, clock, r.svc.Now)
	if err != nil {
		return fmt.Errorf("the store does not tell the time: %w", err)
	}
	if off.Abs() > authn.MaxSkew {
		return &coded{refused, fmt.Errorf("the clock of this machine is %v %s the store's: set it first; nothing was changed", off.Abs().Round(time.Second), side(off))}
	}
	return nil
}

// skew is how far this clock is ahead of the store's; what the call takes does not count.
func skew(ctx context.Context, clock authn.Clock, now func() time.Time) (time.Duration, error) {
	before := now()
	there, err := clock.Now(ctx)
	after := now()
	switch {
	case err != nil:
		return 0, err
	case there.Before(before):
		return before.Sub(there), nil
	case there.After(after):
		return after.Sub(there), nil
	}
	return 0, nil
}

func side(ahead time.Duration) string {
	if ahead < 0 {
		return "behind"
	}
	return "ahead of"
}

// tend does once what is due.
func tend(ctx context.Context, r *run) error {
	if !r.ports {
		return &coded{refused, fmt.Errorf("tend sends messages and hands factors to your Directory, and this program has neither.\n" +
			"Your nodes tend as long as they call Service.Tend. To do it from here, make a program of your own with\n" +
			"operate.Tool, whose Open returns your whole authn.Config: see the documentation of package operate")}
	}
	did, err := r.svc.Tend(ctx)
	if perr := r.print(did, func(w io.Writer) {
		fmt.Fprintf(w, "%s due: %d sign-ins ended, %d deliveries, %d deleted, %d of another key or version, %d unreadable\n",
			count(did.Records, "record"), did.Ended, did.Delivered, did.Deleted, did.Foreign, did.Unreadable)
	}); perr != nil {
		return perr
	}
	return err
}
