package operate

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/authnfsm/authn"
)

func show(ctx context.Context, r *run) error {
	info, err := r.look(ctx)
	if err != nil {
		return err
	}
	if info.SealedBy == 0 {
		return r.missing(info)
	}
	return r.print(info, func(w io.Writer) { r.describe(w, &info) })
}

// describe writes an account for people.
func (r *run) describe(w io.Writer, a *authn.AccountInfo) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	user := "erased: only limits are left, until they end"
	if a.User != "" {
		user = shown(a.User)
	}
	fmt.Fprintf(t, "user\t%s\n", user)
	fmt.Fprintf(t, "account\t%s\n", a.Account)
	for i, s := range standing(a) {
		fmt.Fprintf(t, "%s\t%s\n", []string{"standing", ""}[min(i, 1)], s)
	}
	fmt.Fprintf(t, "saved\t%s\n", when(a.Saved, a.At))
	sealed := fmt.Sprintf("with key %d", a.SealedBy)
	if a.SealedBy != r.cfg.Keys[0].ID {
		sealed += fmt.Sprintf(", not with %d, which is in use: %s reseal", r.cfg.Keys[0].ID, r.name)
	}
	fmt.Fprintf(t, "sealed\t%s\n", sealed)
	t.Flush()

	fmt.Fprintln(w, "\nbudgets")
	for _, b := range a.Budgets {
		free := ""
		if !b.FreeAt.IsZero() {
			free = "\tone more fits " + when(b.FreeAt, a.At)
		}
		fmt.Fprintf(t, "  %s\t%d of %d%s\n", budgets[b.Policy], b.Used, b.Of, free)
	}
	t.Flush()

	section(w, "sign-ins", len(a.Transactions))
	for i := range a.Transactions {
		signIn(w, &a.Transactions[i], a.At)
	}
	section(w, "owed", len(a.Owed))
	for _, e := range a.Owed {
		fmt.Fprintf(w, "  %s: %s begun, next after %s\n", owes(&e), count(e.Attempts, "attempt"), when(e.Next, a.At))
	}
	section(w, "remembered devices", len(a.Devices))
	for _, at := range a.Devices {
		fmt.Fprintf(w, "  since %s\n", when(at, a.At))
	}
	if next := r.next(a); next != "" {
		fmt.Fprintf(w, "\nnext: %s\n", next)
	}
}

func section(w io.Writer, name string, n int) {
	fmt.Fprintf(w, "\n%s\n", name)
	if n == 0 {
		fmt.Fprintln(w, "  none")
	}
}

// budgets says what a field of the policy limits.
var budgets = map[string]string{
	"SendsPerHour":    "codes sent in an hour",
	"SendsPerDay":     "codes sent in 24 hours",
	"StartsPerHour":   "sign-ins begun in an hour",
	"FailuresPerDay":  "wrong codes in 24 hours",
	"FailuresPerYear": "wrong codes in 365 days",
	"DisableAfter":    "wrong codes in a row",
}

// standing says, in one or more lines, whether the user may sign in.
func standing(a *authn.AccountInfo) (ls []string) {
	if a.Disabled {
		ls = append(ls, "disabled: too many wrong codes in a row; only unlock ends that")
	}
	if a.LockEnds.After(a.At) {
		why := count(a.Failures, "wrong code") + " in a row"
		if !a.LockedUntil.Equal(a.LockEnds) {
			why = "a budget of wrong codes is used up"
		}
		ls = append(ls, "locked until "+when(a.LockEnds, a.At)+": "+why)
	}
	if a.BackoffUntil.After(a.At) {
		ls = append(ls, "no code is looked at until "+when(a.BackoffUntil, a.At))
	}
	for _, b := range a.Budgets {
		if !b.FreeAt.IsZero() && !strings.HasPrefix(b.Policy, "Failures") {
			ls = append(ls, "no more "+budgets[b.Policy]+" until "+when(b.FreeAt, a.At))
		}
	}
	if ls == nil {
		ls = []string{"open: may sign in"}
	}
	return ls
}

// ended says that only a tombstone is left of a transaction.
func ended(t *authn.TransactionView) bool {
	switch t.State {
	case authn.LockedOut, authn.Canceled, authn.Expired:
		return true
	}
	return t.State == authn.Success && !t.Session
}

// signIn writes a transaction.
func signIn(w io.Writer, t *authn.TransactionView, now time.Time) {
	fmt.Fprintf(w, "  %s  %s\n", t.State, t.ID)
	if t.State == authn.OtherGate {
		fmt.Fprintln(w, "    a state of the host's own, which this program does not know: see package operate")
	}
	if ended(t) {
		said := "has ended"
		if t.Expires.After(now) {
			said += ", and answers repeats until " + when(t.Expires, now)
		}
		fmt.Fprintf(w, "    began %s; %s\n", when(t.Began, now), said)
		return
	}
	ends := "ends " + when(t.Expires, now)
	if !t.Expires.After(now) {
		ends = "over since " + when(t.Expires, now) + ", and ended by the next event or Tend"
	}
	fmt.Fprintf(w, "    began %s, %s\n", when(t.Began, now), ends)
	fmt.Fprintf(w, "    %s, %s, %s sent\n", count(t.Steps, "step"), count(t.Tries, "wrong code"), count(t.Sent, "code"))
	if t.Factor != "" {
		fmt.Fprintf(w, "    factor %s", shown(t.Factor))
		switch {
		case t.CodeExpires.After(now):
			fmt.Fprintf(w, ": a code is good until %s, %s", when(t.CodeExpires, now), count(t.CodeTries, "wrong code"))
		case !t.CodeExpires.IsZero():
			fmt.Fprintf(w, ": its code is late since %s", when(t.CodeExpires, now))
		}
		if t.Delivery != "" && t.Delivery != authn.NotSent {
			fmt.Fprintf(w, ", delivery %s", t.Delivery)
		}
		fmt.Fprintln(w)
	}
	if len(t.Proved) > 0 {
		fmt.Fprintf(w, "    proved %s\n", shown(strings.Join(t.Proved, ",")))
	}
	if t.Session {
		fmt.Fprintln(w, "    its session token was not redeemed yet")
	}
}

// owes names an effect.
func owes(e *authn.Effect) string {
	if e.Factor == "" {
		return e.Name
	}
	return fmt.Sprintf("%s (factor %s)", e.Name, shown(e.Factor))
}

// next is what an operator may want to do about an account; "" is nothing.
func (r *run) next(a *authn.AccountInfo) string {
	late := false
	for _, e := range a.Owed {
		late = late || e.Next.Before(a.At.Add(-time.Minute))
	}
	switch {
	case a.User == "":
		return ""
	case a.Disabled, a.LockEnds.After(a.At):
		return fmt.Sprintf("%s unlock -reason 'who asked, and how you know' %s", r.name, shellWord(a.User))
	case late:
		return "what is owed is late: does a node call Service.Tend? " + r.name + " doctor"
	}
	return ""
}

// shellWord is an argument that can be pasted into a shell, at the end of a command.
func shellWord(s string) string {
	word := s
	if s == "" || strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("@._+:/-", c))
	}) {
		word = "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	if strings.HasPrefix(s, "-") {
		return "-- " + word
	}
	return word
}
