package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/memstore"
)

// counting counts the loads and saves of a store.
type counting struct {
	authn.Store
	authn.Sweeper
	mu           sync.Mutex
	loads, saves int
}

func (s *counting) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *counting) Load(ctx context.Context, key string) (authn.Record, error) {
	s.count(&s.loads)
	return s.Store.Load(ctx, key)
}

func (s *counting) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	s.count(&s.saves)
	return s.Store.Save(ctx, key, old, r)
}

// thrifty is a host whose saves are counted, with later acknowledgements.
func thrifty(t *testing.T, change func(*testhost.Host, *authn.Config)) (*testhost.Host, *counting) {
	store := new(counting)
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		if change != nil {
			change(d, c)
		}
		store.Store, store.Sweeper = c.Store, c.Store.(authn.Sweeper)
		c.Store, c.Auditor, c.AcknowledgeLater = store, nil, true
	})
	return d, store
}

// A whole sign-in by a mailed code takes two saves, and one for each wrong code; and
// nothing is left to be saved.
func TestTwoSaves(t *testing.T) {
	d, store := thrifty(t, nil)
	for i, wrongs := range []int{0, 1, 2} {
		d.Wait(24 * time.Hour)
		if _, err := d.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.saves = 0
		a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true, Relay: fmt.Sprint(i)}))
		if a.State != authn.MFAChallenge || a.Delivery != authn.Sent || a.Token == "" {
			t.Fatalf("%+v", a)
		}
		for range wrongs {
			if a = d.MustDo(t, a.Token, authn.RedeemAtOnce(authn.Verify{Code: testhost.OtherCode(d.Last("ada").Code)})); a.Outcome != authn.WrongCode {
				t.Fatalf("%+v", a)
			}
		}
		a = d.MustDo(t, a.Token, authn.RedeemAtOnce(authn.Verify{Code: d.Last("ada").Code}))
		if a.State != authn.Success || a.Assertion == nil || a.Assertion.User != "ada" || a.Assertion.Relay != fmt.Sprint(i) || a.Session != "" || a.Token != "" || len(a.Allowed) > 0 {
			t.Fatalf("%+v", a)
		}
		if store.saves != 2+wrongs {
			t.Errorf("%d wrong codes: %d saves", wrongs, store.saves)
		}
		d.Wait(time.Minute)
		if did, err := d.Tend(t.Context()); err != nil || did.Delivered > 0 || did.Records > 0 {
			t.Errorf("something is left to do: %+v, %v", did, err)
		}
		if n := len(d.World.Messages("ada")); n != i+1 {
			t.Errorf("%d messages", n)
		}
	}
}

// What cannot be redeemed in the same save is redeemed by another, and the answer is the
// same.
func TestRedeemedByASecondSave(t *testing.T) {
	d, store := thrifty(t, func(d *testhost.Host, c *authn.Config) { c.Policy.Remember = time.Hour })
	a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
	store.saves = 0
	ev := authn.RedeemAtOnce(authn.WithKey("key", authn.Verify{Code: d.Last("ada").Code, Remember: true}))
	token := a.Token
	a = d.MustDo(t, token, ev)
	if a.Assertion == nil || a.Session != "" || a.Device == "" || a.Token != "" || len(a.Allowed) > 0 || store.saves != 2 {
		t.Fatalf("%+v, %d saves", a, store.saves)
	}
	if _, err := d.Do(t.Context(), token, ev); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("the repeat: %v", err)
	}
	b := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true, Device: a.Device, RedeemAtOnce: true}))
	if b.State != authn.Success || b.Assertion == nil || !b.Assertion.Remembered {
		t.Errorf("on the device: %+v", b)
	}
	// An enrollment is redeemed when the Directory has it.
	store.saves = 0
	c := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "grace", Challenge: true}))
	c = d.MustDo(t, c.Token, authn.RedeemAtOnce(authn.Enroll{Type: authn.Email}))
	c = d.MustDo(t, c.Token, authn.RedeemAtOnce(authn.Activate{Code: d.Last("grace").Code}))
	if c.Assertion == nil || c.Assertion.User != "grace" || len(c.Assertion.Factors) != 1 {
		t.Errorf("%+v", c)
	}
}

// A factor that is gone, or a user who may not sign in any more, has no assertion, and the
// refusal is that of Redeem.
func TestRedeemAtOnceIsRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*testhost.Host)
		want   error
	}{
		{func(d *testhost.Host) { d.Move("ada", "new@example.com") }, authn.ErrNotOffered},
		{func(d *testhost.Host) { d.World.SetFactors("ada") }, authn.ErrNotOffered},
		{func(d *testhost.Host) { d.World.Remove("ada") }, authn.ErrNoUser},
	} {
		d, _ := thrifty(t, nil)
		a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
		c.change(d)
		b, err := d.Do(t.Context(), a.Token, authn.RedeemAtOnce(authn.Verify{Code: d.Last("ada").Code}))
		var ref *authn.Refusal
		if !errors.As(err, &ref) || ref.Err != c.want || ref.Event != authn.EventRedeem || b != nil {
			t.Errorf("%v: %v, %+v", c.want, err, b)
		}
	}
}

// A user who is gone is not signed in at once either where nothing is left to prove.
func TestRedeemAtOnceWithoutUser(t *testing.T) {
	terms := new(testhost.Guard)
	d, _ := thrifty(t, func(_ *testhost.Host, c *authn.Config) { c.Gates = []authn.Gate{{State: "TERMS", Keeper: terms}} })
	a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireNothing}))
	if a.State != "TERMS" {
		t.Fatalf("%+v", a)
	}
	d.World.Remove("ada")
	b, err := d.Do(t.Context(), a.Token, authn.RedeemAtOnce(authn.Pass{Gate: "TERMS", Input: "right"}))
	var ref *authn.Refusal
	if !errors.As(err, &ref) || ref.Err != authn.ErrNoUser || b != nil {
		t.Errorf("%v, %+v", err, b)
	}
}

// An assertion is given once, whoever races.
func TestRedeemAtOnceRaces(t *testing.T) {
	d, _ := thrifty(t, nil)
	a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
	code := d.Last("ada").Code
	const clients = 8
	got := make(chan *authn.Assertion, clients)
	for i := range clients {
		go func() {
			ev := authn.Event(authn.Verify{Code: code})
			if i%2 == 0 {
				ev = authn.WithKey("key", ev)
			}
			b, err := d.Do(context.Background(), a.Token, authn.RedeemAtOnce(ev))
			if err != nil {
				got <- nil
				return
			}
			got <- b.Assertion
		}()
	}
	n := 0
	for range clients {
		if <-got != nil {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d assertions", n)
	}
}

// An acknowledgement waits until 20 seconds before another node would take the attempt for
// lost, and not longer; a step takes it along.
func TestAcknowledgeLater(t *testing.T) {
	const until = 5*time.Second + 30*time.Second - 20*time.Second
	for _, c := range []struct {
		after time.Duration
		saves int
	}{{until - 1, 0}, {until, 1}, {until + 1, 1}} {
		d, store := thrifty(t, nil)
		a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
		other := d.Open(t)
		if s := testhost.OK(t)(other.Status(t.Context(), a.Token)); s.Delivery != authn.Pending {
			t.Errorf("on another node it is %q", s.Delivery)
		}
		if s := testhost.OK(t)(d.Status(t.Context(), a.Token)); s.Delivery != authn.Sent {
			t.Errorf("here it is %q", s.Delivery)
		}
		store.saves = 0
		d.Wait(c.after)
		for i := range 2 { // the second time there is nothing left, nothing is even looked at
			loads := store.loads
			if _, err := d.Tend(t.Context()); err != nil || store.saves != c.saves || i > 0 && store.loads > loads {
				t.Errorf("%v later: %v, %d saves, want %d; %d loads", c.after, err, store.saves, c.saves, store.loads-loads)
			}
		}
		if c.saves > 0 {
			if s := testhost.OK(t)(other.Status(t.Context(), a.Token)); s.Delivery != authn.Sent {
				t.Errorf("on another node it is %q", s.Delivery)
			}
		}
		// The other node does not send it again, as long as this one lives.
		for range 6 {
			d.Wait(10 * time.Second)
			if _, err := d.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(d.World.Calls(authntest.Send)); n != 1 {
			t.Errorf("%v later: %d messages", c.after, n)
		}
	}
}

// A step takes the acknowledgement along: it is stored, and Tend has nothing to save.
func TestAcknowledgedByAStep(t *testing.T) {
	d, store := thrifty(t, nil)
	a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
	a = d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(d.Last("ada").Code)})
	if s := testhost.OK(t)(d.Open(t).Status(t.Context(), a.Token)); s.Delivery != authn.Sent {
		t.Errorf("on another node it is %q", s.Delivery)
	}
	store.saves = 0
	d.Wait(30 * time.Second)
	if _, err := d.Tend(t.Context()); err != nil || store.saves != 0 {
		t.Errorf("%v, %d saves", err, store.saves)
	}
}

// A process that dies repeats a message with the same key; one that calls Wait does not.
func TestAcknowledgedAtShutdown(t *testing.T) {
	for _, waits := range []bool{false, true} {
		d, store := thrifty(t, nil)
		a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
		store.saves = 0
		if waits {
			if err := d.Service.Wait(t.Context()); err != nil || store.saves != 1 {
				t.Errorf("Wait: %v, %d saves", err, store.saves)
			}
		}
		next := d.Open(t)
		d.Wait(36 * time.Second)
		if _, err := next.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		sent := d.World.Calls(authntest.Send)
		if waits != (len(sent) == 1) || len(d.World.Messages("ada")) != 1 { // which has each key once
			t.Errorf("Wait was called: %t; %d messages", waits, len(sent))
		}
		if b := testhost.OK(t)(next.Do(t.Context(), a.Token, authn.Verify{Code: d.Last("ada").Code})); b.State != authn.Success {
			t.Errorf("%+v", b)
		}
	}
}

// A message that failed is acknowledged at once: its next attempt is due sooner.
func TestFailuresAreAcknowledgedAtOnce(t *testing.T) {
	down := errors.New("down")
	d, store := thrifty(t, func(d *testhost.Host, c *authn.Config) {
		mail := c.Mailer
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if down != nil {
				return down
			}
			return mail.Send(ctx, m)
		})
	})
	a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
	if store.saves != 2 || a.Delivery != authn.Pending {
		t.Errorf("%d saves, %q", store.saves, a.Delivery)
	}
	down = nil
	d.Wait(10 * time.Second)
	if did, err := d.Tend(t.Context()); err != nil || did.Delivered != 1 {
		t.Errorf("%+v, %v", did, err)
	}
	if s := testhost.OK(t)(d.Status(t.Context(), a.Token)); s.Delivery != authn.Sent || len(d.World.Messages("ada")) != 1 {
		t.Errorf("%+v", s)
	}
}

// What is held for an account that is erased, revoked or reinstated meanwhile says nothing
// any more.
func TestHeldForNothing(t *testing.T) {
	for name, f := range map[string]func(*testhost.Host) error{
		"erase":     func(d *testhost.Host) error { return d.Erase(context.Background(), "ada") },
		"revoke":    func(d *testhost.Host) error { return d.Revoke(context.Background(), "ada") },
		"reinstate": func(d *testhost.Host) error { return d.Reinstate(context.Background(), "ada", "why") },
	} {
		d, store := thrifty(t, nil)
		testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
		if err := f(d); err != nil {
			t.Fatal(err)
		}
		store.saves = 0
		if err := d.Service.Wait(t.Context()); err != nil || store.saves != 0 {
			t.Errorf("%s: %v, %d saves", name, err, store.saves)
		}
		a := testhost.OK(t)(d.Begin(t.Context(), authn.Login{User: "ada", Challenge: true}))
		if b := d.MustDo(t, a.Token, authn.RedeemAtOnce(authn.Verify{Code: d.Last("ada").Code})); b.Assertion == nil {
			t.Errorf("%s: %+v", name, b)
		}
	}
}

// The acknowledgement of a claim's message is held too: the answer has gone out before.
func TestClaimIsAcknowledgedLater(t *testing.T) {
	store := new(counting)
	base := new(memstore.Store)
	store.Store, store.Sweeper = base, base
	d, later := testhost.Claiming(t, "acme", store)
	d.Config.AcknowledgeLater, d.Config.Auditor = true, nil
	d.Service = d.Open(t)
	a := testhost.OK(t)(d.Claim(t.Context(), authn.Claim{Name: "ada"}))
	store.saves = 0
	later()
	if store.saves != 1 { // the mailbox is charged
		t.Errorf("%d saves for the message", store.saves)
	}
	if err := d.Service.Wait(t.Context()); err != nil || store.saves != 2 {
		t.Errorf("Wait: %v, %d saves", err, store.saves)
	}
	if s := testhost.OK(t)(d.Status(t.Context(), a.Token)); s.State != authn.FactorChallenge {
		t.Errorf("%+v", s)
	}
}
