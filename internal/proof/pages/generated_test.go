package pages

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
	"github.com/authnfsm/authn/internal/golden"
)

// The pages in docs/ come from the table that runs: a change of a row makes
// these tests ask for them anew (go generate work).
func TestDocs(t *testing.T) {
	for name, page := range map[string]func() string{
		"states.md": statesPage, "events.md": eventsPage, "guards.md": guardsPage, "policy.md": policyPage, "errors.md": errorsPage,
		"paths.md": func() string { return pathsPage(t) },
	} {
		sameFile(t, "docs/"+name, page()+"\n"+footer())
	}
	readme := read(t, "README.md")
	head, rest, ok1 := strings.Cut(readme, "<!-- states -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- /states -->")
	if !ok1 || !ok2 {
		t.Fatal("README.md has no place for the drawing")
	}
	var b strings.Builder
	if err := diagram.Mermaid(&b, authn.Transitions(), diagram.Email()); err != nil {
		t.Fatal(err)
	}
	sameFile(t, "README.md", head+"<!-- states -->\n```mermaid\n"+b.String()+"```\n<!-- /states -->"+tail)
}

// sameFile compares with a file; -update writes it.
func sameFile(t *testing.T, path, want string) {
	t.Helper()
	golden.Same(t, path, want)
}

// footer names the table that the page was made from.
func footer() string {
	return "---\n\nGenerated from the table " + diagram.Digest(authn.Transitions()) + " by `go generate work`. Do not edit.\n"
}

func statesPage() string {
	var b strings.Builder
	b.WriteString("# States\n\nA transaction is in one of these states. What the table has no row for is refused with `ErrNotAllowed`, and in a state that has ended with\n`ErrFinished`, exactly as for a token that never was.\n\n![Every state and every event](img/overview.svg)\n")
	for _, x := range authn.NewReference().States {
		st := x.State
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n* The host shows: %s\n%s", st, x.Means, lower(x.Shows), lasting(x))
		if x.Terminal && st != authn.Success {
			b.WriteString("* Nothing leaves it.\n")
			continue
		}
		b.WriteString("\n| event | guards | leads to | refused |\n|---|---|---|---|\n")
		for _, r := range rowsOf(func(r authn.Transition) bool { return r.From == st }) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Event, strings.Join(r.When, ", "), r.To, refusal(r.Refuse))
		}
	}
	return b.String()
}

// lasting says how long a state may last: a field of the policy, or for good.
func lasting(x authn.StateInfo) string {
	for _, b := range authn.NewReference().Policy {
		if x.Lasts == b.Name {
			return fmt.Sprintf("* It lasts at most %s, by the policy's `%s`.\n", b.Default, b.Name)
		}
	}
	if x.Lasts != "" {
		panic("the policy has no " + x.Lasts)
	}
	if x.Terminal {
		return "* It lasts for good.\n"
	}
	return ""
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func rowsOf(keep func(authn.Transition) bool) (list []authn.Transition) {
	for _, r := range authn.Transitions() {
		if keep(r) {
			list = append(list, r)
		}
	}
	return list
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	return sentinelName(err)
}

func eventsPage() string {
	ref := authn.NewReference()
	var b strings.Builder
	b.WriteString("# Events\n\nWhat may happen to a transaction. `Service.Do` takes all but primary and redeem, which have methods of their own, and expire and lock,\nwhich nobody sends. Any of them may carry an idempotency key: `Once(key, event)`. All of them are in [one picture](img/full.svg).\n")
	for _, e := range ref.Events {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| in | guards | to | then | effects | why |\n|---|---|---|---|---|---|\n", e.Name, e.Text)
		for _, r := range rowsOf(func(r authn.Transition) bool { return string(r.Event) == e.Name }) {
			to, then := string(r.To), strings.Join(r.Then, ", ")
			if r.Refuse != nil {
				to = "refused: `" + sentinelName(r.Refuse) + "`"
			}
			if r.Outcome != authn.Done {
				then += " (" + string(r.Outcome) + ")"
			}
			if r.Others != "" {
				then += "; " + string(r.Others) + " for all others"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.From, strings.Join(r.When, ", "), to, then, strings.Join(r.Emit, ", "), r.Why)
		}
	}
	list(&b, "Updates", "What a row changes, in this order.", ref.Updates)
	list(&b, "Effects", "What a committed step asks the host for: stored with the step, carried out after it, at least once, each time with the same key.", ref.Effects)
	return b.String()
}

func list(b *strings.Builder, title, text string, docs []authn.Term) {
	fmt.Fprintf(b, "\n# %s\n\n%s\n\n| | |\n|---|---|\n", title, text)
	for _, d := range docs {
		fmt.Fprintf(b, "| %s | %s |\n", d.Name, d.Text)
	}
}

func guardsPage() string {
	var b strings.Builder
	b.WriteString("# Guards\n\nA guard is one answer to one question. A question gives exactly one of its answers, so two answers to one question never hold together and one\nalways does; at start-up every cell of the table is proved to have exactly one row for every combination. Questions are asked in this order,\neach at most once, and only those that the cell's rows name.\n")
	group := ""
	for _, g := range authn.NewReference().Guards {
		if g.Group != group {
			group = g.Group
			fmt.Fprintf(&b, "\n## %s\n\n| answer | it holds when | rows |\n|---|---|---|\n", group)
		}
		var at []string
		for _, r := range rowsOf(func(r authn.Transition) bool { return slices.Contains(r.When, g.Name) }) {
			if c := fmt.Sprintf("%s in %s", r.Event, r.From); !slices.Contains(at, c) {
				at = append(at, c)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", g.Name, g.Text, strings.Join(at, "; "))
	}
	return b.String()
}

func policyPage() string {
	var b strings.Builder
	b.WriteString("# Policy\n\nEvery number of `authn.Policy`. A field that is 0 takes its default; a value outside the bounds is an error of `New` that names the field.\n\n| field | default | bounds | reason |\n|---|---|---|---|\n")
	for _, p := range authn.NewReference().Policy {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, p.Default, p.Bounds, p.Reason)
	}
	b.WriteString("\nWith 8 digits or more there is no yearly budget of wrong codes unless `FailuresPerYear` is set.\n")
	fmt.Fprintf(&b, "\n`MaxSkew`, by which the clocks of two nodes may differ, is %v and fixed.\n", authn.MaxSkew)
	return b.String()
}

// Every state and every sentinel has its lines.
func TestDocsComplete(t *testing.T) {
	for _, st := range authn.NewReference().States {
		if st.Means == "" || st.Shows == "" || !st.Terminal && st.State != authn.Unauthenticated && st.Lasts == "" {
			t.Errorf("%s is not explained", st.State)
		}
	}
	if page := statesPage() + eventsPage() + errorsPage(); strings.Contains(page, "?") && strings.Contains(page, "`?`") {
		t.Error("a refusal is not explained")
	}
}
