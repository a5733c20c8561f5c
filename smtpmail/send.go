package smtpmail

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/authnfsm/authn"
	"github.com/wneessen/go-mail/smtp"
)

// maxAnswers bounds what is read from a server for one mail, certificates included.
const maxAnswers = 64 << 10

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

// send hands one mail to the server, over a connection that was kept or a new one.
func (m *Sender) send(ctx context.Context, msg *authn.Message, raw []byte) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	step, err := m.transmit(ctx, msg.To, raw)
	if err != nil {
		return newFailure(ctx, step, msg.Kind, err)
	}
	return nil
}

// transmit returns the step at which sending failed. The server may have given up a
// connection that was kept: if it does not take the sender there, nothing has been
// sent, and a new connection tells.
func (m *Sender) transmit(ctx context.Context, to string, raw []byte) (string, error) {
	if c := m.kept.take(); c != nil {
		if step, err := m.use(ctx, c, to, raw); step != stepFrom || ctx.Err() != nil {
			return step, err
		}
	}
	socket, err := new(net.Dialer).DialContext(ctx, "tcp", m.addr)
	if err != nil {
		return stepConnect, err
	}
	return m.use(ctx, &connection{socket: socket, heard: &boundedConn{Conn: socket, left: maxAnswers}}, to, raw)
}

// use sends a mail over a connection, and keeps it or closes it.
func (m *Sender) use(ctx context.Context, c *connection, to string, raw []byte) (step string, err error) {
	stop := context.AfterFunc(ctx, func() { c.socket.Close() })
	defer func() {
		if !stop() || err != nil || c.text.R.Buffered() > 0 || !m.kept.put(c) { // what was said too early is no answer to the next mail
			c.leave(err)
		}
	}()
	if c.dialog == nil {
		if step, err = m.open(ctx, c); err != nil {
			return step, err
		}
	}
	return m.deliver(c.dialog, to, raw)
}

// open greets the server, encrypts the connection and logs in.
func (m *Sender) open(ctx context.Context, c *connection) (step string, err error) {
	var conn net.Conn = c.heard
	if m.mode == ImplicitTLS {
		if conn, err = m.encrypt(ctx, conn); err != nil {
			return stepTLS, err
		}
	}
	c.dialog = newDialog(conn)
	if _, err := c.reply(done); err != nil {
		return stepGreet, err
	}
	if err := c.hello(m.hello); err != nil {
		return stepGreet, err
	}
	if m.mode == StartTLS {
		if c.dialog, err = m.secure(ctx, c.dialog, conn); err != nil {
			return stepTLS, err
		}
	}
	if m.auth != nil {
		if err := c.login(m.auth(), m.host, m.mode != Plaintext); err != nil {
			return stepLogin, err
		}
	}
	return stepAccepted, nil
}

func (m *Sender) encrypt(ctx context.Context, conn net.Conn) (net.Conn, error) {
	c := tls.Client(conn, m.tls)
	return c, c.HandshakeContext(ctx)
}

// secure goes on in TLS (RFC 3207). What was said in the clear is forgotten,
// and must not go on after the server has agreed.
func (m *Sender) secure(ctx context.Context, d *dialog, conn net.Conn) (*dialog, error) {
	if !d.startTLS {
		return nil, errNoStartTLS
	}
	if _, err := d.command(done, "STARTTLS"); err != nil {
		return nil, err
	}
	if d.text.R.Buffered() > 0 {
		return nil, errProtocol
	}
	conn, err := m.encrypt(ctx, conn)
	if err != nil {
		return nil, err
	}
	d = newDialog(conn)
	return d, d.hello(m.hello)
}

func (m *Sender) deliver(d *dialog, to string, raw []byte) (string, error) {
	if _, err := d.command(done, "MAIL FROM:<"+m.from.Address+">"); err != nil {
		return stepFrom, err
	}
	if _, err := d.command(done, "RCPT TO:<"+to+">"); err != nil {
		return stepTo, err
	}
	if _, err := d.command(goOn, "DATA"); err != nil {
		return stepMail, err
	}
	w := d.text.DotWriter()
	if _, err := w.Write(raw); err != nil {
		return stepMail, err
	}
	if err := w.Close(); err != nil {
		return stepMail, err
	}
	if _, err := d.reply(done); err != nil {
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
