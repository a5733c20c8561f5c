package contest

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/memstore"
)

// Claims. Their messages are sent before the answer here, so that each call to the store
// is a client's.

var (
	claim      = claimOf("ada")
	otherClaim = claimOf("ada lovelace")
	again      = in(0, func(*arena) authn.Event { return authn.Resend{} })
	erase      = client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) { return nil, s.Erase(ctx, a.user) }}
)

func claimOf(name string) client {
	return client{do: func(_ *arena, s *authn.Service) (*authn.Answer, error) {
		return s.Claim(ctx, authn.Claim{Name: name, Require: authn.RequireIfActive})
	}}
}

// prove hands in the right code of a claim, and proveOnce does with the same key for every
// client.
func prove(tx int) client {
	return in(tx, func(a *arena) authn.Event { return authn.Verify{Code: a.claimed[tx]} })
}

func proveOnce(tx int) client {
	return in(tx, func(a *arena) authn.Event { return authn.WithKey("one click", authn.Verify{Code: a.claimed[tx]}) })
}

func guess(tx int) client {
	return in(tx, func(a *arena) authn.Event { return authn.Verify{Code: testhost.OtherCode(a.claimed[tx])} })
}

// names are a Finder by which every name that begins with ada is hers.
type names struct{ authn.Directory }

func (names) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	if !strings.HasPrefix(string(c.Name), "ada") {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: "ada", Address: "ada@example.com"}, nil
}

// claiming returns so many claims of ada's name, each with its code, in this policy.
func claiming(t testing.TB, n int, p authn.Policy) *stage {
	p.Digits, p.Cooldowns = 12, []time.Duration{time.Second}
	s := &stage{user: "ada", vault: new(testhost.Vault), terms: new(testhost.Guard)}
	s.Host = testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Policy, c.Auditor, c.Passwords = p, nil, s.vault
		c.Directory = names{c.Directory}
		c.Go = func(f func()) { f() }
	})
	for range n {
		s.answer = testhost.OK(t)(s.Claim(ctx, authn.Claim{Name: "ada", Require: authn.RequireIfActive}))
		s.tokens, s.claimed = append(s.tokens, s.answer.Token), append(s.claimed, s.Last("ada").Code)
	}
	s.Wait(2 * time.Second)
	return s
}

func claimed(t testing.TB) *stage      { return claiming(t, 1, authn.Policy{}) }
func claimedTwice(t testing.TB) *stage { return claiming(t, 2, authn.Policy{}) }

// mailboxAtLimit takes one more message.
func mailboxAtLimit(t testing.TB) *stage { return claiming(t, 1, authn.Policy{SendsPerHour: 2}) }

func claimedOneTry(t testing.TB) *stage {
	s := claimed(t)
	for range 2 {
		s.MustDo(t, s.answer.Token, authn.Verify{Code: testhost.OtherCode(s.claimed[0])})
	}
	return s
}

// claimedBeside returns a transaction in which a new password is asked for, and a claim.
func claimedBeside(t testing.TB) *stage {
	s := claimed(t)
	reset := s.MustLogin(t, testhost.ToReset)
	s.tokens = []authn.StateToken{reset.Token, s.tokens[0]}
	s.claimed = []authn.Code{"", s.claimed[0]}
	s.Wait(time.Second)
	return s
}

// claimUnsent returns a claim whose message is Tend's to send: the process ended after the
// answer to a resend.
func claimUnsent(t testing.TB) *stage {
	s := claimed(t)
	cfg := s.Config
	cfg.Go = func(func()) {}
	dying, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	testhost.OK(t)(dying.Do(ctx, s.answer.Token, authn.Resend{}))
	s.Wait(time.Minute)
	return s
}

// TestClaimsAndTend runs some of the interleavings with Tend, whose calls are many: the
// message of a claim goes out once, and what was done to the claim meanwhile stands.
func TestClaimsAndTend(t *testing.T) {
	for name, cs := range map[string]clients{"Tend": {tend, tend}, "cancel": {cancel, tend}} {
		synctest.Test(t, func(t *testing.T) {
			a := (&contest{situation: claimUnsent, clients: cs}).open(t)
			serial := a.serial()
			r := rand.New(rand.NewPCG(1, 2))
			for range 150 {
				if got, turns := a.play(new(memstore.Store), r.IntN); !slices.Contains(serial, got) {
					t.Fatalf("%s: the outcome of %v is\n%s\nwant that of a sequential order:\n%s", name, turns, got, strings.Join(serial, "\n"))
				}
			}
			for i := 0; name != "Tend"; i++ { // two of the same message are one
				if got, _ := a.play(new(racy), r.IntN); !slices.Contains(serial, got) {
					break
				} else if i == 1000 {
					t.Fatalf("%s: a store that does not compare versions passes", name)
				}
			}
		})
	}
}
