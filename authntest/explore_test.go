package authntest

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/race"
)

func machine(t testing.TB, p authn.Policy) *authn.Machine {
	t.Helper()
	return machineOf(t, Options{Policy: p})
}

// tick is what every wait of the policies here is a multiple of.
const tick = 30 * time.Second

// cramped is a policy in which every limit of a transaction is near.
var cramped = authn.Policy{
	CodeTries: 2, Tries: 3, Sends: 2, SendsPerHour: 3, SendsPerDay: 4, Live: 1, StartsPerHour: 2,
	BackoffFrom: 2, LockEvery: 4, FailuresPerDay: 20, DisableAfter: 5, Cooldowns: []time.Duration{tick, 2 * tick},
	CodeLife: 2 * tick, Life: 4 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: 2 * tick,
}

// short is a policy in which every limit of an account is near.
var short = authn.Policy{
	CodeTries: 1, Tries: 2, Sends: 2, SendsPerHour: 2, SendsPerDay: 5, Live: 1, StartsPerHour: 2,
	BackoffFrom: 2, LockEvery: 4, FailuresPerDay: 5, FailuresPerYear: 6, DisableAfter: 6, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick / 2, BackoffMax: tick, Lock: 2 * tick, LockMax: 4 * tick, SessionLife: tick,
}

// twoTabs has room for two transactions at once.
var twoTabs = authn.Policy{
	CodeTries: 1, Tries: 2, Sends: 2, SendsPerHour: 2, SendsPerDay: 3, Live: 2, StartsPerHour: 3,
	BackoffFrom: 10, LockEvery: 2, FailuresPerDay: 3, FailuresPerYear: 4, DisableAfter: 3, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

// touchy locks the account at once.
var touchy = authn.Policy{
	CodeTries: 1, Tries: 1, Sends: 1, SendsPerHour: 3, SendsPerDay: 3, Live: 2, StartsPerHour: 3,
	BackoffFrom: 10, LockEvery: 1, FailuresPerDay: 20, FailuresPerYear: 40, DisableAfter: 3, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 4 * tick, SessionLife: tick,
}

func mail(s authn.Status, address string, required bool) authn.Factor {
	return authn.Factor{ID: "mail", Type: authn.Email, Address: address, Status: s, Required: required}
}

func spare(s authn.Status) authn.Factor {
	return authn.Factor{ID: "spare", Type: authn.Email, Address: "spare@example.org", Status: s}
}

const box, moved = "ada@example.com", "ada@example.net"

// brief says that a part of each exploration is enough: the race detector makes
// a step some ten times slower.
func brief() bool { return testing.Short() || race.Detector() }

// few is how many accounts are enough where not all are explored.
func few() int {
	if race.Detector() {
		return 80
	}
	return 300
}

// explorations take every row of the table.
var explorations = map[string]Options{
	"sign-in": {
		Policy: cramped,
		Logins: []authn.Login{{User: "ada"}, {User: "ada", Require: authn.RequireIfActive}, {User: "ada", Require: authn.RequireNothing}},
		Listings: []Listing{
			{Name: "usual", Factors: []authn.Factor{mail(authn.Active, box, false), {ID: "bird", Type: "pigeon", Address: "loft 2", Status: authn.Active, Required: true}}},
			{Name: "gone"},
			{Name: "moved", Factors: []authn.Factor{mail(authn.Active, moved, false)}},
			{Name: "disabled", Factors: []authn.Factor{mail(authn.Disabled, box, false)}},
			{Name: "closed", NoUser: true},
			{Name: "limited", Factors: []authn.Factor{mail(authn.Active, box, false)}, Limit: time.Minute},
		},
	},
	"enroll": {
		Policy: cramped,
		Logins: []authn.Login{{User: "ada"}, {User: "ada", Require: authn.RequireIfActive}},
		Listings: []Listing{
			{Name: "usual", Factors: []authn.Factor{mail(authn.NotSetUp, box, true), spare(authn.NotSetUp)}},
			{Name: "optional", Factors: []authn.Factor{spare(authn.NotSetUp)}},
			{Name: "active", Factors: []authn.Factor{mail(authn.Active, box, true), spare(authn.NotSetUp)}},
			{Name: "owing", Factors: []authn.Factor{mail(authn.NotSetUp, box, true), spare(authn.Active)}},
			{Name: "closed", NoUser: true},
			{Name: "limited", Factors: []authn.Factor{mail(authn.NotSetUp, box, true), spare(authn.NotSetUp)}, Limit: time.Minute},
		},
	},
	"account": {Policy: short, Begins: 3, Events: []authn.EventName{
		authn.EventPrimary, authn.EventChallenge, authn.EventVerify, authn.EventResend, authn.EventPrevious, authn.EventCancel, eventTend,
	}},
	"mails": {Policy: short, Begins: 1, Deliveries: []authn.Delivery{authn.Sent, authn.Pending, authn.Failed}},
	"tabs":  {Policy: touchy, Begins: 3, Tabs: 3},
	"tabs-enroll": {Policy: twoTabs, Begins: 2, Tabs: 2, Listings: []Listing{
		{Name: "usual", Factors: []authn.Factor{mail(authn.NotSetUp, box, true)}},
	}},
}

// never are the rows that no exploration takes, and why.
var never = map[string]string{
	"SUCCESS: redeem [used]": "a session token that was used leads nowhere, so the row is defense",
	"GATE: cancel":           "a machine comes to the state by another deployment's record only",
	"GATE: lock":             "likewise",
	"GATE: expire":           "likewise",
}

// TestExplore explores the built-in table under small policies, and replays
// every walk that is found. Together they take every row and give every rule
// something to check.
func TestExplore(t *testing.T) {
	var mu sync.Mutex
	rows, checked := map[string]int{}, map[string]int{}
	t.Run("from", func(t *testing.T) {
		for name, o := range explorations {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if brief() {
					o.Stop = few()
				}
				x := newExplorer(bare{machineOf(t, o)}, o)
				if err := x.explore(); err != nil {
					t.Fatal(err)
				}
				walks := x.paths()
				t.Logf("%v, %d walks", x.found, len(walks))
				for _, w := range walks {
					Replay(t, w, onMemory)
				}
				mu.Lock()
				defer mu.Unlock()
				for row, n := range x.found.Rows {
					rows[row] += n
				}
				for rule, n := range x.found.Checked {
					checked[rule] += n
				}
			})
		}
	})
	if brief() {
		return // nothing can be said of all rows
	}
	for _, on := range []string{"", ", redeemed at once", ", needs TERMS", ", needs PROFILE", ", limited by the host"} {
		never["UNAUTHENTICATED: primary [a remembered device"+on+"]"] = "TestExplore of the root package takes it"
	}
	never["UNAUTHENTICATED: primary [an active factor, last start, challenged at once]"] = "likewise"
	for _, row := range append(authn.Transitions(), machineOf(t, explorations["gates"]).Transitions()...) {
		if ofClaims(row) {
			continue // TestExploreClaims and TestExploreRecovery of the root package take them
		}
		if name := rowName(row); (rows[name] > 0) == (never[name] != "") {
			t.Errorf("%s: taken %d times; %q", name, rows[name], never[name])
		}
	}
	for _, r := range Rules() {
		if checked[r.Name] < 10 {
			t.Errorf("the rule %q had something to check %d times", r.Name, checked[r.Name])
		}
	}
}

// TestExploreTwice: the same arguments find the same.
func TestExploreTwice(t *testing.T) {
	o := explorations["sign-in"]
	o.Stop = 200
	m := machine(t, o.Policy)
	a, b := Explore(t, m, o), Explore(t, m, o)
	if !reflect.DeepEqual(a, b) || a.Complete || a.Accounts != o.Stop {
		t.Errorf("%v complete %t, then %v", a, a.Complete, b)
	}
}

// TestExploreRecommended: the recommended policy can be explored too.
func TestExploreRecommended(t *testing.T) {
	var o Options
	if brief() {
		o.Stop = few()
	}
	found := Explore(t, machine(t, authn.Policy{}), o)
	t.Log(found)
	if found.Complete == brief() || found.Accounts < few() {
		t.Errorf("%v, complete %t", found, found.Complete)
	}
}

// TestExploreOptions: what is not to be tried is not, a bound is an error that
// says so, and a host's own rule is checked and reported with its sentence.
func TestExploreOptions(t *testing.T) {
	m := machine(t, cramped)
	found := Explore(t, m, Options{Policy: cramped, Events: []authn.EventName{authn.EventPrimary, authn.EventChallenge, authn.EventVerify}, Typed: []Typed{TypedWrong}})
	for row := range found.Rows {
		if strings.Contains(row, "right code") || strings.Contains(row, "cancel") {
			t.Errorf("%s was taken", row)
		}
	}

	err := newExplorer(bare{m}, Options{Policy: cramped, Most: 100}).explore()
	if err == nil || !strings.Contains(err.Error(), "more than 100 accounts (Options.Most)") {
		t.Errorf("%v", err)
	}

	own := Rule{Name: "by mail only", Text: "Nobody succeeds without a mail.", Step: func(t *Trial) (bool, string) {
		if t.Is() == nil || t.Is().State != authn.Success || t.Taken() == false {
			return false, ""
		}
		return true, says(t.Is().Sent == 0, "no code was sent")
	}}
	o := Options{Policy: cramped, Rules: []Rule{own}}
	if found := Explore(t, m, o); found.Checked[own.Name] == 0 {
		t.Errorf("the host's rule had nothing to check: %v", found.Checked)
	}
	o.Logins = []authn.Login{{User: "ada", Require: authn.RequireNothing}}
	err = newExplorer(bare{m}, o).explore()
	if err == nil || !strings.Contains(err.Error(), own.Text) || !strings.Contains(err.Error(), "primary ada (directory usual)") {
		t.Errorf("%v", err)
	}
}

// TestInForce holds the policy that rules go by against the machine: a sign-in
// under the zero policy ends, and its code, when the defaults say.
func TestInForce(t *testing.T) {
	p := inForce(authn.Policy{})
	if p.Digits != 6 || p.Life != 10*time.Minute || len(p.Cooldowns) != 3 || p.FailuresPerYear != 100 {
		t.Errorf("%+v", p)
	}
	if p := inForce(authn.Policy{Digits: 8}); p.FailuresPerYear != 0 || p.CodeTries != 5 {
		t.Errorf("%+v", p)
	}
}

// TestExploreUsers: each user has an account of its own.
func TestExploreUsers(t *testing.T) {
	m := machine(t, cramped)
	o := Options{Policy: cramped, Events: []authn.EventName{authn.EventPrimary, authn.EventChallenge, authn.EventVerify}}
	one := Explore(t, m, o)
	o.Logins = []authn.Login{{User: "ada"}, {User: "ben"}}
	two := Explore(t, m, o)
	if two.Accounts != 2*one.Accounts || two.Steps != 2*one.Steps {
		t.Errorf("%v for one, %v for two", one, two)
	}
}

// TestExploreManyFactors: of more factors than count, those that count do.
func TestExploreManyFactors(t *testing.T) {
	var many, fewer []authn.Factor
	for i, s := range []authn.Status{authn.NotSetUp, authn.Active, authn.NotSetUp, authn.Active, authn.Active, authn.Active} {
		f := authn.Factor{ID: string(rune('a' + i)), Type: authn.Email, Address: string(rune('a'+i)) + "@example.org", Status: s}
		if many = append(many, f); i < 4 {
			f.Status, f.Required = authn.NotSetUp, i == 3
			fewer = append(fewer, f)
		}
	}
	o := Options{Policy: cramped, Listings: []Listing{{Name: "many", Factors: many}, {Name: "to enroll", Factors: fewer}}, Stop: 150}
	t.Log(Explore(t, machine(t, cramped), o))
}

// TestExplorePolicy: rules that go by another policy than the machine do not
// blame the machine.
func TestExplorePolicy(t *testing.T) {
	err := newExplorer(bare{machine(t, cramped)}, Options{}).explore()
	if err == nil || !strings.Contains(err.Error(), "Options.Policy is not the one") {
		t.Errorf("%v", err)
	}
}

// ofClaims reports whether the row is one of a claim, or of what only a claim leads to.
func ofClaims(r authn.Transition) bool {
	return slices.Contains([]authn.State{authn.RecoveryChallenge, authn.FactorChallenge, authn.Recovery}, r.From) ||
		slices.Contains([]authn.EventName{authn.EventClaim, authn.EventRecover, authn.EventUnlock, authn.EventPasskey}, r.Event) || slices.Contains(r.When, "without a session") || slices.Contains(r.When, "void claim")
}
