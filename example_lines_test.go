package authn_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// talk is a host without HTTP: each input line is an event, and each output line
// is the state or a refusal.
func talk(ctx context.Context, svc *authn.Service, user string, in io.Reader, out io.Writer) error {
	a, err := svc.Begin(ctx, authn.Login{User: user})
	for lines := bufio.NewScanner(in); err == nil && a.State != authn.Success; {
		fmt.Fprintln(out, a.State)
		if !lines.Scan() {
			return io.ErrUnexpectedEOF
		}
		name, arg, _ := strings.Cut(lines.Text(), " ")
		ev, perr := authn.ParseEvent(name, authn.Fields{Factor: arg, Code: authn.Code(arg)})
		if name == "verify" {
			ev = authn.Verify{Code: authn.Code(arg)}
		}
		if perr != nil {
			fmt.Fprintln(out, perr)
			continue
		}
		next, derr := svc.Do(ctx, a.Token, ev)
		var refusal *authn.Refusal
		if errors.As(derr, &refusal) && refusal.Answer != nil {
			fmt.Fprintln(out, refusal)
			a = refusal.Answer // continue with the answer of the refusal
			continue
		}
		a, err = next, derr
	}
	if err != nil {
		return err
	}
	who, err := svc.Redeem(ctx, a.Session)
	fmt.Fprintln(out, a.State, who.User)
	return err
}

// Read events from lines, such as those of a terminal, a chat or a queue.
func ExampleParseEvent() {
	mail := new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    people{},
	})
	if err != nil {
		panic(err)
	}
	in, keyboard := io.Pipe()
	var out strings.Builder
	go func() {
		fmt.Fprintln(keyboard, "verify 123456")
		fmt.Fprintln(keyboard, "challenge mail")
		fmt.Fprintln(keyboard, "resend")
		fmt.Fprintln(keyboard, "verify", string(mail.Last("ada@example.com").Code))
	}()
	if err := talk(context.Background(), svc, "ada@example.com", in, &out); err != nil {
		panic(err)
	}
	fmt.Print(out.String())
	// Output:
	// MFA_REQUIRED
	// authn: verify in MFA_REQUIRED: not allowed in this state (needs a challenge); allowed: challenge, cancel
	// MFA_REQUIRED
	// MFA_CHALLENGE
	// authn: resend in MFA_CHALLENGE: too soon (cooling down)
	// MFA_CHALLENGE
	// SUCCESS ada@example.com
}
