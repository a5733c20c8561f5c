package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// counted is a Directory and a Limiter that count their calls.
type counted struct {
	authn.Directory
	factors, attempts int
}

func (c *counted) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	c.factors++
	return c.Directory.Factors(ctx, user)
}

func (c *counted) Allow(context.Context, authn.Attempt) (time.Time, error) {
	c.attempts++
	return time.Time{}, nil
}

// An event for which the state has no row is refused without a call of the Limiter,
// and one call of the Directory, whose factors the answer shows.
func TestNobodyIsAsked(t *testing.T) {
	c := new(counted)
	d := testhost.New(t, func(d *testhost.Host, cfg *authn.Config) {
		c.Directory = &d.World
		cfg.Directory, cfg.Limiter = c, c
	})
	a, _ := d.Challenged(t)
	for _, ev := range []authn.Event{authn.Challenge{Factor: "ada-mail"}, authn.Enroll{Type: authn.Email}, authn.Activate{Code: "123456"}} {
		was := *c
		if _, err := d.Do(t.Context(), a.Token, ev); !errors.Is(err, authn.ErrNotAllowed) || c.factors != was.factors+1 || c.attempts != was.attempts {
			t.Errorf("%T: %v, called %d and %d times", ev, err, c.factors-was.factors, c.attempts-was.attempts)
		}
	}
}

// After a save conflict the Directory is called again, since its answer may have
// changed. The Limiter is not, since the request is one attempt.
func TestLimiterIsAskedOnce(t *testing.T) {
	c := new(counted)
	d := testhost.New(t, func(d *testhost.Host, cfg *authn.Config) {
		c.Directory = &d.World
		cfg.Directory, cfg.Limiter = c, c
	})
	a := d.MustBegin(t, "ada")
	was := *c
	lost := 0
	d.Config.Store = storetest.Faulty(&d.Store, func(call storetest.Call) storetest.Fault {
		if call.Op == storetest.Save && lost < 2 {
			lost++
			return storetest.Fault{Err: authn.ErrConflict}
		}
		return storetest.Fault{}
	})
	testhost.OK(t)(d.Open(t).Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"}))
	if lost != 2 || c.factors-was.factors != 3 || c.attempts-was.attempts != 1 {
		t.Errorf("%d save conflicts: the Directory was called %d times, the Limiter %d", lost, c.factors-was.factors, c.attempts-was.attempts)
	}
}

// The audit event of a refusal has the transaction and its state.
func TestRefusalIsAudited(t *testing.T) {
	d := testhost.New(t, nil)
	a := d.MustBegin(t, "ada")
	began := d.Audited()[len(d.Audited())-1].Transaction
	if _, err := d.Do(t.Context(), a.Token, authn.Verify{Code: "123456"}); !errors.Is(err, authn.ErrNotAllowed) {
		t.Fatal(err)
	}
	e := d.Audited()[len(d.Audited())-1]
	if e.Event != "verify" || e.From != authn.MFARequired || e.Transaction != began || len(began) != 32 || e.Err == "" || e.User != "ada" {
		t.Errorf("%+v, of transaction %s", e, began)
	}
}

// A host operation that cannot be saved returns an error and is not audited.
func TestHostSaveFails(t *testing.T) {
	d := testhost.New(t, nil)
	a := d.MustBegin(t, "ada")
	told := func() (n int) {
		for _, e := range d.Audited() {
			if e.Event == "revoke" {
				n++
			}
		}
		return n
	}
	d.Config.Store = storetest.Faulty(&d.Store, storetest.Always(storetest.Save, storetest.Fault{Err: errors.New("the disk is full")}))
	if err := d.Open(t).Revoke(t.Context(), "ada"); !errors.Is(err, authn.ErrUnavailable) || told() != 0 {
		t.Errorf("%v, audited %d times", err, told())
	}
	testhost.OK(t)(d.Status(t.Context(), a.Token))
	if err := d.Revoke(t.Context(), "ada"); err != nil || told() != 1 {
		t.Errorf("%v, audited %d times", err, told())
	}
}

func TestTenantLength(t *testing.T) {
	c := testhost.New(t, nil).Config
	for n, good := range map[int]bool{64: true, 65: false} {
		c.Tenant = strings.Repeat("x", n)
		if _, err := authn.New(c); (err == nil) != good {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// Tend counts the deliveries that were accepted, not the attempts.
func TestDeliveredIsCounted(t *testing.T) {
	deaf := []authn.EventName{"signed_in", "factor_activated"}
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Auditor = testhost.AuditFunc(func(_ context.Context, e authn.AuditEvent) error {
			if slices.Contains(deaf, e.Event) {
				return errors.New("down")
			}
			return nil
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.Email})
	d.MustDo(t, a.Token, authn.Activate{Code: d.Last("grace").Code})
	for _, want := range []int{0, 1, 1, 0} {
		d.Wait(time.Hour)
		if did, err := d.Tend(t.Context()); err != nil || did.Delivered != want {
			t.Errorf("deaf to %v: %+v, %v", deaf, did, err)
		}
		deaf = deaf[:max(0, len(deaf)-1)]
	}
}

// A notice is sent to the current address. Activated is not called for a factor
// that was confirmed at another address.
func TestAddressMoves(t *testing.T) {
	down := errors.New("down")
	fail := down
	var to []string
	var handed []authn.Factor
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Policy.BackoffFrom = 1
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if m.Kind == authn.CodeMessage {
				return d.World.Send(ctx, m)
			}
			if fail == nil {
				to = append(to, m.To)
			}
			return fail
		})
		c.Directory = activatedFunc{&d.World, func(f authn.Factor) error {
			if fail == nil {
				handed = append(handed, f)
			}
			return fail
		}}
	})
	move := func(user string) {
		d.Move(user, "new@example.com")
		fail = nil
		d.Wait(time.Hour)
		if _, err := d.Tend(t.Context()); err != nil {
			t.Error(err)
		}
	}
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	if move("ada"); !slices.Equal(to, []string{"new@example.com"}) {
		t.Errorf("the notice was sent to %v", to)
	}
	fail, to = down, nil
	a = d.MustDo(t, d.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.Email})
	d.MustDo(t, a.Token, authn.Activate{Code: d.Last("grace").Code})
	if move("grace"); len(handed) != 0 || !slices.Equal(to, []string{"new@example.com"}) {
		t.Errorf("Activated got %v; the notice was sent to %v", handed, to)
	}
}

type activatedFunc struct {
	authn.Directory
	f func(authn.Factor) error
}

func (a activatedFunc) Activated(_ context.Context, _, _ string, f authn.Factor) error { return a.f(f) }

// An acknowledgment that conflicts with steps is retried as often as a step is.
func TestAcknowledgedAgain(t *testing.T) {
	d := testhost.New(t, nil)
	a := d.MustBegin(t, "ada")
	saves := 0
	d.Config.Store = storetest.Faulty(&d.Store, func(c storetest.Call) storetest.Fault {
		if c.Op == storetest.Save {
			if saves++; saves > 1 {
				return storetest.Fault{Err: authn.ErrConflict}
			}
		}
		return storetest.Fault{}
	})
	a = testhost.OK(t)(d.Open(t).Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"}))
	if saves != 1+16 || a.Delivery != authn.Sent {
		t.Errorf("%d saves, delivery %s", saves, a.Delivery)
	}
}

// A Limiter's time that has come is now, and the Directory is asked as ever.
func TestLimitThatHasPassed(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		want error
	}{"past": {-time.Second, nil}, "now": {0, nil}, "later": {1, authn.ErrTooSoon}} {
		d := testhost.New(t, nil)
		a := d.MustBegin(t, "ada")
		d.Config.Limiter = limitFunc(func() time.Time { return d.World.Now().Add(c.wait) })
		d.Service = d.Open(t)
		got, err := d.Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"})
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || got.State != authn.MFAChallenge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type limitFunc func() time.Time

func (f limitFunc) Allow(context.Context, authn.Attempt) (time.Time, error) { return f(), nil }
