package contest

import (
	"context"
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

// The actions of other kinds of factors.
var (
	app = in(0, func(*arena) authn.Event {
		return authn.Verify{Factor: "app", Code: testhost.AppCode(appSecret, testhost.Start)}
	})
	appToo = in(1, func(*arena) authn.Event {
		return authn.Verify{Factor: "app", Code: testhost.AppCode(appSecret, testhost.Start)}
	})
	paper = in(0, func(a *arena) authn.Event { return authn.Verify{Factor: "list", Code: a.codes[0]} })

	paperToo   = in(1, func(a *arena) authn.Event { return authn.Verify{Factor: "list", Code: a.codes[0]} })
	otherPaper = in(1, func(a *arena) authn.Event { return authn.Verify{Factor: "list", Code: a.codes[1]} })

	poll     = send(func(*arena) authn.Event { return authn.Verify{} })
	approve  = responds(true)
	reject   = responds(false)
	response = send(func(*arena) authn.Event { return authn.Verify{Code: "response"} })
)

// in sends an event in one of the account's transactions.
func in(tx int, ev func(*arena) authn.Event) client {
	return client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) { return s.Do(ctx, a.tokens[tx], ev(a)) }}
}

// responds is what the user's other device does.
func responds(yes bool) client {
	return client{do: func(a *arena, s *authn.Service) (*authn.Answer, error) {
		ans, err := s.Respond(ctx, a.approval, authn.Reply{Approve: yes, Number: a.answer.Prompt.Number})
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("responded: %s %q", ans.State, ans.Outcome)
	}}
}

// keyJudge takes every response for right.
type keyJudge struct{}

func (keyJudge) Prompt(context.Context, authn.Check) ([]byte, error) { return []byte("respond"), nil }

func (keyJudge) Verify(context.Context, authn.Check) (authn.Verdict, error) {
	return authn.Verdict{Right: true, Data: []byte("counted")}, nil
}

const appSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// twoTabs returns two transactions of a user with an authenticator app.
func twoTabs(t testing.TB) *stage { return tabs(t, authn.TOTP) }

// twoTabsPaper is the same for a user with recovery codes.
func twoTabsPaper(t testing.TB) *stage { return tabs(t, authn.RecoveryCodes) }

func tabs(t testing.TB, typ string) *stage {
	s := &stage{user: "ada"}
	s.Host = testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy, c.Auditor = authn.Policy{Digits: 12}, nil })
	f, err := s.Import("ada", authn.Factor{ID: "app", Type: authn.TOTP}, "otpauth://totp/ada?secret="+appSecret)
	if err != nil {
		t.Fatal(err)
	}
	if typ == authn.RecoveryCodes {
		s.World.SetFactors("ada", authn.Factor{ID: "list", Type: typ, Status: authn.NotSetUp})
		a := s.MustDo(t, s.MustBegin(t, "ada").Token, authn.Enroll{Type: typ})
		s.MustDo(t, a.Token, authn.Activate{Code: a.Prompt.Codes[9]})
		s.codes = a.Prompt.Codes
		if err := s.Revoke(ctx, "ada"); err != nil {
			t.Fatal(err)
		}
	} else {
		s.World.SetFactors("ada", f)
	}
	for range 2 {
		s.answer = s.MustBegin(t, "ada")
		s.tokens = append(s.tokens, s.answer.Token)
	}
	return s
}

// asked returns a transaction that waits for the user's phone.
func asked(t testing.TB) *stage {
	s := hosted(t, authn.FactorType{Name: "acme:push", Channel: "push", Methods: []string{"swk"}, Awaited: true})
	s.answer = s.MustDo(t, s.answer.Token, authn.Challenge{Factor: "f"})
	s.approval = s.Last("ada").Approval
	return s
}

// approved is the same after the phone has approved.
func approved(t testing.TB) *stage {
	s := asked(t)
	if _, err := s.Respond(ctx, s.approval, authn.Reply{Approve: true, Number: s.answer.Prompt.Number}); err != nil {
		t.Fatal(err)
	}
	return s
}

// withKey returns a transaction with a challenge to which a Verifier has the answer.
func withKey(t testing.TB) *stage {
	s := hosted(t, authn.FactorType{Name: "acme:key", Methods: []string{"hwk"}, Verifier: keyJudge{}})
	s.answer = s.MustDo(t, s.answer.Token, authn.Challenge{Factor: "f"})
	return s
}

// hosted returns a transaction of a user with one factor of a type.
func hosted(t testing.TB, typ authn.FactorType) *stage {
	s := &stage{user: "ada"}
	s.Host = testhost.New(t, func(h *testhost.Host, c *authn.Config) {
		c.Policy, c.Auditor, c.Types = authn.Policy{Digits: 12}, nil, []authn.FactorType{typ}
		if typ.Channel != "" {
			c.Senders = map[string]authn.Sender{typ.Channel: &h.World}
		}
		h.World.SetFactors("ada", authn.Factor{ID: "f", Type: typ.Name, Status: authn.Active})
	})
	s.answer = s.MustBegin(t, "ada")
	s.tokens = []authn.StateToken{s.answer.Token}
	return s
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
