package authntest_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/memstore"
)

// policy is the host's own.
var policy = authn.Policy{CodeTries: 2, Tries: 3, Sends: 2, BackoffFrom: 2, CodeLife: time.Minute, Life: 2 * time.Minute}

// newKey makes a key. A server makes its keys once, and keeps them outside the
// store.
func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

func newMachine() *authn.Machine {
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(), Policy: policy})
	if err != nil {
		panic(err)
	}
	return m
}

// A host explores the machine that it has configured, with a rule of its own,
// and wants every way to answer a resend to have been seen.
func ExampleExplore() {
	t := new(testing.T) // in your test: the one that it gets
	found := authntest.Explore(t, newMachine(), authntest.Options{
		Policy: policy,
		Logins: []authn.Login{{User: "ada"}},
		Listings: []authntest.Listing{
			{Name: "usual", Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}}},
			{Name: "gone"},
		},
		Rules: []authntest.Rule{{
			Name: "one factor", Text: "Whoever has succeeded has proved the e-mail factor.",
			Step: func(t *authntest.Trial) (applies bool, wrong string) {
				if !t.Accepted() {
					return false, ""
				}
				if len(t.Is().Proved) != 1 {
					return true, "proved nothing, or too much"
				}
				return true, ""
			},
		}},
	})
	fmt.Println(found.Accounts > 100, found.Complete, found.Checked["one factor"] > 0)
	for _, row := range authn.Transitions() {
		name := string(row.From) + ": " + row.Label()
		if row.From == authn.MFAChallenge && row.Event == authn.EventResend && found.Rows[name] == 0 {
			fmt.Println("never:", name)
		}
	}
	// Output:
	// true true true
	// never: MFA_CHALLENGE: resend [no such user]
	// never: MFA_CHALLENGE: resend [nothing to send]
	// never: MFA_CHALLENGE: resend [limited by the host]
	// never: MFA_CHALLENGE: resend [account send limit reached]
}

// A shortest path to every answer, replayed through a whole service on a store
// of one's own.
func ExampleReplay() {
	t := new(testing.T) // in your test: the one that it gets
	walks := authntest.Walks(t, newMachine(), authntest.Options{Policy: policy})
	for _, w := range walks {
		authntest.Replay(t, w, func(c authn.Config) (*authn.Service, error) {
			c.Store = new(memstore.Store) // in your test: your own
			return authn.New(c)
		})
		if w.Name == "MFA_CHALLENGE: verify [late code]" {
			fmt.Print(w)
		}
	}
	fmt.Println(len(walks) > 50, t.Failed())
	// Output:
	// # MFA_CHALLENGE: verify [late code]
	// primary ada (directory usual) => MFA_REQUIRED
	// challenge mail (directory usual) => MFA_CHALLENGE
	// wait 1m0s
	// verify right => MFA_CHALLENGE, late code
	// true false
}
