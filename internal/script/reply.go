package script

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// A Reply is the result of one line.
type Reply struct {
	Brief string   // "MFA_CHALLENGE, wrong code", "refused: too soon (cooling down)"; may be ""
	Lines []string // details for readers

	answer *authn.Answer // of an accepted event
}

func (r *Reply) add(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

// told returns the reply to an operation without an Answer.
func told(brief string, err error) Reply {
	if err == nil {
		return Reply{Brief: brief}
	}
	var ref *authn.Refusal
	switch {
	case errors.As(err, &ref):
		return refused(ref)
	case errors.Is(err, authn.ErrUnavailable):
		return Reply{Brief: "unavailable: no verdict"}
	}
	return Reply{Brief: err.Error()}
}

func refused(ref *authn.Refusal) Reply {
	r := Reply{Brief: "refused: " + ref.Err.Error()}
	if ref.Guard != "" {
		r.Brief += " (" + ref.Guard + ")"
	}
	if !ref.RetryAt.IsZero() {
		r.add("again at %s", clock(ref.RetryAt))
	}
	if ref.Answer != nil {
		r.may(ref.Answer)
	}
	return r
}

func answered(a *authn.Answer, err error) Reply {
	if err != nil {
		return told("", err)
	}
	r := Reply{Brief: string(a.State), answer: a}
	if a.Outcome != authn.Done {
		r.Brief += ", " + string(a.Outcome)
	}
	for _, f := range a.Factors {
		r.add("to choose from: %s", factor(f))
	}
	if a.Factor.ID != "" {
		r.add("at hand: %s", factor(a.Factor))
	}
	switch {
	case a.Generation == 0:
	case a.CodeExpires.IsZero():
		r.add("no live code")
	default:
		r.add("code %d is good until %s; its mail: %s", a.Generation, clock(a.CodeExpires), a.Delivery)
	}
	switch {
	case a.State == authn.Success && a.Session != "":
		r.add("a session token, good until %s", clock(a.Expires))
	case a.State == authn.Success:
	case !a.Expires.IsZero():
		r.add("tries left: %d; ends at %s", a.TriesLeft, clock(a.Expires))
	}
	if a.Question != "" {
		r.add("question: %s", a.Question)
	}
	if !a.Until.IsZero() {
		r.add("the account is locked until %s", clock(a.Until))
	}
	if !a.PasswordExpires.IsZero() {
		r.add("the password expires at %s", clock(a.PasswordExpires))
	}
	r.may(a)
	return r
}

// may adds the events that are allowed next.
func (r *Reply) may(a *authn.Answer) {
	var list []string
	for _, x := range a.Allowed {
		s := string(x.Event)
		if !x.At.IsZero() {
			s += " from " + clock(x.At)
		}
		list = append(list, s)
	}
	if len(list) > 0 {
		r.add("may: %s", strings.Join(list, ", "))
	}
}

func factor(f authn.Factor) string {
	s := fmt.Sprintf("%s, %s %s, %s", f.ID, f.Type, f.Address, f.Status)
	if f.Required {
		s += ", required"
	}
	return s
}

func redeemed(as *authn.Assertion, err error) Reply {
	if err != nil {
		return told("", err)
	}
	r := Reply{Brief: "redeemed"}
	if as.Name != "" {
		r.add("%s was proved by %s", as.Name, strings.Join(as.Methods, " and "))
		return r
	}
	r.add("%s has signed in by %s%s; the password was right at %s, all at %s", as.User, strings.Join(as.Methods, " and "), over(as.Channels), clock(as.Began), clock(as.At))
	return r
}

func over(channels []string) string {
	if len(channels) == 0 {
		return ""
	}
	return " over " + strings.Join(channels, " and ")
}

// noticed adds the messages and calls that the line caused.
func (s *Stage) noticed(r Reply) Reply {
	for _, c := range s.world.Calls(authntest.Activated) {
		if c.Err == nil {
			r.add("the directory is told: %s is enrolled", c.Factor.ID)
		}
	}
	for _, c := range s.world.Calls(authntest.Send) {
		m, text := c.Message, string(c.Message.Kind)
		switch m.Kind {
		case authn.CodeMessage:
			text = fmt.Sprintf("code %d to %s, good until %s", m.Generation, strings.ReplaceAll(string(m.Purpose), "_", " "), clock(m.Expires))
		case authn.LockedMessage:
			text = "the account is locked until the host unlocks it"
			if !m.Until.IsZero() {
				text = "the account is locked until " + clock(m.Until)
			}
		case authn.BackoffMessage:
			text = "several wrong codes after the right password"
		case authn.ActivatedMessage:
			text = "a factor was enrolled"
		case authn.PasswordMessage:
			text = "the password was changed"
		case authn.RecoveryMessage:
			text = "a recovery code was used"
		case authn.StartsMessage:
			text = "as many sign-ins were begun as an hour allows"
		}
		if s.seen[m.Key] {
			text += " (the same message again)"
		}
		if s.seen[m.Key] = true; !c.Done {
			text += ": not accepted"
		}
		r.add("mail to %s: %s", m.To, text)
	}
	return r
}

// clock returns the time of day, with a fraction if there is one, and the date
// if it is not the day on which scripts begin.
func clock(t time.Time) string {
	t = t.UTC()
	s := t.Format("15:04:05.999999999")
	if date := t.Format(time.DateOnly); date != authntest.Epoch().Format(time.DateOnly) {
		s = date + " " + s
	}
	return s
}
