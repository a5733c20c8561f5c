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

// The generated pages in docs/ are up to date. After a change of the table, run
// go run ./internal/regen.
func TestDocs(t *testing.T) {
	for name, page := range map[string]func() string{
		"states.md": statesPage, "events.md": eventsPage, "guards.md": guardsPage, "errors.md": errorsPage,
		"internals/paths.md": func() string { return pathsPage(t) },
	} {
		sameFile(t, "docs/"+name, page()+"\n"+footer("the table "+diagram.Digest(authn.Transitions())))
	}
	sameFile(t, "docs/policy.md", policyPage()+"\n"+footer("`authn.Policy`"))
	readme := read(t, "README.md")
	head, rest, ok1 := strings.Cut(readme, "<!-- states -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- /states -->")
	if !ok1 || !ok2 {
		t.Fatal("README.md has no markers for the diagram")
	}
	var b strings.Builder
	email := view("email")
	if err := diagram.Mermaid(&b, email.Rows, email.Options); err != nil {
		t.Fatal(err)
	}
	sameFile(t, "README.md", head+"<!-- states -->\n```mermaid\n"+b.String()+"```\n<!-- /states -->"+tail)
}

// sameFile compares want with a file; -update writes the file.
func sameFile(t *testing.T, path, want string) {
	t.Helper()
	golden.Same(t, path, want)
}

// footer returns the last lines of a page, which name its source.
func footer(source string) string {
	return "---\n\nGenerated from " + source + " by `go run ./internal/regen`. Do not edit.\n"
}

func statesPage() string {
	var b strings.Builder
	b.WriteString("# States\n\nA transaction is always in one of these states. An event for which the table has no row is refused with `ErrNotAllowed`. In a terminal state it is\nrefused with `ErrFinished`, which is also the answer to an unknown token.\n\n")
	overview := view("overview")
	fmt.Fprintf(&b, "%s\n\n![Every state and every event](img/overview.svg)\n\n## Flows\n", overview.About)
	for _, v := range diagram.Views() {
		if v.Name != overview.Name && v.Name != "full" { // which is on the page of events
			fmt.Fprintf(&b, "\n**%s.** %s\n\n![%s](img/%s.svg)\n", title(v.Name), v.About, v.Name, v.Name)
		}
	}
	for _, x := range authn.NewReference().States {
		st := x.State
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n* The host shows: %s\n%s", st, x.Means, lower(x.Shows), lasting(x))
		if x.Terminal && st != authn.Success {
			continue
		}
		b.WriteString("\n| event | guards | next state | refused with |\n|---|---|---|---|\n")
		for _, r := range rowsOf(func(r authn.Transition) bool { return r.From == st }) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Event, strings.Join(r.When, ", "), r.To, refusal(r.Refuse))
		}
	}
	return b.String()
}

// lasting says how long a state may last, by a field of the policy, or that it is
// terminal.
func lasting(x authn.StateInfo) string {
	for _, b := range authn.NewReference().Policy {
		if x.Lasts == b.Name {
			return fmt.Sprintf("* It lasts at most %s (`Policy.%s`).\n", b.Default, b.Name)
		}
	}
	if x.Lasts != "" {
		panic("the policy has no " + x.Lasts)
	}
	if x.Terminal {
		return "* Terminal state.\n"
	}
	return ""
}

// view returns a view that is on a page by its name.
func view(name string) diagram.View {
	v, ok := diagram.Named(name)
	if !ok {
		panic("there is no view " + name)
	}
	return v
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

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
	b.WriteString("# Events\n\nAn event is what can happen to a transaction. Pass events to `Service.Do`, except primary and redeem, which have methods of their own, and\nexpire and lock, which the library raises itself. To make an event idempotent, wrap it: `WithKey(key, event)`. [One diagram](img/full.svg) shows\nall of them.\n")
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
	list(&b, "Updates", "What a row changes. Updates are applied in this order.", ref.Updates)
	list(&b, "Effects", "What a committed step asks of the host. Effects are saved with the step and carried out after it, at least once, each time with the same key.", ref.Effects)
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
	b.WriteString("# Guards\n\nA guard is one answer to one question. A question has exactly one answer at a time, so its guards exclude each other and cover every case. `New`\nproves that exactly one row of each cell applies to every combination of answers. Questions are asked in the order below, each at most once, and\nonly if a row of the cell depends on them.\n")
	group := ""
	for _, g := range authn.NewReference().Guards {
		if g.Group != group {
			group = g.Group
			fmt.Fprintf(&b, "\n## %s\n\n| guard | holds when | used by |\n|---|---|---|\n", group)
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
	b.WriteString("# Policy\n\n`authn.Policy` holds every limit and duration. A field that is zero takes its default. `New` rejects a value outside the bounds with an error that\nnames the field.\n\n| field | default | bounds | reason |\n|---|---|---|---|\n")
	for _, p := range authn.NewReference().Policy {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, p.Default, p.Bounds, p.Text)
	}
	b.WriteString("\nWith 8 digits or more, there is no yearly budget of wrong codes unless `FailuresPerYear` is set.\n")
	fmt.Fprintf(&b, "\n`MaxSkew`, the largest difference allowed between the clocks of two nodes, is fixed at %v.\n", authn.MaxSkew)
	return b.String()
}

// Every view is shown on a page.
func TestPagesViews(t *testing.T) {
	all := ""
	for _, text := range pages(t) {
		all += text
	}
	for _, v := range diagram.Views() {
		if !strings.Contains(all, "(img/"+v.Name+".svg)") {
			t.Errorf("no page shows %s", v.Name)
		}
	}
}

// Every state and every sentinel is documented.
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
