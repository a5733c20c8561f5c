package main

import (
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// challenged is an account with one transaction in MFA_CHALLENGE whose mail was
// delivered 45 seconds ago, so that verify and resend are allowed.
type challenged struct {
	account authn.Account
	handle  authn.TokenSecret
	code    authn.Code
	env     authn.Env
}

func newChallenged(m *authn.Machine, user string) (*challenged, error) {
	var r authn.Result
	e := environment(user, 0)
	c := &challenged{handle: authn.TokenSecret(e.Entropy[16:48])}
	if err := m.Begin(&r.Account, authn.Login{User: user}, e, &r); err != nil {
		return nil, err
	}
	if err := m.Step(&r.Account, c.handle, authn.Challenge{Factor: factorOf(user).ID}, environment(user, 0), &r); err != nil {
		return nil, err
	}
	c.account = r.Account
	owed := r.Effects()
	if len(owed) != 1 || owed[0].Name != "send code" {
		return nil, fmt.Errorf("%d effects are owed after a challenge", len(owed))
	}
	job, err := m.Job(&c.account, "", owed[0], []authn.Factor{factorOf(user)}, start)
	if err != nil {
		return nil, fmt.Errorf("the code of a challenge: %w", err)
	}
	c.code = job.Message.Code
	c.account, _, err = m.Acknowledge(&c.account, owed, make([]error, 1), start)
	c.env = environment("", 45*time.Second)
	return c, err
}

// environment returns the environment of a step at a time after the start. It
// has the user's factors; "" is for events that do not need the Directory.
func environment(user string, after time.Duration) authn.Env {
	e := authn.Env{Now: start.Add(after)}
	if user != "" {
		e.Factors = []authn.Factor{factorOf(user)}
	}
	for i := range e.Entropy {
		e.Entropy[i] = byte(i*7) ^ byte(len(user)) ^ byte(after>>28)
	}
	return e
}

// step returns a step that can be repeated, because Step is pure. It fails
// unless the step leads to the state to.
func (c *challenged) step(m *authn.Machine, ev authn.Event, to authn.State) func() error {
	var r authn.Result
	env := c.env
	if _, sends := ev.(authn.Resend); sends {
		env = environment(user, 45*time.Second)
	}
	if err := m.Step(&c.account, c.handle, ev, env, &r); err != nil {
		return func() error { return err }
	}
	if ms := r.Moves(); len(ms) != 1 || ms[0].Row.To != to {
		return func() error { return fmt.Errorf("%T led to %+v, not to %s", ev, ms, to) }
	}
	return func() error { return m.Step(&c.account, c.handle, ev, env, &r) }
}
