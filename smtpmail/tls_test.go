package smtpmail_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// refuses sends a mail that must not leave: the error says why, is not final,
// and has no password.
func refuses(t *testing.T, s *server, m *smtpmail.Sender, says string) {
	t.Helper()
	err := m.Send(t.Context(), code())
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want one about %q", err, says)
	}
	if errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("final, though the host can mend it: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), password) {
		t.Errorf("the error has the password: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.from) != 0 || len(s.in) != 0 {
		t.Errorf("senders %q, %d mails", s.from, len(s.in))
	}
}

func TestStartTLSStripped(t *testing.T) {
	s := (&server{bare: true, mechs: []string{"PLAIN"}}).start(t)
	refuses(t, s, s.open(t, nil), "does not offer STARTTLS")
}

func TestCertificate(t *testing.T) {
	for _, mode := range []smtpmail.TLSMode{smtpmail.StartTLS, smtpmail.ImplicitTLS} {
		s := (&server{mode: mode}).start(t)
		refuses(t, s, s.open(t, func(c *smtpmail.Config) { c.TLSConfig = nil }), "certificate")
		refuses(t, s, s.open(t, func(c *smtpmail.Config) { c.TLSConfig.ServerName = "mail.example.org" }), "mail.example.org")
		refuses(t, s, s.open(t, func(c *smtpmail.Config) {
			c.TLSConfig.MaxVersion = tls.VersionTLS12
			c.TLSConfig.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} // the key is not RSA
		}), "TLS: ")
	}
}

func TestWrongMode(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	refuses(t, s, s.open(t, func(c *smtpmail.Config) { c.TLS = smtpmail.ImplicitTLS }), "TLS: ")
}

// TestTLSConfigIsCopied: what the host does with its own later is no matter.
func TestTLSConfigIsCopied(t *testing.T) {
	s := (&server{}).start(t)
	mine := clientTLS(t)
	m := s.open(t, func(c *smtpmail.Config) { c.TLSConfig = mine })
	mine.RootCAs, mine.ServerName = nil, "mail.example.org"
	if err := m.Send(t.Context(), code()); err != nil {
		t.Error(err)
	}
}

func TestLogin(t *testing.T) {
	for name, mode := range modes {
		for _, mechs := range [][]string{{"PLAIN"}, {"LOGIN"}, {"LOGIN", "PLAIN"}, {"SCRAM-SHA-1", "LOGIN"}} {
			s := (&server{mode: mode, mechs: mechs}).start(t)
			if err := s.open(t, nil).Send(t.Context(), code()); err != nil {
				t.Errorf("%s, %v: %v", name, mechs, err)
				continue
			}
			s.only(t)
		}
	}
}

func TestLoginRefused(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			for _, mech := range []string{"PLAIN", "LOGIN"} {
				s := (&server{mode: mode, mechs: []string{mech}}).start(t)
				wrong := s.open(t, func(c *smtpmail.Config) { c.Username = "somebody" })
				refuses(t, s, wrong, "login: server answered 535 5.7.8")
				none := s.open(t, func(c *smtpmail.Config) { c.Username, c.Password = "", "" })
				refuses(t, s, none, "sender: server answered 502 5.7.0")
			}
			s := (&server{mode: mode, mechs: []string{"SCRAM-SHA-1"}}).start(t)
			refuses(t, s, s.open(t, nil), "neither PLAIN nor LOGIN")
			s = (&server{mode: mode}).start(t)
			login := func(c *smtpmail.Config) { c.Username, c.Password = username, password }
			refuses(t, s, s.open(t, login), "neither PLAIN nor LOGIN")
		})
	}
}
