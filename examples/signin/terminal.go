package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

const digits = 6 // the default policy

// terminal is a host that is not HTTP: lines in, lines out.
type terminal struct {
	in      *bufio.Scanner
	out     io.Writer
	echo    bool // nobody sees what is typed: show it
	lasting bool // the sign-in outlives the program
}

func newTerminal(in io.Reader, out io.Writer) *terminal {
	t := &terminal{in: bufio.NewScanner(in), out: out}
	if f, ok := in.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice == 0 {
			t.echo = true
		}
	}
	return t
}

func (t *terminal) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// ask reads a line; io.EOF when there is no more.
func (t *terminal) ask(prompt string) (string, error) {
	fmt.Fprint(t.out, prompt)
	if !t.in.Scan() {
		fmt.Fprintln(t.out)
		return "", errors.Join(t.in.Err(), io.EOF)
	}
	line := strings.TrimSpace(t.in.Text())
	if t.echo {
		t.say("%s", line)
	}
	return line, nil
}

// signIn asks for the password, begins, and goes on until the end.
func (t *terminal) signIn(ctx context.Context, svc *authn.Service, d *directory, user string) error {
	var a *authn.Answer
	for a == nil {
		pw, err := t.ask(fmt.Sprintf("Password of %s (%s): ", user, password))
		if err != nil {
			return err
		}
		login, ok := d.check(user, pw)
		if !ok {
			t.say("Name and password do not match.")
			continue
		}
		if a, err = svc.Begin(ctx, login); err != nil {
			return err
		}
	}
	if t.lasting && a.Token != "" {
		t.say("\n   If this program ends, start it again with the same flags and")
		t.say("   -resume %s", string(a.Token))
	}
	return t.goOn(ctx, svc, a)
}

// resume goes on with a sign-in that began in another process.
func (t *terminal) resume(ctx context.Context, svc *authn.Service, token authn.StateToken) error {
	a, err := svc.Status(ctx, token)
	if errors.Is(err, authn.ErrFinished) || err == nil && a.Token == "" && a.Session == "" {
		return errors.New("-resume: the sign-in has ended, or the token is not one of this -store and its -keys: begin again without -resume")
	}
	if err != nil {
		return err
	}
	t.say("The sign-in of %s goes on.", a.User)
	return t.goOn(ctx, svc, a)
}

// goOn takes events until the transaction has ended.
func (t *terminal) goOn(ctx context.Context, svc *authn.Service, a *authn.Answer) error {
	for {
		t.show(a)
		if a.State == authn.Success {
			return t.redeem(ctx, svc, a)
		}
		if a.Token == "" {
			return fmt.Errorf("the sign-in ended in %s", a.State)
		}
		line, err := t.ask("> ")
		if err != nil {
			return err
		}
		if _, err := svc.Tend(ctx); err != nil { // a server does it every ten seconds or so
			t.say("%v", err)
		}
		a = t.step(ctx, svc, a, line)
	}
}

// step takes one line: an event, or a code on its own.
func (t *terminal) step(ctx context.Context, svc *authn.Service, a *authn.Answer, line string) *authn.Answer {
	ev, err := parse(a, line)
	if err != nil {
		t.say("%v", err)
		return a
	}
	next, err := svc.Do(ctx, a.Token, ev)
	var r *authn.Refusal
	switch {
	case err == nil:
		return next
	case errors.As(err, &r) && r.Answer != nil: // go on from the refusal itself
		t.say("Refused: %v%s", r, in(r.RetryAt, r.Answer.Now))
		return r.Answer
	case errors.Is(err, authn.ErrFinished):
		return &authn.Answer{State: authn.Expired}
	case errors.Is(err, authn.ErrMalformed):
		t.say("A code has %d digits.", digits)
		return a
	}
	t.say("%v", err)
	return a
}

// parse understands "resend", "challenge 2", "verify 123456" and "123456".
func parse(a *authn.Answer, line string) (authn.Event, error) {
	name, arg, _ := strings.Cut(line, " ")
	if line != "" && strings.Trim(line, "0123456789 -") == "" {
		name, arg = "verify", line
		if a.State == authn.MFAEnrollActivate {
			name = "activate"
		}
	}
	factor, code := "", authn.Code("")
	switch name {
	case "enroll":
		factor = authn.Email
	case "challenge":
		if len(a.Factors) > 0 {
			factor = a.Factors[0].ID
		}
		for i, f := range a.Factors {
			if arg == fmt.Sprint(i+1) || arg == f.ID {
				factor = f.ID
			}
		}
	case "verify", "activate":
		code = authn.Code(arg)
	}
	ev, err := authn.ParseEvent(name, factor, code)
	if err != nil {
		return nil, fmt.Errorf("%q is none of: %s", line, events(a))
	}
	return ev, nil
}

// show says where the sign-in stands and what may come next.
func (t *terminal) show(a *authn.Answer) {
	t.say("\n── %s %s", a.State, strings.Repeat("─", max(0, 56-len(a.State))))
	switch a.Outcome {
	case authn.WrongCode:
		t.say("   That was not the code.")
	case authn.LateCode:
		t.say("   That code is too old: ask for another.")
	}
	for i, f := range a.Factors {
		t.say("   %d. %s %s (%s)", i+1, f.Type, f.Address, f.Status)
	}
	if a.Factor.ID != "" {
		t.say("   code %d went to %s: %s%s", a.Generation, a.Factor.Address, orNone(string(a.Delivery)), until(", good for", a.CodeExpires, a.Now))
	}
	if a.State == authn.LockedOut {
		t.say("   Locked%s.", until(" for", a.Until, a.Now))
	}
	if len(a.Allowed) > 0 && a.State != authn.Success {
		t.say("   %d tries left%s", a.TriesLeft, until(", the sign-in ends in", a.Expires, a.Now))
		t.say("   next: %s", events(a))
	}
}

func events(a *authn.Answer) string {
	var list []string
	for _, x := range a.Allowed {
		s := string(x.Event)
		switch s {
		case "verify", "activate":
			s += " CODE"
		case "challenge":
			if len(a.Factors) > 1 {
				s += " NUMBER"
			}
		}
		list = append(list, s+in(x.At, a.Now))
	}
	return strings.Join(list, " · ")
}

// in is " in 29s" for a time that is to come.
func in(at, now time.Time) string { return until(" in", at, now) }

func until(word string, at, now time.Time) string {
	if at.IsZero() || !at.After(now) {
		return ""
	}
	return fmt.Sprintf("%s %v", word, at.Sub(now).Round(time.Second))
}

func orNone(s string) string {
	if s == "" {
		return "no live code"
	}
	return s
}

// redeem exchanges the session token: only now is somebody signed in.
func (t *terminal) redeem(ctx context.Context, svc *authn.Service, a *authn.Answer) error {
	who, err := svc.Redeem(ctx, a.Session)
	if err != nil {
		return err
	}
	t.say("   %s is signed in with %s.", who.User, strings.Join(who.Methods, " and "))
	return nil
}
