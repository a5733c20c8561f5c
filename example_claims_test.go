package authn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// members is a Finder: a user is found by the address that is the id.
type members struct{ people }

func (members) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	if c.By == authn.Email && string(c.Name) == user {
		return authn.Subject{User: user, Address: user}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

// claiming is a service for members, and their mailbox. change sets what is the example's own.
func claiming(change func(*authn.Config)) (*authn.Service, *memsender.Sender) {
	mail := new(memsender.Sender)
	c := authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: mail, Directory: members{},
	}
	if change != nil {
		change(&c)
	}
	svc, err := authn.New(c)
	if err != nil {
		panic(err)
	}
	return svc, mail
}

// claimed is the answer to a claim, with the code in the mailbox. A server does not wait.
func claimed(svc *authn.Service, c authn.Claim) *authn.Answer {
	ctx := context.Background()
	a, err := svc.Claim(ctx, c)
	if err != nil {
		panic(err)
	}
	if err := svc.Wait(ctx); err != nil {
		panic(err)
	}
	return a
}

// Sign somebody in by a code alone. A name that is nobody's gets the same answer, and no
// mail. The factor in the same mailbox is not asked for again: it would prove nothing new.
func ExampleService_Claim() {
	svc, mail := claiming(nil)
	ctx := context.Background()
	var a *authn.Answer
	for _, name := range []string{"nobody@example.com", " Ada@Example.com"} {
		a = claimed(svc, authn.Claim{Name: name, Require: authn.RequireIfActive})
		fmt.Printf("%s %q, %d mails\n", a.State, a.User, len(mail.All()))
	}
	a, _ = svc.Do(ctx, a.Token, authn.WithKey("from the client", authn.Verify{Code: mail.Last(user).Code}))
	who, err := svc.Redeem(ctx, a.Session)
	fmt.Println(who.User, who.Methods, err)
	// Output:
	// FACTOR_CHALLENGE "", 0 mails
	// FACTOR_CHALLENGE "", 1 mails
	// ada@example.com [otp] <nil>
}

// A help desk lets somebody sign in by a link that it hands over itself.
func ExampleClaim_handOver() {
	svc, mail := claiming(nil)
	ctx := context.Background()
	a := claimed(svc, authn.Claim{Name: user, Require: authn.RequireIfActive, HandOver: true})
	fmt.Printf("%s, %d mails\n", a.State, len(mail.All()))
	a, err := svc.Open(ctx, a.Link, "from the client")
	fmt.Println(a.State, a.User, err)
	// Output:
	// FACTOR_CHALLENGE, 0 mails
	// SUCCESS ada@example.com <nil>
}

// Let somebody who has forgotten a password set another one. One mailbox is not enough to
// be signed in: the user signs in with the new password.
func ExampleService_Claim_recovery() {
	list := &passwords{now: "correct horse"}
	svc, mail := claiming(func(c *authn.Config) { c.Passwords = list })
	ctx := context.Background()
	a := claimed(svc, authn.Claim{Name: user, For: authn.PurposeRecover})
	fmt.Println(a.State)
	a, _ = svc.Do(ctx, a.Token, authn.WithKey("from the client", authn.Verify{Code: mail.Last(user).Code}))
	fmt.Println(a.State)
	a, err := svc.Do(ctx, a.Token, authn.ResetPassword{New: "battery staple"})
	fmt.Printf("%s, session %q, %v\n", a.State, string(a.Session), err)
	fmt.Println("another password:", list.now == "battery staple")
	// Output:
	// RECOVERY_CHALLENGE
	// PASSWORD_RESET
	// SUCCESS, session "", <nil>
	// another password: true
}

// Prove an address before there is an account. The host makes it from the assertion.
func ExampleService_Claim_signUp() {
	svc, mail := claiming(nil)
	ctx := context.Background()
	a := claimed(svc, authn.Claim{Name: "Grace@Example.com", For: authn.PurposeSignUp})
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: mail.Last("grace@example.com").Code})
	who, err := svc.Redeem(ctx, a.Session)
	fmt.Printf("%s %q %v\n", who.Name, who.User, err)
	// Output:
	// grace@example.com "" <nil>
}

// A server that shuts down waits for the codes that it has promised.
func ExampleService_Wait() {
	svc, mail := claiming(nil)
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	if _, err := svc.Claim(ctx, authn.Claim{Name: user}); err != nil {
		panic(err)
	}
	err := svc.Wait(ctx) // after http.Server.Shutdown
	fmt.Println(len(mail.All()), err)
	// Output:
	// 1 <nil>
}

// pet is a question that the host asks before a password is recovered.
type pet struct{}

func (pet) Question(context.Context, string) (string, error) {
	return "What was the name of your first pet?", nil
}

func (pet) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	return authn.Verdict{Right: strings.EqualFold(string(in.Answer), "Byron")}, nil
}

// Ask a question between the code and the new password.
func ExampleAnswerQuestion() {
	svc, mail := claiming(func(c *authn.Config) { c.Passwords, c.Questions = &passwords{now: "correct horse"}, pet{} })
	ctx := context.Background()
	a := claimed(svc, authn.Claim{Name: user, For: authn.PurposeRecover})
	a, _ = svc.Do(ctx, a.Token, authn.WithKey("from the client", authn.Verify{Code: mail.Last(user).Code}))
	fmt.Println(a.State, a.Question)
	for _, answer := range []authn.Secret{"a guess", "byron"} {
		a, _ = svc.Do(ctx, a.Token, authn.AnswerQuestion{Answer: answer})
		fmt.Println(a.State, a.Outcome)
	}
	// Output:
	// RECOVERY What was the name of your first pet?
	// RECOVERY wrong code
	// PASSWORD_RESET
}

// locks are of a host that counts wrong passwords itself.
type locks struct {
	passwords
	locked bool
}

func (l *locks) Unlock(context.Context, string, string) error {
	l.locked = false
	return nil
}

// Unlock an account: that of the service, after too many wrong codes, and the host's own.
func ExampleUnlocker() {
	own := &locks{locked: true}
	svc, mail := claiming(func(c *authn.Config) { c.Passwords, c.Policy.LockEvery = own, 1 })
	ctx := context.Background()
	a, _ := svc.Begin(ctx, authn.Login{User: user})
	a, _ = svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	wrong := authn.Code("000000")
	if wrong == mail.Last(user).Code {
		wrong = "000001"
	}
	a, _ = svc.Do(ctx, a.Token, authn.Verify{Code: wrong})
	_, err := svc.Begin(ctx, authn.Login{User: user})
	fmt.Println(a.State, errors.Is(err, authn.ErrLocked))

	a = claimed(svc, authn.Claim{Name: user, For: authn.PurposeUnlock})
	a, _ = svc.Do(ctx, a.Token, authn.WithKey("from the client", authn.Verify{Code: mail.Last(user).Code}))
	fmt.Printf("%s, session %q, locked: %v\n", a.State, string(a.Session), own.locked)
	a, err = svc.Begin(ctx, authn.Login{User: user})
	fmt.Println(a.State, err)
	// Output:
	// LOCKED_OUT true
	// SUCCESS, session "", locked: false
	// MFA_REQUIRED <nil>
}
