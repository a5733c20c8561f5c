package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

const oneDay = 24 * time.Hour

func aKey(id uint32) authn.Key {
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(i) * byte(id+3)
	}
	return authn.Key{ID: id, Secret: secret}
}

// A record that only counts, or is only disabled, is sealed anew before its key
// goes: the account can be used after any number of rotations.
func TestCountsOutliveKeys(t *testing.T) {
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Keys = []authn.Key{aKey(1)} })
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	for n := range 500 {
		d.Wait(oneDay)
		switch n {
		case 100, 300: // the next key, and the one before it goes after 366 days
			d.Config.Keys = append([]authn.Key{aKey(uint32(n))}, d.Config.Keys...)
		case 467:
			d.Config.Keys = d.Config.Keys[:2]
		}
		d.Service = d.Open(t)
		if did, err := d.Tend(t.Context()); err != nil || did.Foreign+did.Unreadable > 0 {
			t.Fatalf("day %d: %+v, %v", n, did, err)
		}
	}
	if got, err := d.Inspect(t.Context(), "ada"); err != nil || got.View().Failures != 1 {
		t.Errorf("%+v, %v", got.View(), err)
	}
	d.MustBegin(t, "ada")
}

// spoiled makes the record of ada unreadable for the service that is returned: its
// key is gone, or its bytes are another's.
func spoiled(t *testing.T) map[string]*testhost.Host {
	gone := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Keys = []authn.Key{aKey(1)} })
	gone.Challenged(t)
	gone.Config.Keys = []authn.Key{aKey(2)}
	gone.Service = gone.Open(t)
	altered := testhost.New(t, nil)
	altered.Challenged(t)
	key, rec := only(t, altered)
	rec.Value = slices.Clone(rec.Value)
	rec.Value[len(rec.Value)-1]++
	old := rec.Version
	rec.Version++
	if err := altered.Store.Save(t.Context(), key, old, rec); err != nil {
		t.Fatal(err)
	}
	return map[string]*testhost.Host{"its key is gone": gone, "it was altered": altered}
}

// only returns the one record of the store.
func only(t *testing.T, d *testhost.Host) (string, authn.Record) {
	t.Helper()
	keys, err := d.Store.Due(t.Context(), testhost.Start.Add(1000*oneDay), 9)
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	rec, err := d.Store.Load(t.Context(), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	return keys[0], rec
}

// What cannot be opened is left as it is by everybody but the operator who asks to
// reinstate or erase the user.
func TestCannotBeOpened(t *testing.T) {
	for name := range spoiled(t) {
		for _, mend := range []string{"reinstate", "erase"} {
			d := spoiled(t)[name]
			_, before := only(t, d)
			if _, err := d.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrCorrupt) {
				t.Errorf("%s: begin: %v", name, err)
			}
			if err := d.Revoke(t.Context(), "ada"); !errors.Is(err, authn.ErrCorrupt) {
				t.Errorf("%s: revoke: %v", name, err)
			}
			d.Wait(time.Hour)
			did, err := d.Tend(t.Context())
			if !errors.Is(err, authn.ErrCorrupt) || did.Foreign+did.Unreadable != 1 || (did.Foreign == 1) != (name == "its key is gone") {
				t.Errorf("%s: tend: %+v, %v", name, did, err)
			}
			if _, after := only(t, d); after.Version != before.Version {
				t.Errorf("%s: the record was saved", name)
			}
			d.World.Forget()
			if mend == "erase" {
				err = d.Erase(t.Context(), "ada")
			} else {
				err = d.Reinstate(t.Context(), "ada", "ticket 7")
			}
			if err != nil || d.Store.Len() != 0 {
				t.Fatalf("%s: %s: %v, %d records", name, mend, err, d.Store.Len())
			}
			if es := d.Audited(); len(es) != 1 || string(es[0].Event) != mend || es[0].Err == "" || mend == "reinstate" && es[0].Guard != "ticket 7" {
				t.Errorf("%s: audited: %+v", name, es)
			}
			d.MustBegin(t, "ada")
		}
	}
}

// A host's operation is audited with its reason, whether or not there is a record.
func TestOperationsWithoutRecord(t *testing.T) {
	d := testhost.New(t, nil)
	if err := errors.Join(d.Revoke(t.Context(), "ada"), d.Reinstate(t.Context(), "ada", "ticket 7"), d.Erase(t.Context(), "ada")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range d.Audited() {
		got = append(got, fmt.Sprintf("%s %s %q", e.Event, e.User, e.Guard))
	}
	if want := `[revoke ada "" reinstate ada "ticket 7" erase ada ""]`; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Reinstate gives an owner back what a guesser has used up: starts and sends as well.
func TestReinstateClearsEverything(t *testing.T) {
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Policy = authn.Policy{StartsPerHour: 1, SendsPerHour: 1, SendsPerDay: 1, LockEvery: 1}
	})
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	if err := d.Reinstate(t.Context(), "ada", "it was me"); err != nil {
		t.Fatal(err)
	}
	a, code = d.Challenged(t)
	if got := d.MustDo(t, a.Token, authn.Verify{Code: code}); got.State != authn.Success {
		t.Errorf("%s", got.State)
	}
}

// Services of two tenants on one store: neither sees, counts or changes the other's
// records, and each sends what it owes.
func TestTwoTenants(t *testing.T) {
	a := testhost.New(t, nil)
	b := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Tenant, c.Store = "zenith", &a.Store
		c.PseudonymKey, c.Keys = a.Config.PseudonymKey, a.Config.Keys
	})
	b.World.FailOnce(authntest.Send, authntest.Fault{Err: authntest.ErrDown})
	an := b.MustBegin(t, "ada")
	b.MustDo(t, an.Token, authn.Challenge{Factor: "ada-mail"})
	sent := len(b.World.Messages("ada"))
	for range 150 { // more than one batch of another tenant's
		a.Wait(time.Millisecond)
		a.World.SetFactors(fmt.Sprint("user", a.World.Now()), authn.Factor{ID: "m", Type: authn.Email, Address: "a@example.com", Status: authn.Active})
		a.MustBegin(t, fmt.Sprint("user", a.World.Now()))
	}
	a.Wait(time.Minute)
	if did, err := a.Tend(t.Context()); err != nil || did != (authn.Tended{}) {
		t.Errorf("a minute later: %+v, %v", did, err)
	}
	a.Wait(2 * time.Minute)
	b.Wait(3 * time.Minute)
	if did, err := b.Tend(t.Context()); err != nil || did.Records != 1 || did.Delivered != 1 || len(b.World.Messages("ada")) != sent+1 {
		t.Errorf("the other tenant: %+v, %v", did, err)
	}
	a.Wait(time.Hour)
	b.Wait(time.Hour)
	if did, err := a.Tend(t.Context()); err != nil || did.Records != 150 || did.Ended != 150 {
		t.Errorf("an hour later: %+v, %v", did, err)
	}
	if did, err := b.Tend(t.Context()); err != nil || did.Records != 1 || did.Ended != 1 {
		t.Errorf("an hour later, the other tenant: %+v, %v", did, err)
	}
}

// A process without an Auditor sends what is owed, and leaves the reports to those
// that have one.
func TestTendWithoutAuditor(t *testing.T) {
	d := testhost.New(t, nil)
	d.World.Fail(authntest.Audit, authntest.Fault{Err: authntest.ErrDown})
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: code})
	deaf := d.Config
	deaf.Auditor = nil
	mute, err := authn.New(deaf)
	if err != nil {
		t.Fatal(err)
	}
	d.Wait(30 * time.Second)
	_, before := only(t, d)
	for range 2 {
		if did, err := mute.Tend(t.Context()); err != nil || did.Delivered != 0 {
			t.Errorf("%+v, %v", did, err)
		}
	}
	if _, after := only(t, d); after.Version != before.Version {
		t.Error("it has saved a record in which nothing was its own")
	}
	if _, err := mute.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireNothing}); err != nil {
		t.Fatal(err)
	}
	d.World.Heal()
	d.Wait(time.Minute)
	d.World.Forget()
	if _, err := d.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range d.Audited() {
		if e.Event == authn.EventSignedIn {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d sign-ins are reported, 1 was owed", n)
	}
}

// A process that lacks a port, a gate or a type of factor leaves what takes it alone:
// an attempt of its own would put off the next one of a process that has it, for good if
// it always comes first.
func TestTendLeavesWhatItCannotDo(t *testing.T) {
	down := authntest.Fault{Err: authntest.ErrDown}
	locks := new(unlocking)
	for name, c := range map[string]struct {
		owe  func(*testing.T, *testhost.Host, *testhost.Vault, *testhost.Guard)
		lack func(*authn.Config)
		took func(*testhost.Host, *testhost.Vault, *testhost.Guard) int // since what failed
	}{
		"a password": {
			func(t *testing.T, h *testhost.Host, v *testhost.Vault, _ *testhost.Guard) {
				v.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
				h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
				v.Take = nil
			},
			func(c *authn.Config) { c.Passwords = nil },
			func(_ *testhost.Host, v *testhost.Vault, _ *testhost.Guard) int { return len(v.Stores()) - 1 },
		},
		"a gate": {
			func(t *testing.T, h *testhost.Host, _ *testhost.Vault, terms *testhost.Guard) {
				terms.Need = nil
				terms.Take = func(context.Context, authn.Change) error { return authntest.ErrDown }
				h.MustDo(t, h.MustLogin(t, byPassword).Token, authn.Pass{Gate: "TERMS", Input: "yes"})
				terms.Take = nil
			},
			func(c *authn.Config) { c.Gates = c.Gates[1:] },
			func(_ *testhost.Host, _ *testhost.Vault, terms *testhost.Guard) int { return len(terms.Passes()) },
		},
		"an unlock": {
			func(t *testing.T, h *testhost.Host, _ *testhost.Vault, _ *testhost.Guard) {
				locks.err = authntest.ErrDown
				a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeUnlock})
				h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
				locks.err = nil
			},
			func(c *authn.Config) { c.Passwords = locks.Vault },
			func(*testhost.Host, *testhost.Vault, *testhost.Guard) int { return locks.calls - 1 },
		},
		"a code": {
			func(t *testing.T, h *testhost.Host, _ *testhost.Vault, _ *testhost.Guard) {
				h.World.SetFactors("ada", authn.Factor{ID: "ada-phone", Type: "sms", Address: "+12025550123", Status: authn.Active})
				h.World.Fail(authntest.Send, down)
				h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-phone"})
				h.World.Heal()
			},
			func(c *authn.Config) { c.Senders = nil },
			func(h *testhost.Host, _ *testhost.Vault, _ *testhost.Guard) int { return len(h.World.Messages("ada")) },
		},
		"a confirmed factor": {
			func(t *testing.T, h *testhost.Host, _ *testhost.Vault, _ *testhost.Guard) {
				h.World.SetFactors("ada", authn.Factor{ID: "ada-phone", Type: "sms", Address: "+12025550123", Status: authn.NotSetUp})
				h.World.Fail(authntest.Activated, down)
				a := h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Enroll{Type: "sms"})
				h.MustDo(t, a.Token, authn.Activate{Code: h.Last("ada").Code})
				h.World.Heal()
			},
			func(c *authn.Config) { c.Senders = nil },
			func(h *testhost.Host, _ *testhost.Vault, _ *testhost.Guard) int { return len(h.Took()) - 1 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, v, terms, profile := testhost.Gated(t, func(h *testhost.Host, c *authn.Config) {
				c.Senders = map[string]authn.Sender{"sms": &h.World}
				c.Directory = &finder{Directory: c.Directory}
				locks.Vault = c.Passwords.(*testhost.Vault)
				c.Passwords = locks
			})
			terms.Need, profile.Need = testhost.Never, testhost.Never
			c.owe(t, h, v, terms)
			whole := h.Config
			c.lack(&h.Config)
			lesser := h.Open(t)
			for range 3 {
				h.Wait(30 * time.Second)
				if _, err := lesser.Tend(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if n := c.took(h, v, terms); n != 0 {
				t.Fatalf("%d times, by a process that cannot", n)
			}
			h.Config = whole
			if _, err := h.Open(t).Tend(t.Context()); err != nil {
				t.Error(err)
			}
			if n := c.took(h, v, terms); n != 1 {
				t.Errorf("%d times, by a process that can", n)
			}
		})
	}
}

// unlocking is a Vault with a lock of its own.
type unlocking struct {
	*testhost.Vault
	err   error
	calls int
}

func (u *unlocking) Unlock(context.Context, string, string) error {
	u.calls++
	return u.err
}

// A host without a lock of its own owes nobody an unlock.
func TestUnlockOfNoLock(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeUnlock})
	h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	acct, err := h.Inspect(t.Context(), "ada")
	if owed := acct.View().Owed; err != nil || len(owed) != 0 {
		t.Errorf("%+v, %v", owed, err)
	}
}

// A code that is superseded or revoked while another effect of its account is on its
// way is not sent.
func TestTendLoadsAgain(t *testing.T) {
	for _, revoke := range []bool{false, true} {
		var d *testhost.Host
		var meanwhile func()
		sent := 0
		d = testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
			c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
				if meanwhile == nil {
					return errors.New("down")
				}
				sent++
				f := meanwhile
				meanwhile = func() {}
				f()
				return nil
			})
		})
		one := d.MustBegin(t, "ada").Token
		d.MustDo(t, one, authn.Challenge{Factor: "ada-mail"})
		two := d.MustBegin(t, "ada").Token
		d.MustDo(t, two, authn.Challenge{Factor: "ada-mail"})
		meanwhile = func() { // while the first code is on its way
			if revoke {
				d.Revoke(t.Context(), "ada")
			} else {
				d.Do(t.Context(), two, authn.Cancel{})
			}
		}
		d.Wait(time.Minute)
		if _, err := d.Tend(t.Context()); err != nil || sent != 1 {
			t.Errorf("revoked %t: %d codes went out, %v", revoke, sent, err)
		}
	}
}

// listing is a store whose index lists what is not there.
type listing struct {
	authn.Store
	authn.Sweeper
	extra   []string
	cleared map[string]bool
}

func (l *listing) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	keys := slices.DeleteFunc(slices.Clone(l.extra), func(k string) bool { return l.cleared[k] })
	more, err := l.Sweeper.Due(ctx, before, limit)
	keys = append(keys, more...)
	return keys[:min(len(keys), limit)], err
}

func (l *listing) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if old == 0 && len(r.Value) == 0 {
		l.cleared[key] = true
		return nil
	}
	return l.Store.Save(ctx, key, old, r)
}

// Entries of an index without a record are cleared, and neither they nor records
// that cannot be loaded keep Tend from the rest.
func TestTendGoesOn(t *testing.T) {
	for _, clears := range []bool{true, false} {
		l := &listing{cleared: map[string]bool{}}
		d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
			l.Store, l.Sweeper = &d.Store, &d.Store
			c.Store = l
			if !clears {
				c.Store = struct {
					authn.Store
					authn.Sweeper
				}{&d.Store, l}
			}
		})
		d.MustBegin(t, "ada")
		key, _ := only(t, d)
		for i := range 250 {
			l.extra = append(l.extra, key[:8]+fmt.Sprintf("%032x", i))
		}
		d.Wait(time.Hour)
		did, err := d.Tend(t.Context())
		if err != nil || did.Ended != 1 {
			t.Errorf("clears %t: %+v, %v", clears, did, err)
		}
		if len(l.cleared) != map[bool]int{true: 250, false: 0}[clears] {
			t.Errorf("%d entries were cleared", len(l.cleared))
		}
	}
}

// What a clock that was ahead has put off is due again once a correct clock sees it.
func TestPutOffByAWrongClock(t *testing.T) {
	d := testhost.New(t, nil)
	d.World.Fail(authntest.Audit, authntest.Fault{Err: authntest.ErrDown})
	d.Challenged(t)
	d.Wait(oneDay)
	if _, err := d.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: code})
	d.World.Advance(-oneDay)
	d.World.Heal()
	d.MustBegin(t, "ada") // a correct clock sees the account
	d.World.Forget()
	d.Wait(time.Second)
	if _, err := d.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(d.Audited(), func(e authn.AuditEvent) bool { return e.Event == authn.EventSignedIn }) {
		t.Error("the report waits for the day of the wrong clock")
	}
}
