package smtpmail_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sendertest"
	"github.com/authnfsm/authn/smtpmail"
)

var modes = map[string]smtpmail.TLSMode{
	"StartTLS": smtpmail.StartTLS, "ImplicitTLS": smtpmail.ImplicitTLS, "Plaintext": smtpmail.Plaintext,
}

func TestMailer(t *testing.T) {
	for name, mode := range modes {
		for of, n := range map[string]int{"each its own": 0, "kept": 2} {
			t.Run(name+", "+of, func(t *testing.T) {
				sendertest.Run(t, func(t *testing.T) sendertest.Harness {
					s := (&server{mode: mode}).start(t)
					return sendertest.Harness{Sender: s.open(t, keep(n)), Inbox: s.inbox, Behave: s.behave, Now: now}
				})
			})
		}
	}
}

func code() authn.Message {
	return authn.Message{
		Key: "0f1e2d3c4b5a69788796a5b4c3d2e1f0-3-0", Kind: authn.CodeMessage, Tenant: "tenant-7", User: "user-4711",
		To: "ada@example.com", Locale: "en", Purpose: authn.PurposeSignIn, Factor: "ada-mail", Code: "012345", Generation: 2, Expires: now.Add(5 * time.Minute),
	}
}

// TestHeaders pins what the header of a mail has, all of it.
func TestHeaders(t *testing.T) {
	s := (&server{}).start(t)
	m := code()
	if err := s.open(t, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.only(t)
	id := got.Header["Message-Id"]
	if len(id) != 1 || !strings.HasSuffix(id[0], "@example.com>") || strings.Contains(id[0], m.Key[:8]) {
		t.Errorf("Message-ID %q", id)
	}
	if typ := got.Header["Content-Type"]; len(typ) != 1 || !strings.HasPrefix(typ[0], "multipart/alternative;") {
		t.Errorf("Content-Type %q", typ)
	}
	delete(got.Header, "Message-Id")
	delete(got.Header, "Content-Type")
	want := map[string][]string{
		"Auto-Submitted": {"auto-generated"},
		"Date":           {"Wed, 02 Jan 2030 03:04:05 +0000"},
		"From":           {`"Example" <no-reply@example.com>`},
		"Mime-Version":   {"1.0"},
		"Subject":        {"Example: your code to sign in (code 2)"},
		"To":             {"<ada@example.com>"},
	}
	if !reflect.DeepEqual(got.Header, want) {
		t.Errorf("header is\n%q, want\n%q", got.Header, want)
	}
	if got.HTML == "" {
		t.Error("there is no HTML part")
	}
	for _, secret := range []string{m.User, m.Tenant, m.Key} {
		if strings.Contains(string(got.Raw)+got.Text+got.HTML, secret) {
			t.Errorf("the mail has %q", secret)
		}
	}
	if strings.Contains(got.Text+got.HTML, "://") {
		t.Error("the mail has a link")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.hits.Load(); n != 1 || len(s.from) != 1 || s.from[0] != "no-reply@example.com" || s.name != "example.com" {
		t.Errorf("%d connections, senders %q, EHLO %q", n, s.from, s.name)
	}
}

func TestMinutes(t *testing.T) {
	for left, want := range map[time.Duration]string{
		time.Second:                    "1 minute after",
		89 * time.Second:               "1 minute after",
		90 * time.Second:               "2 minutes after",
		5*time.Minute - time.Second:    "5 minutes after",
		10*time.Minute + time.Second:   "10 minutes after",
		time.Nanosecond:                "1 minute after",
		4*time.Minute + 29*time.Second: "4 minutes after",
	} {
		s := (&server{mode: smtpmail.Plaintext}).start(t)
		m := code()
		m.Expires = now.Add(left)
		if err := s.open(t, nil).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := s.only(t); !strings.Contains(got.Text, want) || !strings.Contains(got.HTML, want) {
			t.Errorf("with %v left the mail does not say %q:\n%s", left, want, got.Text)
		}
	}
}

// TestMalformed: what can never be sent is final, and does not even connect.
func TestMalformed(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	mailer := s.open(t, nil)
	for name, change := range map[string]func(*authn.Message){
		"expired":     func(m *authn.Message) { m.Expires = now },
		"no expiry":   func(m *authn.Message) { m.Expires = time.Time{} },
		"no code":     func(m *authn.Message) { m.Code = "" },
		"odd code":    func(m *authn.Message) { m.Code = "01<b>5" },
		"long code":   func(m *authn.Message) { m.Code = authn.Code(strings.Repeat("1", 65)) },
		"kind":        func(m *authn.Message) { m.Kind = "address_changed" },
		"no kind":     func(m *authn.Message) { m.Kind = "" },
		"no address":  func(m *authn.Message) { m.To = "" },
		"two":         func(m *authn.Message) { m.To = "a@example.com,b@example.com" },
		"with a name": func(m *authn.Message) { m.To = "a <a@example.com>" },
		"two at":      func(m *authn.Message) { m.To = "a@b@example.com" },
		"line break":  func(m *authn.Message) { m.To = "a@example.com\r\nBcc: b@example.com" },
		"not ASCII":   func(m *authn.Message) { m.To = "ä@example.com" },
		"dots":        func(m *authn.Message) { m.To = "a..b@example.com" },
		"too long":    func(m *authn.Message) { m.To = strings.Repeat("a", 243) + "@example.com" },
	} {
		m := code()
		change(&m)
		if err := mailer.Send(t.Context(), m); !errors.Is(err, authn.ErrUndeliverable) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := s.hits.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestNoKey(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	mailer := s.open(t, nil)
	for range 2 {
		m := code()
		m.Key = ""
		if err := mailer.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	ms, err := s.inbox()
	if err != nil || len(ms) != 2 || ms[0].ID == ms[1].ID {
		t.Errorf("%d mails, error %v, or one id for two messages", len(ms), err)
	}
}

func TestNew(t *testing.T) {
	good := smtpmail.Config{Addr: "127.0.0.1:25", From: "no-reply@example.com", Service: "Example"}
	if _, err := smtpmail.New(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		says   string
		change func(*smtpmail.Config)
	}{
		{"Config.Addr", func(c *smtpmail.Config) { c.Addr = "" }},
		{"Config.Addr", func(c *smtpmail.Config) { c.Addr = "mail.example.com" }},
		{"Config.Addr", func(c *smtpmail.Config) { c.Addr = "mail.example.com:0" }},
		{"Config.Addr", func(c *smtpmail.Config) { c.Addr = ":25" }},
		{"Config.From", func(c *smtpmail.Config) { c.From = "" }},
		{"Config.From", func(c *smtpmail.Config) { c.From = "a@example.com, b@example.com" }},
		{"Config.From", func(c *smtpmail.Config) { c.From = "\"a\r\nBcc: x\" <a@example.com>" }},
		{"Config.From", func(c *smtpmail.Config) { c.From = "=?utf-8?q?a=0D=0Ab?= <a@example.com>" }},
		{"Config.Service", func(c *smtpmail.Config) { c.Service = "" }},
		{"Config.Service", func(c *smtpmail.Config) { c.Service = "a\nb" }},
		{"Config.Service", func(c *smtpmail.Config) { c.Service = strings.Repeat("x", 65) }},
		{"Config.Service", func(c *smtpmail.Config) { c.Service = "\xff" }},
		{"Config.Contact", func(c *smtpmail.Config) { c.Contact = "a\u2028b" }},
		{"Config.Contact", func(c *smtpmail.Config) { c.Contact = strings.Repeat("x", 201) }},
		{"Config.Hello", func(c *smtpmail.Config) { c.Hello = "a b" }},
		{"Config.TLS", func(c *smtpmail.Config) { c.TLS = smtpmail.Plaintext + 1 }},
		{"Config.Timeout", func(c *smtpmail.Config) { c.Timeout = -1 }},
		{"Config.Timeout", func(c *smtpmail.Config) { c.Timeout = time.Millisecond }},
		{"Config.Timeout", func(c *smtpmail.Config) { c.Timeout = time.Hour }},
		{"Config.Username and", func(c *smtpmail.Config) { c.Username = "a" }},
		{"Config.Username and", func(c *smtpmail.Config) { c.Password = "a" }},
		{"travel in the clear", func(c *smtpmail.Config) {
			c.Addr, c.Username, c.Password, c.TLS = "mail.example.com:25", "a", "b", smtpmail.Plaintext
		}},
	} {
		bad := good
		c.change(&bad)
		if _, err := smtpmail.New(bad); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("want an error about %s, got %v", c.says, err)
		}
	}
}

// TestPasswordDoesNotPrint: not from the configuration, nor from the mailer.
func TestPasswordDoesNotPrint(t *testing.T) {
	c := smtpmail.Config{
		Addr: "127.0.0.1:25", From: "no-reply@example.com", Service: "Example", Username: "app", Password: "hunter22",
	}
	m, err := smtpmail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(verb+verb+verb, c, m, *m); strings.Contains(s, "hunter22") || strings.Contains(s, "68756e7465723232") {
			t.Errorf("%s prints the password", verb)
		}
	}
}
