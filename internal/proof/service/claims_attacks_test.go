package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/memstore"
)

// One phone is one proof, whether it is read or listened to: C1, C7.
func TestClaimedPhoneCountsOnce(t *testing.T) {
	for flow, want := range map[authn.Purpose]error{authn.PurposeSignIn: authn.ErrNoFactor, authn.PurposeRecover: nil} {
		h, _, _ := claiming(t, func(h *testhost.Host, c *authn.Config) { c.Senders["call"] = &h.World })
		h.World.SetFactors("ada", authn.Factor{ID: "ada-call", Type: authn.Call, Address: "+12025550123", Status: authn.Active})
		a := claim(t, h, authn.Claim{Name: "ada", By: authn.SMS, For: flow})
		b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "+12025550123")})
		if !errors.Is(err, want) || err == nil && b.State != authn.PasswordReset {
			t.Errorf("%s: a call to the phone that got the code counts as another factor: %+v, %v", flow, b, err)
		}
	}
}

// A phone that is flooded by text messages is not called besides: C5.
func TestPhoneIsOneMailbox(t *testing.T) {
	h, f, _ := claiming(t, func(h *testhost.Host, c *authn.Config) { c.Senders["call"] = &h.World })
	h.Config.Directory = &everybody{f, "+12025550123"}
	h.Service = h.Open(t)
	for i := range 10 {
		claim(t, h, authn.Claim{Name: fmt.Sprint("a", i), By: authn.SMS})
		claim(t, h, authn.Claim{Name: fmt.Sprint("b", i), By: authn.Call, For: authn.PurposeUnlock})
	}
	if n := len(h.World.Messages("")); n != 6 {
		t.Errorf("%d messages in an hour, 6 are allowed", n)
	}
}

// everybody has one address.
type everybody struct {
	*finder
	address string
}

func (e *everybody) Find(context.Context, authn.Claimed) (authn.Subject, error) {
	return authn.Subject{User: "ada", Address: e.address}, nil
}

// What the host does voids the claims of a user without a record, too.
func TestClaimIsVoidWithoutRecord(t *testing.T) {
	for name, f := range map[string]func(*testhost.Host) error{
		"revoked":    func(h *testhost.Host) error { return h.Revoke(t.Context(), "ada") },
		"reinstated": func(h *testhost.Host) error { return h.Reinstate(t.Context(), "ada", "test") },
		"erased":     func(h *testhost.Host) error { return h.Erase(t.Context(), "ada") },
	} {
		h, _, _ := claiming(t, nil)
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		h.Wait(time.Second)
		must(t, f(h))
		if b, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

// However many claims are carried on, none that was void before is.
func TestManyClaimsReviveNone(t *testing.T) {
	h, f, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.SendsPerHour, c.Policy.SendsPerDay = 100, 100 })
	h.Config.Directory = &everyName{finder: f}
	h.Service = h.Open(t)
	old := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	code := codeOf(t, h, "ada@example.com")
	h.Wait(time.Second)
	must(t, h.Revoke(t.Context(), "ada"))
	h.Wait(2 * time.Second)
	for i := range 80 { // more than are remembered
		a := claim(t, h, authn.Claim{Name: fmt.Sprint("ada", i), Require: authn.RequireIfActive})
		if _, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); err != nil && !errors.Is(err, authn.ErrFinished) {
			t.Fatal(err)
		}
	}
	if b, err := h.Do(t.Context(), old.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("%+v, %v", b, err)
	}
}

// A clock that was wrong for a moment closes no mailbox for the time that it was ahead.
func TestMailboxAfterClockFault(t *testing.T) {
	h, f, _ := claiming(t, nil)
	h.Config.Directory = &everyName{finder: f}
	now := h.Config.Now
	h.Config.Now = func() time.Time { return now().AddDate(1, 0, 0) }
	h.Service = h.Open(t)
	for i := range 6 {
		claim(t, h, authn.Claim{Name: fmt.Sprint("ada", i)})
	}
	h.Config.Now = now
	h.Service = h.Open(t)
	claim(t, h, authn.Claim{Name: "ada"})
	if n := len(h.World.Messages("")); n != 6 {
		t.Errorf("%d messages, 6 are allowed in an hour", n)
	}
	h.Wait(time.Hour + time.Second)
	claim(t, h, authn.Claim{Name: "ada"})
	if n := len(h.World.Messages("")); n != 7 {
		t.Errorf("%d messages, the seventh is due after an hour", n)
	}
}

// A process that dies between the answer and the message leaves the message to Tend, which
// sends it once; and to a mailer that was down, too: C5.
func TestClaimIsDeliveredOnce(t *testing.T) {
	down := false
	h, f, _ := claiming(t, func(h *testhost.Host, c *authn.Config) {
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if down {
				return errors.New("the mailer is down")
			}
			return h.World.Send(ctx, m)
		})
	})
	h.Config.Directory = &everyName{finder: f}
	live := h.Open(t)
	h.Config.Go = func(func()) {}
	h.Service = h.Open(t)
	tend := func() {
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		defer stop()
		if _, err := live.Tend(ctx); err != nil {
			t.Fatal(err)
		}
		must(t, ctx.Err())
	}
	sent := func(want int) {
		t.Helper()
		if n := len(h.World.Messages("")); n != want {
			t.Fatalf("%d messages, want %d", n, want)
		}
	}
	a := testhost.OK(t)(h.Claim(t.Context(), authn.Claim{Name: "ada", Require: authn.RequireIfActive}))
	tend()
	sent(0) // the attempt may still be under way elsewhere
	h.Wait(time.Minute)
	for range 3 {
		tend()
		sent(1)
		h.Wait(10 * time.Second)
	}
	h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	for i := range 9 { // the mailbox takes five more
		testhost.OK(t)(h.Claim(t.Context(), authn.Claim{Name: fmt.Sprint("ada", i)}))
	}
	h.Wait(time.Minute)
	down = true
	tend()
	sent(1)
	down = false
	h.Wait(time.Minute)
	for range 3 {
		tend()
		sent(6)
		h.Wait(20 * time.Second)
	}
}

// C3 on a store in memory; the other stores have the same test.
func TestClaimsLookAlike(t *testing.T) { testhost.ClaimsLookAlike(t, new(memstore.Store)) }

// BenchmarkClaims is the time of a claim and a wrong code up to their answers, of
// somebody, nobody, and somebody whose mail bounces: they differ by less than their spread.
func BenchmarkClaims(b *testing.B) {
	for _, name := range testhost.Claimants {
		b.Run(name, func(b *testing.B) {
			h, later := testhost.Claiming(b, "acme", new(memstore.Store))
			for b.Loop() {
				a, err := h.Claim(b.Context(), authn.Claim{Name: name})
				if err != nil {
					b.Fatal(err)
				}
				for range 3 {
					if _, err := h.Do(b.Context(), a.Token, authn.Verify{Code: "00000000"}); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				later()
				h.Wait(25 * time.Hour)
				b.StartTimer()
			}
		})
	}
}

// A request that is held up between the two records for SessionLife begins nothing: what
// would remember that it had is no longer kept: C6.
func TestClaimIsCarriedOnInTime(t *testing.T) {
	for held, want := range map[time.Duration]error{time.Minute: authn.ErrFinished, time.Minute - time.Second: nil} {
		var slow *slowStore
		h, _, _ := claiming(t, func(h *testhost.Host, c *authn.Config) {
			slow = &slowStore{Store: c.Store, wait: h.Wait}
			c.Store = slow
		})
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		slow.by = held
		if b, err := h.Do(t.Context(), a.Token, authn.WithKey("k", authn.Verify{Code: codeOf(t, h, "ada@example.com")})); !errors.Is(err, want) {
			t.Errorf("held up for %v: %+v, %v", held, b, err)
		}
	}
}

// A repeated code of a claim gets the session that the code itself has led to, and not the
// one that a factor has led to since.
func TestRepeatedClaimAndSession(t *testing.T) {
	for _, second := range []bool{false, true} {
		h, _, _ := claiming(t, nil)
		want := authn.Success
		if second {
			want = authn.MFARequired
			h.World.SetFactors("ada", authn.Factor{ID: "ada-phone", Type: authn.SMS, Address: "+12025550123", Status: authn.Active})
		}
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		ev := authn.WithKey("k", authn.Verify{Code: codeOf(t, h, "ada@example.com")})
		b, again := h.MustDo(t, a.Token, ev), h.MustDo(t, a.Token, ev)
		if b.State != want || again.State != want || again.Token != b.Token || again.Session != b.Session {
			t.Fatalf("%+v\n%+v", b, again)
		}
		if !second {
			continue
		}
		h.MustDo(t, b.Token, authn.Challenge{Factor: "ada-phone"})
		if c := h.MustDo(t, b.Token, authn.Verify{Code: codeOf(t, h, "+12025550123")}); c.Session == "" {
			t.Fatalf("%+v", c)
		}
		if c, err := h.Do(t.Context(), a.Token, ev); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// slowStore takes its time to say that it has saved.
type slowStore struct {
	authn.Store
	wait func(time.Duration)
	by   time.Duration
}

func (s *slowStore) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	err := s.Store.Save(ctx, key, old, r)
	s.wait(s.by)
	s.by = 0
	return err
}

// Nobody is looked up before the answer: C3.
func TestNobodyIsLookedUpBeforeTheAnswer(t *testing.T) {
	h, f, _ := claiming(t, nil)
	var later []func()
	h.Config.Go = func(f func()) { later = append(later, f) }
	h.Service = h.Open(t)
	a := testhost.OK(t)(h.Claim(t.Context(), authn.Claim{Name: "ada"}))
	h.Wait(time.Minute)
	h.MustDo(t, a.Token, authn.Resend{})
	if len(f.asked) != 0 || len(later) != 2 {
		t.Errorf("asked %d times before the answer, %d messages are to come", len(f.asked), len(later))
	}
}

// No hour and no day has more messages to a mailbox, or claims of a name, than are
// allowed: C5.
func TestDailyLimits(t *testing.T) {
	h, f, _ := claiming(t, nil)
	h.Config.Directory = &everyName{finder: f}
	h.Service = h.Open(t)
	var claims []time.Time
	for i := range 3 * 48 {
		if _, err := h.Claim(t.Context(), authn.Claim{Name: "ada"}); err == nil {
			claims = append(claims, h.Now())
		}
		claim(t, h, authn.Claim{Name: fmt.Sprint("ada", i)})
		h.Wait(30 * time.Minute)
	}
	var sent []time.Time
	for _, c := range h.World.Calls(authntest.Send) {
		sent = append(sent, c.At)
	}
	for what, x := range map[string]struct {
		at        []time.Time
		hour, day int
	}{"messages": {sent, 6, 20}, "claims": {claims, 3, 10}} {
		most := 0
		for i, from := range x.at {
			hour, day := 0, 0
			for _, at := range x.at[i:] {
				if at.Sub(from) < time.Hour {
					hour++
				}
				if at.Sub(from) < 24*time.Hour {
					day++
				}
			}
			most = max(most, day)
			if hour > x.hour || day > x.day {
				t.Errorf("%d %s in an hour, %d in a day", hour, what, day)
			}
		}
		if most != x.day {
			t.Errorf("%d %s in a day at most, %d are allowed", most, what, x.day)
		}
	}
}

// A code is good for the user and the address that it went to.
func TestClaimedAddressMoves(t *testing.T) {
	for _, now := range []authn.Subject{{User: "ada", Address: "ada@example.org"}, {User: "grace", Address: "ada@example.com"}, {}} {
		h, f, _ := claiming(t, nil)
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		h.Config.Directory = movedTo{f, now}
		h.Service = h.Open(t)
		if b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); b.Outcome != authn.WrongCode {
			t.Errorf("%+v: %+v", now, b)
		}
	}
}

type movedTo struct {
	*finder
	to authn.Subject
}

func (m movedTo) Find(context.Context, authn.Claimed) (authn.Subject, error) { return m.to, nil }
