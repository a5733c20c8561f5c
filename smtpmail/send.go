package smtpmail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"

	"github.com/wneessen/go-mail/smtp"
)

// maxAnswers bounds what is read from a server in one connection, certificates
// included.
const maxAnswers = 256 << 10

// The steps of sending, as errors name them.
const (
	stepConnect  = "connect"
	stepGreet    = "greeting"
	stepTLS      = "TLS"
	stepLogin    = "login"
	stepFrom     = "sender"
	stepTo       = "recipient"
	stepMail     = "mail"
	stepAccepted = ""
)

// send hands one mail to the server, over a connection of its own.
func (m *Sender) send(ctx context.Context, to string, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.addr)
	if err != nil {
		return newFailure(ctx, stepConnect, err)
	}
	defer conn.Close()
	// Closing the socket itself, below TLS, ends every read and write on it.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	step, err := m.converse(ctx, &boundedConn{Conn: conn, left: maxAnswers}, to, raw)
	if err != nil {
		return newFailure(ctx, step, err)
	}
	return nil
}

// converse speaks SMTP. It returns the step at which it failed.
func (m *Sender) converse(ctx context.Context, conn net.Conn, to string, raw []byte) (string, error) {
	if m.mode == ImplicitTLS {
		secure := tls.Client(conn, m.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return stepTLS, err
		}
		conn = secure
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return stepGreet, err
	}
	c.SkipSMTPUTF8(true) // addresses and headers are ASCII
	if err := c.Hello(m.hello); err != nil {
		return stepGreet, err
	}
	step, err := m.deliver(c, to, raw)
	if answered := new(textproto.Error); err == nil || errors.As(err, &answered) {
		c.Text.PrintfLine("QUIT") // out of politeness; its answer is not worth waiting for
	}
	return step, err
}

func (m *Sender) deliver(c *smtp.Client, to string, raw []byte) (string, error) {
	if m.mode == StartTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return stepTLS, errNoStartTLS
		}
		if err := c.StartTLS(m.tls); err != nil {
			return stepTLS, err
		}
	}
	if m.auth != nil {
		if err := c.Auth(m.auth()); err != nil {
			return stepLogin, err
		}
	}
	if err := c.Mail("<" + m.from.Address + ">"); err != nil {
		return stepFrom, err
	}
	if err := c.Rcpt("<" + to + ">"); err != nil {
		return stepTo, err
	}
	w, err := c.Data()
	if err != nil {
		return stepMail, err
	}
	if _, err := w.Write(raw); err != nil {
		return stepMail, err
	}
	if err := w.Close(); err != nil {
		return stepMail, err
	}
	return stepAccepted, nil
}

// boundedConn ends a connection whose other end says too much.
type boundedConn struct {
	net.Conn
	left int
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// login returns what makes the dialogue for a login, new for each connection.
func login(user, password, host string) func() smtp.Auth {
	return func() smtp.Auth {
		return &passwordAuth{
			plain: smtp.PlainAuth("", user, password, host, false),
			login: smtp.LoginAuth(user, password, host, false),
		}
	}
}

// passwordAuth logs in by what the server has, PLAIN or LOGIN. Both refuse a
// connection in the clear, but to this machine.
type passwordAuth struct{ plain, login, chosen smtp.Auth }

func (a *passwordAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	for _, name := range server.Auth {
		switch name {
		case "PLAIN":
			a.chosen = a.plain
		case "LOGIN":
			if a.chosen == nil {
				a.chosen = a.login
			}
		}
	}
	if a.chosen == nil {
		return "", nil, errNoLogin
	}
	return a.chosen.Start(server)
}

func (a *passwordAuth) Next(fromServer []byte, more bool) ([]byte, error) {
	return a.chosen.Next(fromServer, more)
}
