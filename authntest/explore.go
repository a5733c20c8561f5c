package authntest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// Options say what [Explore] tries. The zero value explores one sign-in of a
// user with one active e-mail factor under the recommended policy.
type Options struct {
	// Policy is the one that the machine was made with.
	Policy authn.Policy
	// Logins are the ways to begin. Each user has an account of its own; one
	// sign-in that demands a second factor by default. Passwords are changed and reset if
	// one of them says so: see [authn.Login].Password.
	Logins []authn.Login
	// Listings are what the Directory may say, whenever it is asked. The first
	// is the usual one: events that do not depend on the Directory see no
	// other. By default it has one active e-mail factor.
	//
	// A factor of a type that sends nothing needs no Data here. What the first
	// Listing has as active, the user has from the start: the exploration has
	// enrolled it before. What becomes active later is listed with its Data once
	// the Directory has taken it, and as not set up until then.
	Listings []Listing
	// Types are the host's own types of factors that the machine was made with. The
	// exploration takes the place of their Verifiers and devices: see [Typed].
	Types []authn.FactorType
	// Apps are the otpauth URIs of TOTP factors, by ID, whose Data the Listings have
	// because another system gave the secret to the user's app: see
	// [authn.Service.Import].
	Apps map[string]authn.Secret
	// Events are the events that are tried, "tend" for [authn.Machine.Tend];
	// nil is all of them. Without [authn.EventPrimary] nothing begins.
	Events []authn.EventName
	// Typed are what is typed as a code; nil is all of them.
	Typed []Typed
	// Deliveries are what may become of an effect: [authn.Sent], accepted;
	// [authn.Pending], failed for now; [authn.Failed], given up, which only
	// happens to messages. Nil is accepted, always.
	Deliveries []authn.Delivery
	// Waits are spans of time that may pass at any moment. They are added to
	// those that lead to what comes next by the policy and the account, to the
	// nanosecond: the end of a code, a cool-down, a back-off, a lock, a
	// transaction, a budget.
	Waits []time.Duration
	// Begins bounds the transactions that begin on one path: 1 by default. It
	// is what an exploration grows with most; the budgets of an account need
	// several.
	Begins int
	// Tabs bounds how many may be under way when another one begins: 1 by
	// default, which is one after the other. With more than the policy's Live,
	// the oldest is canceled.
	Tabs int
	// Rules are the host's own, checked after [Rules].
	Rules []Rule
	// Most bounds the accounts: 50,000 by default. If there are more, Explore
	// fails.
	Most int
	// Stop ends the exploration after so many accounts, as if there were no
	// more: for quick tests. 0 does not.
	Stop int
}

// A Listing is something that the host's Directory may say of a user.
type Listing struct {
	Name    string // "gone", "moved": for messages
	Factors []authn.Factor
	// NoUser says that there is no such user, or that the user may not sign in.
	NoUser bool
	// Limit is how long the host's Limiter says to wait; 0: it lets the event
	// go on.
	Limit time.Duration
	// Needs are the gates of which their Keepers say that they are needed.
	Needs []authn.State
	// Stale says that the list is older than what the Directory took last: the Data
	// and the Revision of a factor are those before.
	Stale bool
}

// Typed is what somebody types as a code, responds, or says on another device.
type Typed string

// What is typed. A late code is a right one that is typed too late.
const (
	TypedNothing   Typed = ""          // the event takes no code, or asks whether another device has answered
	TypedRight     Typed = "right"     // the last code that was sent, what the app shows, an unused code of the list, a response or an answer that is right; or the session token
	TypedWrong     Typed = "wrong"     // no code at all, a response that is wrong, another number on the device; or no session token
	TypedOld       Typed = "old"       // the code before the last one, or one that was used; of a device, an answer to what it was asked before
	TypedAnother   Typed = "another"   // the last code of another transaction; to a Verifier, a response of another factor of the type
	TypedLong      Typed = "long"      // the right code and one more character
	TypedAhead     Typed = "ahead"     // the code of the app's next time step
	TypedBehind    Typed = "behind"    // the code of the app's last time step
	TypedNo        Typed = "no"        // the device rejects
	TypedMalformed Typed = "malformed" // to a Verifier: no response to this challenge
	TypedChanged   Typed = "changed"   // to a Verifier: right, and the factor's data change
	TypedRejected  Typed = "rejected"  // a new password, or an input of a gate, that does not meet the host's rules
	TypedDenied    Typed = "denied"    // the same, upon which the host ends the sign-in
)

var allTyped = []Typed{
	TypedNothing, TypedRight, TypedWrong, TypedOld, TypedAnother, TypedLong, TypedAhead, TypedBehind, TypedNo, TypedMalformed, TypedChanged,
	TypedRejected, TypedDenied,
}

// Found says what an exploration has come across.
type Found struct {
	Accounts int            // that differ
	Steps    int            // each of which was held to the rules
	Rows     map[string]int // steps by row of the table: "MFA_CHALLENGE: verify [right code]"
	Never    []string       // rows of the table that no step has taken, in the table's order
	Checked  map[string]int // by name of rule: how often it had something to check
	Complete bool           // false: Options.Stop ended it
}

// String gives the counts in one line.
func (f Found) String() string {
	return fmt.Sprintf("%d accounts, %d steps, %d rows taken, %d never", f.Accounts, f.Steps, len(f.Rows), len(f.Never))
}

// Explore enumerates, breadth first, every account that m can be led to under
// o, lets everything happen to each of them, and holds every step to [Rules]
// and to the host's own. It uses what is exported and pure: no store, no
// clock, no randomness, so that the same arguments find the same.
//
// Accounts that differ only in names, in numbers of steps, in how old a charge
// within a budget's span is, or in transactions that have ended are taken for
// one. So a fault that depends on those may be missed; whatever is reported is
// real, with a shortest path to it.
//
// If m has gates, a [Listing] says which are needed. The exploration takes the place of
// the host's Passwords and Keepers: see [Typed].
//
// Explore calls t.Fatal at the first step that breaks a rule.
func Explore(t testing.TB, m *authn.Machine, o Options) Found {
	t.Helper()
	x := newExplorer(bare{m}, o)
	if err := x.explore(); err != nil {
		t.Fatal(err)
	}
	return x.found
}

// probe is what an exploration asks of a machine.
type probe interface {
	Begin(a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error
	Step(a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error
	Redeem(a *authn.Account, h authn.TokenSecret, env authn.Env, r *authn.Result) (*authn.Assertion, error)
	Respond(a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error
	Tend(a *authn.Account, now time.Time, r *authn.Result) ([]authn.Effect, error)
	Acknowledge(a *authn.Account, es []authn.Effect, errs []error, now time.Time) (authn.Account, bool, error)

	Session(a *authn.Account, h authn.TokenSecret) (authn.TokenSecret, bool)
	Status(a *authn.Account, h authn.TokenSecret, env authn.Env) (*authn.Answer, error)
	Checks(a *authn.Account, h authn.TokenSecret, env authn.Env) ([]authn.Check, error)
	Explain(a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env) ([][2]string, authn.Transition, error)
	Faults(key, user string, factors []authn.Factor) []authn.AuditEvent
	Job(a *authn.Account, key string, e authn.Effect, factors []authn.Factor, now time.Time) (authn.Job, error)

	Key(user string) string
	Record(a *authn.Account, key string, version uint64) authn.Record
	Open(b []byte, key string) (authn.Account, error)

	Transitions() []authn.Transition
	Reference() authn.Reference
	View(a *authn.Account) authn.AccountView
	Moves(r *authn.Result) []authn.Move
	Effects(r *authn.Result) []authn.Effect
}

// bare is a machine as it is.
type bare struct{ *authn.Machine }

func (bare) View(a *authn.Account) authn.AccountView { return a.View() }
func (bare) Moves(r *authn.Result) []authn.Move      { return r.Moves() }
func (bare) Effects(r *authn.Result) []authn.Effect  { return r.Effects() }

// withDefaults fills in what is missing.
func (o Options) withDefaults() Options {
	o.Policy = inForce(o.Policy)
	if o.Logins == nil {
		o.Logins = []authn.Login{{User: "ada"}}
	}
	if o.Listings == nil {
		o.Listings = []Listing{{Name: "usual", Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}}}}
	}
	if o.Typed == nil {
		o.Typed = allTyped
	}
	if o.Deliveries == nil {
		o.Deliveries = []authn.Delivery{authn.Sent}
	}
	o.Begins, o.Tabs = max(o.Begins, 1), max(o.Tabs, 1)
	if o.Most == 0 {
		o.Most = 50_000
	}
	return o
}

// tries says that an event is among those to be tried.
func (o *Options) tries(e authn.EventName) bool {
	return o.Events == nil || slices.Contains(o.Events, e)
}

// broken is a step that breaks rules.
type broken struct {
	rules []string // their names
	text  string
}

func (b *broken) Error() string { return b.text }

// tooMany says that a bound was met.
func (x *explorer) tooMany() error {
	last := &x.spots[len(x.spots)-1]
	return fmt.Errorf(`authntest: more than %d accounts (Options.Most), after %d steps.
Explore a smaller policy, fewer Listings, Deliveries or Begins, or set Options.Stop. Many accounts at all often mean that a bound is lost: look
at the path to the last one.%s`, x.Most, x.found.Steps, x.story(last))
}

// errCut ends an exploration at Options.Stop.
var errCut = errors.New("stopped")

// story is the path to a spot, a line for each leg.
func (x *explorer) story(s *spot) string {
	var b strings.Builder
	for _, l := range x.path(s) {
		b.WriteString("\n  " + l.String())
	}
	return b.String()
}
