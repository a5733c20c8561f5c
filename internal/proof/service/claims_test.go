package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// finder knows ada, by two names, and turing, whose mailbox bounces. It counts.
type finder struct {
	authn.Directory
	mu    sync.Mutex
	asked []authn.Claimed
	err   error
}

func (f *finder) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, c)
	switch name := string(c.Name); {
	case f.err != nil:
		return authn.Subject{}, f.err
	case (name == "ada@example.com" || name == "ada") && c.By == authn.Email:
		return authn.Subject{User: "ada", Address: "ada@example.com"}, nil
	case name == "ada" && c.By == authn.SMS:
		return authn.Subject{User: "ada", Address: "+12025550123"}, nil
	case name == "turing":
		return authn.Subject{User: "turing", Address: "turing@bounces.example"}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

// claiming returns a host with a finder, whose claims are carried out where the test says.
func claiming(t *testing.T, change func(*testhost.Host, *authn.Config)) (*testhost.Host, *finder, *testhost.Vault) {
	t.Helper()
	f := new(finder)
	h, v, terms, profile := testhost.Gated(t, func(h *testhost.Host, c *authn.Config) {
		f.Directory = c.Directory
		c.Directory = f
		c.Senders = map[string]authn.Sender{"sms": &h.World}
		if change != nil {
			change(h, c)
		}
	})
	terms.Need, profile.Need = testhost.Never, testhost.Never
	return h, f, v
}

func claim(t *testing.T, h *testhost.Host, c authn.Claim) *authn.Answer {
	t.Helper()
	a := testhost.OK(t)(h.Claim(t.Context(), c))
	if err := h.Service.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// codeOf is the code of the last message to an address.
func codeOf(t *testing.T, h *testhost.Host, address string) authn.Code {
	t.Helper()
	ms := h.World.Messages("")
	for i := len(ms) - 1; i >= 0; i-- {
		if ms[i].To == address && ms[i].Kind == authn.CodeMessage {
			return ms[i].Code
		}
	}
	t.Fatalf("nothing was sent to %s", address)
	return ""
}

func TestSignInWithoutPassword(t *testing.T) {
	for _, name := range []string{"ada@example.com", " Ada@Example.COM\n", "ada"} {
		h, _, _ := claiming(t, nil)
		a := claim(t, h, authn.Claim{Name: name, Require: authn.RequireIfActive, Relay: "r"})
		if a.State != authn.FactorChallenge || a.User != "" || a.Factor.Address != "" {
			t.Fatalf("%+v", a)
		}
		b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
		if b.State != authn.Success || b.User != "ada" || b.Token == a.Token {
			t.Fatalf("%+v", b)
		}
		as, err := h.Redeem(t.Context(), b.Session)
		if err != nil || as.User != "ada" || !slices.Equal(as.Methods, []string{"otp"}) || as.Relay != "r" || as.Name != "" {
			t.Errorf("%+v, %v", as, err)
		}
	}
}

// One mailbox is one proof: a factor at the address of the claim does not count: C7.
func TestClaimedAddressCountsOnce(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada"})
	if _, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); !errors.Is(err, authn.ErrNoFactor) {
		t.Errorf("a second factor is required, and the only one is in the same mailbox: %v", err)
	}
	h.World.SetFactors("ada", authn.Factor{ID: "ada-mail", Type: authn.Email, Address: "Ada@Example.com", Status: authn.Active},
		authn.Factor{ID: "ada-phone", Type: authn.SMS, Address: "+12025550123", Status: authn.Active},
		authn.Factor{ID: "ada-second", Type: authn.Email, Address: "ada@example.com", Status: authn.NotSetUp})
	a = claim(t, h, authn.Claim{Name: "ada"})
	b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if b.State != authn.MFARequired || len(b.Factors) != 1 || b.Factors[0].ID != "ada-phone" {
		t.Fatalf("%+v", b)
	}
	if _, err := h.Do(t.Context(), b.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrNotOffered) {
		t.Errorf("challenged: %v", err)
	}
	b = h.MustDo(t, b.Token, authn.Challenge{Factor: "ada-phone"})
	b = h.MustDo(t, b.Token, authn.Verify{Code: codeOf(t, h, "+12025550123")})
	as, err := h.Redeem(t.Context(), b.Session)
	if err != nil || !slices.Equal(as.Factors, []string{"ada-phone"}) || len(as.Proofs) != 2 {
		t.Errorf("%+v, %v", as, err)
	}
}

// A factor that is active in the claimed mailbox keeps enrollment closed: C9.
func TestClaimEnrollsNothingBesideAFactor(t *testing.T) {
	h, _, _ := claiming(t, nil)
	app := authn.Factor{ID: "ada-new", Type: authn.TOTP, Status: authn.NotSetUp}
	mail := authn.Factor{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}
	for _, c := range []struct {
		factors []authn.Factor
		want    authn.State
	}{{[]authn.Factor{mail, app}, authn.Success}, {[]authn.Factor{app}, authn.MFAEnroll}} {
		h.World.SetFactors("ada", c.factors...)
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		if b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); b.State != c.want {
			t.Errorf("%s, want %s", b.State, c.want)
		}
	}
}

// A recovery by one mailbox changes the password, and gives no session: C2.
func TestRecoverWithoutAnotherFactor(t *testing.T) {
	h, _, v := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover})
	if a.State != authn.RecoveryChallenge {
		t.Fatalf("%+v", a)
	}
	b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if b.State != authn.PasswordReset {
		t.Fatalf("%+v", b)
	}
	done := h.MustDo(t, b.Token, authn.ResetPassword{New: fresh})
	if done.State != authn.Success || done.Session != "" || done.Token != "" || v.Kept("ada") != testhost.Form(fresh) {
		t.Errorf("%+v; the host has %q", done, v.Kept("ada"))
	}
}

// Another factor comes before the password, and then there is a session.
func TestRecoverWithAnotherFactor(t *testing.T) {
	h, _, v := claiming(t, nil)
	h.World.SetFactors("ada", authn.Factor{ID: "ada-phone", Type: authn.SMS, Address: "+12025550123", Status: authn.Active})
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover})
	b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if b.State != authn.MFARequired {
		t.Fatalf("%+v", b)
	}
	if _, err := h.Do(t.Context(), b.Token, authn.ResetPassword{New: fresh}); !errors.Is(err, authn.ErrNotAllowed) || len(v.Checks()) > 0 {
		t.Errorf("before the factor: %v", err)
	}
	b = h.MustDo(t, b.Token, authn.Challenge{Factor: "ada-phone"})
	b = h.MustDo(t, b.Token, authn.Verify{Code: codeOf(t, h, "+12025550123")})
	if b.State != authn.PasswordReset {
		t.Fatalf("%+v", b)
	}
	b = h.MustDo(t, b.Token, authn.ResetPassword{New: fresh})
	as, err := h.Redeem(t.Context(), b.Session)
	if err != nil || slices.Contains(as.Methods, "pwd") {
		t.Errorf("%+v, %v", as, err)
	}
}

// An unlock ends the soft lock, keeps what was counted, and gives no session: C2, C8.
func TestUnlock(t *testing.T) {
	h, _, _ := claiming(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.LockEvery, c.Policy.BackoffFrom = 2, 10 })
	a, code := h.Challenged(t)
	for range 2 {
		h.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	}
	if _, err := h.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrLocked) {
		t.Fatal(err)
	}
	u := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeUnlock})
	done := h.MustDo(t, u.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if done.State != authn.Success || done.Session != "" || done.Token != "" {
		t.Errorf("%+v", done)
	}
	acct, err := h.Inspect(t.Context(), "ada")
	if v := acct.View(); err != nil || !v.LockedUntil.IsZero() || v.Failures != 2 || len(v.WrongCodes) != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	h.MustBegin(t, "ada")
}

func TestSignUp(t *testing.T) {
	h, f, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "New@Example.com", For: authn.PurposeSignUp})
	b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "new@example.com")})
	if b.State != authn.Success || b.User != "" {
		t.Fatalf("%+v", b)
	}
	as, err := h.Redeem(t.Context(), b.Session)
	if err != nil || as.Name != "new@example.com" || as.User != "" || len(f.asked) != 0 {
		t.Errorf("%+v, %v, asked %d", as, err, len(f.asked))
	}
	if _, err := h.Redeem(t.Context(), b.Session); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("twice: %v", err)
	}
	if _, err := h.Claim(t.Context(), authn.Claim{Name: "nobody at all", For: authn.PurposeSignUp}); !errors.Is(err, authn.ErrMalformed) {
		t.Errorf("no address: %v", err)
	}
}

// The code of a claim begins one transaction, and is answered again only under the key of
// the client: C6.
func TestClaimIsCarriedOnOnce(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	ev := authn.WithKey("k", authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	b := h.MustDo(t, a.Token, ev)
	again := h.MustDo(t, a.Token, ev)
	if again.Token != b.Token || again.Session != b.Session || again.State != b.State {
		t.Errorf("%+v, then %+v", b, again)
	}
	for name, other := range map[string]authn.Event{
		"no key": authn.Verify{Code: codeOf(t, h, "ada@example.com")}, "another key": authn.WithKey("l", authn.Verify{Code: codeOf(t, h, "ada@example.com")}),
	} {
		if _, err := h.Do(t.Context(), a.Token, other); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 4 { // the first one's place is needed
		h.MustLogin(t, byPassword)
	}
	if _, err := h.Do(t.Context(), a.Token, ev); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("when it is gone: %v", err)
	}
}

// A crash between the two records loses nothing to a client that repeats with its key.
func TestClaimCrash(t *testing.T) {
	for n := range 6 {
		crash := new(crashing)
		h, _, _ := claiming(t, func(h *testhost.Host, c *authn.Config) { crash.Store, c.Store = c.Store, crash })
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		ev := authn.WithKey("k", authn.Verify{Code: codeOf(t, h, "ada@example.com")})
		crash.in = n + 1
		_, err := h.Do(t.Context(), a.Token, ev)
		crash.in = 0
		b := h.MustDo(t, a.Token, ev)
		if b.State != authn.Success || b.User != "ada" {
			t.Errorf("from call %d on the store failed (%v): %+v", n, err, b)
		}
		acct, _ := h.Inspect(t.Context(), "ada")
		if n := len(acct.View().Transactions); n != 1 {
			t.Errorf("%d transactions", n)
		}
	}
}

// crashing fails every call from the one that it is told on.
type crashing struct {
	authn.Store
	in int
}

func (c *crashing) down() bool {
	if c.in > 1 {
		c.in--
		return false
	}
	return c.in == 1
}

func (c *crashing) Load(ctx context.Context, key string) (authn.Record, error) {
	if c.down() {
		return authn.Record{}, authntest.ErrDown
	}
	return c.Store.Load(ctx, key)
}

func (c *crashing) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if c.down() {
		return authntest.ErrDown
	}
	return c.Store.Save(ctx, key, old, r)
}

// What a claim was begun before voids it.
func TestClaimIsVoid(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(*testing.T, *testhost.Host)
		void bool
	}{
		"revoked": {func(t *testing.T, h *testhost.Host) { must(t, h.Revoke(t.Context(), "ada")) }, true},
		"reinstated": {func(t *testing.T, h *testhost.Host) {
			h.MustBegin(t, "ada")
			must(t, h.Reinstate(t.Context(), "ada", "test"))
		}, true},
		"erased": {func(t *testing.T, h *testhost.Host) { h.MustBegin(t, "ada"); must(t, h.Erase(t.Context(), "ada")) }, true},
		"new password": {func(t *testing.T, h *testhost.Host) {
			h.MustDo(t, h.MustLogin(t, testhost.ToReset).Token, authn.ResetPassword{New: fresh})
		}, true},
		"another user": {func(t *testing.T, h *testhost.Host) { must(t, h.Revoke(t.Context(), "grace")) }, false},
		"nothing":      {func(*testing.T, *testhost.Host) {}, false},
	} {
		h, _, _ := claiming(t, nil)
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		h.Wait(time.Second)
		c.f(t, h)
		h.Wait(time.Second)
		if _, err := h.Do(t.Context(), a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); errors.Is(err, authn.ErrFinished) != c.void || !c.void && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		h.Wait(time.Minute)
		a = claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		if b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")}); b.State != authn.Success {
			t.Errorf("%s, later: %+v", name, b)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Wrong codes of a claim cost the claim, and change no byte of the user's record: C4.
func TestStrangersGuess(t *testing.T) {
	h, _, _ := claiming(t, nil)
	h.MustBegin(t, "ada")
	keys, err := h.Store.Due(t.Context(), h.Now().AddDate(9, 0, 0), 100)
	must(t, err)
	before := stored(t, h, keys[0])
	for range 3 {
		a := claim(t, h, authn.Claim{Name: "ada"})
		for i := range 3 {
			b := h.MustDo(t, a.Token, authn.Verify{Code: "00000000"})
			if want := []authn.State{authn.FactorChallenge, authn.FactorChallenge, authn.LockedOut}[i]; b.State != want || b.Outcome != authn.WrongCode {
				t.Errorf("guess %d: %+v", i, b)
			}
		}
	}
	if _, err := h.Claim(t.Context(), authn.Claim{Name: "ada"}); !errors.Is(err, authn.ErrTooSoon) {
		t.Errorf("the fourth claim in an hour: %v", err)
	}
	if after := stored(t, h, keys[0]); after != before {
		t.Error("the user's record has changed")
	}
}

func stored(t *testing.T, h *testhost.Host, key string) string {
	t.Helper()
	r, err := h.Store.Load(t.Context(), key)
	must(t, err)
	return fmt.Sprint(r)
}

// A mailbox gets no more, by however many names: C5.
func TestMailboxIsNotFlooded(t *testing.T) {
	h, f, _ := claiming(t, nil)
	all := &everyName{finder: f}
	h.Config.Directory = all
	h.Service = h.Open(t)
	for i := range 20 {
		claim(t, h, authn.Claim{Name: fmt.Sprintf("ada+%d@example.com", i)})
	}
	if n := len(h.World.Messages("")); n != 6 {
		t.Errorf("%d messages in an hour, 6 are allowed", n)
	}
	for range 48 {
		h.Wait(time.Hour)
		claim(t, h, authn.Claim{Name: fmt.Sprintf("ada+%d@example.com", h.Now().Unix())})
	}
	times := map[int64]int{}
	for _, c := range h.World.Calls(authntest.Send) {
		times[c.At.Unix()/86400]++
	}
	for d, n := range times {
		if n > 2*20 {
			t.Errorf("day %d: %d messages", d, n)
		}
	}
}

type everyName struct{ *finder }

func (e *everyName) Find(context.Context, authn.Claimed) (authn.Subject, error) {
	return authn.Subject{User: "ada", Address: "ada@example.com"}, nil
}

// A script of events has the same answers and the same calls within them for somebody,
// nobody, and somebody whose mail bounces: C3.
func TestNobodyLooksLikeSomebody(t *testing.T) {
	for _, flow := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock} {
		var scripts []string
		for _, name := range []string{"ada", "nil", "turing"} {
			h, f, _ := claiming(t, nil)
			h.Config.Mailer = testhost.SendFunc(func(_ context.Context, m authn.Message) error {
				if m.User == "turing" {
					return authn.ErrUndeliverable
				}
				return nil
			})
			var later []func()
			h.Config.Go = func(f func()) { later = append(later, f) }
			h.Service = h.Open(t)
			var log strings.Builder
			note := func(what string, a *authn.Answer, err error) {
				if a != nil {
					b := *a
					fmt.Fprintf(&log, "%s: %+v, token of %d\n", what, b, len(b.Token))
				}
				var r *authn.Refusal
				if errors.As(err, &r) {
					fmt.Fprintf(&log, "%s: %v, %s, %v, answer %+v\n", what, r, r.Guard, r.RetryAt, r.Answer)
				}
				fmt.Fprintf(&log, "calls:")
				for _, c := range h.World.Calls() {
					fmt.Fprintf(&log, " %s", c.Port)
				}
				fmt.Fprintf(&log, ", found %d\n", len(f.asked))
				h.World.Forget()
				for _, f := range later {
					f()
				}
				later, f.asked = nil, nil
				h.World.Forget()
			}
			for round := range 4 {
				a, err := h.Claim(t.Context(), authn.Claim{Name: name, For: flow})
				note(fmt.Sprint("claim ", round), a, err)
				if err != nil {
					continue
				}
				do := func(what string, ev authn.Event) {
					b, err := h.Do(t.Context(), a.Token, ev)
					note(what, b, err)
				}
				status, err := h.Status(t.Context(), a.Token)
				note("status", status, err)
				do("resend too soon", authn.Resend{})
				do("wrong", authn.Verify{Code: "00000000"})
				do("malformed", authn.Verify{Code: "123456"})
				h.Wait(31 * time.Second)
				do("resend", authn.Resend{})
				do("wrong", authn.Verify{Code: "00000001"})
				if round == 2 {
					h.Wait(6 * time.Minute)
					do("late", authn.Verify{Code: "00000002"})
					do("none", authn.Verify{Code: "00000002"})
					h.Wait(4 * time.Minute)
					do("expired", authn.Verify{Code: "00000002"})
				}
				do("wrong", authn.Verify{Code: "00000002"})
				do("finished", authn.Resend{})
			}
			if t.Logf("%s: %d bytes", name, log.Len()); log.Len() < 4000 {
				t.Fatal("the script is too short to say anything")
			}
			scripts = append(scripts, log.String())
		}
		for i, s := range scripts[1:] {
			if s != scripts[0] {
				t.Errorf("%s: somebody:\n%s\nnobody %d:\n%s", flow, scripts[0], i, s)
			}
		}
	}
}

// A bad claim is refused before anything is asked or written.
func TestBadClaims(t *testing.T) {
	h, _, _ := claiming(t, nil)
	h.World.Forget()
	for name, c := range map[string]authn.Claim{
		"no name":            {},
		"blanks":             {Name: " \t\n"},
		"255 bytes":          {Name: strings.Repeat("a", 255)},
		"control characters": {Name: "ada\x00"},
		"not UTF-8":          {Name: "ada\xff"},
		"unknown purpose":    {Name: "ada", For: "x"},
		"purpose enroll":     {Name: "ada", For: authn.PurposeEnroll},
		"by an app":          {Name: "ada", By: authn.TOTP},
		"by what is unknown": {Name: "ada", By: "pigeon"},
		"a bad requirement":  {Name: "ada", Require: 9},
		"relay of 257":       {Name: "ada", Relay: strings.Repeat("r", 257)},
		"recovery requires":  {Name: "ada", For: authn.PurposeRecover, Require: authn.RequireNothing},
	} {
		if _, err := h.Claim(t.Context(), c); !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := testhost.New(t, nil).Claim(t.Context(), authn.Claim{Name: "ada"}); !errors.Is(err, authn.ErrNotAllowed) {
		t.Errorf("without a Finder: %v", err)
	}
	if n := len(h.World.Calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
	claim(t, h, authn.Claim{Name: strings.Repeat("a", 254)})
}

// An idle record of claims is small, however long the name and however many the claims of
// a day, and goes after a day. Its name can be claimed again.
func TestClaimRecords(t *testing.T) {
	for _, name := range []string{"a", "grace.hopper@example.com", strings.Repeat("a", 254)} {
		h, _, _ := claiming(t, nil)
		for i := range 9 {
			a := claim(t, h, authn.Claim{Name: name})
			if n := sizes(t, h)[0]; i == 0 && n > 300+max(0, len(name)-24) {
				t.Errorf("a name of %d bytes: the first claim has %d bytes", len(name), n)
			}
			h.MustDo(t, a.Token, authn.Cancel{})
			h.Wait(20 * time.Minute)
			tend(t, h)
		}
		a := claim(t, h, authn.Claim{Name: name})
		live := sizes(t, h)
		h.MustDo(t, a.Token, authn.Cancel{})
		h.Wait(time.Hour)
		tend(t, h)
		idle := sizes(t, h)
		t.Logf("a name of %d bytes: live %d bytes, idle %d", len(name), live[0], idle[0])
		if live[0] > 300+len(name) || idle[0] > 100 {
			t.Errorf("a name of %d bytes: live %d bytes, idle %d", len(name), live[0], idle[0])
		}
		h.Wait(25 * time.Hour)
		tend(t, h)
		if n := len(sizes(t, h)); n != 0 {
			t.Errorf("%d records are kept", n)
		}
	}
}

func tend(t *testing.T, h *testhost.Host) {
	t.Helper()
	if _, err := h.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func sizes(t *testing.T, h *testhost.Host) (ns []int) {
	t.Helper()
	keys, err := h.Store.Due(t.Context(), h.Now().AddDate(9, 0, 0), 100)
	must(t, err)
	for _, k := range keys {
		r, err := h.Store.Load(t.Context(), k)
		must(t, err)
		ns = append(ns, len(r.Value))
	}
	return ns
}

// linkOf is the link in the last message to an address.
func linkOf(t *testing.T, h *testhost.Host, address string) authn.Secret {
	t.Helper()
	ms := h.World.Messages("")
	for i := len(ms) - 1; i >= 0; i-- {
		if ms[i].To == address && ms[i].Link != "" {
			return ms[i].Link
		}
	}
	t.Fatalf("no link was sent to %s", address)
	return ""
}

// Whoever opens the link goes on, once; who began the claim sees what they would see if
// nobody had: C3, C6.
func TestLink(t *testing.T) {
	h, _, v := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover})
	link, code := linkOf(t, h, "ada@example.com"), codeOf(t, h, "ada@example.com")
	b := testhost.OK(t)(h.Service.Open(t.Context(), link, "key"))
	if b.State != authn.PasswordReset || b.Token == a.Token || b.User != "ada" {
		t.Fatalf("%+v", b)
	}
	again := testhost.OK(t)(h.Service.Open(t.Context(), link, "key"))
	if again.Token != b.Token || again.State != b.State {
		t.Errorf("with the same key: %+v", again)
	}
	for _, key := range []string{"", "another", strings.Repeat("k", 65)} {
		if _, err := h.Service.Open(t.Context(), link, key); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("with key %.10q: %v", key, err)
		}
	}
	h.World.Forget()
	before := len(h.World.Messages(""))
	c := h.MustDo(t, a.Token, authn.Verify{Code: code})
	if c.State != authn.RecoveryChallenge || c.Outcome != authn.WrongCode || c.TriesLeft != 2 {
		t.Errorf("the code of an opened claim: %+v", c)
	}
	h.Wait(30 * time.Second)
	if c = h.MustDo(t, a.Token, authn.Resend{}); c.State != authn.RecoveryChallenge || c.Generation != 2 {
		t.Errorf("%+v", c)
	}
	must(t, h.Service.Wait(t.Context()))
	if n := len(h.World.Messages("")); n != before {
		t.Errorf("%d messages went out after the link was opened", n-before)
	}
	h.MustDo(t, b.Token, authn.ResetPassword{New: fresh})
	if v.Kept("ada") != testhost.Form(fresh) {
		t.Error("the password was not stored")
	}
}

// A link is void after a newer one, after a revocation, in another place, and in time.
func TestLinkIsVoid(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(*testing.T, *testhost.Host, *authn.Answer)
		void bool
	}{
		"nothing": {func(*testing.T, *testhost.Host, *authn.Answer) {}, false},
		"resent": {func(t *testing.T, h *testhost.Host, a *authn.Answer) {
			h.Wait(time.Minute)
			h.MustDo(t, a.Token, authn.Resend{})
		}, true},
		"revoked": {func(t *testing.T, h *testhost.Host, _ *authn.Answer) {
			h.Wait(time.Second)
			must(t, h.Revoke(t.Context(), "ada"))
		}, true},
		"late":     {func(_ *testing.T, h *testhost.Host, _ *authn.Answer) { h.Wait(5 * time.Minute) }, true},
		"over":     {func(_ *testing.T, h *testhost.Host, _ *authn.Answer) { h.Wait(time.Hour) }, true},
		"canceled": {func(t *testing.T, h *testhost.Host, a *authn.Answer) { h.MustDo(t, a.Token, authn.Cancel{}) }, true},
		"code used": {func(t *testing.T, h *testhost.Host, a *authn.Answer) {
			h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
		}, true},
		"moved": {func(_ *testing.T, h *testhost.Host, _ *authn.Answer) {
			h.Config.Directory = &movedName{h.Config.Directory.(*finder)}
		}, true},
	} {
		h, _, _ := claiming(t, nil)
		a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
		link := linkOf(t, h, "ada@example.com")
		c.f(t, h, a)
		h.Service = h.Open(t)
		for _, bad := range []authn.Secret{"", link[:63], link + "A", authn.Secret(a.Token)} {
			if _, err := h.Service.Open(t.Context(), bad, ""); !errors.Is(err, authn.ErrFinished) {
				t.Errorf("%s: a link of %d bytes: %v", name, len(bad), err)
			}
		}
		if _, err := h.Service.Do(t.Context(), authn.StateToken(link), authn.Cancel{}); !errors.Is(err, authn.ErrFinished) {
			t.Errorf("%s: as a state token: %v", name, err)
		}
		if _, err := h.Service.Open(t.Context(), link, ""); errors.Is(err, authn.ErrFinished) != c.void || !c.void && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A link that was opened is answered again to the same key while its claim lasts.
func TestLinkAgain(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover})
	link := linkOf(t, h, "ada@example.com")
	h.Wait(time.Minute)
	b := testhost.OK(t)(h.Service.Open(t.Context(), link, "key"))
	h.Wait(a.Expires.Sub(h.Now()) - 1)
	if again := testhost.OK(t)(h.Service.Open(t.Context(), link, "key")); again.Token != b.Token {
		t.Errorf("%+v, then %+v", b, again)
	}
	h.Wait(1)
	if again, err := h.Service.Open(t.Context(), link, "key"); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("%+v, %v", again, err)
	}
}

// movedName finds ada elsewhere.
type movedName struct{ *finder }

func (movedName) Find(context.Context, authn.Claimed) (authn.Subject, error) {
	return authn.Subject{User: "ada", Address: "ada@elsewhere.example"}, nil
}
