package contest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// Passwords and gates.

var (
	pass = send(func(*arena) authn.Event { return authn.Pass{Gate: "TERMS", Input: "yes"} })
)

// newPassword sets one in one of the account's transactions, each its own.
func newPassword(tx int) client {
	return in(tx, func(*arena) authn.Event { return authn.ResetPassword{New: authn.Secret(fmt.Sprint("new in tab ", tx))} })
}

func change(tx int, old authn.Secret) client {
	return in(tx, func(*arena) authn.Event {
		return authn.ChangePassword{Old: old, New: authn.Secret(fmt.Sprint("new in tab ", tx))}
	})
}

// changing returns two transactions in which a new password is asked for.
func changing(t testing.TB, l authn.Login, gates ...authn.State) *stage {
	s := &stage{user: "ada", vault: new(testhost.Vault), terms: new(testhost.Guard)}
	s.Host = testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Policy, c.Auditor, c.Passwords = authn.Policy{Digits: 12}, nil, s.vault
		for _, g := range gates {
			c.Gates = append(c.Gates, authn.Gate{State: g, Keeper: s.terms})
		}
	})
	for range 2 {
		s.answer = s.MustLogin(t, l)
		s.tokens = append(s.tokens, s.answer.Token)
	}
	return s
}

func inReset(t testing.TB) *stage   { return changing(t, testhost.ToReset) }
func inExpired(t testing.TB) *stage { return changing(t, testhost.HasExpired) }
func inGate(t testing.TB) *stage {
	return changing(t, authn.Login{User: "ada", Require: authn.RequireNothing}, "TERMS")
}

// besideReset returns a transaction in which a new password is asked for, and the session
// token of another one.
func besideReset(t testing.TB) *stage {
	s := inReset(t)
	s.answer = s.MustLogin(t, authn.Login{User: "ada", Require: authn.RequireNothing})
	s.tokens = append(s.tokens, s.answer.Token)
	return s
}

// owedPassword returns a session token that waits for a password.
func owedPassword(t testing.TB) *stage {
	s := inReset(t)
	s.vault.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
	s.answer = s.MustDo(t, s.answer.Token, authn.ResetPassword{New: "new in tab 1"})
	s.vault.Take = nil
	s.Wait(time.Second)
	return s
}
