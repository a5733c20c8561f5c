package contest

import (
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// The actions of clients.
var (
	right     = send(rightCode)
	wrong     = send(func(a *arena) authn.Event { return authn.Verify{Code: testhost.OtherCode(a.code)} })
	activate  = send(func(a *arena) authn.Event { return authn.Activate{Code: a.code} })
	resend    = send(func(*arena) authn.Event { return authn.Resend{} })
	cancel    = send(func(*arena) authn.Event { return authn.Cancel{} })
	challenge = send(func(*arena) authn.Event { return authn.Challenge{Factor: "ada-mail"} })
	begin     = client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) {
		return s.Begin(ctx, authn.Login{User: a.user})
	}}
	redeem = client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) {
		as, err := s.Redeem(ctx, a.answer.Session)
		if err == nil {
			err = fmt.Errorf("redeemed: %s by %v, %v", as.User, as.Factors, as.At.Sub(testhost.Start))
		}
		return nil, err
	}}
	revoke = client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) { return nil, s.Revoke(ctx, a.user) }}
	tend   = client{do: func(_ *arena, s *authn.Service) (*authn.Answer, error) {
		did, err := s.Tend(ctx)
		return nil, fmt.Errorf("tended: %d ended, %d deleted, %v", did.Ended, did.Deleted, err)
	}}
)

func rightCode(a *arena) authn.Event { return authn.Verify{Code: a.code} }

func send(ev func(*arena) authn.Event) client {
	return client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) { return s.Do(ctx, a.answer.Token, ev(a)) }}
}

// once sends the same event with the same key for every client.
func once(ev func(*arena) authn.Event) client {
	return send(func(a *arena) authn.Event { return authn.WithKey("one click", ev(a)) })
}

// atLast sets the clock of a client's node to the last moment of the transaction,
// atEnd to its end.
func atLast(c client) client { return c.at(-1) }
func atEnd(c client) client  { return c.at(0) }

func (c client) at(off time.Duration) client {
	c.clock = func(s *stage) time.Time { return s.answer.Expires.Add(off) }
	return c
}

// The situations. In each, another code may be sent.

func inRequired(t testing.TB) *stage { return meeting(t, "ada", authn.Policy{}) }

func inChallenge(t testing.TB) *stage {
	return meeting(t, "ada", authn.Policy{Life: 5 * time.Minute}).send(t, authn.Challenge{Factor: "ada-mail"})
}

func inActivate(t testing.TB) *stage {
	s := meeting(t, "grace", authn.Policy{})
	s.tokens = append(s.tokens, s.MustBegin(t, "grace").Token)
	return s.send(t, authn.Enroll{Type: authn.Email})
}

func inSuccess(t testing.TB) *stage {
	s := inChallenge(t)
	s.answer = s.MustDo(t, s.answer.Token, authn.Verify{Code: s.code})
	return s
}

// besideSuccess returns a transaction in which the next wrong code locks the
// account, and the session token of another transaction.
func besideSuccess(t testing.TB) *stage {
	s := meeting(t, "ada", authn.Policy{LockEvery: 1})
	won := testhost.OK(t)(s.Begin(ctx, authn.Login{User: "ada", Require: authn.RequireNothing}))
	s.send(t, authn.Challenge{Factor: "ada-mail"})
	s.answer.Session, s.tokens = won.Session, append(s.tokens, won.Token)
	return s
}

// full returns an account with the maximal number of live transactions.
func full(t testing.TB) *stage {
	s := meeting(t, "ada", authn.Policy{})
	for range 2 {
		s.Wait(time.Second)
		s.tokens = append(s.tokens, s.MustBegin(t, "ada").Token)
	}
	return s.send(t, authn.Challenge{Factor: "ada-mail"})
}

func oneTryLeft(t testing.TB) *stage {
	s := meeting(t, "ada", authn.Policy{Tries: 2}).send(t, authn.Challenge{Factor: "ada-mail"})
	s.MustDo(t, s.answer.Token, authn.Verify{Code: testhost.OtherCode(s.code)})
	return s
}

func meeting(t testing.TB, user string, p authn.Policy) *stage {
	// With six digits, some of the many codes would be equal by chance.
	p.Digits, p.FailuresPerYear = 12, 100
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy, c.Auditor = p, nil })
	s := &stage{Host: d, user: user, answer: d.MustBegin(t, user)}
	s.tokens = []authn.StateToken{s.answer.Token}
	return s
}

// send sends an event that sends a code, and waits until the next code is allowed.
func (s *stage) send(t testing.TB, ev authn.Event) *stage {
	s.answer = s.MustDo(t, s.answer.Token, ev)
	s.code = s.Last(s.user).Code
	s.Wait(40 * time.Second)
	return s
}
