package operate

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// A filter is the conditions of list.
type filter struct {
	state, owes      string
	locked, disabled bool
	sealed           uint
	limit            int
}

func listFlags(fs *flag.FlagSet) action {
	var f filter
	fs.StringVar(&f.state, "state", "", "with a sign-in in this `STATE`, such as MFA_CHALLENGE")
	fs.StringVar(&f.owes, "owes", "", "that owe this `EFFECT`, such as \"send code\"; \"any\" for all that owe something")
	fs.BoolVar(&f.locked, "locked", false, "that are locked or disabled")
	fs.BoolVar(&f.disabled, "disabled", false, "that only unlock opens")
	fs.UintVar(&f.sealed, "sealed", 0, "whose record is sealed with the key of this `ID`")
	fs.IntVar(&f.limit, "limit", 0, "end after `N` accounts; 0: all")
	return func(ctx context.Context, r *run) error {
		if err := f.check(r); err != nil {
			return err
		}
		return r.list(ctx, &f)
	}
}

// check refuses names that nothing has: nobody should take a typing error for an empty list.
func (f *filter) check(r *run) error {
	m, err := authn.NewMachine(r.cfg)
	if err != nil {
		return err
	}
	ref := m.Reference()
	var states, effects []string
	for _, s := range ref.States {
		states = append(states, string(s.State))
	}
	for _, e := range ref.Effects {
		effects = append(effects, e.Name)
	}
	f.state = strings.ToUpper(f.state)
	f.owes = strings.ReplaceAll(strings.ToLower(f.owes), "-", " ")
	switch {
	case f.state != "" && !slices.Contains(states, f.state):
		return usage("list: no state is called %s: there are %s", f.state, strings.Join(states, ", "))
	case f.owes != "" && f.owes != "any" && !slices.Contains(effects, f.owes):
		return usage("list: nothing that is owed is called %q: there are %s", f.owes, strings.Join(effects, ", "))
	case f.limit < 0:
		return usage("list: -limit %d", f.limit)
	}
	return nil
}

func (f *filter) has(a *authn.AccountInfo) bool {
	switch {
	case f.state != "" && !slices.ContainsFunc(a.Transactions, func(t authn.TransactionView) bool { return string(t.State) == f.state }):
		return false
	case f.owes == "any" && len(a.Owed) == 0:
		return false
	case f.owes != "" && f.owes != "any" && !slices.ContainsFunc(a.Owed, func(e authn.Effect) bool { return e.Name == f.owes }):
		return false
	case f.locked && !a.Disabled && !a.LockEnds.After(a.At):
		return false
	case f.disabled && !a.Disabled:
		return false
	}
	return f.sealed == 0 || f.sealed == uint(a.SealedBy)
}

// list writes a line for each account.
func (r *run) list(ctx context.Context, f *filter) error {
	n, bad := 0, 0
	err := r.each(ctx, func(a *authn.AccountInfo) (bool, error) {
		if !f.has(a) {
			return true, nil
		}
		n++
		if err := r.print(a, func(w io.Writer) { line(w, a) }); err != nil {
			return false, err
		}
		return n != f.limit, nil
	}, &bad)
	if err != nil {
		return err
	}
	if !r.json {
		fmt.Fprintf(r.err, "%s\n", count(n, "account"))
	}
	return unreadable(bad)
}

// line is an account in one line.
func line(w io.Writer, a *authn.AccountInfo) {
	var says []string
	for _, t := range a.Transactions {
		if !ended(&t) {
			says = append(says, string(t.State))
		}
	}
	switch {
	case a.Disabled:
		says = append(says, "disabled")
	case a.LockEnds.After(a.At):
		says = append(says, "locked until "+when(a.LockEnds, a.At))
	}
	for _, e := range a.Owed {
		says = append(says, "owes "+e.Name)
	}
	user := "(erased)"
	if a.User != "" {
		user = shown(a.User)
	}
	fmt.Fprintf(w, "%s  %-24s  %s\n", a.Account, user, cmp.Or(strings.Join(says, ", "), "-"))
}

func unreadable(n int) error {
	if n == 0 {
		return nil
	}
	verb := "records cannot be opened: their keys are"
	if n == 1 {
		verb = "record cannot be opened: its key is"
	}
	return fmt.Errorf("%d %s above", n, verb)
}

// each calls f with every account until it says false. It says on Stderr which records
// cannot be opened, counts them in bad, and shows from time to time how far it is.
func (r *run) each(ctx context.Context, f func(*authn.AccountInfo) (bool, error), bad *int) error {
	n, told, pause := 0, time.Now(), time.Second
	for info, err := range r.svc.Accounts(ctx) {
		if n++; time.Since(told) >= pause {
			told, pause = time.Now(), 5*time.Second
			fmt.Fprintf(r.err, "%s looked at …\n", count(n, "account"))
		}
		if errors.Is(err, authn.ErrCorrupt) {
			*bad++
			fmt.Fprintf(r.err, "%s  %v\n", info.Account, err)
			continue
		}
		if err != nil {
			return err
		}
		if more, err := f(&info); err != nil || !more {
			return err
		}
	}
	return nil
}
