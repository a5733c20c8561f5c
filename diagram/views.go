package diagram

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// A View is a predefined picture: one flow, or the whole table. Its Options fit the
// table of any machine, with the host's own gates or without.
type View struct {
	Name    string             // of its file and of the command's flag, such as "email"
	About   string             // what it shows, in two sentences for a page
	Rows    []authn.Transition // the table that it is drawn from
	Options Options
}

// flows are all views, in the order of a tour: a picture more is an entry more.
var flows = []flow{
	{
		name: "email",
		about: "With a code by email there are two paths to SUCCESS: enroll a factor and activate it, or challenge a factor and verify. " +
			"Going back, skipping, further factors, passwords, a code that is sent with the password, and what every state allows are left out.",
		in:    proving,
		tells: []string{"an active factor", "none, may enroll", "right code"},
		keep:  byEmail,
	},
	{
		name: "factors",
		about: "Every kind of factor takes the same way: its code is sent, or the user has one in an app or on a list, or another device answers, or a `Verifier` judges a response. " +
			"SUCCESS stands for all that comes after the last proof: a password to change, gates, then SUCCESS; `Login.Challenge`, which begins in MFA_CHALLENGE, is left out.",
		in:    proving,
		keep:  choosesLater,
		tells: []string{"an active factor", "none, may enroll", "no second factor required", "a remembered device", "nothing to send", "code still good", "more required", "right code"},
	},
	{
		name: "passwords",
		about: "A password that has expired, has to be reset or expires soon is changed after the last proof, and before the host's gates and SUCCESS. " +
			"The host judges it, a wrong old password counts like a wrong code, and the session waits until the host has stored the new one.",
		keep:   notDenied,
		before: proving,
		enters: []string{"password expired", "password to reset", "password expires soon"},
		in:     changing,
		tells:  []string{"right"},
	},
	{
		name: "claims",
		about: "Somebody says who they are, and a code goes to the address of that name, if it is anybody's. The right one ends the claim in SUCCESS and begins what it was for in the account's own record: " +
			"`recover` leads to a new password, after the host's question and another factor; `unlock` ends without a session; a sign-in begins like any other.",
		in:    []authn.State{authn.Unauthenticated, authn.RecoveryChallenge, authn.FactorChallenge, authn.Recovery, authn.MFARequired, authn.PasswordReset},
		tells: []string{"a question", "recovery", "unlock", "sign-in", "right code"},
		keep:  byClaim,
	},
	{
		name: "gates",
		about: "States of the host's own come after the last proof and the password, in the order of `Config.Gates`, and never back: here TERMS and PROFILE. " +
			"A gate that the host does not need for this user is passed by.",
		gates:  []authn.Gate{{State: "TERMS"}, {State: "PROFILE"}},
		before: slices.Concat(proving, changing),
		tells:  []string{"right"},
	},
	{
		name: "overview",
		about: "Every state and every event, by name: one arrow from a state to another, with the events that lead there. " +
			"The states of a password share a box, and so do those that cancel, expire and lock leave; what the host denies also leads to CANCELED.",
		whole: Options{
			Merge: true, Inside: true, Fold: anywhere, Label: byName, Keep: notDenied,
			Groups: []Group{{"PASSWORD", changing}},
		},
	},
	{
		name: "full",
		about: "Every row of the table, with its guards, updates and effects, and the refusals of each state. " +
			"It is big: it is for reference.",
		whole: Options{Merge: true, Inside: true, Refusals: true, Fold: anywhere},
	},
}

// What flows share.
var (
	// proving are the states in which the last proof may come.
	proving  = []authn.State{authn.Unauthenticated, authn.MFAEnroll, authn.MFAEnrollActivate, authn.MFARequired, authn.MFAChallenge}
	changing = []authn.State{authn.PasswordWarn, authn.PasswordExpired, authn.PasswordReset}
	anywhere = []authn.EventName{"cancel", "expire", "lock"}
)

// Views returns the predefined pictures: email, factors, passwords, claims, gates, overview
// and full. The caller owns them.
func Views() []View {
	vs := make([]View, len(flows))
	for i := range flows {
		vs[i] = flows[i].view()
	}
	return vs
}

// Named returns the view of that name. The caller owns it.
func Named(name string) (v View, ok bool) {
	if i := slices.IndexFunc(flows, func(f flow) bool { return f.name == name }); i >= 0 {
		return flows[i].view(), true
	}
	return View{}, false
}

// A flow is a view as it is written: some states, what leads into them and what they
// lead to; or the whole table, with options of its own.
type flow struct {
	name, about string
	gates       []authn.Gate                // of the machine whose table is drawn
	before      []authn.State               // what leads into the flow, in one box
	enters      []string                    // the guards that decide where that leads, besides the gates'
	in          []authn.State               // the states of the flow, besides gates and ends
	tells       []string                    // the guards that labels name, the first that a row has, besides the gates'
	keep        func(authn.Transition) bool // a further condition
	whole       Options
}

func (f *flow) view() View {
	v := View{Name: f.name, About: f.about, Rows: authn.Transitions(), Options: f.whole}
	if f.gates != nil {
		v.Rows = tableWith(f.gates)
	}
	v.Options.Fold, v.Options.Groups = slices.Clone(f.whole.Fold), slices.Clone(f.whole.Groups)
	if f.before != nil || f.in != nil {
		v.Options = Options{Merge: true, Inside: true, Omit: slices.Clone(anywhere), Keep: f.has, Label: f.label}
	}
	if f.before != nil {
		v.Options.Groups = []Group{{"any of", slices.Clone(f.before)}}
	}
	return v
}

// tableWith returns the table of a machine with gates.
func tableWith(gates []authn.Gate) []authn.Transition {
	a, b := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b")) // keys that nothing is sealed with
	m, err := authn.NewMachine(authn.Config{Keys: []authn.Key{{ID: 1, Secret: a[:]}}, PseudonymKey: b[:], Gates: gates})
	if err != nil {
		panic("diagram: " + err.Error())
	}
	return m.Transitions()
}

// has reports whether the flow has the row. Of what leads into it, only how it goes on.
func (f *flow) has(t authn.Transition) bool {
	switch {
	case f.keep != nil && !f.keep(t):
		return false
	case slices.Contains(f.before, t.From):
		return f.own(t.To) || t.To == authn.Success
	}
	return f.own(t.From) && (f.own(t.To) || slices.Contains(ends, t.To) || t.Refuse != nil)
}

func (f *flow) own(s authn.State) bool {
	return slices.Contains(f.in, s) || slices.ContainsFunc(f.gates, func(g authn.Gate) bool { return g.State == s })
}

// label names the event and what decides; of what leads into the flow only this.
func (f *flow) label(t authn.Transition) string {
	if slices.Contains(f.before, t.From) {
		return cmp.Or(f.told(t, f.enters), "[else]")
	}
	why := f.told(t, f.tells)
	switch {
	case t.Refuse != nil:
		return string(t.Event) + ": " + t.Refuse.Error()
	case t.Outcome == authn.WrongCode && t.To != t.From:
		why = "[too many wrong]"
	case t.Outcome == authn.WrongCode && slices.Contains(t.When, "wrong"):
		why = "[wrong]" // and no code
	case t.Outcome != authn.Done:
		why = "[" + string(t.Outcome) + "]"
	case slices.Contains(t.Emit, sendCode):
		why = "/ " + sendCode
	}
	return strings.TrimSpace(string(t.Event) + "\n" + why)
}

// told is the first guard of the list that the row has, or that of a gate.
func (f *flow) told(t authn.Transition, list []string) string {
	for _, g := range f.gates {
		list = append([]string{"needs " + string(g.State)}, list...)
	}
	for _, g := range list {
		if slices.Contains(t.When, g) {
			return "[" + g + "]"
		}
	}
	return ""
}

// sendCode is the name of the effect that sends a code.
const sendCode = "send code"

// byEmail leaves out further factors, codes of which none is sent, and other devices.
func byEmail(t authn.Transition) bool {
	switch t.Event {
	case "primary":
		return t.To != authn.Success && choosesLater(t)
	case "enroll", "challenge", "resend":
		return slices.Contains(t.Emit, sendCode)
	case "activate", "verify":
		return t.To != authn.MFAEnroll && t.From != authn.MFARequired && t.Outcome != authn.Rejected
	}
	return false
}

// choosesLater leaves out that a sign-in begins with a challenge, which the overview has.
func choosesLater(t authn.Transition) bool {
	return t.Event != authn.EventPrimary || t.To != authn.MFAChallenge
}

// byClaim keeps claims, and what only they lead to.
func byClaim(t authn.Transition) bool {
	claims := []authn.State{authn.RecoveryChallenge, authn.FactorChallenge, authn.Recovery}
	return slices.Contains(claims, t.From) && t.Outcome != authn.Denied && t.To != authn.LockedOut && t.Refuse == nil ||
		t.From == authn.Unauthenticated && slices.Contains([]authn.EventName{authn.EventClaim, authn.EventRecover, authn.EventUnlock}, t.Event) && t.Refuse == nil
}

func byName(t authn.Transition) string { return string(t.Event) }

// notDenied leaves out what the host denies, which leads to CANCELED like a cancel, and
// the state of a gate that the machine does not have, to which nothing leads.
func notDenied(t authn.Transition) bool {
	return t.Outcome != authn.Denied && t.From != authn.OtherGate
}
