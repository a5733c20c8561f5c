package authntest

import (
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

func machine(t testing.TB, p authn.Policy) *authn.Machine {
	t.Helper()
	m, err := authn.NewMachine("authntest", []authn.Key{{ID: 1, Secret: []byte("authntest key, of no use elsewhere")}}, []byte("authntest pseudonyms, of no use elsewhere"), p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const tick = 30 * time.Second

var cramped = authn.Policy{
	CodeTries: 2, Tries: 3, Sends: 2, SendsPerHour: 3, SendsPerDay: 4, Live: 1, StartsPerHour: 2,
	BackoffFrom: 2, LockEvery: 4, FailuresPerDay: 20, DisableAfter: 5, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 4 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: 2 * tick,
}

// short is a policy in which every limit of an account is near.
var short = authn.Policy{
	CodeTries: 1, Tries: 2, Sends: 2, SendsPerHour: 2, SendsPerDay: 3, Live: 1, StartsPerHour: 2,
	BackoffFrom: 2, LockEvery: 3, FailuresPerDay: 4, FailuresPerYear: 5, DisableAfter: 4, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

var twoTabs = authn.Policy{
	CodeTries: 1, Tries: 2, Sends: 2, SendsPerHour: 2, SendsPerDay: 3, Live: 2, StartsPerHour: 3,
	BackoffFrom: 10, LockEvery: 2, FailuresPerDay: 3, FailuresPerYear: 4, DisableAfter: 3, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

// touchy locks the account at once.
var touchy = authn.Policy{
	CodeTries: 1, Tries: 1, Sends: 1, SendsPerHour: 3, SendsPerDay: 3, Live: 2, StartsPerHour: 3,
	BackoffFrom: 10, LockEvery: 1, FailuresPerDay: 3, FailuresPerYear: 4, DisableAfter: 2, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

func mail(s authn.Status, address string, required bool) authn.Factor {
	return authn.Factor{ID: "mail", Type: authn.Email, Address: address, Status: s, Required: required}
}

func spare(s authn.Status) authn.Factor {
	return authn.Factor{ID: "spare", Type: authn.Email, Address: "spare@example.org", Status: s}
}

const box, moved = "ada@example.com", "ada@example.net"

var explorations = map[string]Options{
	"sign-in": {
		Policy: cramped,
		Logins: []authn.Login{{User: "ada"}, {User: "ada", Require: authn.RequireIfActive}, {User: "ada", Require: authn.RequireNothing}},
		Listings: []Listing{
			{"usual", []authn.Factor{mail(authn.Active, box, false)}},
			{"gone", nil},
			{"moved", []authn.Factor{mail(authn.Active, moved, false)}},
			{"disabled", []authn.Factor{mail(authn.Disabled, box, false)}},
		},
	},
	"enroll": {
		Policy: cramped,
		Logins: []authn.Login{{User: "ada"}, {User: "ada", Require: authn.RequireIfActive}},
		Listings: []Listing{
			{"usual", []authn.Factor{mail(authn.NotSetUp, box, true), spare(authn.NotSetUp)}},
			{"optional", []authn.Factor{spare(authn.NotSetUp)}},
			{"active", []authn.Factor{mail(authn.Active, box, true), spare(authn.NotSetUp)}},
		},
	},
	"account": {Policy: short, Begins: 3},
	"mails":   {Policy: short, Begins: 1, Deliveries: []authn.Delivery{authn.Sent, authn.Pending, authn.Failed}},
	"tabs":    {Policy: touchy, Begins: 3, Tabs: 3},
	"tabs-enroll": {Policy: twoTabs, Begins: 2, Tabs: 2, Listings: []Listing{
		{"usual", []authn.Factor{mail(authn.NotSetUp, box, true)}},
	}},
}

func TestTry(t *testing.T) {
	all := map[string]bool{}
	for name, o := range explorations {
		t.Run(name, func(t *testing.T) {
			if name == "zero" && testing.Short() {
				t.Skip()
			}
			start := time.Now()
			f := Explore(t, machine(t, o.Policy), o)
			t.Log(f, time.Since(start))
			t.Log(f.Checked)
			for r := range f.Rows {
				all[r] = true
			}
		})
	}
	for _, r := range authn.Transitions() {
		if !all[rowName(r)] {
			t.Log("never", rowName(r))
		}
	}
}
