package smtpmail_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// TestBareReplies: the digits of a reply are enough, at every step, in the clear
// and in TLS. If the last one were not understood, the mail would go out again.
func TestBareReplies(t *testing.T) {
	bare := script{
		"connect": "220", "EHLO": "250-mail.example.com\r\n250-STARTTLS\r\n250-AUTH LOGIN\r\n250", "STARTTLS": "220", "AUTH": "334",
		"YXBw": "334", "Y29ycmVjdA==": "235", "MAIL": "250", "RCPT": "250", "DATA": "354", ".": "250", "QUIT": "221",
	}
	for name, mode := range map[string]smtpmail.TLSMode{"StartTLS": smtpmail.StartTLS, "Plaintext": smtpmail.Plaintext} {
		addr, _ := bare.play(t)
		m := plain(t, addr, func(c *smtpmail.Config) { c.TLS, c.Username, c.Password = mode, "app", "correct" })
		if err := m.Send(t.Context(), code()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at, answer := range map[string]string{"connect": "421", "MAIL": "451", "RCPT": "550", "DATA": "451", ".": "451"} {
		addr, _ := script{at: answer}.play(t)
		err := plain(t, addr, nil).Send(t.Context(), code())
		if err == nil || !strings.Contains(err.Error(), "server answered "+answer) {
			t.Errorf("%s %s: %v", at, answer, err)
		}
	}
}

// TestOddReplies: a client goes by the first digit of the last line.
func TestOddReplies(t *testing.T) {
	for name, s := range map[string]script{
		"another 2xx":            {"MAIL": "252 ok", "RCPT": "251 will forward", ".": "251 queued", "DATA": "350 go on"},
		"several lines":          {".": "250-2.0.0 queued\r\n250-as 1\r\n250"},
		"a line without a code":  {"connect": "220-mail.example.com\r\nWelcome\r\n220 ESMTP"},
		"a line with another":    {"connect": "220-mail.example.com\r\n221 not yet\r\n220 ESMTP"},
		"no EHLO":                {"EHLO": "502 5.5.1 unknown command", "HELO": "250 mail.example.com"},
		"no EHLO, nor a text":    {"EHLO": "500", "HELO": "250"},
		"a hyphen and no text":   {"EHLO": "250-\r\n250 SIZE"},
		"a text of blanks":       {"RCPT": "250   "},
		"a line feed alone":      {"MAIL": "250-a\n250 b"},
		"a greeting not for RFC": {"connect": "220-\r\n220"},
	} {
		addr, _ := s.play(t)
		if err := plain(t, addr, nil).Send(t.Context(), code()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, answer := range []string{"", "25", "2x0 ok", "+50 ok", "050 ok", "250ok", "2500", "\x00\x00\x00"} {
		addr, _ := script{".": answer + "\r\n"}.play(t)
		err := plain(t, addr, nil).Send(t.Context(), code())
		if err == nil || err.Error() != "smtpmail: mail: server does not speak SMTP" {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// TestOffers: keywords and mechanisms come in any case, and in the form that
// old servers and those who imitate them have.
func TestOffers(t *testing.T) {
	for _, offer := range []string{
		"AUTH LOGIN", "auth login", "Auth Login", "AUTH=LOGIN", "auth=login", "AUTH=CRAM-MD5 LOGIN", "AUTH  GSSAPI   login",
		"AUTH=CRAM-MD5\r\n250-AUTH LOGIN", "AUTH LOGIN\r\n250-AUTH=CRAM-MD5",
	} {
		for mode, tls := range map[smtpmail.TLSMode]string{smtpmail.StartTLS: "StartTls", smtpmail.Plaintext: "SIZE 1000"} {
			addr, _ := script{
				"EHLO": "250-mail.example.com\r\n250-" + offer + "\r\n250 " + tls, "STARTTLS": "220",
				"AUTH": "334 Username:", "YXBw": "334 UGFzc3dvcmQ6", "Y29ycmVjdA==": "235 2.7.0 welcome", "MAIL": "250 2.1.0 ok",
			}.play(t)
			m := plain(t, addr, func(c *smtpmail.Config) { c.TLS, c.Username, c.Password = mode, "app", "correct" })
			if err := m.Send(t.Context(), code()); err != nil {
				t.Errorf("%q: %v", offer, err)
			}
		}
	}
	for _, offer := range []string{"AUTHOR LOGIN", "X-AUTH LOGIN", "AUTH", "AUTH=", "LOGIN", "AUTH X-LOGIN"} {
		addr, _ := script{"EHLO": "250-mail.example.com\r\n250 " + offer}.play(t)
		m := plain(t, addr, func(c *smtpmail.Config) { c.Username, c.Password = "app", "correct" })
		if err := m.Send(t.Context(), code()); err == nil || !strings.Contains(err.Error(), "neither PLAIN nor LOGIN") {
			t.Errorf("%q: %v", offer, err)
		}
	}
}

// TestSetup: what a server has against the sender is no reason to give up a
// notice, and is reported as what it is. A code is given up at once, as for any
// other lasting answer, so that the user is told.
func TestSetup(t *testing.T) {
	for _, c := range []struct {
		at, answer string
		setup      bool // about the sender; else about the recipient or the mail
	}{
		{"RCPT", "554 5.7.1 <ada@example.com>: Relay access denied", true},
		{"RCPT", "550 5.7.1 Unable to relay", true},
		{"RCPT", "550 relay not permitted", true},
		{"RCPT", "550-Verification failed\r\n550 Sender verify failed", true},
		{"RCPT", "553 that domain is not on the list (#5.7.1)", true},
		{"RCPT", "553 5.7.1 <no-reply@example.com>: not yours", true},
		{"RCPT", "550 5.7.0 not one of your addresses", true},
		{"RCPT", "550 5.1.8 access denied", true},
		{"RCPT", "550 5.1.90 limit of recipients reached", true},
		{"DATA", "550 5.4.5 limit reached for today", true},
		{".", "550-5.4.5 limit reached\r\n550 5.4.5 see the pages", true},
		{".", "550 5.7.26 blocked: nobody vouches for it", true},
		{".", "554 5.7.0 paused", true},
		{".", "554 Sending paused for this account", true},
		{".", "550 hourly quota exceeded", true},
		{"RCPT", "550 5.1.1 <ada@example.com>: no such user", false},
		{"RCPT", "550 5.1.1 the sender will be told", false},
		{"RCPT", "550 no such user <relay@example.com>", false},
		{"RCPT", "550 no such user: daily@sender.example", false},
		{"RCPT", "550 5.1.10 recipient not found", false},
		{"RCPT", "552 5.2.2 mailbox full", false},
		{"RCPT", "553 mailbox name not allowed", false},
		{"RCPT", "550", false},
		{".", "552 5.3.4 message too big", false},
		{".", "554 5.6.0 cannot be read", false},
		{"RCPT", "550 user unknown (#5.1.1)", false},
	} {
		addr, _ := script{c.at: c.answer}.play(t)
		m := plain(t, addr, nil)
		for _, msg := range []authn.Message{
			code(),
			{Key: "1", Kind: authn.BackoffMessage, To: "ada@example.com"},
			{Key: "2", Kind: authn.LockedMessage, To: "ada@example.com"},
			{Key: "3", Kind: authn.ActivatedMessage, To: "ada@example.com"},
		} {
			err := m.Send(t.Context(), msg)
			final := !c.setup || msg.Kind == authn.CodeMessage
			if err == nil || errors.Is(err, smtpmail.ErrSetup) != c.setup || errors.Is(err, authn.ErrUndeliverable) != final {
				t.Errorf("%s, %s %s: %v", msg.Kind, c.at, c.answer, err)
			}
			if err != nil && strings.Contains(err.Error(), "@") {
				t.Errorf("%s %s: the error quotes: %v", c.at, c.answer, err)
			}
		}
	}
	for at, answer := range map[string]string{
		"connect": "554 5.7.1 blocked", "MAIL": "550 5.1.8 bad sender", "RCPT": "530 5.7.0 log in first", "AUTH": "535 5.7.8 wrong password",
	} {
		addr, _ := script{"EHLO": "250-mail.example.com\r\n250 AUTH PLAIN", "AUTH": "235 welcome", at: answer}.play(t)
		m := plain(t, addr, func(c *smtpmail.Config) { c.Username, c.Password = "app", "correct" })
		if err := m.Send(t.Context(), code()); !errors.Is(err, smtpmail.ErrSetup) || errors.Is(err, authn.ErrUndeliverable) {
			t.Errorf("%s %s: %v", at, answer, err)
		}
	}
	for _, answer := range []string{"451 4.7.1 relay: try later", "454 daily quota exceeded", "452 4.2.2 full"} {
		addr, _ := script{"RCPT": answer}.play(t)
		if err := plain(t, addr, nil).Send(t.Context(), code()); err == nil || errors.Is(err, smtpmail.ErrSetup) || errors.Is(err, authn.ErrUndeliverable) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
