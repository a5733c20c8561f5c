package people_test

import (
	"context"
	"errors"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

func TestDirectory(t *testing.T) {
	ctx, d := t.Context(), new(people.Directory)
	if _, err := d.Factors(ctx, "grace"); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	status := func(want authn.Status) {
		t.Helper()
		if fs, err := d.Factors(ctx, "grace"); err != nil || len(fs) != 1 || fs[0].Status != want {
			t.Errorf("got %v %v, want %v", fs, err, want)
		}
	}
	d.Add("grace", "old@example.com", false)
	status(authn.NotSetUp)
	old, _ := d.Factors(ctx, "grace")

	// What was confirmed is the old address, but it has changed meanwhile.
	d.Add("grace", "new@example.com", false)
	if err := d.Activated(ctx, "1", "grace", old[0]); err != nil {
		t.Error(err)
	}
	status(authn.NotSetUp)

	confirmed, _ := d.Factors(ctx, "grace")
	for range 2 { // the call is repeated
		if err := d.Activated(ctx, "2", "grace", confirmed[0]); err != nil {
			t.Error(err)
		}
		status(authn.Active)
	}
}

// nobodys is a Directory whose users have no factor: it lists nothing.
type nobodys struct{ people.Directory }

func (*nobodys) Factors(context.Context, string) ([]authn.Factor, error) { return nil, nil }

// A list that is empty says that the user exists and has no factor, which is
// not the same as ErrNoUser: whether the password is enough depends on what
// the sign-in asks for.
func TestNoFactors(t *testing.T) {
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: try.Key()}}, PseudonymKey: try.Key(),
		Store: new(memstore.Store), Mailer: new(memsender.Sender), Directory: new(nobodys),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		require authn.Requirement
		state   authn.State
		err     error
	}{
		{authn.RequireFactor, "", authn.ErrNoFactor},
		{authn.RequireIfActive, authn.Success, nil},
		{authn.RequireNothing, authn.Success, nil},
	} {
		a, err := svc.Begin(t.Context(), authn.Login{User: "ada", Require: c.require})
		if !errors.Is(err, c.err) || a != nil && a.State != c.state || a == nil && c.state != "" {
			t.Errorf("%d: %+v, %v", c.require, a, err)
		}
	}
}
