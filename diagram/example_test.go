package diagram_test

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
)

// Draw a table for a README: GitHub renders the output between ```mermaid and
// ```. This table is smaller than authn.Transitions().
func ExampleMermaid() {
	ts := []authn.Transition{
		{From: "SHUT", Event: "knock", To: "ASKED", Emit: []string{"call the porter"}},
		{From: "ASKED", Event: "say", When: []string{"right word"}, To: authn.Success},
		{From: "ASKED", Event: "say", When: []string{"wrong word"}, To: "ASKED", Outcome: authn.WrongCode},
		{From: "ASKED", Event: "say", When: []string{"third wrong word"}, To: authn.LockedOut},
	}
	if err := diagram.Mermaid(os.Stdout, ts, diagram.Options{Brief: true, Merge: true, Inside: true}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// stateDiagram-v2
	//     direction TB
	//     classDef good fill:#1f883d,stroke:#116329,color:#ffffff
	//     classDef bad fill:#cf222e,stroke:#a40e26,color:#ffffff
	//     state "SHUT" as SHUT
	//     state "ASKED" as ASKED
	//     ASKED: ↻ say [wrong word]
	//     state "SUCCESS" as SUCCESS
	//     state "LOCKED_OUT" as LOCKED_OUT
	//     [*] --> SHUT
	//     SHUT --> ASKED: knock
	//     ASKED --> SUCCESS: say<br>[right word]
	//     ASKED --> LOCKED_OUT: say<br>[third wrong word]
	//     SUCCESS --> [*]
	//     LOCKED_OUT --> [*]
	//     class SUCCESS good
	//     class LOCKED_OUT bad
}

// Draw a host's machine, here authn's SUCCESS with rows of the host.
func ExamplePlantUML() {
	const Consent authn.State = "CONSENT"
	ts := []authn.Transition{
		{From: authn.Success, Event: "ask", When: []string{"first visit"}, To: Consent, Why: "The app is new to the user."},
		{From: Consent, Event: "agree", To: authn.Success, Then: []string{"remember"}, Why: "Asked once."},
		{From: Consent, Event: "agree", When: []string{"too late"}, Refuse: errors.New("ask again"), Why: "The page was old."},
	}
	if err := diagram.PlantUML(os.Stdout, ts, diagram.Options{Direction: diagram.Right, Refusals: true, Final: []authn.State{authn.Success}}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// @startuml
	// left to right direction
	// hide empty description
	// skinparam backgroundColor transparent
	// skinparam shadowing false
	// skinparam state {
	//   BackgroundColor<<good>> #1f883d
	//   BorderColor<<good>> #116329
	//   FontColor<<good>> #ffffff
	//   AttributeFontColor<<good>> #ffffff
	//   ArrowColor #6e7781
	//   ArrowFontColor #6e7781
	//   StartColor #6e7781
	//   EndColor #6e7781
	//   BackgroundColor #eef1fb
	//   BorderColor #7c86c8
	//   FontColor #1f2328
	//   AttributeFontColor #1f2328
	// }
	// state "CONSENT" as CONSENT
	// CONSENT : ✗ agree [too late]<U+003A> ask again
	// state "SUCCESS" as SUCCESS <<good>>
	// [*] --> SUCCESS
	// SUCCESS --> CONSENT : ask\n[first visit]
	// CONSENT --> SUCCESS : agree\n/ remember
	// SUCCESS --> [*]
	// @enduml
}

// List the history of one transaction: the rows that it took, numbered, as
// Result.Moves returns them.
func ExampleArrows() {
	taken := []authn.Transition{
		{From: authn.MFARequired, Event: "challenge", When: []string{"may send"}, To: authn.MFAChallenge},
		{From: authn.MFAChallenge, Event: "previous", To: authn.MFARequired},
		{From: authn.MFARequired, Event: "challenge", When: []string{"may send"}, To: authn.MFAChallenge},
		{From: authn.MFAChallenge, Event: "verify", When: []string{"right code"}, To: authn.Success},
	}
	for _, a := range diagram.Arrows(nil, diagram.Options{Path: taken}) {
		fmt.Println(a.From[0], a.To[0], a.Labels)
	}
	// Output:
	// MFA_REQUIRED MFA_CHALLENGE [1, 3. challenge [may send]]
	// MFA_CHALLENGE MFA_REQUIRED [2. previous]
	// MFA_CHALLENGE SUCCESS [4. verify [right code]]
}

// List the arrows between states in a view.
func ExampleNamed() {
	v, _ := diagram.Named("email")
	for _, a := range diagram.Arrows(v.Rows, v.Options) {
		if a.From[0] != a.To[0] {
			fmt.Println(a.From[0], "->", a.To[0])
		}
	}
	// Unordered output:
	// UNAUTHENTICATED -> MFA_REQUIRED
	// UNAUTHENTICATED -> MFA_ENROLL
	// MFA_ENROLL -> MFA_ENROLL_ACTIVATE
	// MFA_REQUIRED -> MFA_CHALLENGE
	// MFA_CHALLENGE -> SUCCESS
	// MFA_ENROLL_ACTIVATE -> SUCCESS
	// MFA_ENROLL_ACTIVATE -> LOCKED_OUT
	// MFA_CHALLENGE -> LOCKED_OUT
}

// Draw every view, for pages.
func ExampleViews() {
	for _, v := range diagram.Views() {
		var b strings.Builder
		if err := diagram.Mermaid(&b, v.Rows, v.Options); err != nil {
			fmt.Println(err)
		}
		fmt.Println(v.Name, strings.HasPrefix(b.String(), "stateDiagram-v2"))
	}
	// Output:
	// email true
	// factors true
	// passwords true
	// claims true
	// gates true
	// overview true
	// full true
}

// Write a reference of a few rows.
func ExampleMarkdown() {
	ts := []authn.Transition{
		{From: "SHUT", Event: "knock", When: []string{"porter in"}, To: "ASKED", Then: []string{"light the lamp"}, Emit: []string{"call the porter"}, Why: "Somebody has to come."},
		{From: "SHUT", Event: "knock", When: []string{"porter out"}, Refuse: errors.New("nobody answers"), Why: "Try again later."},
	}
	if err := diagram.Markdown(os.Stdout, ts, diagram.Options{Refusals: true}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | From | Event | Guards | To | Updates | Effects | Others | Outcome | Why |
	// | --- | --- | --- | --- | --- | --- | --- | --- | --- |
	// | SHUT | knock | porter in | ASKED | light the lamp | call the porter |  |  | Somebody has to come. |
	// | SHUT | knock | porter out | refused: nobody answers |  |  |  |  | Try again later. |
}

// Write a matrix of states and events.
func ExampleMatrix() {
	ts := []authn.Transition{
		{From: "SHUT", Event: "knock", To: "ASKED"},
		{From: "ASKED", Event: "knock", Refuse: errors.New("once is enough")},
		{From: "ASKED", Event: "say", When: []string{"right word"}, To: authn.Success},
		{From: "ASKED", Event: "say", When: []string{"wrong word"}, To: "ASKED"},
	}
	if err := diagram.Matrix(os.Stdout, ts, diagram.Options{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | State | knock | say |
	// | --- | --- | --- |
	// | SHUT | ASKED | · |
	// | ASKED | ✗1 | SUCCESS, ↻ |
	// | SUCCESS | – | – |
	//
	// ↻ stays in its state; ✗2: refused in two cases; · not allowed in this state; – the transaction is finished.
}

// Write a drawing for Graphviz and a chart for tools that read SCXML. Different
// tables have different digests.
func ExampleDOT() {
	v, _ := diagram.Named("full")
	o := v.Options
	o.Keep = func(t authn.Transition) bool { return t.Event == "previous" }
	var dot, scxml strings.Builder
	fmt.Println(diagram.DOT(&dot, authn.Transitions(), o), diagram.SCXML(&scxml, authn.Transitions(), o))
	fmt.Println(strings.Contains(dot.String(), "digraph"), strings.Contains(scxml.String(), `<state id="MFA_CHALLENGE">`))
	fmt.Println(diagram.Digest(authn.Transitions()) == diagram.Digest(nil))
	// Output:
	// <nil> <nil>
	// true true
	// false
}
