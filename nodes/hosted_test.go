package nodes

import (
	"context"
	"errors"
	"time"

	"github.com/authnfsm/authn"
)

// terms is the host's gate.
const terms authn.State = "TERMS"

// What resetUsers hand in.
func chosen(*visitor) string   { return "a password that nobody had" }
func accepted(*visitor) string { return "accepted" }

// vault is people as the host's Passwords: a form is there whole or not at all.
type vault struct{ people }

func (vault) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	return authn.Verdict{Right: true, Data: []byte("form of " + string(in.New))}, nil
}

var errOther = errors.New("this is not what was judged")

func (v vault) Store(_ context.Context, c authn.Change) error {
	if string(c.Data) != "form of "+chosen(nil) {
		return errOther
	}
	return v.write(c.User, stored, c.Key)
}

// porter is people as the Keeper of the gate.
type porter struct{ people }

func (p porter) Needed(_ context.Context, user string) (bool, error) {
	return kind(user) == resetUsers && len(p.told(user, passed)) == 0, nil
}

func (porter) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	return authn.Verdict{Right: string(in.Input) == accepted(nil), Data: []byte("terms of today")}, nil
}

func (p porter) Passed(_ context.Context, c authn.Change) error {
	if string(c.Data) != "terms of today" {
		return errOther
	}
	return p.write(c.User, passed, c.Key)
}

type watchedVault struct {
	authn.Passwords
	p *points
}

func (v watchedVault) Check(ctx context.Context, in authn.PasswordInput) (x authn.Verdict, err error) {
	err = v.p.around(func() error {
		x, err = v.Passwords.Check(ctx, in)
		return err
	})
	return x, err
}

func (v watchedVault) Store(ctx context.Context, c authn.Change) error {
	return v.p.around(func() error { return v.Passwords.Store(ctx, c) })
}

type watchedPorter struct {
	authn.Gatekeeper
	p *points
}

func (k watchedPorter) Check(ctx context.Context, in authn.GateInput) (x authn.Verdict, err error) {
	err = k.p.around(func() error {
		x, err = k.Gatekeeper.Check(ctx, in)
		return err
	})
	return x, err
}

func (k watchedPorter) Passed(ctx context.Context, c authn.Change) error {
	return k.p.around(func() error { return k.Gatekeeper.Passed(ctx, c) })
}

type hastyVault struct{ vault }

func (v hastyVault) Store(ctx context.Context, c authn.Change) error {
	time.AfterFunc(later, func() { _ = v.vault.Store(ctx, c) })
	return nil
}

type hastyPorter struct{ porter }

func (p hastyPorter) Passed(ctx context.Context, c authn.Change) error {
	time.AfterFunc(later, func() { _ = p.porter.Passed(ctx, c) })
	return nil
}
