package terminal

import (
	"context"
	"errors"
	"strings"

	"github.com/authnfsm/authn"
)

// pushType is a phone that approves a sign-in: the name of its type, and of the
// channel by which it is asked.
const pushType = "push"

var push = authn.FactorType{Name: pushType, Methods: []string{"swk"}, Channel: pushType, Awaited: true}

// isAsked says that the phone is to answer: to a sign-in, or to being paired.
func isAsked(a *authn.Answer) bool { return a.Prompt.Number != "" || a.Prompt.Pairing != "" }

func (t *Terminal) showPhone(a *authn.Answer) {
	switch p := a.Prompt; {
	case p.Pairing != "":
		t.say("   Scan a code with the phone. You are the phone now: Enter pairs it, no does not.")
	case p.Number != "":
		t.say("   The number is %s. You are the phone now: type the number, or no.", p.Number)
	case p.Replied != "":
		t.say("   The phone has %s.", p.Replied)
	default:
		t.say("   The phone was not asked, or has not answered in time.")
	}
}

// reply is what is typed at the phone's prompt; false if it is for the sign-in.
func reply(a *authn.Answer, line string) (r authn.Reply, ok bool) {
	line = strings.Map(digit, line)
	switch {
	case line == "no":
		return authn.Reply{}, true
	case a.Prompt.Pairing != "" && line == "":
		return authn.Reply{Approve: true}, true
	case a.Prompt.Number != "" && line != "" && strings.Trim(line, "0123456789") == "":
		return authn.Reply{Approve: true, Number: line}, true
	}
	return authn.Reply{}, false
}

// respond answers as the phone, and then asks as the one who signs in. A phone and
// a browser do this apart: see authn.Service.Respond.
func (t *Terminal) respond(ctx context.Context, svc *authn.Service, a *authn.Answer, r authn.Reply) *authn.Answer {
	token := a.Prompt.Pairing
	if token == "" {
		token = t.approval
	}
	said, err := svc.Respond(ctx, token, r)
	switch {
	case errors.Is(err, authn.ErrFinished):
		t.say("The phone was asked by a program that has ended: resend.")
		return a
	case err != nil:
		t.say("%v", err)
		return a
	case said.State == authn.LockedOut:
		return said
	case said.Outcome == authn.WrongCode:
		if now, err := svc.Status(ctx, a.Token); err == nil {
			return now
		}
		return a
	}
	if a.State == authn.MFAEnrollActivate {
		return t.do(ctx, svc, a, authn.Activate{})
	}
	return t.do(ctx, svc, a, authn.Verify{})
}
