package authn

import (
	"fmt"
	"strings"
	"time"
)

// Reference is what the table's parts say of themselves, in words: the
// documentation and the diagrams are made from it and from [Transitions].
type Reference struct {
	States  []StateInfo // in the order of their stored numbers
	Events  []Term
	Guards  []Term // grouped by the question that they answer, in the order in which questions are asked
	Updates []Term
	Effects []Term
	Policy  []Term // with Default and Bounds
}

// StateInfo is what there is to know of a [State].
type StateInfo struct {
	State    State
	Terminal bool    // only redeem, cancel, lock and time touch it
	AtHand   bool    // one factor is at hand: Answer.Factor
	Offers   Status  // what a factor must be to be chosen in it: Answer.Factors; 0: nothing is chosen
	Purpose  Purpose // of the codes sent from it and in it; "" if none is
	Means    string
	Shows    string // what the host shows the user
	Lasts    string // the field of Policy that bounds it; "" if it is never stored, or lasts for good
}

// A Term is a name with its meaning: of the table, or of a field of [Policy] and
// why it is so.
type Term struct {
	Group   string // of a guard: the question that it answers
	Name    string
	Text    string
	Default string // of a field of Policy
	Bounds  string // of a field of Policy
}

// NewReference returns the reference of the built-in table. The caller owns it.
func NewReference() Reference { return new(program).reference() }

// Reference returns the reference of the machine's table, with the host's gates.
func (m *Machine) Reference() Reference { return m.reference() }

func (p *program) reference() Reference {
	var r Reference
	r.States = p.states()
	for _, d := range opInfos {
		r.Events = append(r.Events, Term{Name: string(d.name), Text: d.doc})
	}
	for i, q := range questions {
		for g := q.first; g <= p.last(i); g++ {
			r.Guards = append(r.Guards, Term{Group: q.text, Name: p.name(g), Text: guards[min(g, gateFirst)].doc})
		}
	}
	for _, u := range updates[1:] {
		r.Updates = append(r.Updates, Term{Name: u.name, Text: u.doc})
	}
	for _, e := range effectInfos[1:] {
		r.Effects = append(r.Effects, Term{Name: e.name, Text: e.doc})
	}
	for _, b := range counts {
		r.Policy = append(r.Policy, Term{Name: b.name, Default: fmt.Sprint(b.def), Bounds: fmt.Sprintf("%d to %d", b.min, b.max), Text: b.why})
	}
	for _, b := range durations {
		r.Policy = append(r.Policy, Term{Name: b.name, Default: short(b.def), Bounds: short(b.min) + " to " + short(b.max), Text: b.why})
	}
	var waits []string
	for _, d := range cooldowns {
		waits = append(waits, short(d))
	}
	r.Policy = append(r.Policy,
		Term{Name: "Cooldowns", Default: strings.Join(waits, ", "), Bounds: fmt.Sprintf("1 to %d values of 1s to 30m", maxCooldown), Text: "the last value repeats"},
		Term{Name: "Remember", Default: "0 (off)", Bounds: "1h to 2160h", Text: "absolute; a remembered device stands for a factor, but adds no method to the assertion"},
		Term{Name: "NoBackoff", Default: "false", Bounds: "true needs Digits of at least 8", Text: "short codes depend on back-off"},
		Term{Name: "NoTOTPDrift", Default: "false", Bounds: "", Text: "if true, a code of an authenticator app is good in its own time step only"},
		Term{Name: "NoAutoActivate", Default: "false", Bounds: "", Text: "if true, even a verified address has to be enrolled"},
	)
	return r
}

// short is a duration without the zeros that its String has.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
