package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// Whatever fault a port has, there is no verdict without a save.
func TestPortsFailClosed(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]func(*testhost.Host, *authn.Config){
		"store down": func(d *testhost.Host, c *authn.Config) {
			c.Store = storetest.Faulty(c.Store, storetest.Always("", storetest.Fault{Err: boom}))
		},
		"store panics": func(d *testhost.Host, c *authn.Config) {
			c.Store = storetest.Faulty(c.Store, storetest.Always("", storetest.Fault{Panic: "123456"}))
		},
		"always too late": func(d *testhost.Host, c *authn.Config) {
			c.Store = storetest.Faulty(c.Store, storetest.Always(storetest.Save, storetest.Fault{Err: authn.ErrConflict}))
		},
		"directory down":   func(d *testhost.Host, c *authn.Config) { c.Directory = brokenDirectory{boom} },
		"directory panics": func(d *testhost.Host, c *authn.Config) { c.Directory = brokenDirectory{nil} },
	} {
		d := testhost.New(t, c)
		a, err := d.Begin(t.Context(), authn.Login{User: "ada"})
		var r *authn.Refusal
		if a != nil || !errors.Is(err, authn.ErrUnavailable) || errors.As(err, &r) || strings.Contains(err.Error(), "123456") {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

type brokenDirectory struct{ err error }

func (b brokenDirectory) Factors(context.Context, string) ([]authn.Factor, error) {
	if b.err == nil {
		panic("123456")
	}
	return nil, b.err
}
func (b brokenDirectory) Activated(context.Context, string, string, authn.Factor) error { return b.err }

// A record that cannot be read is reported and not changed.
func TestUnreadableRecord(t *testing.T) {
	d := testhost.New(t, nil)
	a, code := d.Challenged(t)
	keys, _ := d.Store.Due(t.Context(), testhost.Start.Add(time.Hour), 1)
	rec, _ := d.Store.Load(t.Context(), keys[0])
	rotten := storetest.Flip(99)(rec)
	rotten.Version++
	if err := d.Store.Save(t.Context(), keys[0], rec.Version, rotten); err != nil {
		t.Fatal(err)
	}
	broken := d.Service
	if _, err := broken.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrCorrupt) || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if _, err := broken.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrCorrupt) {
		t.Errorf("an altered record was treated as a new account: %v", err)
	}
	d.Wait(time.Hour)
	did, err := broken.Tend(t.Context())
	if did.Unreadable != 1 || !errors.Is(err, authn.ErrCorrupt) {
		t.Errorf("%+v, %v", did, err)
	}
	if did, _ := broken.Tend(t.Context()); did.Unreadable != 1 {
		t.Errorf("Tend forgets it: %+v", did)
	}
	if now, err := d.Store.Load(t.Context(), keys[0]); err != nil || now.Version != rotten.Version {
		t.Errorf("Tend has saved it: %v", err)
	}
}

// A record that was damaged by a load never replaces the stored one.
func TestDamagedOnTheWay(t *testing.T) {
	n := byte(0)
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Store = storetest.Faulty(&d.Store, storetest.Always(storetest.Load, storetest.Fault{Damage: func(r authn.Record) authn.Record {
			n++
			return storetest.Flip(int(n))(r)
		}}))
	})
	cfg := d.Config
	cfg.Store = &d.Store
	sound, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := testhost.OK(t)(sound.Begin(t.Context(), authn.Login{User: "ada"}))
	d.Wait(time.Minute * 9)
	if did, err := d.Tend(t.Context()); did.Unreadable != 0 && err == nil {
		t.Errorf("%+v, %v", did, err)
	}
	d.Wait(time.Minute)
	d.Tend(t.Context())
	d.World.Advance(testhost.Start.Sub(d.World.Now()))
	if _, err := sound.Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"}); err != nil {
		t.Errorf("the stored record was overwritten: %v", err)
	}
}

// Canceling the context stops a step before its save, but never a mail.
func TestCanceledContext(t *testing.T) {
	d := testhost.New(t, nil)
	a := d.MustBegin(t, "ada")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := d.Do(ctx, a.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx, stop = context.WithCancel(t.Context())
	d.Config.Mailer = testhost.SendFunc(func(c context.Context, m authn.Message) error {
		stop()
		if c.Err() != nil {
			return c.Err()
		}
		return d.World.Send(c, m)
	})
	ans := testhost.OK(t)(d.Open(t).Do(ctx, a.Token, authn.Challenge{Factor: "ada-mail"}))
	if ans.Delivery != authn.Sent || d.Last("ada").Code == "" {
		t.Errorf("the mail was not sent after the request ended: %s", ans.Delivery)
	}
}

// An Auditor that is down does not block sign-ins at first, and gets the events
// later.
func TestAuditorIsTold(t *testing.T) {
	down := true
	var heard []authn.AuditEvent
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Auditor = testhost.AuditFunc(func(_ context.Context, e authn.AuditEvent) error {
			if down {
				return errors.New("down")
			}
			heard = append(heard, e)
			return nil
		})
	})
	a, code := d.Challenged(t)
	if a = d.MustDo(t, a.Token, authn.Verify{Code: code}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	down = false
	d.Wait(time.Minute - 1)
	d.Tend(t.Context())
	found := false
	for _, e := range heard {
		found = found || e.Event == "signed_in" && e.Key != "" && e.Time.Equal(testhost.Start)
	}
	if !found {
		t.Errorf("heard %v", heard)
	}
	// When the outbox is full, sign-ins are refused until deliveries succeed.
	down = true
	var last error
	for range 12 {
		d.Wait(time.Hour)
		a, err := d.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireNothing})
		if err == nil {
			_, err = d.Redeem(t.Context(), a.Session)
		}
		last = err
	}
	if !errors.Is(last, authn.ErrUnavailable) {
		t.Errorf("after twelve sign-ins without an audit: %v", last)
	}
}

func TestBadConfig(t *testing.T) {
	good := testhost.New(t, nil).Config
	for want, change := range map[string]func(*authn.Config){
		"Tenant":           func(c *authn.Config) { c.Tenant = strings.Repeat("x", 65) },
		"Store":            func(c *authn.Config) { c.Store = nil },
		"Mailer":           func(c *authn.Config) { c.Mailer = nil },
		"Directory":        func(c *authn.Config) { c.Directory = nil },
		"Keys":             func(c *authn.Config) { c.Keys = nil },
		"PseudonymKey":     func(c *authn.Config) { c.PseudonymKey = nil },
		"Policy.CodeTries": func(c *authn.Config) { c.Policy.CodeTries = 11 },
	} {
		c := good
		change(&c)
		if _, err := authn.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
