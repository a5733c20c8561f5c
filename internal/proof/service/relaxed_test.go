package service

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// relaxing notes which saves are relaxed.
type relaxing struct {
	authn.Store
	authn.Sweeper
	saves []bool
}

func (s *relaxing) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	s.saves = append(s.saves, r.Relaxed)
	return s.Store.Save(ctx, key, old, r)
}

// A save is relaxed if it acknowledges a delivery, and no other is: else a used code could
// live again after a crash of the database.
func TestRelaxedSaves(t *testing.T) {
	store := new(relaxing)
	down := true
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		store.Store, store.Sweeper = c.Store, c.Store.(authn.Sweeper)
		c.Store, c.Auditor = store, nil
		mail := c.Mailer
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if down {
				return fmt.Errorf("down")
			}
			return mail.Send(ctx, m)
		})
	})
	saved := func(what string, want ...bool) {
		t.Helper()
		if fmt.Sprint(store.saves) != fmt.Sprint(want) {
			t.Errorf("%s: saves are relaxed: %v, want %v", what, store.saves, want)
		}
		store.saves = nil
	}
	a := d.MustBegin(t, "ada")
	saved("begin", false)
	a = d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"})
	saved("challenge", false, true)
	down = false
	d.Wait(time.Minute)
	if _, err := d.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	saved("tend", false, true, false)
	code := d.World.Code("ada")
	d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	saved("a wrong code", false)
	a = d.MustDo(t, a.Token, authn.Verify{Code: code})
	saved("the right code", false)
	if _, err := d.Redeem(t.Context(), a.Session); err != nil {
		t.Fatal(err)
	}
	saved("redeem", false)
	if err := d.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	saved("revoke", false)
}
