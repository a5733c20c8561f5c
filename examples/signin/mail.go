package main

import (
	"context"
	"fmt"
	"net"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// mailer is the terminal itself, or a relay that gets real mail.
func mailer(t *terminal, relay string) (authn.Sender, error) {
	if relay == "" {
		return t, nil
	}
	if _, _, err := net.SplitHostPort(relay); err != nil {
		return nil, fmt.Errorf("-smtp: %w", err)
	}
	return smtpmail.New(smtpmail.Config{
		Addr:    relay,
		From:    "sign-in@example.com",
		Service: "the sign-in demo",
		TLS:     smtpmail.Plaintext,
	})
}

// Mail shows a message instead of sending it: the terminal is a Mailer.
func (t *terminal) Send(_ context.Context, m authn.Message) error {
	t.say("\n   ┌ mail to %s", m.To)
	switch m.Kind {
	case authn.CodeMessage:
		t.say("   │ Your code is %s (code %d).", string(m.Code), m.Generation)
	case authn.ActivatedMessage:
		t.say("   │ This address is now a second factor of your account.")
	case authn.BackoffMessage:
		t.say("   │ Several wrong codes were entered after your right password.")
	case authn.LockedMessage:
		t.say("   │ Too many wrong codes: your account is locked.")
	}
	t.say("   └")
	return nil
}
