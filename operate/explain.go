package operate

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
)

func explainFlags(fs *flag.FlagSet) action {
	format := fs.String("format", "text", "text, mermaid or dot; dot -Tsvg makes a picture of the last")
	id := fs.String("transaction", "", "the `ID` of the sign-in, or how it begins")
	return func(ctx context.Context, r *run) error {
		if !slices.Contains([]string{"text", "mermaid", "dot"}, *format) {
			return usage("explain: unknown format %q: text, mermaid or dot", *format)
		}
		return r.explain(ctx, *id, *format)
	}
}

// explained is a sign-in and what its state allows.
type explained struct {
	User        string                `json:"user"`
	Transaction authn.TransactionView `json:"transaction"`
	Means       string                `json:"means"`
	From        []step                `json:"from"` // rows that lead here from other states
	To          []step                `json:"to"`   // rows that lead on
}

// step is an event with the states that it leads from or to.
type step struct {
	Event  authn.EventName `json:"event"`
	States []authn.State   `json:"states"`
}

func (r *run) explain(ctx context.Context, id, format string) error {
	info, err := r.look(ctx)
	if err != nil {
		return err
	}
	if info.SealedBy == 0 {
		return r.missing(info)
	}
	t := choose(info.Transactions, strings.ToLower(id))
	if t == nil {
		what := "has no sign-in under way"
		if id != "" {
			what = fmt.Sprintf("has no sign-in %q: it has ended more than 10 minutes ago, and is in your audit log", id)
		}
		return &coded{noRecord, fmt.Errorf("%s %s: see %s show %s", r.who(), what, r.name, r.who())}
	}
	m, err := authn.NewMachine(r.cfg)
	if err != nil {
		return err
	}
	x := about(m, t)
	x.User = info.User
	if !r.json && format != "text" {
		return r.draw(m, x, format)
	}
	return r.print(x, func(w io.Writer) { x.text(w, &info) })
}

// choose returns the sign-in whose id begins so: the one that is under way, and began
// last.
func choose(ts []authn.TransactionView, id string) (best *authn.TransactionView) {
	for i := range ts {
		t := &ts[i]
		if !strings.HasPrefix(t.ID, id) {
			continue
		}
		if best == nil || ended(best) && !ended(t) || ended(best) == ended(t) && t.Began.After(best.Began) {
			best = t
		}
	}
	return best
}

// about collects what the machine's table says of the state.
func about(m *authn.Machine, t *authn.TransactionView) *explained {
	x := &explained{Transaction: *t}
	for _, s := range m.Reference().States {
		if s.State == t.State {
			x.Means = s.Means
		}
	}
	for _, row := range m.Transitions() {
		switch {
		case row.Refuse != nil:
		case row.From == t.State:
			x.To = add(x.To, row.Event, row.To)
		case row.To == t.State:
			x.From = add(x.From, row.Event, row.From)
		}
	}
	return x
}

func add(steps []step, e authn.EventName, s authn.State) []step {
	i := slices.IndexFunc(steps, func(x step) bool { return x.Event == e })
	if i < 0 {
		return append(steps, step{e, []authn.State{s}})
	}
	if !slices.Contains(steps[i].States, s) {
		steps[i].States = append(steps[i].States, s)
	}
	return steps
}

// text draws the state between those before and behind it.
func (x *explained) text(w io.Writer, a *authn.AccountInfo) {
	t := &x.Transaction
	for _, s := range x.From {
		fmt.Fprintf(w, "  %s ── %s ─┐\n", names(s.States), s.Event)
	}
	user := "erased"
	if x.User != "" {
		user = shown(x.User)
	}
	fmt.Fprintf(w, "● %s  is where %s stands\n", t.State, user)
	for i, s := range x.To {
		branch := "├"
		if i == len(x.To)-1 {
			branch = "└"
		}
		fmt.Fprintf(w, "  %s─ %s ─→ %s\n", branch, s.Event, names(s.States))
	}
	if x.Means != "" {
		fmt.Fprintf(w, "\n%s: %s\n", t.State, strings.ReplaceAll(x.Means, "`", ""))
	}
	fmt.Fprintln(w)
	signIn(w, t, a.At)
	fmt.Fprintf(w, "\nstanding: %s\n", strings.Join(standing(a), "; "))
}

func names(ss []authn.State) string {
	var all []string
	for _, s := range ss {
		all = append(all, string(s))
	}
	return strings.Join(all, " | ")
}

// draw draws the whole table with the state lit.
func (r *run) draw(m *authn.Machine, x *explained, format string) error {
	v, _ := diagram.Named("overview")
	t, o := &x.Transaction, v.Options
	o.Lit, o.Title = t.State, "sign-in "+t.ID
	o.Notes = map[authn.State]string{t.State: fmt.Sprintf("%s, %s", count(t.Steps, "step"), count(t.Tries, "wrong code"))}
	o.Groups = slices.DeleteFunc(o.Groups, func(g diagram.Group) bool { return slices.Contains(g.States, t.State) })
	if format == "dot" {
		return diagram.DOT(r.out, m.Transitions(), o)
	}
	return diagram.Mermaid(r.out, m.Transitions(), o)
}
