package people_test

import (
	"errors"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
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
