package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
)

// passwords observes Passwords.
type passwords struct {
	inner        authn.Passwords
	check, store *operation
}

// unlocker is one that has a lock of its own.
type unlocker struct {
	passwords
	inner  authn.Unlocker
	unlock *operation
}

func (t *Telemetry) passwords(p authn.Passwords) authn.Passwords {
	base := passwords{p, t.operation("passwords", "check"), t.operation("passwords", "store")}
	if u, ok := p.(authn.Unlocker); ok {
		return &unlocker{base, u, t.operation("passwords", "unlock")}
	}
	return &base
}

func (u *unlocker) Unlock(ctx context.Context, key, user string) error {
	var x running
	ctx = x.begin(ctx, u.unlock)
	defer x.end()
	err := u.inner.Unlock(ctx, key, user)
	x.result = resultOf(err)
	return err
}

func (p *passwords) Check(ctx context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	var x running
	ctx = x.begin(ctx, p.check)
	defer x.end()
	v, err := p.inner.Check(ctx, in)
	x.result = resultOf(err)
	return v, err
}

func (p *passwords) Store(ctx context.Context, c authn.Change) error {
	var x running
	ctx = x.begin(ctx, p.store)
	defer x.end()
	err := p.inner.Store(ctx, c)
	x.result = resultOf(err)
	return err
}
