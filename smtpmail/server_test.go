package smtpmail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn/sendertest"
	"github.com/authnfsm/authn/smtpmail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	username = "app"
	password = "correct horse"
)

// now is the clock of every mailer under test.
var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// server is an SMTP server in the test's process.
type server struct {
	mode  smtpmail.TLSMode
	mechs []string // for a login, which is then required; nil: none
	bare  bool     // does not offer STARTTLS

	addr string
	stop chan struct{} // closed at the end of the test
	hits *atomic.Int32 // connections
	left atomic.Int32  // of them, how many are open

	mu   sync.Mutex
	how  sendertest.Behavior
	in   []envelope
	from []string // of each MAIL command
	name string   // in the last EHLO

	weary bool // takes one mail over a connection
	conns []net.Conn
}

// hangUp closes all connections.
func (s *server) hangUp() {
	for _, c := range s.conns {
		c.Close()
	}
}

type countingListener struct {
	net.Listener
	n atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

type envelope struct {
	to  []string
	raw []byte
}

func (s *server) start(t testing.TB) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counted := &countingListener{Listener: l}
	l, s.hits = counted, &counted.n
	s.addr, s.stop = l.Addr().String(), make(chan struct{})
	x := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.left.Add(1)
		s.mu.Lock()
		s.conns = append(s.conns, c.Conn())
		s.mu.Unlock()
		if s.mechs == nil {
			return &session{server: s, conn: c}, nil
		}
		return &authSession{session{server: s, conn: c}}, nil
	}))
	x.Domain = "mail.example.com"
	x.AllowInsecureAuth = s.mode == smtpmail.Plaintext
	x.ErrorLog = log.New(io.Discard, "", 0)
	if s.mode != smtpmail.Plaintext && !s.bare {
		x.TLSConfig = serverTLS(t)
	}
	if s.mode == smtpmail.ImplicitTLS {
		l = tls.NewListener(l, x.TLSConfig)
	}
	var wg sync.WaitGroup
	wg.Go(func() { x.Serve(l) })
	t.Cleanup(func() {
		close(s.stop)
		x.Close()
		l.Close() // Close does not know a listener that Serve has not seen yet
		wg.Wait()
	})
	return s
}

func (s *server) behave(b sendertest.Behavior) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how = b
	return true
}

func (s *server) is(b sendertest.Behavior) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.how == b
}

func (s *server) inbox() ([]sendertest.Mail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ms []sendertest.Mail
	for _, e := range s.in {
		m, err := sendertest.Parse(e.to, e.raw)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// only returns the one mail that has arrived.
func (s *server) only(t *testing.T) sendertest.Mail {
	t.Helper()
	ms, err := s.inbox()
	if err != nil || len(ms) != 1 {
		t.Fatalf("%d mails arrived, error %v", len(ms), err)
	}
	return ms[0]
}

type session struct {
	server *server
	conn   *smtp.Conn
	authed bool
	to     []string
	mails  int
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.mechs != nil && !s.authed {
		return smtp.ErrAuthRequired
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.mails++; s.mails > 1 && s.server.weary {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "enough"}
	}
	s.server.from, s.server.name = append(s.server.from, from), s.conn.Hostname()
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case s.server.is(sendertest.RefuseRecipient):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: fmt.Sprintf("<%s>: nobody here", to)}
	case s.server.is(sendertest.Busy):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: fmt.Sprintf("<%s>: later", to)}
	case s.server.is(sendertest.Hang):
		<-s.server.stop
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	s.server.in = append(s.server.in, envelope{s.to, raw})
	s.server.mu.Unlock()
	if s.server.is(sendertest.FailAfterAccept) {
		s.conn.Conn().Close()
	}
	return nil
}

func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { s.server.left.Add(-1); return nil }

// authSession is a session whose server wants a login.
type authSession struct{ session }

func (s *authSession) AuthMechanisms() []string { return s.server.mechs }

func (s *authSession) Auth(mech string) (sasl.Server, error) {
	check := func(user, pass string) error {
		if user != username || pass != password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "not you, " + user + " with " + pass}
		}
		s.authed = true
		return nil
	}
	switch {
	case !slices.Contains(s.server.mechs, mech):
		return nil, smtp.ErrAuthUnknownMechanism
	case mech == sasl.Plain:
		return sasl.NewPlainServer(func(_, user, pass string) error { return check(user, pass) }), nil
	}
	return &loginServer{check: check}, nil
}

// loginServer is the server's half of LOGIN.
type loginServer struct {
	check func(user, pass string) error
	user  []byte
	step  int
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = response
		return []byte("Password:"), false, nil
	case 3:
		return nil, true, l.check(string(l.user), string(response))
	}
	return nil, false, errors.New("too many responses")
}

// authority is a certificate for 127.0.0.1 that signs itself, made once.
var authority = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	c, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

// clientTLS trusts the authority.
func clientTLS(t testing.TB) *tls.Config {
	t.Helper()
	c, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{RootCAs: pool}
}

// open makes a mailer for s; change may alter its configuration.
func (s *server) open(t testing.TB, change func(*smtpmail.Config)) *smtpmail.Sender {
	t.Helper()
	c := smtpmail.Config{
		Addr: s.addr, From: "Example <no-reply@example.com>", Service: "Example",
		TLS: s.mode, TLSConfig: clientTLS(t), Now: func() time.Time { return now },
	}
	if s.mechs != nil {
		c.Username, c.Password = username, password
	}
	if change != nil {
		change(&c)
	}
	m, err := smtpmail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
