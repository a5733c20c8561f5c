package terminal

import (
	"context"

	"github.com/authnfsm/authn"
)

// Phones are the senders of text messages, calls and questions to a phone that
// approves. They show them.
func (t *Terminal) Phones() map[string]authn.Sender {
	return map[string]authn.Sender{"sms": t, "call": t, pushType: t}
}

var media = map[string]string{"email": "mail", "sms": "text message", "call": "call", pushType: "question"}

// purposes are what codes are for, where that is no sign-in.
var purposes = map[authn.Purpose]string{
	authn.PurposeRecover: " to reset your password", authn.PurposeUnlock: " to unlock your account", authn.PurposeSignUp: " to sign up",
}

// Send implements [authn.Sender]: it shows a message instead of sending it.
func (t *Terminal) Send(_ context.Context, m authn.Message) error {
	to := m.To
	if to == "" {
		to = "the phone of " + m.User
	}
	t.say("\n   ┌ %s to %s", media[m.Channel], to)
	switch m.Kind {
	case authn.CodeMessage:
		if m.Approval != "" {
			t.approval = m.Approval
			t.say("   │ Somebody signs in as %s. Is it you?", m.User)
			break
		}
		t.say("   │ Your code is %s%s (code %d).", string(m.Code), purposes[m.Purpose], m.Generation)
	case authn.ActivatedMessage:
		t.say("   │ This is now a second factor of your account.")
	case authn.PasswordMessage:
		t.say("   │ Your password was changed.")
	case authn.RecoveryMessage:
		t.say("   │ One of your recovery codes was used.")
	case authn.BackoffMessage:
		t.say("   │ Several wrong codes were entered after your right password, or after a right code.")
	case authn.StartsMessage:
		t.say("   │ As many sign-ins were begun with your password as an hour allows.")
	case authn.LockedMessage:
		t.say("   │ Too many wrong codes: your account is locked%s.", until(m.Until))
	}
	t.say("   └")
	return nil
}
