package main

import (
	"errors"
	"io"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/authnfsm/authn/sendertest"
)

// session takes the mails of one connection.
type session struct {
	p  *program
	to []string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "app" || password != "secret" {
			return errors.New("no such user")
		}
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := sendertest.Parse(s.to, raw)
	if err == nil {
		s.p.mail <- m
	}
	return err
}

func (s *session) Reset() { s.to = nil }

func (s *session) Logout() error { return nil }
