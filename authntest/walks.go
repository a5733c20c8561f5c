package authntest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// A Walk is a shortest path that an exploration has found to a row of the
// table, or to a refusal for which the table has no row. It is data: print it,
// store it, [Replay] it.
type Walk struct {
	Name   string // what its last leg comes to: "MFA_CHALLENGE: verify [right code]"
	Policy authn.Policy
	Types  []authn.FactorType      // as in Options
	Apps   map[string]authn.Secret // as in Options
	Gates  []authn.Gate            // of the machine
	Has    []authn.Factor          // apps and lists of codes that the user has from the start
	Legs   []Leg
}

// String is the walk as a script.
func (w Walk) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", w.Name)
	for _, l := range w.Legs {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// A Leg is one thing that happens on a [Walk], and what is answered: time passes, or
// something else happens, or that after some time.
type Leg struct {
	Wait     time.Duration
	Event    authn.EventName // "tend" is [authn.Service.Tend]
	Tab      int             // of which transaction, in the order in which they begin, from 1
	Login    authn.Login     // of primary
	Factor   string          // that the event names; of enroll a type
	Gate     authn.State     // that a "pass" is for
	Typed    Typed
	Listing  Listing        // what the Directory says
	Delivery authn.Delivery // what becomes of what is sent

	State   authn.State // as answered
	Outcome authn.Outcome
	Refused error         // the sentinel
	Guard   string        // of the refusal
	Again   time.Duration // after which it may be tried again; 0: waiting does not help
	Row     string        // that answers it: "MFA_CHALLENGE: verify [right code]"; "" if there is none

	asked bool // the Directory is asked, although not about every event of its name
}

// String is the leg in one line.
func (l Leg) String() string {
	if l.Event == "" {
		return "wait " + l.Wait.String()
	}
	s := string(l.Event)
	if l.Wait > 0 {
		s = fmt.Sprintf("%s after %v", s, l.Wait)
	}
	if l.Tab > 1 {
		s = fmt.Sprintf("tab %d: %s", l.Tab, s)
	}
	for _, w := range []string{string(l.Typed), l.Factor, string(l.Gate), l.Login.User, statusNames[l.Login.Password]} {
		if w != "" {
			s += " " + w
		}
	}
	if l.Listing.Name != "" && (asks(l.Event) || l.asked || len(l.Listing.Needs) > 0) {
		s += " (directory " + l.Listing.Name + ")"
	}
	if l.Delivery != authn.Sent && l.Delivery != "" {
		s += " (delivery " + string(l.Delivery) + ")"
	}
	switch {
	case l.Refused != nil:
		s += " => refused: " + l.Refused.Error()
		if l.Guard != "" {
			s += " (" + l.Guard + ")"
		}
		if l.Again > 0 {
			s += ", again in " + l.Again.String()
		}
	case l.State != "":
		s += " => " + string(l.State)
		if l.Outcome != authn.Done {
			s += ", " + string(l.Outcome)
		}
	}
	return s
}

// statusNames are what a leg calls what the host knows of the password.
var statusNames = map[authn.PasswordStatus]string{
	authn.PasswordExpiresSoon: "with a password that expires soon", authn.PasswordHasExpired: "with a password that has expired",
	authn.PasswordNeedsReset: "with a password to reset",
}

// input is what comes with an event that the host judges.
func (l *Leg) input() authn.Fields {
	return authn.Fields{Old: typedOld, New: typedNew, Gate: l.Gate, Input: typedInput}
}

// way is a step of an exploration: where, and what.
type way struct {
	at  int32
	leg Leg
}

// Walks explores m as [Explore] does, and returns a shortest path to every row
// that is taken and to every refusal, in the table's order.
func Walks(t testing.TB, m *authn.Machine, o Options) []Walk {
	t.Helper()
	x := newExplorer(bare{m}, o)
	if err := x.explore(); err != nil {
		t.Fatal(err)
	}
	return x.paths()
}

// paths are the walks that were found.
func (x *explorer) paths() (ws []Walk) {
	add := func(name string) {
		w, ok := x.walks[name]
		if !ok {
			return
		}
		delete(x.walks, name)
		ws = append(ws, Walk{
			Name: name, Policy: x.Options.Policy, Types: x.Types, Apps: x.Apps, Gates: x.gates, Has: x.enrolled(),
			Legs: append(x.path(&x.spots[w.at]), w.leg),
		})
	}
	for _, t := range x.p.Transitions() {
		add(rowName(t))
	}
	for _, name := range sortedKeys(x.walks) {
		add(name)
	}
	return ws
}

// expected is the leg of a trial, with what came of it.
func (t *Trial) expected() Leg {
	l := t.leg
	l.Row = t.row
	switch {
	case t.Refusal != nil:
		l.Refused, l.Guard = t.Refusal.Err, t.Refusal.Guard
		if !t.Refusal.RetryAt.IsZero() {
			l.Again = t.Refusal.RetryAt.Sub(t.Now)
		}
	case t.Err != nil:
		l.Refused = authn.ErrUnavailable
	case t.Ended:
		l.Refused = authn.ErrFinished
	case t.Event != eventTend && t.Is() != nil:
		l.State, l.Outcome = t.Is().State, t.Outcome
	}
	return l
}

// differs says in what an answer is not the expected one; "" is in nothing.
func (l *Leg) differs(state authn.State, outcome authn.Outcome, err error, now time.Time) string {
	var r *authn.Refusal
	switch {
	case l.Refused == nil && err != nil:
		return fmt.Sprintf("%v, want %s %s", err, l.State, l.Outcome)
	case l.Refused == nil:
		return says(state != l.State || outcome != l.Outcome, "%s %q, want %s %q", state, outcome, l.State, l.Outcome)
	case !errors.Is(err, l.Refused):
		return fmt.Sprintf("%s, %v, want refused: %v", state, err, l.Refused)
	case !errors.As(err, &r):
		return ""
	}
	again := time.Duration(0)
	if !r.RetryAt.IsZero() {
		again = r.RetryAt.Sub(now)
	}
	return says(r.Guard != l.Guard || again != l.Again, "refused by %q for %v, want %q for %v", r.Guard, again, l.Guard, l.Again)
}
