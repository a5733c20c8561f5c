package authn_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
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
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s is not what the table says (%v): go generate work, and read the difference", path, err)
	}
}

// footer names the table that the page was made from.
func footer() string {
	return "---\n\nGenerated from the table " + diagram.Digest(authn.Transitions()) + " by `go generate work`. Do not edit.\n"
}

// What each state means, what a host shows in it, and how long it can last.
var stateTexts = map[authn.State][3]string{
	authn.Unauthenticated:   {"Nothing has begun: the state before `Service.Begin`. It is never stored.", "The form for name and password.", noTime},
	authn.MFAEnroll:         {"The password was right, and the user has no active factor but may enroll one.", "The factors of `Answer.Factors` whose status is NOT_SETUP, with a button each; `skip` if it is allowed.", "Life"},
	authn.MFAEnrollActivate: {"A code went to the address that is being enrolled.", "A field for the code, the masked address, the code's generation, and `resend` from its time on.", "Life"},
	authn.MFARequired:       {"The password was right, and the user has an active factor. Nothing was sent yet.", "The factors of `Answer.Factors` to choose from; with a single one, choose it at once.", "Life"},
	authn.MFAChallenge:      {"A code went to the chosen factor.", "A field for the code, the masked address, the code's generation, and `resend` from its time on.", "Life"},
	authn.LockedOut:         {"Too many wrong codes. With `Until` the account is locked until then; without, only this sign-in is meant, or a factor is disabled.", "That the sign-in has ended, and until when the account is locked.", forGood},
	authn.Success:           {"The sign-in has succeeded. The answer has a session token, good once.", "Nothing: redeem the token and make a session.", "SessionLife"},
	authn.Canceled:          {"The user gave up, an enrollment elsewhere replaced this sign-in, or the host revoked it.", "The form for name and password.", forGood},
	authn.Expired:           {"Time was up.", "The form for name and password, and that it took too long.", forGood},
}

func statesPage() string {
	var b strings.Builder
	b.WriteString("# States\n\nA transaction is in one of these states. What the table has no row for is refused with `ErrNotAllowed`, and in a state that has ended with\n`ErrFinished`, exactly as for a token that never was.\n\n![Every state and every event](img/overview.svg)\n")
	for _, st := range authn.States() {
		x := stateTexts[st]
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n* The host shows: %s\n%s", st, x[0], lower(x[1]), lasting(x[2]))
		if slices.Contains(authn.Ends(), st) && st != authn.Success {
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
func lasting(s string) string {
	for _, b := range authn.Bounds() {
		if s == b.Name {
			return fmt.Sprintf("* It lasts at most %s, by the policy's `%s`.\n", b.Default, s)
		}
	}
	if s == forGood {
		return "* It lasts for good.\n"
	}
	if s != noTime {
		panic("the policy has no " + s)
	}
	return ""
}

const forGood, noTime = "for good", "no time"

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
	events, _, updates, effects := authn.Docs()
	var b strings.Builder
	b.WriteString("# Events\n\nWhat may happen to a transaction. `Service.Do` takes all but primary and redeem, which have methods of their own, and expire and lock,\nwhich nobody sends. Any of them may carry an idempotency key: `Once(key, event)`. All of them are in [one picture](img/full.svg).\n")
	for _, e := range events {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| in | guards | to | then | effects | why |\n|---|---|---|---|---|---|\n", e.Name, e.Text)
		for _, r := range rowsOf(func(r authn.Transition) bool { return r.Event == e.Name }) {
			to, then := string(r.To), strings.Join(r.Then, ", ")
			if r.Refuse != nil {
				to = "refused: `" + sentinelName(r.Refuse) + "`"
			}
			if r.Say != authn.Done {
				then += " (" + string(r.Say) + ")"
			}
			if r.Others != "" {
				then += "; " + r.Others + " for all others"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.From, strings.Join(r.When, ", "), to, then, strings.Join(r.Emit, ", "), r.Why)
		}
	}
	list(&b, "Updates", "What a row changes, in this order.", updates)
	list(&b, "Effects", "What a committed step asks the host for: stored with the step, carried out after it, at least once, each time with the same key.", effects)
	return b.String()
}

func list(b *strings.Builder, title, text string, docs []authn.Doc) {
	fmt.Fprintf(b, "\n# %s\n\n%s\n\n| | |\n|---|---|\n", title, text)
	for _, d := range docs {
		fmt.Fprintf(b, "| %s | %s |\n", d.Name, d.Text)
	}
}

func guardsPage() string {
	_, guards, _, _ := authn.Docs()
	var b strings.Builder
	b.WriteString("# Guards\n\nA guard is one answer to one question. A question gives exactly one of its answers, so two answers to one question never hold together and one\nalways does; at start-up every cell of the table is proved to have exactly one row for every combination. Questions are asked in this order,\neach at most once, and only those that the cell's rows name.\n")
	group := ""
	for _, g := range guards {
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
	for _, p := range authn.Bounds() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, p.Default, p.Bounds, p.Why)
	}
	waits, most := authn.Cooldowns()
	fmt.Fprintf(&b, "| Cooldowns | %s | 1 to %d values of 1s to 30m | the last one repeats |\n", strings.Join(waits, ", "), most)
	b.WriteString("| NoBackoff | false | true needs Digits of at least 8 | a short code needs the wait |\n| NoAutoActivate | false | | true demands an enrollment step even of a verified address |\n")
	b.WriteString("\nWith 8 digits or more there is no yearly budget of wrong codes unless `FailuresPerYear` is set.\n")
	fmt.Fprintf(&b, "\n`MaxSkew`, by which the clocks of two nodes may differ, is %v and fixed.\n", authn.MaxSkew)
	return b.String()
}

// Every state and every sentinel has its lines.
func TestDocsComplete(t *testing.T) {
	for _, st := range authn.States() {
		if stateTexts[st][2] == "" {
			t.Errorf("%s is not explained", st)
		}
	}
	if page := statesPage() + eventsPage() + errorsPage(); strings.Contains(page, "?") && strings.Contains(page, "`?`") {
		t.Error("a refusal is not explained")
	}
}
