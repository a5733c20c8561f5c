package testhost

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/storetest"
)

// Names is a Finder that knows ada, and turing, whose mailbox bounces.
type Names struct{ authn.Directory }

// Find implements [authn.Finder].
func (Names) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	switch string(c.Name) {
	case "ada":
		return authn.Subject{User: "ada", Address: "ada@example.com"}, nil
	case "turing":
		return authn.Subject{User: "turing", Address: "turing@bounces.example"}, nil
	}
	return authn.Subject{}, authn.ErrNoUser
}

// Claimants are three names of Names: somebody's, nobody's, and one whose mail bounces.
var Claimants = [...]string{"ada", "nil", "turing"}

// Claiming returns a host with Names and the store, whose claims are delivered when later
// is called.
func Claiming(t testing.TB, tenant string, s authn.Store) (h *Host, later func()) {
	var under []func()
	h = New(t, func(h *Host, c *authn.Config) {
		c.Tenant, c.Store, c.Directory, c.Passwords = tenant, s, Names{c.Directory}, new(Vault)
		c.Mailer = SendFunc(func(_ context.Context, m authn.Message) error {
			if m.User == "turing" {
				return authn.ErrUndeliverable
			}
			return nil
		})
		c.Go = func(f func()) { under = append(under, f) }
	})
	return h, func() {
		for _, f := range under {
			f()
		}
		under = nil
	}
}

// ClaimsLookAlike fails the test if, on the store, the answers to the claims of a name, or
// the calls to the store that each takes, tell whether it is somebody's.
func ClaimsLookAlike(t *testing.T, s authn.Store) {
	t.Helper()
	var logs [len(Claimants)]strings.Builder
	for i, name := range Claimants {
		log, open := &logs[i], false
		counting := storetest.Faulty(s, func(c storetest.Call) storetest.Fault {
			if open {
				fmt.Fprintf(log, " %s", c.Op)
			}
			return storetest.Fault{}
		})
		h, later := Claiming(t, "alike "+name, counting)
		note := func(what string, f func() (*authn.Answer, error)) *authn.Answer {
			fmt.Fprintf(log, "%s:", what)
			open = true
			a, err := f()
			open = false
			if a != nil {
				fmt.Fprintf(log, " %+v, a token of %d\n", *a, len(a.Token))
			}
			var r *authn.Refusal
			if errors.As(err, &r) {
				fmt.Fprintf(log, " %v %s %v %+v\n", r, r.Guard, r.RetryAt, r.Answer)
			} else if err != nil {
				t.Fatal(err)
			}
			later()
			return a
		}
		for _, flow := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignIn} {
			a := note("claim", func() (*authn.Answer, error) {
				return h.Claim(t.Context(), authn.Claim{Name: name, For: flow})
			})
			if a == nil {
				continue
			}
			do := func(ev authn.Event) {
				note(fmt.Sprintf("%T", ev), func() (*authn.Answer, error) { return h.Do(t.Context(), a.Token, ev) })
			}
			note("status", func() (*authn.Answer, error) { return h.Status(t.Context(), a.Token) })
			do(authn.Resend{})
			do(authn.Verify{Code: "00000000"})
			h.Wait(31 * time.Second)
			do(authn.WithKey("k", authn.Resend{}))
			do(authn.WithKey("k", authn.Resend{}))
			do(authn.Verify{Code: "00000001"})
			do(authn.Verify{Code: "00000002"})
			do(authn.Cancel{})
		}
	}
	for i := range logs {
		if got, want := logs[i].String(), logs[0].String(); got != want || len(want) < 4000 {
			t.Errorf("somebody:\n%s\n%s:\n%s", want, Claimants[i], got)
		}
	}
}
