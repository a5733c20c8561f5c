package walks

import (
	"context"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// near has every limit of an account near, and time for a few steps of an app.
var near = authn.Policy{
	CodeTries: 1, Tries: 2, Sends: 2, Live: 2, BackoffFrom: 10, LockEvery: 3, DisableAfter: 4, Cooldowns: []time.Duration{30 * time.Second},
	CodeLife: time.Minute, Life: 90 * time.Second, Lock: time.Minute, LockMax: time.Minute,
}

// once allows one wrong answer, and disables at the second.
var once = authn.Policy{
	CodeTries: 1, Tries: 1, Sends: 1, Live: 1, BackoffFrom: 10, LockEvery: 100, DisableAfter: 2, Cooldowns: []time.Duration{30 * time.Second},
	CodeLife: time.Minute, Life: 90 * time.Second,
}

// judge is a Verifier in whose place the exploration answers.
type judge struct{}

func (judge) Prompt(context.Context, authn.Check) ([]byte, error) { panic("not asked") }

func (judge) Verify(context.Context, authn.Check) (authn.Verdict, error) { panic("not asked") }

var (
	push = authn.FactorType{Name: "push", Methods: []string{"swk"}, Channel: "push", Awaited: true}
	key  = authn.FactorType{Name: "key", Methods: []string{"hwk"}, Verifier: judge{}}
)

// kinds are explorations of users with factors that no code is sent to.
var kinds = []authntest.Options{
	{
		Policy: near, Begins: 2, Typed: []authntest.Typed{authntest.TypedRight, authntest.TypedWrong, authntest.TypedOld},
		Listings: listing(authn.Factor{ID: "app", Type: authn.TOTP, Status: authn.Active}, authn.Factor{ID: "list", Type: authn.RecoveryCodes, Status: authn.Active}),
	},
	{
		Policy: near, Begins: 3, Types: []authn.FactorType{push}, Typed: []authntest.Typed{authntest.TypedNothing, authntest.TypedRight, authntest.TypedNo},
		Listings: listing(authn.Factor{ID: "phone", Type: push.Name, Status: authn.Active}),
	},
	{
		Policy: once, Begins: 2, Types: []authn.FactorType{push}, Typed: []authntest.Typed{authntest.TypedNothing, authntest.TypedRight, authntest.TypedNo},
		Listings: listing(authn.Factor{ID: "phone", Type: push.Name, Status: authn.Active}),
	},
	{
		Policy: near, Types: []authn.FactorType{key}, Typed: []authntest.Typed{authntest.TypedRight, authntest.TypedChanged, authntest.TypedMalformed, authntest.TypedWrong},
		Listings: listing(authn.Factor{ID: "key", Type: key.Name, Status: authn.Active}),
	},
}

func listing(fs ...authn.Factor) []authntest.Listing {
	return []authntest.Listing{{Name: "usual", Factors: fs}}
}

// Kinds returns the shortest walks of users with factors that no code is sent to. It
// explores for a second or two.
func Kinds(t testing.TB) (ws []authntest.Walk) {
	t.Helper()
	for _, o := range kinds {
		o.Events = []authn.EventName{authn.EventPrimary, authn.EventChallenge, authn.EventVerify, authn.EventRespond}
		m, err := authn.NewMachine(authn.Config{Tenant: "walks", Keys: []authn.Key{{ID: 1, Secret: []byte("a key for walks, of no use elsewhere")}}, PseudonymKey: []byte("pseudonyms for walks, of no use elsewhere"), Policy: o.Policy, Types: o.Types})
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, authntest.Walks(t, m, o)...)
	}
	return ws
}
