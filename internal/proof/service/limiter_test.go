package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// limiter is a Limiter that remembers what it was asked.
type limiter struct {
	asked []authn.Attempt
	until time.Time
	only  authn.EventName // the event that is held up; "": all
	fault error
}

func (l *limiter) Allow(_ context.Context, a authn.Attempt) (time.Time, error) {
	l.asked = append(l.asked, a)
	if l.only != "" && l.only != a.Event {
		return time.Time{}, l.fault
	}
	return l.until, l.fault
}

// events are the events that it was asked about, and forgets them.
func (l *limiter) events() string {
	var es []string
	for _, a := range l.asked {
		es = append(es, string(a.Event))
	}
	l.asked = nil
	return strings.Join(es, " ")
}

func limited(t *testing.T, change func(c *authn.Config)) (*testhost.Host, *limiter) {
	l := new(limiter)
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Limiter = l
		if change != nil {
			change(c)
		}
	})
	return d, l
}

// What the Limiter refuses changes nothing: no sign-in begins, nothing is sent, no
// code is counted. If it fails, there is no verdict.
func TestLimiterRefuses(t *testing.T) {
	d, l := limited(t, nil)
	refused := func(what string, f func() (*authn.Answer, error)) {
		t.Helper()
		mails, before := len(d.World.Messages("")), inspected(t, d)
		l.until, l.fault = d.World.Now().Add(time.Hour), nil
		ans, err := f()
		var r *authn.Refusal
		if ans != nil || !errors.As(err, &r) || !errors.Is(err, authn.ErrTooSoon) || !r.RetryAt.Equal(l.until) {
			t.Errorf("%s: %v, %v", what, ans, err)
		}
		l.fault = errors.New("down")
		if ans, err := f(); ans != nil || !errors.Is(err, authn.ErrUnavailable) || errors.As(err, &r) && r.RetryAt.IsZero() {
			t.Errorf("%s: %v, %v", what, ans, err)
		}
		if len(d.World.Messages("")) != mails || inspected(t, d) != before {
			t.Errorf("%s has changed something", what)
		}
		l.until, l.fault = time.Time{}, nil
	}
	do := func(token authn.StateToken, ev authn.Event) func() (*authn.Answer, error) {
		return func() (*authn.Answer, error) { return d.Do(t.Context(), token, ev) }
	}
	refused("begin", func() (*authn.Answer, error) { return d.Begin(t.Context(), authn.Login{User: "ada"}) })
	refused("begin with nothing required", func() (*authn.Answer, error) {
		return d.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireNothing})
	})
	refused("begin to enroll", func() (*authn.Answer, error) { return d.Begin(t.Context(), authn.Login{User: "grace"}) })
	a := d.MustBegin(t, "ada")
	refused("challenge", do(a.Token, authn.Challenge{Factor: "ada-mail"}))
	d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"})
	code := d.Last("ada").Code
	refused("a wrong code", do(a.Token, authn.Verify{Code: testhost.OtherCode(code)}))
	refused("the right code", do(a.Token, authn.Verify{Code: code}))
	d.Wait(30 * time.Second)
	refused("resend", do(a.Token, authn.Resend{}))
	if ans := d.MustDo(t, a.Token, authn.Verify{Code: code}); ans.State != authn.Success {
		t.Errorf("%s", ans.State)
	}
	g := d.MustBegin(t, "grace")
	refused("enroll", do(g.Token, authn.Enroll{Type: authn.Email}))
	d.MustDo(t, g.Token, authn.Enroll{Type: authn.Email})
	refused("activate", do(g.Token, authn.Activate{Code: d.Last("grace").Code}))
	d.MustDo(t, g.Token, authn.Activate{Code: d.Last("grace").Code})
}

func inspected(t *testing.T, d *testhost.Host) string {
	t.Helper()
	var s []string
	for _, user := range []string{"ada", "grace"} {
		a, err := d.Inspect(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, fmt.Sprint(a))
	}
	return strings.Join(s, "\n")
}

// The Limiter is asked about what would be done and only that: not about repeats,
// and not about what the account itself refuses.
func TestLimiterIsAskedLast(t *testing.T) {
	d, l := limited(t, func(c *authn.Config) { c.Policy = authn.Policy{StartsPerHour: 2, BackoffFrom: 2, LockEvery: 3} })
	want := func(what, events string) {
		t.Helper()
		if got := l.events(); got != events {
			t.Errorf("%s: asked about %q, want %q", what, got, events)
		}
	}
	try := func(token authn.StateToken, ev authn.Event) { d.Do(t.Context(), token, ev) }
	a := d.MustBegin(t, "ada")
	want("begin", "primary")
	once := authn.WithKey("once", authn.Challenge{Factor: "ada-mail"})
	d.MustDo(t, a.Token, once)
	want("challenge", "challenge")
	d.MustDo(t, a.Token, once)
	want("a repeat", "")
	for _, ev := range []authn.Event{authn.Resend{}, authn.Challenge{Factor: "ada-mail"}, authn.Enroll{Type: authn.Email}, authn.Activate{Code: "123456"}, authn.Verify{Factor: "other", Code: "123456"}, authn.Previous{}} {
		try(a.Token, ev)
	}
	want("a resend in the cool-down, events of other states, another factor, previous", "")
	d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"})
	want("a code that is kept", "")
	wrong := authn.Verify{Code: testhost.OtherCode(d.Last("ada").Code)}
	try(a.Token, wrong)
	try(a.Token, wrong)
	want("two codes", "verify verify")
	try(a.Token, wrong)
	want("a code in the back-off", "")
	d.MustBegin(t, "ada")
	d.Begin(t.Context(), authn.Login{User: "ada"})
	want("the last start, and one more", "primary")
	d.Wait(6 * time.Minute)
	try(a.Token, wrong)
	want("a late code", "")
	try(a.Token, authn.Resend{})
	try(a.Token, authn.Verify{Code: testhost.OtherCode(d.Last("ada").Code)})
	want("a resend, and the code that locks", "resend verify")
	d.Begin(t.Context(), authn.Login{User: "ada"})
	d.Begin(t.Context(), authn.Login{User: "nobody"})
	want("a locked account, and no user", "")
}

// Nobody is asked about a poll, however often it comes, until the other device has answered.
func TestLimiterIsNotAskedAboutPolls(t *testing.T) {
	d, l := limited(t, func(c *authn.Config) {
		c.Types = []authn.FactorType{{Name: "acme:push", Channel: "push", Awaited: true, NoNumber: true, Methods: []string{"pop"}}}
		c.Senders = map[string]authn.Sender{"push": c.Mailer}
	})
	d.World.SetFactors("ada", authn.Factor{ID: "phone", Type: "acme:push", Status: authn.Active})
	a := d.MustBegin(t, "ada")
	d.MustDo(t, a.Token, authn.Challenge{Factor: "phone"})
	l.events()
	for range 100 {
		if _, err := d.Do(t.Context(), a.Token, authn.Verify{}); !errors.Is(err, authn.ErrWaiting) {
			t.Fatal(err)
		}
	}
	if es := l.events(); es != "" {
		t.Errorf("asked about %q", es)
	}
	testhost.OK(t)(d.Respond(t.Context(), d.Last("ada").Approval, authn.Reply{Approve: true}))
	if b := d.MustDo(t, a.Token, authn.Verify{}); b.State != authn.Success {
		t.Errorf("%+v", b)
	}
	if es := l.events(); es != "verify" {
		t.Errorf("asked about %q", es)
	}
}

// An attempt says whom it concerns, so that limits for an address over all accounts
// can be written; no address is in it.
func TestAttempt(t *testing.T) {
	d, l := limited(t, nil)
	d.World.SetFactors("bob", authn.Factor{ID: "his", Type: authn.Email, Address: " ADA@example.com", Status: authn.Active})
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: code})
	b := d.MustBegin(t, "bob")
	d.MustDo(t, b.Token, authn.Challenge{Factor: "his"})
	g := d.MustBegin(t, "grace")
	d.MustDo(t, g.Token, authn.Enroll{Type: authn.Email})
	var got []string
	for _, x := range l.asked {
		if x.Tenant != "acme" || len(x.Account) != 40 || (x.Recipient == "") != (x.Event == authn.EventPrimary) || strings.Contains(fmt.Sprint(x), "@") {
			t.Errorf("%+v", x)
		}
		got = append(got, fmt.Sprint(x.Event, x.User, x.Factor, x.Type))
	}
	if want := "[primaryada challengeadaada-mailemail verifyadaada-mailemail primarybob challengebobhisemail primarygrace enrollgracegrace-mailemail]"; fmt.Sprint(got) != want {
		t.Errorf("%v\nwant %s", got, want)
	}
	if r := l.asked; r[1].Recipient != r[2].Recipient || r[1].Recipient != r[4].Recipient || r[1].Recipient == r[6].Recipient || r[1].Account == r[4].Account {
		t.Errorf("recipients: %v", r)
	}
}

// A step of the bare machine says that it lacks the Limiter's verdict, and only if
// it depends on it; with it, the same step is decided.
func TestLack(t *testing.T) {
	m, err := authn.NewMachine(authn.Config{Tenant: "acme", Keys: []authn.Key{aKey(1)}, PseudonymKey: []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L")})
	if err != nil {
		t.Fatal(err)
	}
	env := authn.Env{
		Now: testhost.Start, Entropy: [64]byte{1, 16: 2, 48: 3}, LimitLater: true,
		Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}},
	}
	var r authn.Result
	a := new(authn.Account)
	var lack *authn.Lack
	err = m.Begin(a, authn.Login{User: "ada"}, env, &r)
	if !errors.As(err, &lack) || !errors.Is(err, authn.ErrUnavailable) || lack.Attempt.User != "ada" || *a != (authn.Account{}) {
		t.Fatalf("%v, %+v", err, lack)
	}
	env.LimitLater = false
	if err := m.Begin(a, authn.Login{User: "ada"}, env, &r); err != nil {
		t.Fatal(err)
	}
	env.LimitLater = true
	secret := authn.TokenSecret(env.Entropy[16:48])
	if err := m.Step(&r.Account, secret, authn.Verify{Code: "123456"}, env, &r); errors.As(err, &lack) || !errors.Is(err, authn.ErrNotAllowed) {
		t.Errorf("a refusal depends on the Limiter: %v", err)
	}
	if _, _, err := m.Explain(&r.Account, secret, authn.Challenge{Factor: "mail"}, env); !errors.As(err, &lack) || lack.Attempt.Factor != "mail" {
		t.Errorf("Explain: %v", err)
	}
}
