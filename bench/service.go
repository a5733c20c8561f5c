package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

const (
	serviceStep   = "Service step on memstore, right code : the step alone"
	serviceAbove  = "Service step on memstore, right code: µs of CPU above the step alone"
	serviceWrong  = "Service step on memstore, wrong code : the step alone"
	serviceSignIn = "sign-in through Service on memstore : its steps alone"
)

// A ticket is a transaction in MFA_CHALLENGE and its code.
type ticket struct {
	token authn.StateToken
	code  authn.Code
}

// tickets begins and challenges sign-ins of n users.
func (h *host) tickets(svc *authn.Service, prefix string, n int) ([]ticket, error) {
	ctx := context.Background()
	all := make([]ticket, n)
	for i := range all {
		user := prefix + strconv.Itoa(i)
		a, err := svc.Begin(ctx, authn.Login{User: user})
		if err != nil {
			return nil, err
		}
		if a, err = svc.Do(ctx, a.Token, authn.Challenge{Factor: a.Factors[0].ID}); err != nil {
			return nil, err
		}
		all[i] = ticket{a.Token, h.code(user)}
	}
	return all, nil
}

// verifies returns a contestant that verifies codes on a new store, each in
// another transaction.
func verifies(name string, spell func(authn.Code) authn.Code, to authn.State) contestant {
	h := newHost()
	var svc *authn.Service
	var all []ticket
	return contestant{
		name: name,
		prepare: func(n int) (err error) {
			if svc, err = h.service(new(memstore.Store)); err == nil {
				all, err = h.tickets(svc, "user-with-a-name-of-thirty-bytes", n)
			}
			return err
		},
		run: func(n int) error {
			for i := range n {
				a, err := svc.Do(context.Background(), all[i].token, authn.Verify{Code: spell(all[i].code)})
				if err != nil {
					return err
				}
				if a.State != to {
					return fmt.Errorf("a code led to %s, not to %s", a.State, to)
				}
			}
			return nil
		},
	}
}

func asIs(c authn.Code) authn.Code { return c }

// signsIn returns a contestant that signs in a new user: begin, challenge, a
// wrong code, the right code, redeem.
func signsIn() (contestant, error) {
	h := newHost()
	svc, err := h.service(new(memstore.Store))
	users := 0
	return contestant{name: "authn.Service, five calls", run: times(func() error {
		users++
		return h.signIn(svc, "user-with-a-name-of-thirty-bytes"+strconv.Itoa(users))
	})}, err
}

func (h *host) signIn(svc *authn.Service, user string) error {
	ctx := context.Background()
	a, err := svc.Begin(ctx, authn.Login{User: user})
	if err != nil {
		return err
	}
	if a, err = svc.Do(ctx, a.Token, authn.Challenge{Factor: a.Factors[0].ID}); err != nil {
		return err
	}
	code := h.code(user)
	if a, err = svc.Do(ctx, a.Token, authn.Verify{Code: wrong(code)}); err != nil {
		return err
	}
	if a, err = svc.Do(ctx, a.Token, authn.Verify{Code: code}); err != nil {
		return err
	}
	as, err := svc.Redeem(ctx, a.Session)
	if err == nil && as.User != user {
		err = fmt.Errorf("signed in as %q", as.User)
	}
	return err
}

// bareSteps returns the steps of a sign-in without store, mail, tokens and
// answers. There are four, because the machine has no redeem.
func bareSteps(m *authn.Machine, c *challenged) contestant {
	var r authn.Result
	name := "user-with-a-name-of-thirty-bytes1"
	begin := environment(name, 0)
	h := authn.TokenSecret(begin.Entropy[16:48])
	// The code of the other account is the same, because the entropy is.
	return contestant{name: "Machine alone, four steps", run: times(func() error {
		r.Account = authn.Account{}
		if err := m.Begin(&r.Account, authn.Login{User: name}, begin, &r); err != nil {
			return err
		}
		if err := m.Step(&r.Account, h, authn.Challenge{Factor: "emf1"}, begin, &r); err != nil {
			return err
		}
		if err := m.Step(&r.Account, h, authn.Verify{Code: wrong(c.code)}, c.env, &r); err != nil {
			return err
		}
		if err := m.Step(&r.Account, h, authn.Verify{Code: c.code}, c.env, &r); err != nil {
			return err
		}
		if r.Outcome != authn.Done {
			return fmt.Errorf("the right code is %s", r.Outcome)
		}
		return nil
	})}
}

// signIns compares calls of the Service with the steps that they make.
func signIns(p *plan) (*section, error) {
	sec := &section{title: "Through the Service", text: serviceText}
	m, err := newMachine()
	if err != nil {
		return nil, err
	}
	c, err := newChallenged(m, "user-with-a-name-of-thirty-bytes1")
	if err != nil {
		return nil, err
	}
	whole, err := signsIn()
	if err != nil {
		return nil, err
	}
	for _, x := range []struct {
		name, caption string
		ours, alone   contestant
	}{
		{serviceStep, "one call, right code", verifies("authn.Service.Do", asIs, authn.Success),
			contestant{name: "Machine.Step", run: times(c.step(m, authn.Verify{Code: c.code}, authn.Success))}},
		{serviceWrong, "one call, wrong code", verifies("authn.Service.Do", wrong, authn.MFAChallenge),
			contestant{name: "Machine.Step", run: times(c.step(m, authn.Verify{Code: wrong(c.code)}, authn.MFAChallenge))}},
		{serviceSignIn, "a whole sign-in: begin, challenge, wrong code, right code, redeem", whole, bareSteps(m, c)},
	} {
		p.say("  %s", x.caption)
		laps, err := race([]contestant{x.ours, x.alone}, p.laps, p.lap)
		if err != nil {
			return nil, err
		}
		sec.tables = append(sec.tables, costs(x.caption, laps))
		sec.find(x.name, paired(laps[0].of(cpu), laps[1].of(cpu)), &x.ours)
		if x.name == serviceStep && !p.quick { // which compares ratios only
			above := laps[0].of(cpu)
			for i, alone := range laps[1].of(cpu) {
				above[i] = (above[i] - alone) / 1e3
			}
			sec.find(serviceAbove, above, &x.ours)
		}
	}
	return sec, nil
}

const serviceText = `The same steps on a memstore. The service parses the token, loads, opens and checks the record, takes the step, seals and saves the new record, and
builds the answer with the allowed events and a token. Where the step computes one keyed hash, of the code, the call computes five more: the mask of the token
that comes in, the seals of the record as it was and as it is, the secret of the session token and its mask. What they cost depends on whether the processor
has instructions for SHA-256: see the end of the page. A sign-in also sends one message, through a sender that does nothing, and records the delivery.`
