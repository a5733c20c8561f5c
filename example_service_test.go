package authn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

const user = "ada@example.com"

// A policy is checked as a whole, and an error names its field.
func ExampleNew() {
	_, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       new(memsender.Sender),
		Directory:    people{},
		Policy:       authn.Policy{CodeLife: time.Hour},
	})
	fmt.Println(err)
	// Output:
	// authn: Policy.CodeLife: 1h0m0s is not within 1m0s to 9m30s
}

// The host decides which factors a sign-in requires.
func ExampleService_Begin() {
	svc, _ := open()
	ctx := context.Background()
	for _, r := range []authn.Requirement{authn.RequireFactor, authn.RequireNothing} {
		a, err := svc.Begin(ctx, authn.Login{User: user, Require: r})
		fmt.Println(a.State, a.User, err)
	}
	// Output:
	// MFA_REQUIRED ada@example.com <nil>
	// SUCCESS ada@example.com <nil>
}

// A client recovers from a refusal with the answer that it holds.
func ExampleService_Do() {
	svc, mail := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user})

	_, err := svc.Do(ctx, a.Token, authn.Verify{Code: "123456"})
	fmt.Println(err)
	var refusal *authn.Refusal
	if errors.As(err, &refusal) && refusal.Answer != nil {
		a = refusal.Answer
	}

	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: a.Factors[0].ID})
	wait, _ := a.Allows("resend")
	fmt.Println(a.State, "resend in", wait.Sub(a.Now))

	right := mail.Last(user).Code
	wrong := authn.Code("000000")
	if wrong == right {
		wrong = "000001"
	}
	a, err = svc.Do(ctx, a.Token, authn.Verify{Code: wrong})
	fmt.Println(a.State, a.Outcome, a.TriesLeft, err)
	// Output:
	// authn: verify in MFA_REQUIRED: not allowed in this state (needs a challenge); allowed: challenge, cancel
	// MFA_CHALLENGE resend in 30s
	// MFA_CHALLENGE wrong code 4 <nil>
}

// If an answer is lost, send the event again with the same key. The service returns
// the answer without repeating the event.
func ExampleWithKey() {
	svc, mail := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	for range 2 {
		b, err := svc.Do(ctx, a.Token, authn.WithKey("from the client", authn.Challenge{Factor: "mail"}))
		fmt.Println(b.State, len(mail.All()), err)
	}
	_, err := svc.Do(ctx, a.Token, authn.WithKey("from the client", authn.Cancel{}))
	fmt.Println(errors.Is(err, authn.ErrKeyReused))
	// Output:
	// MFA_CHALLENGE 1 <nil>
	// MFA_CHALLENGE 1 <nil>
	// true
}

// When a page is reloaded, get the state of the sign-in.
func ExampleService_Status() {
	svc, _ := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	a, err := svc.Status(ctx, a.Token)
	fmt.Println(a.State, a.Expires.Sub(a.Now), err)
	// Output:
	// MFA_REQUIRED 10m0s <nil>
}

// A host that creates its session in the very request asks for the assertion with the code,
// and for a message with the password: two requests and two saves.
func ExampleRedeemAtOnce() {
	svc, mail := open()
	ctx := context.Background()
	a, err := svc.Begin(ctx, authn.Login{User: user, Challenge: true})
	fmt.Println(a.State, a.Delivery, err)

	code := mail.Last(user).Code
	a, err = svc.Do(ctx, a.Token, authn.RedeemAtOnce(authn.Verify{Code: code}))
	fmt.Println(a.State, a.Assertion.User, a.Assertion.Methods, err)
	// Output:
	// MFA_CHALLENGE sent <nil>
	// SUCCESS ada@example.com [pwd otp] <nil>
}

// A session token is valid for one use.
func ExampleService_Redeem() {
	svc, _ := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user, Require: authn.RequireNothing})
	who, err := svc.Redeem(ctx, a.Session)
	fmt.Println(who.User, who.Methods, err)
	_, err = svc.Redeem(ctx, a.Session)
	fmt.Println(errors.Is(err, authn.ErrFinished))
	// Output:
	// ada@example.com [pwd] <nil>
	// true
}

// An operator unlocks a locked account.
func ExampleService_Reinstate() {
	ctx, mail := context.Background(), new(memsender.Sender)
	svc, _ := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    people{},
		Policy:       authn.Policy{LockEvery: 1},
	})
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	wrong := authn.Code("000000")
	if wrong == mail.Last(user).Code {
		wrong = "000001"
	}
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: wrong})
	fmt.Println(a.State, a.Until.Sub(a.Now).Round(time.Minute))

	_, err := svc.Begin(ctx, authn.Login{User: user})
	fmt.Println(errors.Is(err, authn.ErrLocked))

	fmt.Println(svc.Reinstate(ctx, user, "called the service desk"))
	a, err = svc.Begin(ctx, authn.Login{User: user})
	fmt.Println(a.State, err)
	// Output:
	// LOCKED_OUT 30m0s
	// true
	// <nil>
	// MFA_REQUIRED <nil>
}

// Erase the data of a deleted user.
func ExampleService_Erase() {
	svc, _ := open()
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	fmt.Println(svc.Erase(ctx, user))
	_, err := svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	fmt.Println(errors.Is(err, authn.ErrFinished))
	// Output:
	// <nil>
	// true
}

// diary is an Auditor that logs.
type diary struct{ *slog.Logger }

func (d diary) Audit(ctx context.Context, e authn.AuditEvent) error {
	d.LogAttrs(ctx, slog.LevelInfo, "authn", slog.String("event", string(e.Event)), slog.String("to", string(e.To)), slog.String("guard", e.Guard))
	return nil
}

// Log audit events. To log an event as one group, use slog.Any("authn", e).
func ExampleAuditEvent() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	svc, _ := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       new(memsender.Sender),
		Directory:    people{},
		Auditor:      diary{log},
	})
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	svc.Do(ctx, a.Token, authn.Cancel{})
	// Output:
	// level=INFO msg=authn event=primary to=MFA_REQUIRED guard="an active factor, starts left"
	// level=INFO msg=authn event=cancel to=CANCELED guard=""
}
