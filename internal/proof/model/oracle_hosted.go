package model

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/authnfsm/authn"
)

// What the oracle knows of passwords that are changed and of the host's own gates.

const (
	stateWarn  authn.State = "PASSWORD_WARN"
	stateOld   authn.State = "PASSWORD_EXPIRED"
	stateReset authn.State = "PASSWORD_RESET"
)

// hostedEvents are those of which the host has the last word.
var hostedEvents = map[authn.State][]string{
	stateWarn:  {"change_password", "skip", "cancel"},
	stateOld:   {"change_password", "cancel"},
	stateReset: {"reset_password", "cancel"},
}

// asks returns the events that a state allows.
func (o *oracle) asks(state authn.State) []string {
	switch {
	case hostedEvents[state] != nil:
		return hostedEvents[state]
	case slices.Contains(o.gates, state):
		return []string{"pass", "cancel"}
	}
	return asks[state]
}

// ruling is what Passwords or a Gatekeeper says of what was handed in. The first word
// of a new password, or of an input, says it; an old password is right or not.
type ruling struct {
	is      authn.Outcome // Done is right
	reasons []string
	keep    string
	long    bool // more than there is room for
	call    call
}

// rules returns the ruling on an event; false if the host cannot give one.
func rules(c call) (r ruling, ok bool) {
	word, _, _ := strings.Cut(c.new, " ")
	switch {
	case word == "broken", word == "panics":
		return r, false
	case c.event == "change_password" && c.old != "right", word == "wrong":
		r.is = authn.WrongCode
	case word == "weak":
		r.is, r.reasons = authn.Rejected, []string{"it is weak", "it is " + c.new}
	case word == "odd": // what only a Verifier says
		r.is = authn.Rejected
	case word == "denied":
		r.is = authn.Denied
	default:
		r.keep = "kept of " + c.new
		r.long = word == "long" || len(r.keep) > 512
		return r, !r.long
	}
	return r, true
}

// malformedInput reports whether what is handed in to the host can be nothing at all;
// ours reports whether the event hands in something.
func malformedInput(c call) (bad, ours bool) {
	password := func(p string) bool {
		return p != "" && len(p) <= 4096 && utf8.ValidString(p) && !strings.Contains(p, "\x00")
	}
	switch c.event {
	case "change_password":
		return !password(c.old) || !password(c.new), true
	case "reset_password":
		return !password(c.new), true
	case "pass":
		return c.gate == "" || len(c.gate) > 32 || len(c.new) > 16<<10, true
	}
	return false, false
}

// onward returns where a sign-in goes that has no more to prove: to its password, or
// to the first gate from a place of the list on that is needed, and which gates are
// asked about.
func (o *oracle) onward(password authn.PasswordStatus, from int) (to authn.State, needed []authn.State) {
	switch password {
	case authn.PasswordExpiresSoon:
		return stateWarn, nil
	case authn.PasswordHasExpired:
		return stateOld, nil
	case authn.PasswordNeedsReset:
		return stateReset, nil
	}
	for _, gate := range o.gates[from:] {
		if needed = append(needed, gate); o.needs(gate) {
			return gate, needed
		}
	}
	return stateSuccess, needed
}

// password returns what was said of the password when a transaction began.
func (o *oracle) password(tx int) authn.PasswordStatus { return o.first(tx).password }

// passwordEnds returns when the password expires, as PASSWORD_WARN shows it.
func (o *oracle) passwordEnds(tx int) time.Time {
	if o.state(tx) != stateWarn {
		return time.Time{}
	}
	return o.first(tx).ends.Truncate(time.Second)
}

// goes returns the verdict on an event by which a sign-in goes onward: from its
// password if from is -1, else from a place in the list of gates.
func (o *oracle) goes(c call, f fact, from int) (w want) {
	status := authn.PasswordFine
	if from < 0 {
		status, from = o.password(c.tx), 0
	}
	w.state, w.needed = o.onward(status, from)
	f.tx, f.to, f.gates = c.tx, w.state, o.belongs(w.state)
	w.facts = []fact{f}
	return w
}

// belongs returns the list that a transaction belongs to once it enters a state.
func (o *oracle) belongs(to authn.State) string {
	if slices.Contains(o.gates, to) {
		return listed(o.gates)
	}
	return ""
}

func listed(gates []authn.State) string {
	var b strings.Builder
	for _, g := range gates {
		b.WriteString(string(g) + ",")
	}
	return b.String()
}

// foreign reports whether a transaction is in a gate, or past one, of another list.
func (o *oracle) foreign(tx int) bool {
	list := ""
	for f := range o.of(tx) {
		if f.gates != "" {
			list = f.gates
		}
	}
	return list != "" && list != listed(o.gates)
}

// strangers returns the facts that end such transactions.
func (o *oracle) strangers(t time.Time) (fs []fact) {
	for _, tx := range o.unended() {
		if o.foreign(tx) {
			fs = append(fs, fact{what: ended, at: t, tx: tx, to: stateExpired, saves: true})
		}
	}
	return fs
}

// gateOf returns the gate that a transaction stands in; "" if none.
func (o *oracle) gateOf(tx int) authn.State {
	if s := o.state(tx); slices.Contains(o.gates, s) {
		return s
	}
	return ""
}

// handedIn returns the verdict on what only the host can judge.
func (o *oracle) handedIn(c call, t time.Time) (w want) {
	if c.event == "pass" && authn.State(c.gate) != o.state(c.tx) {
		return refuse(t, authn.ErrNotAllowed)
	}
	if end := o.backoff(t); !end.IsZero() {
		w = refuse(t, authn.ErrTooSoon)
		w.retry = end
		return w
	}
	if c.event == "reset_password" && len(o.proved(c.tx)) == 0 && o.requirement(c.tx) == authn.RequireIfActive && o.protected() {
		if len(o.having(authn.Active)) == 0 {
			return refuse(t, authn.ErrNoFactor)
		}
		return want{state: stateRequired, facts: []fact{{what: went, tx: c.tx, to: stateRequired}}} // a factor that became active comes first
	}
	r, ok := rules(c)
	hand, name := o.hand(c.tx)
	switch {
	case !ok:
		if w = refuse(t, authn.ErrUnavailable); r.long && len(r.keep) < 1900 { // more is no verdict at all
			w.needed = o.goes(c, fact{}, slices.Index(o.gates, o.state(c.tx))+1).needed
		}
	case r.is == authn.WrongCode:
		w = o.wrong(c, name, hand, t)
	case r.is == authn.Rejected:
		w = want{state: o.state(c.tx), outcome: authn.Rejected, facts: []fact{{what: rejected, tx: c.tx}}}
	case r.is == authn.Denied:
		w = want{state: stateCanceled, outcome: authn.Denied, facts: []fact{{what: ended, tx: c.tx, to: stateCanceled, denied: true}}}
	case c.event == "pass":
		w = o.goes(c, fact{what: passed, kept: r.keep}, slices.Index(o.gates, o.state(c.tx))+1)
		w.passes = o.state(c.tx)
	default:
		w = o.goes(c, fact{what: renewed, kept: r.keep}, 0)
		w.stores = true
		if to, ok := o.contact(hand, name); ok {
			w.letters = []letter{{kind: authn.PasswordMessage, factor: to}}
		}
		w.facts = append(w.facts, o.others(c.tx, stateCanceled)...)
	}
	r.call = c
	w.ruling = &r
	return w
}

// handsIn reports whether an event hands in what only the host can judge.
func handsIn(event string) bool {
	return event == "change_password" || event == "reset_password" || event == "pass"
}

// clears reports whether a fact takes back wrong ones: what was right and could be
// guessed. A new password by itself is no guess. Only a factor that was proved takes back
// those of other transactions too.
func (f *fact) clears() bool {
	return f.what == accepted || f.what == passed || f.what == renewed && f.by.event == "change_password"
}
