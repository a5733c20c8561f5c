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
	"github.com/authnfsm/authn/memmail"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// desk is a service with everything it needs, in memory, and a clock that the
// test moves.
type desk struct {
	*authn.Service
	cfg   authn.Config
	store memstore.Store
	mail  memmail.Mailer
	now   atomic.Int64
	mu    sync.Mutex
	users map[string][]authn.Factor
	took  []authn.Factor
	audit []authn.AuditEvent
}

var deskStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newDesk knows ada, whose factor is active, and grace, who must enrol. change
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

func (d *desk) do(t testing.TB, token authn.Secret, ev authn.Event) *authn.Answer {
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

func (d *desk) challenged(t testing.TB) (*authn.Answer, authn.Secret) {
	t.Helper()
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	return a, d.mail.Last("ada@example.com").Code
}

func otherCode(c authn.Secret) authn.Secret {
	return authn.Secret('0'+(c[0]-'0'+1)%10) + c[1:]
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
	if a.State != authn.Success || a.Session == "" || a.Session == a.Token {
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
	if m.Purpose != authn.Enrol || m.Locale != "en" || m.Tenant != "acme" || m.Generation != 1 {
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
	cancelled := d.begin(t, "ada").Token
	d.do(t, cancelled, authn.Cancel{})
	done, code := d.challenged(t)
	session := d.do(t, done.Token, authn.Verify{Code: code}).Session
	if _, err := d.Redeem(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	expired := d.begin(t, "ada").Token
	d.wait(10 * time.Minute)
	for name, token := range map[string]authn.Secret{
		"empty": "", "garbage": "garbage", "unknown": authn.Secret(strings.Repeat("A", 64)), "foreign": foreign, "cancelled": cancelled,
		"finished": done.Token, "expired": expired, "session token": session, "upper case": authn.Secret(strings.ToUpper(string(done.Token))),
	} {
		_, err := d.Do(t.Context(), token, authn.Verify{Code: "123456"})
		var r *authn.Refusal
		if !errors.As(err, &r) || err.Error() != "authn: verify: transaction is unknown or finished" || r.State != "" || r.Answer != nil || r.Guard != "" || !r.RetryAt.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Status(t.Context(), token); err == nil || err.Error() != "authn: status: transaction is unknown or finished" {
			t.Errorf("status of %s: %v", name, err)
		}
		if _, err := d.Redeem(t.Context(), token); err == nil || err.Error() != "authn: redeem: transaction is unknown or finished" {
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

// Field bugs 1, 4, 6: however many right codes come at once, one succeeds,
// and no rightful caller is turned away.
func TestParallelRightCodes(t *testing.T) {
	d := newDesk(t, func(d *desk, c *authn.Config) { c.Store, c.Auditor = slow(&d.store), nil })
	a, code := d.challenged(t)
	won, finished, other := d.parallel(t, 300, func(i int) (*authn.Answer, error) {
		return d.Do(t.Context(), a.Token, authn.Verify{Code: code})
	})
	if won != 1 || finished != 299 || other != nil {
		t.Errorf("%d succeeded, %d were too late, %v", won, finished, other)
	}
}

// With 299 wrong codes at once the right one is evaluated in turn: it wins or
// comes after the lock, and is never "unavailable"; never more are counted
// than the code takes.
func TestRightAmongWrong(t *testing.T) {
	d := newDesk(t, func(d *desk, c *authn.Config) { c.Store, c.Auditor = slow(&d.store), nil })
	a, code := d.challenged(t)
	var wrong atomic.Int64
	var mine error
	_, _, other := d.parallel(t, 300, func(i int) (*authn.Answer, error) {
		if i == 150 {
			var ans *authn.Answer
			ans, mine = d.Do(t.Context(), a.Token, authn.Verify{Code: code})
			return ans, mine
		}
		ans, err := d.Do(t.Context(), a.Token, authn.Verify{Code: otherCode(code)})
		if err == nil && ans.Outcome == authn.WrongCode {
			wrong.Add(1)
		}
		return ans, err
	})
	if errors.Is(mine, authn.ErrUnavailable) {
		t.Errorf("the rightful caller: %v", mine)
	}
	if n := wrong.Load(); n > 4 { // the fourth begins the back-off
		t.Errorf("%d wrong codes were evaluated", n)
	}
	if other != nil && !errors.Is(other, authn.ErrTooSoon) && !errors.Is(other, authn.ErrUnavailable) {
		t.Error(other)
	}
}

func slow(s authn.Store) authn.Store {
	return storetest.Faulty(s, storetest.Always("", storetest.Fault{Delay: time.Millisecond}))
}

// parallel counts successes, refusals as finished, and returns another error.
func (d *desk) parallel(t *testing.T, n int, f func(i int) (*authn.Answer, error)) (won, finished int, other error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			a, err := f(i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && a.State == authn.Success:
				won++
			case errors.Is(err, authn.ErrFinished):
				finished++
			case err != nil:
				other = err
			}
		})
	}
	close(start)
	wg.Wait()
	return won, finished, other
}

// A save that happened although the store said otherwise counts once.
func TestUnknownOutcome(t *testing.T) {
	var plan storetest.Plan
	d := newDesk(t, func(d *desk, c *authn.Config) {
		c.Auditor = nil
		c.Store = storetest.Faulty(&d.store, func(call storetest.Call) storetest.Fault {
			if plan == nil {
				return storetest.Fault{}
			}
			return plan(call)
		})
	})
	a, code := d.challenged(t)
	boom := errors.New("connection lost")
	plan = next(storetest.Fault{Err: boom, After: true})
	w := d.do(t, a.Token, authn.Verify{Code: otherCode(code)})
	if w.Outcome != authn.WrongCode || w.TriesLeft != 9 {
		t.Errorf("written, then an error: %+v", w)
	}
	plan = next(storetest.Fault{Err: boom})
	if _, err := d.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, boom) {
		t.Errorf("not written: %v", err)
	}
	plan = next(storetest.Fault{Err: authn.ErrConflict, After: true}) // a client library tried twice
	if a := d.do(t, a.Token, authn.Verify{Code: code}); a.State != authn.Success || a.Session == "" {
		t.Errorf("written, then a conflict: %+v", a)
	}
}

// next gives f to the next save.
func next(f storetest.Fault) storetest.Plan {
	done := false
	return func(c storetest.Call) storetest.Fault {
		if done || c.Op != storetest.Save {
			return storetest.Fault{}
		}
		done = true
		return f
	}
}

// Whatever a port does, there is no verdict without a save.
func TestPortsFailClosed(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]func(*desk, *authn.Config){
		"store down": func(d *desk, c *authn.Config) {
			c.Store = storetest.Faulty(c.Store, storetest.Always("", storetest.Fault{Err: boom}))
		},
		"store panics": func(d *desk, c *authn.Config) {
			c.Store = storetest.Faulty(c.Store, storetest.Always("", storetest.Fault{Panic: "123456"}))
		},
		"always too late": func(d *desk, c *authn.Config) {
			c.Store = storetest.Faulty(c.Store, storetest.Always(storetest.Save, storetest.Fault{Err: authn.ErrConflict}))
		},
		"directory down":   func(d *desk, c *authn.Config) { c.Directory = brokenDirectory{boom} },
		"directory panics": func(d *desk, c *authn.Config) { c.Directory = brokenDirectory{nil} },
	} {
		d := newDesk(t, c)
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

// A record that cannot be read is reported and changes nothing.
func TestUnreadableRecord(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	keys, _ := d.store.Due(t.Context(), deskStart.Add(time.Hour), 1)
	rec, _ := d.store.Load(t.Context(), keys[0])
	rotten := storetest.Flip(99)(rec)
	rotten.Version++
	if err := d.store.Save(t.Context(), keys[0], rec.Version, rotten); err != nil {
		t.Fatal(err)
	}
	broken := d.Service
	if _, err := broken.Do(t.Context(), a.Token, authn.Verify{Code: code}); !errors.Is(err, authn.ErrCorrupt) || !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if _, err := broken.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrCorrupt) {
		t.Errorf("an altered record was taken for a fresh account: %v", err)
	}
	d.wait(time.Hour)
	did, err := broken.Tend(t.Context())
	if did.Unreadable != 1 || !errors.Is(err, authn.ErrCorrupt) {
		t.Errorf("%+v, %v", did, err)
	}
	if did, _ := broken.Tend(t.Context()); did.Records != 0 {
		t.Errorf("it comes back at once: %+v", did)
	}
	d.wait(time.Hour)
	if did, _ := broken.Tend(t.Context()); did.Unreadable != 1 {
		t.Errorf("it does not come back: %+v", did)
	}
}

// What was damaged on its way from the store never replaces what is stored.
func TestDamagedOnTheWay(t *testing.T) {
	n := byte(0)
	d := newDesk(t, func(d *desk, c *authn.Config) {
		c.Store = storetest.Faulty(&d.store, storetest.Always(storetest.Load, storetest.Fault{Damage: func(r authn.Record) authn.Record {
			n++
			return storetest.Flip(int(n))(r)
		}}))
	})
	cfg := d.cfg
	cfg.Store = &d.store
	sound, err := authn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := ok(t)(sound.Begin(t.Context(), authn.Login{User: "ada"}))
	d.wait(time.Minute * 9)
	if did, err := d.Tend(t.Context()); did.Unreadable != 0 && err == nil {
		t.Errorf("%+v, %v", did, err)
	}
	d.wait(time.Minute)
	d.Tend(t.Context())
	d.now.Store(deskStart.UnixNano())
	if _, err := sound.Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"}); err != nil {
		t.Errorf("the stored record was overwritten: %v", err)
	}
}

// The caller's cancellation stops what was not decided, and never a mail.
func TestCancelledContext(t *testing.T) {
	d := newDesk(t, nil)
	a := d.begin(t, "ada")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := d.Do(ctx, a.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx, stop = context.WithCancel(t.Context())
	d.cfg.Mailer = mailFunc(func(c context.Context, m authn.Message) error {
		stop()
		if c.Err() != nil {
			return c.Err()
		}
		return d.mail.Mail(c, m)
	})
	ans := ok(t)(d.open(t).Do(ctx, a.Token, authn.Challenge{Factor: "ada-mail"}))
	if ans.Delivery != authn.Sent || d.mail.Last("ada@example.com").Code == "" {
		t.Errorf("the request ended and the mail did not go: %s", ans.Delivery)
	}
}

type mailFunc func(context.Context, authn.Message) error

func (f mailFunc) Mail(ctx context.Context, m authn.Message) error { return f(ctx, m) }

// Field bugs 44, 46: a mailer that sends and fails leaves a good code; the
// same message comes again with the same key until it is given up, and then
// the user may resend at once.
func TestMailerFails(t *testing.T) {
	var sent []authn.Message
	d := newDesk(t, func(d *desk, c *authn.Config) {
		c.Auditor = nil
		c.Mailer = mailFunc(func(_ context.Context, m authn.Message) error {
			sent = append(sent, m)
			return errors.New("250 accepted, then the line broke")
		})
	})
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	if a.Delivery != authn.Pending {
		t.Fatalf("delivery %s", a.Delivery)
	}
	for range 10 {
		d.wait(10 * time.Second)
		if _, err := d.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.wait(30 * time.Second)
		if _, err := d.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 5 {
		t.Fatalf("%d attempts, not 5", len(sent))
	}
	for _, m := range sent {
		if m.Key != sent[0].Key || m.Code != sent[0].Code || m.Generation != 1 {
			t.Error("an attempt with another key or code")
		}
	}
	s, err := d.Status(t.Context(), a.Token)
	if err != nil || s.Delivery != authn.Failed {
		t.Fatalf("%v, %v", s, err)
	}
	if at, allowed := s.Allows("resend"); !allowed || !at.IsZero() {
		t.Errorf("resend allowed %t at %v", allowed, at)
	}
	if v, err := d.Do(t.Context(), a.Token, authn.Verify{Code: sent[0].Code}); err == nil && v.State != authn.Success && v.Outcome != authn.LateCode {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestUndeliverable(t *testing.T) {
	n := 0
	d := newDesk(t, func(d *desk, c *authn.Config) {
		c.Mailer = mailFunc(func(context.Context, authn.Message) error {
			n++
			return fmt.Errorf("550 no such mailbox: %w", authn.ErrUndeliverable)
		})
	})
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	if at, allowed := a.Allows("resend"); a.Delivery != authn.Failed || n != 1 || !allowed || !at.IsZero() {
		t.Errorf("%s after %d attempts, resend %t at %v", a.Delivery, n, allowed, at)
	}
}

// A mail is never sent for a code that is dead, nor to an address that has
// changed since.
func TestSupersededMail(t *testing.T) {
	fail := true
	var sent []authn.Message
	d := newDesk(t, func(d *desk, c *authn.Config) {
		c.Auditor = nil
		c.Mailer = mailFunc(func(_ context.Context, m authn.Message) error {
			if fail {
				return errors.New("later")
			}
			sent = append(sent, m)
			return nil
		})
	})
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	d.wait(time.Minute)
	d.do(t, a.Token, authn.Resend{})
	fail = false
	d.wait(time.Minute)
	d.Tend(t.Context())
	if len(sent) != 1 || sent[0].Generation != 2 {
		t.Errorf("sent %v", sent)
	}
	fail = true
	d.wait(time.Minute)
	d.do(t, a.Token, authn.Resend{})
	d.mu.Lock()
	d.users["ada"][0].Address = "new@example.com"
	d.mu.Unlock()
	fail = false
	d.wait(time.Minute)
	d.Tend(t.Context())
	if len(sent) != 1 {
		t.Errorf("sent to an address that was not pinned: %v", sent[1].To)
	}
	if s, _ := d.Status(t.Context(), a.Token); s.Delivery != authn.Failed || !s.CodeExpires.IsZero() {
		t.Errorf("the code of the old address: %+v", s)
	}
}

// A crash between the save and the mail: another node sends the same message.
func TestTendAfterACrash(t *testing.T) {
	var keys []string
	die := true
	d := newDesk(t, func(d *desk, c *authn.Config) {
		c.Auditor = nil
		c.Mailer = mailFunc(func(_ context.Context, m authn.Message) error {
			keys = append(keys, m.Key+string(m.Code))
			if die {
				panic("killed")
			}
			return nil
		})
	})
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	die = false
	if did, err := d.Tend(t.Context()); did.Delivered != 0 || err != nil {
		t.Errorf("tried again at once: %+v, %v", did, err)
	}
	d.wait(36 * time.Second)
	other := d.open(t)
	if did, err := other.Tend(t.Context()); did.Delivered != 1 || err != nil {
		t.Errorf("%+v, %v", did, err)
	}
	if len(keys) != 2 || keys[0] != keys[1] {
		t.Errorf("%d messages", len(keys))
	}
	if s, _ := d.Status(t.Context(), a.Token); s.Delivery != authn.Sent {
		t.Errorf("delivery %s", s.Delivery)
	}
}

// What ends is collected, and what still says something is not.
func TestTendDeletes(t *testing.T) {
	d := newDesk(t, nil)
	d.begin(t, "ada")
	a, code := d.challenged(t)
	d.do(t, a.Token, authn.Verify{Code: code})
	d.wait(10 * time.Minute)
	did, err := d.Tend(t.Context())
	if err != nil || did.Ended != 2 || did.Deleted != 0 {
		t.Errorf("%+v, %v", did, err)
	}
	d.wait(24 * time.Hour)
	if did, err = d.Tend(t.Context()); err != nil || did.Deleted != 1 || d.store.Len() != 0 {
		t.Errorf("%+v, %v, %d left", did, err, d.store.Len())
	}
	// A wrong code is remembered.
	a, code = d.challenged(t)
	d.do(t, a.Token, authn.Verify{Code: otherCode(code)})
	for range 5 {
		d.wait(365 * 24 * time.Hour)
		d.Tend(t.Context())
	}
	if d.store.Len() != 1 {
		t.Error("a count of consecutive failures was forgotten")
	}
}

func TestHostOperations(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	s := d.do(t, a.Token, authn.Verify{Code: code}).Session
	b := d.begin(t, "ada")
	if err := d.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Redeem(t.Context(), s); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a revoked session token: %v", err)
	}
	if _, err := d.Do(t.Context(), b.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrFinished) {
		t.Errorf("a revoked transaction: %v", err)
	}

	d = newDesk(t, func(_ *desk, c *authn.Config) { c.Policy.DisableAfter = 1 })
	a, code = d.challenged(t)
	if l := d.do(t, a.Token, authn.Verify{Code: otherCode(code)}); l.State != authn.LockedOut || !l.Until.IsZero() || l.Token != "" {
		t.Errorf("%+v", l)
	}
	if n := d.mail.Last("ada@example.com"); n.Kind != authn.LockedMessage || !n.Until.IsZero() {
		t.Errorf("notice %+v", n)
	}
	_, err := d.Begin(t.Context(), authn.Login{User: "ada"})
	var r *authn.Refusal
	if !errors.As(err, &r) || !errors.Is(err, authn.ErrLocked) || r.State != authn.LockedOut || r.Answer != nil {
		t.Errorf("%v", err)
	}
	if err := d.Erase(t.Context(), "ada"); err != nil || d.store.Len() != 1 {
		t.Errorf("erasing forgot a lock: %v, %d records", err, d.store.Len())
	}
	if _, err := d.Begin(t.Context(), authn.Login{User: "ada"}); !errors.Is(err, authn.ErrLocked) {
		t.Errorf("after erasing: %v", err)
	}
	if err := d.Reinstate(t.Context(), "ada", "ticket 7"); err != nil {
		t.Fatal(err)
	}
	d.begin(t, "ada")
	for _, f := range []func(context.Context, string) error{d.Revoke, d.Erase} {
		if err := f(t.Context(), "nobody"); err != nil {
			t.Error(err)
		}
		if err := f(t.Context(), "a\nb"); !errors.Is(err, authn.ErrMalformed) {
			t.Error(err)
		}
	}
	d = newDesk(t, nil)
	d.begin(t, "ada")
	d.wait(time.Hour)
	if err := d.Erase(t.Context(), "ada"); err != nil || d.store.Len() != 0 {
		t.Errorf("erase: %v, %d records", err, d.store.Len())
	}
}

func TestInspect(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	d.do(t, a.Token, authn.Verify{Code: otherCode(code)})
	acct, err := d.Inspect(t.Context(), "ada")
	for _, want := range []string{`user="ada"`, "MFA_CHALLENGE", "failures=1", "tries=1"} {
		if err != nil || !strings.Contains(acct.String(), want) {
			t.Errorf("%v: %s", err, acct.String())
		}
	}
	if acct, err := d.Inspect(t.Context(), "nobody"); err != nil || acct != (authn.Account{}) {
		t.Error(err)
	}
}

// The answer is about this step even if others went on while its mail was
// under way, and even if they took its transaction's place.
func TestOvertakenWhileMailing(t *testing.T) {
	var d *desk
	first := true
	d = newDesk(t, func(_ *desk, c *authn.Config) {
		c.Policy.Live = 1
		c.Mailer = mailFunc(func(ctx context.Context, m authn.Message) error {
			if first {
				first = false
				s := ok(t)(d.Begin(ctx, authn.Login{User: "ada", Require: authn.RequireNothing}))
				if s.Session == "" {
					t.Error("no session")
				}
			}
			return d.mail.Mail(ctx, m)
		})
	})
	a := d.do(t, d.begin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	if a.State != authn.MFAChallenge || a.Session != "" || a.Delivery != authn.Sent {
		t.Errorf("%+v", a)
	}
}

func TestNoUser(t *testing.T) {
	d := newDesk(t, nil)
	if _, err := d.Begin(t.Context(), authn.Login{User: "nobody"}); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	a, code := d.challenged(t)
	a = d.do(t, a.Token, authn.Verify{Code: code})
	delete(d.users, "ada")
	if _, err := d.Redeem(t.Context(), a.Session); !errors.Is(err, authn.ErrNoUser) {
		t.Error(err)
	}
	if d.store.Len() != 1 {
		t.Error("a refused user has a record")
	}
}

// A repeat of the last event is answered, not evaluated, until its session
// token is redeemed.
func TestRepeats(t *testing.T) {
	d := newDesk(t, nil)
	a, code := d.challenged(t)
	ev := authn.Once("key-1", authn.Verify{Code: code})
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

type limiterFunc func(context.Context, authn.Attempt) (time.Time, error)

func (f limiterFunc) Allow(ctx context.Context, a authn.Attempt) (time.Time, error) { return f(ctx, a) }

func TestLimiter(t *testing.T) {
	var asked []authn.Attempt
	var until time.Time
	var fault error
	d := newDesk(t, func(_ *desk, c *authn.Config) {
		c.Limiter = limiterFunc(func(_ context.Context, a authn.Attempt) (time.Time, error) {
			asked = append(asked, a)
			return until, fault
		})
	})
	a := d.begin(t, "ada")
	until = deskStart.Add(time.Hour)
	_, err := d.Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"})
	var r *authn.Refusal
	if !errors.As(err, &r) || !errors.Is(err, authn.ErrTooSoon) || !r.RetryAt.Equal(until) || r.Answer == nil || len(d.mail.All()) != 0 {
		t.Errorf("%v", err)
	}
	until, fault = time.Time{}, errors.New("down")
	if _, err := d.Do(t.Context(), a.Token, authn.Challenge{Factor: "ada-mail"}); !errors.Is(err, authn.ErrUnavailable) {
		t.Error(err)
	}
	fault = nil
	d.do(t, a.Token, authn.Challenge{Factor: "ada-mail"})
	if len(asked) != 3 || asked[0] != (authn.Attempt{Tenant: "acme", User: "ada", Event: "challenge"}) {
		t.Errorf("asked %v", asked)
	}
}

// An Auditor that is down holds back nothing at first, and is told later.
func TestAuditorIsTold(t *testing.T) {
	down := true
	var heard []authn.AuditEvent
	d := newDesk(t, func(_ *desk, c *authn.Config) {
		c.Auditor = auditFunc(func(_ context.Context, e authn.AuditEvent) error {
			if down {
				return errors.New("down")
			}
			heard = append(heard, e)
			return nil
		})
	})
	a, code := d.challenged(t)
	if a = d.do(t, a.Token, authn.Verify{Code: code}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	down = false
	d.wait(time.Minute - 1)
	d.Tend(t.Context())
	found := false
	for _, e := range heard {
		found = found || e.Event == "signed_in" && e.Key != "" && e.Time.Equal(deskStart)
	}
	if !found {
		t.Errorf("heard %v", heard)
	}
	// What cannot be recorded cannot be a sign-in: the outbox is not endless.
	down = true
	var last error
	for range 12 {
		d.wait(time.Hour)
		a, err := d.Begin(t.Context(), authn.Login{User: "ada", Require: authn.RequireNothing})
		if err == nil {
			_, err = d.Redeem(t.Context(), a.Session)
		}
		last = err
	}
	if !errors.Is(last, authn.ErrUnavailable) {
		t.Errorf("after twelve sign-ins that nobody recorded: %v", last)
	}
}

type auditFunc func(context.Context, authn.AuditEvent) error

func (f auditFunc) Audit(ctx context.Context, e authn.AuditEvent) error { return f(ctx, e) }

func TestBadConfig(t *testing.T) {
	good := newDesk(t, nil).cfg
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
