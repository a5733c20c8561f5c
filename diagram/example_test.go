package diagram_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
)

// The picture of a README: GitHub shows it between ```mermaid and ```.
func ExampleMermaid() {
	o := diagram.Email()
	o.Keep = func(t authn.Transition) bool { return t.From == authn.MFAChallenge && t.Event == "verify" }
	if err := diagram.Mermaid(os.Stdout, authn.Transitions(), o); err != nil {
		fmt.Println(err)
	}
	// Output:
	// stateDiagram-v2
	//     direction TB
	//     classDef good fill:#1f883d,stroke:#116329,color:#ffffff
	//     classDef bad fill:#cf222e,stroke:#a40e26,color:#ffffff
	//     state "MFA_CHALLENGE" as MFA_CHALLENGE
	//     MFA_CHALLENGE: ↻ verify [wrong code]
	//     MFA_CHALLENGE: ↻ verify [late code]
	//     state "SUCCESS" as SUCCESS
	//     state "LOCKED_OUT" as LOCKED_OUT
	//     [*] --> MFA_CHALLENGE
	//     MFA_CHALLENGE --> SUCCESS: verify<br>[right code]
	//     MFA_CHALLENGE --> LOCKED_OUT: verify<br>[too many wrong codes]
	//     SUCCESS --> [*]
	//     LOCKED_OUT --> [*]
	//     class SUCCESS good
	//     class LOCKED_OUT bad
}

// A host draws its own machine, or authn's together with its own rows.
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

// One transaction's history: the rows that it took, numbered. A host has them
// from Result.Moves.
func ExampleArrows() {
	taken := []authn.Transition{
		{From: authn.MFARequired, Event: "challenge", When: []string{"may send"}, To: authn.MFAChallenge},
		{From: authn.MFAChallenge, Event: "previous", To: authn.MFARequired},
		{From: authn.MFARequired, Event: "challenge", When: []string{"may send"}, To: authn.MFAChallenge},
		{From: authn.MFAChallenge, Event: "verify", When: []string{"right code"}, To: authn.Success},
	}
	for _, a := range diagram.Arrows(nil, diagram.Options{Path: taken}) {
		fmt.Println(a.From[0], a.To, a.Labels)
	}
	// Output:
	// MFA_REQUIRED MFA_CHALLENGE [1, 3. challenge [may send]]
	// MFA_CHALLENGE MFA_REQUIRED [2. previous]
	// MFA_CHALLENGE SUCCESS [4. verify [right code]]
}

// Where cancel, expire and lock may come is drawn once.
func ExampleOverview() {
	for _, a := range diagram.Arrows(authn.Transitions(), diagram.Overview()) {
		if len(a.From) > 1 {
			fmt.Println(a.Labels[0], "leads to", a.To)
		}
	}
	// Output:
	// cancel leads to CANCELED
	// expire leads to EXPIRED
	// lock leads to LOCKED_OUT
}

// The reference of a few rows.
func ExampleMarkdown() {
	o := diagram.Options{Refusals: true, Keep: func(t authn.Transition) bool { return t.Event == "skip" }}
	if err := diagram.Markdown(os.Stdout, authn.Transitions(), o); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | From | Event | Guards | To | Updates | Effects | Others | Outcome | Why |
	// | --- | --- | --- | --- | --- | --- | --- | --- | --- |
	// | MFA_ENROLL | skip | nothing required | SUCCESS | succeed | report sign-in |  |  | The offered factors are optional. |
	// | MFA_ENROLL | skip | more required | refused: a required factor is missing |  |  |  |  | A second factor is required and none is proved, or a required factor is missing. |
}

// What may happen where, on one small page.
func ExampleMatrix() {
	o := diagram.Options{Keep: func(t authn.Transition) bool {
		return slices.Contains([]authn.EventName{authn.EventEnroll, authn.EventActivate}, t.Event)
	}}
	if err := diagram.Matrix(os.Stdout, authn.Transitions(), o); err != nil {
		fmt.Println(err)
	}
	// Output:
	// | State | enroll | activate |
	// | --- | --- | --- |
	// | MFA_ENROLL | MFA_ENROLL_ACTIVATE, ✗7 | · |
	// | MFA_ENROLL_ACTIVATE | · | MFA_ENROLL, SUCCESS, ↻, LOCKED_OUT, ✗4 |
	// | SUCCESS | – | – |
	// | LOCKED_OUT | – | – |
	//
	// ↻ stays in its state; ✗2: refused in two cases; · not allowed in this state; – the transaction is finished.
}

// For Graphviz, and for tools that read SCXML. A table's digest tells drawings
// of another table apart.
func ExampleDOT() {
	o := diagram.Full()
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
