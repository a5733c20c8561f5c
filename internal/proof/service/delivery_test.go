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
)

// After a mailer sends a message and fails, its code is valid. The message is
// retried with the same key until it fails permanently; then the user may resend
// at once. Known mistakes 44, 46.
func TestMailerFails(t *testing.T) {
	var sent []authn.Message
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Auditor = nil
		c.Mailer = testhost.SendFunc(func(_ context.Context, m authn.Message) error {
			sent = append(sent, m)
			return errors.New("250 accepted, then the connection broke")
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	if a.Delivery != authn.Pending {
		t.Fatalf("delivery %s", a.Delivery)
	}
	for range 10 {
		d.Wait(10 * time.Second)
		if _, err := d.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.Wait(30 * time.Second)
		if _, err := d.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 5 {
		t.Fatalf("%d attempts, want 5", len(sent))
	}
	for _, m := range sent {
		if m.Key != sent[0].Key || m.Code != sent[0].Code || m.Generation != 1 {
			t.Error("an attempt has a different key or code")
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
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Mailer = testhost.SendFunc(func(context.Context, authn.Message) error {
			n++
			return fmt.Errorf("550 no such mailbox: %w", authn.ErrUndeliverable)
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	if at, allowed := a.Allows("resend"); a.Delivery != authn.Failed || n != 1 || !allowed || !at.IsZero() {
		t.Errorf("%s after %d attempts, resend %t at %v", a.Delivery, n, allowed, at)
	}
}

// A mail is never sent for an invalid code, nor to an address that has changed.
func TestSupersededMail(t *testing.T) {
	fail := true
	var sent []authn.Message
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Auditor = nil
		c.Mailer = testhost.SendFunc(func(_ context.Context, m authn.Message) error {
			if fail {
				return errors.New("later")
			}
			sent = append(sent, m)
			return nil
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	d.Wait(time.Minute)
	d.MustDo(t, a.Token, authn.Resend{})
	fail = false
	d.Wait(time.Minute)
	d.Tend(t.Context())
	if len(sent) != 1 || sent[0].Generation != 2 {
		t.Errorf("sent %v", sent)
	}
	fail = true
	d.Wait(time.Minute)
	d.MustDo(t, a.Token, authn.Resend{})
	d.Move("ada", "new@example.com")
	fail = false
	d.Wait(time.Minute)
	d.Tend(t.Context())
	if len(sent) != 1 {
		t.Errorf("sent to an address other than that of the code: %v", sent[1].To)
	}
	if s, _ := d.Status(t.Context(), a.Token); s.Delivery != authn.Failed || !s.CodeExpires.IsZero() {
		t.Errorf("the code of the old address: %+v", s)
	}
}

// After a crash between the save and the mail, another node sends the same message.
func TestTendAfterACrash(t *testing.T) {
	var keys []string
	die := true
	d := testhost.New(t, func(d *testhost.Host, c *authn.Config) {
		c.Auditor = nil
		c.Mailer = testhost.SendFunc(func(_ context.Context, m authn.Message) error {
			keys = append(keys, m.Key+string(m.Code))
			if die {
				panic("killed")
			}
			return nil
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	die = false
	if did, err := d.Tend(t.Context()); did.Delivered != 0 || err != nil {
		t.Errorf("retried at once: %+v, %v", did, err)
	}
	d.Wait(36 * time.Second)
	other := d.Open(t)
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

// Tend deletes a record once it holds no limit, lock or pending delivery.
func TestTendDeletes(t *testing.T) {
	d := testhost.New(t, nil)
	d.MustBegin(t, "ada")
	a, code := d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: code})
	d.Wait(10 * time.Minute)
	did, err := d.Tend(t.Context())
	if err != nil || did.Ended != 2 || did.Deleted != 0 {
		t.Errorf("%+v, %v", did, err)
	}
	d.Wait(24 * time.Hour)
	if did, err = d.Tend(t.Context()); err != nil || did.Deleted != 1 || d.Store.Len() != 0 {
		t.Errorf("%+v, %v, %d left", did, err, d.Store.Len())
	}
	// A wrong code keeps the record.
	a, code = d.Challenged(t)
	d.MustDo(t, a.Token, authn.Verify{Code: testhost.OtherCode(code)})
	for range 5 {
		d.Wait(365 * 24 * time.Hour)
		d.Tend(t.Context())
	}
	if d.Store.Len() != 1 {
		t.Error("a count of consecutive failures was deleted")
	}
}

// A mail that was not sent while its code was valid is not sent later.
func TestLateMail(t *testing.T) {
	fail, sent := true, 0
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Policy.Life = 30 * time.Minute
		c.Mailer = testhost.SendFunc(func(context.Context, authn.Message) error {
			if fail {
				return errors.New("later")
			}
			sent++
			return nil
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	fail = false
	d.Wait(20 * time.Minute)
	if _, err := d.Tend(t.Context()); err != nil || sent != 0 {
		t.Errorf("%d mails with an expired code, %v", sent, err)
	}
	if s, err := d.Status(t.Context(), a.Token); err != nil || s.Delivery != authn.Failed {
		t.Errorf("%+v, %v", s, err)
	}
}

// A failure of the Auditor does not repeat an Activated that succeeded.
func TestHandedOverOnce(t *testing.T) {
	down := true
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Auditor = testhost.AuditFunc(func(context.Context, authn.AuditEvent) error {
			if down {
				return errors.New("down")
			}
			return nil
		})
	})
	a := d.MustDo(t, d.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.Email})
	d.MustDo(t, a.Token, authn.Activate{Code: d.Last("grace").Code})
	down = false
	d.Wait(time.Hour)
	if _, err := d.Tend(t.Context()); err != nil || len(d.Took()) != 1 {
		t.Errorf("Activated succeeded %d times, %v", len(d.Took()), err)
	}
}

// Only the caller makes the first attempt, even if a node whose clock is behind
// tends the record at the same time for another reason.
func TestTendBesideTheCaller(t *testing.T) {
	sent := 0
	var d *testhost.Host
	var behind *authn.Service
	d = testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if sent++; sent > 1 {
				return nil
			}
			did, err := behind.Tend(ctx)
			if err != nil || did.Records != 1 || did.Ended != 1 {
				t.Errorf("%+v, %v", did, err)
			}
			return nil
		})
	})
	cfg := d.Config
	cfg.Now = func() time.Time { return d.World.Now().Add(-time.Second) }
	var err error
	if behind, err = authn.New(cfg); err != nil {
		t.Fatal(err)
	}
	d.MustBegin(t, "ada") // ends while the mail of the other is being sent
	d.Wait(9 * time.Minute)
	a := d.MustBegin(t, "ada")
	d.Wait(time.Minute + time.Second)
	if a = d.MustDo(t, a.Token, authn.Challenge{Factor: "ada-mail"}); sent != 1 || a.Delivery != authn.Sent {
		t.Errorf("%d mails, delivery %s", sent, a.Delivery)
	}
}

// While one node makes an attempt, others do not: known mistake 45.
func TestTendTogether(t *testing.T) {
	sent := 0
	var d *testhost.Host
	d = testhost.New(t, func(_ *testhost.Host, c *authn.Config) {
		c.Mailer = testhost.SendFunc(func(ctx context.Context, m authn.Message) error {
			if sent++; sent == 2 {
				if did, err := d.Tend(ctx); did.Records != 0 || err != nil {
					t.Errorf("another node during the attempt: %+v, %v", did, err)
				}
			}
			return errors.New("later")
		})
	})
	d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Challenge{Factor: "ada-mail"})
	d.Wait(40 * time.Second)
	if did, err := d.Tend(t.Context()); did.Records != 1 || err != nil || sent != 2 {
		t.Errorf("%+v, %v, %d mails", did, err, sent)
	}
}

// A Directory that knows nobody for a moment does not undo an enrollment: the
// factor is handed over later.
func TestHandOverOutlivesAMoment(t *testing.T) {
	h := testhost.New(t, nil)
	a := h.MustDo(t, h.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.Email})
	code := h.Last("grace").Code
	h.World.Fail(authntest.Activated, authntest.Fault{Err: authntest.ErrDown})
	if a = h.MustDo(t, a.Token, authn.Activate{Code: code}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	factors := h.World.FactorsOf("grace")
	for name, moment := range map[string]func(){"no user": func() { h.World.Remove("grace") }, "no factors": func() { h.World.SetFactors("grace") }} {
		moment()
		h.World.Heal(authntest.Activated)
		h.Wait(time.Minute)
		if _, err := h.Tend(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := h.Took(); len(took) > 1 {
			t.Errorf("%s: handed over: %v", name, took)
		}
	}
	h.World.SetFactors("grace", factors...)
	h.Wait(20 * time.Minute)
	if _, err := h.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fs := h.World.FactorsOf("grace"); len(fs) != 1 || fs[0].Status != authn.Active {
		t.Errorf("the Directory has %v", fs)
	}
}

// No port may say that an effect is superseded: neither is a code dead then, nor
// a factor that was confirmed forgotten.
func TestPortsDoNotSupersede(t *testing.T) {
	h := testhost.New(t, nil)
	h.World.Fail(authntest.Activated, authntest.Fault{Err: authn.ErrSuperseded})
	h.World.FailOnce(authntest.Send, authntest.Fault{Err: authn.ErrSuperseded})
	a := h.MustDo(t, h.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.Email})
	if a.Delivery != authn.Pending || a.CodeExpires.IsZero() {
		t.Errorf("delivery %q, code until %v", a.Delivery, a.CodeExpires)
	}
	h.Wait(time.Minute)
	if _, err := h.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a = h.MustDo(t, a.Token, authn.Activate{Code: h.Last("grace").Code}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	h.World.Heal(authntest.Activated)
	h.Wait(time.Minute)
	if _, err := h.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(h.World.FactorsOf("grace")) != 1 || h.World.FactorsOf("grace")[0].Status != authn.Active {
		t.Error("the confirmed factor was forgotten")
	}
}

// The answer to a recovery code counts it as used, whether or not the Directory has
// taken that; so does the answer that confirms the list.
func TestCodesLeft(t *testing.T) {
	for _, down := range []bool{false, true} {
		d := testhost.New(t, nil)
		d.World.SetFactors("grace", authn.Factor{ID: "list", Type: authn.RecoveryCodes, Status: authn.NotSetUp})
		a := d.MustDo(t, d.MustBegin(t, "grace").Token, authn.Enroll{Type: authn.RecoveryCodes})
		codes := a.Prompt.Codes
		if a = d.MustDo(t, a.Token, authn.Activate{Code: codes[0]}); a.State != authn.Success || a.Prompt.Left != 10 {
			t.Errorf("confirmed: %s, %d codes left", a.State, a.Prompt.Left)
		}
		if down {
			d.World.Fail(authntest.Activated, authntest.Fault{Err: authntest.ErrDown})
		}
		for i := range 3 {
			a = d.MustDo(t, d.MustBegin(t, "grace").Token, authn.Verify{Factor: "list", Code: codes[i]})
			if a.State != authn.Success || a.Prompt.Left != 9-i {
				t.Errorf("down %t: %s, %d codes left, not %d", down, a.State, a.Prompt.Left, 9-i)
			}
		}
	}
}
