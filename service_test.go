package authn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// desk is a service with everything it needs, in memory, and a clock that the
// test moves.
type desk struct {
	*authn.Service
	cfg   authn.Config
	store memstore.Store
	mail  memsender.Sender
	now   atomic.Int64
	mu    sync.Mutex
	users map[string][]authn.Factor
	took  []authn.Factor
	audit []authn.AuditEvent
}

var deskStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newDesk knows ada, whose factor is active, and grace, who must enroll. change
// may put other ports in place.
func newDesk(t testing.TB, change func(*desk, *authn.Config)) *desk {
	t.Helper()
	d := &desk{users: map[string][]authn.Factor{
		"ada":   {{ID: "ada-mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}},
		"grace": {{ID: "grace-mail", Type: authn.Email, Address: "grace@example.com", Status: authn.NotSetUp, Locale: "en"}},
	}}
	d.now.Store(deskStart.UnixNano())
	d.cfg = authn.Config{
		Tenant: "acme", Keys: []authn.Key{{ID: 1, Secret: []byte("key A for tests: 0123456789abcdef")}},
		PseudonymKey: []byte("pseudonym key for tests: 0123456789"),
		Store:        &d.store, Mailer: &d.mail, Directory: d, Auditor: d,
		Now: func() time.Time { return time.Unix(0, d.now.Load()) },
	}
	if change != nil {
		change(d, &d.cfg)
	}
	d.Service = d.open(t)
	return d
}

// open is another node on the same store.
func (d *desk) open(t testing.TB) *authn.Service {
	t.Helper()
	s, err := authn.New(d.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (d *desk) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if fs, ok := d.users[user]; ok {
		return append([]authn.Factor{}, fs...), nil
	}
	return nil, authn.ErrNoUser
}

func (d *desk) Activated(_ context.Context, key, user string, f authn.Factor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.took = append(d.took, f)
	f.Status = authn.Active
	d.users[user] = []authn.Factor{f}
	return nil
}

func (d *desk) Audit(_ context.Context, e authn.AuditEvent) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.audit = append(d.audit, e)
	return nil
}

func (d *desk) wait(by time.Duration) { d.now.Add(int64(by)) }

func (d *desk) begin(t testing.TB, user string) *authn.Answer {
	t.Helper()
	return ok(t)(d.Begin(t.Context(), authn.Login{User: user}))
}

func (d *desk) do(t testing.TB, token authn.StateToken, ev authn.Event) *authn.Answer {
	t.Helper()
	return ok(t)(d.Do(t.Context(), token, ev))
}

func ok(t testing.TB) func(a *authn.Answer, err error) *authn.Answer {
	return func(a *authn.Answer, err error) *authn.Answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func (d *desk) challenged(t testing.TB) (*authn.Answer, authn.Code) {
	t.Helper()
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	return a, d.mail.Last("ada@example.com").Code
}

func otherCode(c authn.Code) authn.Code {
	return authn.Code('0'+(c[0]-'0'+1)%10) + c[1:]
}

func TestBothPaths(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	if a.State != authn.MFAChallenge || a.Delivery != authn.Sent || a.Generation != 1 || a.TriesLeft != 10 || a.Factor.Address != "a***@e***.com" {
		t.Errorf("challenged: %+v", a)
	}
	if a.User != "ada" || !a.CodeExpires.Equal(deskStart.Add(5*time.Minute)) || !a.Expires.Equal(deskStart.Add(10*time.Minute)) {
		t.Errorf("times: %v %v", a.CodeExpires, a.Expires)
	}
	if at, ok := a.Allows("resend"); !ok || !at.Equal(deskStart.Add(30*time.Second)) {
		t.Errorf("resend allowed %t at %v", ok, at)
	}
	a = d.do(t, a.Token, authn.Verify{Code: code})
	if a.State != authn.Success || a.Session == "" || string(a.Session) == string(a.Token) {
		t.Fatalf("verified: %+v", a)
	}
	who, err := d.Redeem(t.Context(), a.Session)
	if err != nil || who.User != "ada" || fmt.Sprint(who.Methods, who.Channels, who.Factors) != "[pwd otp] [email] [ada-mail]" {
		t.Fatalf("%+v, %v", who, err)
	}

	g := d.begin(t, "grace")
	if g.State != authn.MFAEnroll || g.Factors[0].Status != authn.NotSetUp {
		t.Fatalf("%+v", g)
	}
	g = d.do(t, g.Token, authn.Enroll{Type: authn.Email})
	m := d.mail.Last("grace@example.com")
	if m.Purpose != authn.PurposeEnroll || m.Locale != "en" || m.Tenant != "acme" || m.Generation != 1 {
		t.Errorf("mail: %+v", m)
	}
	g = d.do(t, g.Token, authn.Activate{Code: m.Code})
	if g.State != authn.Success || len(d.took) != 1 || d.took[0].Address != "grace@example.com" {
		t.Errorf("%+v, handed over %+v", g, d.took)
	}
	if n := d.mail.Last("grace@example.com"); n.Kind != authn.ActivatedMessage || n.Code != "" {
		t.Errorf("notice: %+v", n)
	}
	if a := d.begin(t, "grace"); a.State != authn.MFARequired {
		t.Errorf("the next sign-in is in %s", a.State)
	}
}

// The refusal itself says what is allowed instead.
func TestRefusalHelps(t *testing.T) {
	d := newDesk(t, nil)
	a := d.begin(t, "ada")
	_, err := d.Do(t.Context(), a.Token, authn.Verify{Code: "123456"})
	var r *authn.Refusal
	if !errors.As(err, &r) || !errors.Is(err, authn.ErrNotAllowed) || r.State != authn.MFARequired || r.Answer == nil || r.Answer.Token != a.Token {
		t.Fatalf("%#v", r)
	}
	if got := err.Error(); got != "authn: verify in MFA_REQUIRED: not allowed in this state; allowed: challenge, cancel" {
		t.Error(got)
	}
	if _, err := d.Do(t.Context(), d.begin(t, "ada").Token, authn.Verify{Code: "123456"}); !errors.Is(err, authn.ErrNotAllowed) || r.Answer.Token != a.Token {
		t.Errorf("%v, and what was refused before now names another's token: %t", err, r.Answer.Token != a.Token)
	}
	b := d.do(t, r.Answer.Token, authn.Challenge{Factor: r.Answer.Factors[0].ID})
	_, err = d.Do(t.Context(), b.Token, authn.Resend{})
	if !errors.As(err, &r) || !r.RetryAt.Equal(deskStart.Add(30*time.Second)) || r.Guard != "cooling down" || r.Answer.State != authn.MFAChallenge {
		t.Errorf("%v %+v", err, r)
	}
}

// Unknown, foreign, finished and expired tokens get one answer.
func TestOneAnswerForDeadTokens(t *testing.T) {
	d := newDesk(t, nil)
	other := newDesk(t, func(_ *desk, c *authn.Config) { c.Tenant = "other" })
	foreign := other.begin(t, "ada").Token
	canceled := d.begin(t, "ada").Token
	d.do(t, canceled, authn.Cancel{})
	done, code := d.challenged(t)
	session := d.do(t, done.Token, authn.Verify{Code: code}).Session
	if _, err := d.Redeem(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	expired := d.begin(t, "ada").Token
	d.wait(10 * time.Minute)
	for name, token := range map[string]authn.StateToken{
		"empty": "", "garbage": "garbage", "unknown": authn.StateToken(strings.Repeat("A", 64)), "foreign": foreign, "canceled": canceled,
		"finished": done.Token, "expired": expired, "session token": authn.StateToken(session), "upper case": authn.StateToken(strings.ToUpper(string(done.Token))),
	} {
		_, err := d.Do(t.Context(), token, authn.Verify{Code: "123456"})
		var r *authn.Refusal
		if !errors.As(err, &r) || err.Error() != "authn: verify: transaction is unknown or finished" || r.State != "" || r.Answer != nil || r.Guard != "" || !r.RetryAt.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Status(t.Context(), token); err == nil || err.Error() != "authn: status: transaction is unknown or finished" {
			t.Errorf("status of %s: %v", name, err)
		}
		if _, err := d.Redeem(t.Context(), authn.SessionToken(token)); err == nil || err.Error() != "authn: redeem: transaction is unknown or finished" {
			t.Errorf("redeem %s: %v", name, err)
		}
	}
}

func TestStatusChangesNothing(t *testing.T) {
	var n storetest.Counter
	d := newDesk(t, func(d *desk, c *authn.Config) { c.Store = n.Wrap(&d.store) })
	a, _ := d.challenged(t)
	loads, saves := n.Loads(), n.Saves()
	s, err := d.Status(t.Context(), a.Token)
	if err != nil || s.State != a.State || s.Token != a.Token || len(s.Allowed) != len(a.Allowed) {
		t.Errorf("%+v, %v", s, err)
	}
	if n.Loads() != loads+1 || n.Saves() != saves {
		t.Errorf("%d loads, %d saves", n.Loads()-loads, n.Saves()-saves)
	}
}

// One load and one save for each step, and one more save for one that sent.
func TestRoundTrips(t *testing.T) {
	var n storetest.Counter
	d := newDesk(t, func(d *desk, c *authn.Config) { c.Store, c.Auditor = n.Wrap(&d.store), nil })
	step := func(name string, loads, saves int, f func()) {
		t.Helper()
		l, s := n.Loads(), n.Saves()
		f()
		if n.Loads()-l != loads || n.Saves()-s != saves {
			t.Errorf("%s: %d loads and %d saves, not %d and %d", name, n.Loads()-l, n.Saves()-s, loads, saves)
		}
	}
	var a *authn.Answer
	step("begin", 1, 1, func() { a = d.begin(t, "ada") })
	step("challenge", 1, 2, func() { d.do(t, a.Token, authn.Challenge{Factor: "ada-mail"}) })
	code := d.mail.Last("ada@example.com").Code
	step("refused", 1, 0, func() { d.Do(t.Context(), a.Token, authn.Resend{}) })
	step("wrong", 1, 1, func() { d.do(t, a.Token, authn.Verify{Code: otherCode(code)}) })
	step("right", 1, 1, func() { a = d.do(t, a.Token, authn.Verify{Code: code}) })
	step("redeem", 1, 1, func() { d.Redeem(t.Context(), a.Session) })
	step("malformed", 0, 0, func() { d.Do(t.Context(), a.Token, authn.Verify{Code: "x"}) })
	step("garbage", 0, 0, func() { d.Do(t.Context(), "garbage", authn.Cancel{}) })
}

func (b brokenDirectory) Factors(context.Context, string) ([]authn.Factor, error) {
	if b.err == nil {
		panic("123456")
	}
	return nil, b.err
}
func (b brokenDirectory) Activated(context.Context, string, string, authn.Factor) error { return b.err }

// A repeat of the last event is answered, not evaluated, until its session
// token is redeemed.
func TestRepeats(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	ev := authn.WithKey("key-1", authn.Verify{Code: code})
	one := d.do(t, a.Token, ev)
	two := d.do(t, a.Token, ev)
	if one.Session == "" || one.Session != two.Session || two.State != authn.Success {
		t.Errorf("%+v and %+v", one, two)
	}
	if _, err := d.Redeem(t.Context(), two.Session); err != nil {
		t.Fatal(err)
	}
	if three, err := d.Do(t.Context(), a.Token, ev); err == nil && three.Session != "" {
		t.Error("a session token after it was redeemed")
	}
	if _, err := d.Redeem(t.Context(), one.Session); !errors.Is(err, authn.ErrFinished) {
		t.Error(err)
	}
}

func (f auditFunc) Audit(ctx context.Context, e authn.AuditEvent) error { return f(ctx, e) }

// The audit trail and every error are free of secrets and addresses.
func TestNothingLeaks(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	wrong := otherCode(code)
	var out bytes.Buffer
	note := func(a *authn.Answer, err error) { fmt.Fprintf(&out, "%+v %+v %v\n", a, err, err) }
	note(d.Do(t.Context(), a.Token, authn.Verify{Code: wrong}))
	note(d.Do(t.Context(), a.Token, authn.Verify{Code: "1"}))
	note(d.Do(t.Context(), a.Token, authn.Resend{}))
	note(d.Do(t.Context(), a.Token+"x", authn.Cancel{}))
	s := d.do(t, a.Token, authn.Verify{Code: code})
	note(s, nil)
	fmt.Fprintf(&out, "%+v\n", d.audit)
	for _, secret := range []string{string(code), string(wrong), string(a.Token), string(s.Session), "ada@example.com"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q got out", secret)
		}
	}
	if len(d.audit) < 5 {
		t.Errorf("%d audit events", len(d.audit))
	}
}
