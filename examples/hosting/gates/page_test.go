package gates

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
	"github.com/authnfsm/authn/internal/golden"
)

const docs = "../../../docs/"

// The page of a host's own machine is that of this host, and so is its picture.
func TestPage(t *testing.T) {
	r, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := authn.NewMachine(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(rand.Text() + rand.Text())}},
		PseudonymKey: []byte(rand.Text() + rand.Text()),
		Gates:        r.Gates(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	view, ok := diagram.Named("gates")
	if !ok || diagram.Digest(view.Rows) != diagram.Digest(m.Transitions()) {
		t.Error("the picture is that of another machine")
	}
	golden.Same(t, docs+"own-states.md", page(m, r.Gates(1), view.About))
}

func page(m *authn.Machine, gates []authn.Gate, about string) string {
	var b strings.Builder
	b.WriteString("# A host's own machine\n\nThis is the machine of [`examples/hosting/gates`](../examples/hosting/gates), a host with two states of its own. [Hosting](hosting.md#states-of-your-own)\n" +
		"has its code. `Machine.Transitions` and `Machine.Reference` say the same of your machine, and package [`diagram`](../diagram) draws it.\n\n" +
		about + "\n\n![TERMS and PROFILE](img/gates.svg)\n")
	for _, st := range m.Reference().States {
		if !isGate(gates, st.State) {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n* The host shows: %s%s\n\n| event | guards | next state | outcome, or refused with |\n|---|---|---|---|\n", st.State, st.Means, strings.ToLower(st.Shows[:1]), st.Shows[1:])
		for _, x := range m.Transitions() {
			if x.From == st.State {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.Event, strings.Join(x.When, ", "), x.To, result(x))
			}
		}
	}
	b.WriteString("\n## What leads to them\n\n| in | event | guards | next state |\n|---|---|---|---|\n")
	for _, x := range m.Transitions() {
		if isGate(gates, x.To) && !isGate(gates, x.From) {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.From, x.Event, strings.Join(x.When, ", "), x.To)
		}
	}
	return b.String() + "\n---\n\nGenerated from the table " + diagram.Digest(m.Transitions()) + " by `go run ./internal/regen`. Do not edit.\n"
}

func isGate(gates []authn.Gate, st authn.State) bool {
	for _, g := range gates {
		if g.State == st {
			return true
		}
	}
	return false
}

func result(x authn.Transition) string {
	if x.Refuse != nil {
		return "refused: " + x.Refuse.Error()
	}
	return string(x.Outcome)
}
