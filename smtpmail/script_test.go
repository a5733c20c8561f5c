package smtpmail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// A script is a server that answers by rote: by the first word of a command,
// "connect" for the greeting and "." for the end of a mail.
type script map[string]string

const (
	hang = "hang" // say nothing from here on
	drop = "drop" // close the connection
)

var obedient = script{
	"connect": "220 mail.example.com", "EHLO": "250-mail.example.com\r\n250 8BITMIME",
	"MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on", ".": "250 2.0.0 queued", "QUIT": "221 2.0.0 bye",
}

// play serves connections until the test ends. It returns the address, and a
// channel that is closed when the script hangs.
func (s script) play(t *testing.T) (string, <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stuck, over := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if s.serve(c) {
					once.Do(func() { close(stuck) })
					<-over
				}
			})
		}
	})
	t.Cleanup(func() {
		close(over)
		l.Close()
		wg.Wait()
	})
	return l.Addr().String(), stuck
}

// serve returns true where the script hangs. After an answer to STARTTLS that
// begins with 220 it goes on in TLS.
func (s script) serve(c net.Conn) bool {
	r := bufio.NewReader(c)
	body := false
	for line := "connect"; ; {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !body || word == "." {
			body = word == "DATA"
			answer, ok := s[word]
			if !ok {
				answer = obedient[word]
			}
			switch answer {
			case hang:
				return true
			case drop:
				return false
			case "":
				answer = "502 5.5.1 unknown command"
			}
			if _, err := io.WriteString(c, answer+"\r\n"); err != nil {
				return false
			}
			if word == "STARTTLS" && strings.HasPrefix(answer, "220") {
				cert, err := authority()
				if err != nil {
					return false
				}
				c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
				r = bufio.NewReader(c)
			}
		}
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			return false
		}
	}
}

func plain(t *testing.T, addr string, change func(*smtpmail.Config)) *smtpmail.Sender {
	t.Helper()
	return (&server{addr: addr, mode: smtpmail.Plaintext}).open(t, change)
}

// TestAnswers: what a server answers decides whether to try again. Answers
// quote what errors must not have.
func TestAnswers(t *testing.T) {
	const quote = " <ada@example.com> tried to send 012345"
	for _, c := range []struct {
		at, answer string
		final      bool
		says       string
	}{
		{"connect", "554 5.7.1" + quote, false, "greeting: server answered 554 5.7.1"},
		{"connect", "421 4.3.2" + quote, false, "greeting: server answered 421 4.3.2"},
		{"EHLO", "421" + quote, false, "greeting: server answered 421"},
		{"EHLO", "550 5.7.1" + quote, false, "greeting: server answered 550 5.7.1"},
		{"MAIL", "550 5.7.1" + quote, false, "sender: server answered 550 5.7.1"},
		{"MAIL", "451 4.7.0" + quote, false, "sender: server answered 451 4.7.0"},
		{"RCPT", "550 5.1.1" + quote, true, "recipient: server answered 550 5.1.1: undeliverable"},
		{"RCPT", "550-5.1.1 no such user\r\n550 5.1.1" + quote, true, "recipient: server answered 550 5.1.1: undeliverable"},
		{"RCPT", "553" + quote, true, "recipient: server answered 553: undeliverable"},
		{"RCPT", "530 5.7.0" + quote, false, "recipient: server answered 530 5.7.0"},
		{"RCPT", "450 4.2.1" + quote, false, "recipient: server answered 450 4.2.1"},
		{"RCPT", "421 4.3.2" + quote, false, "recipient: server answered 421 4.3.2"},
		{"DATA", "554 5.5.1" + quote, true, "mail: server answered 554 5.5.1: undeliverable"},
		{"DATA", "451 4.3.0" + quote, false, "mail: server answered 451 4.3.0"},
		{".", "554 5.7.1" + quote, true, "mail: server answered 554 5.7.1: undeliverable"},
		{".", "552 5.2.2" + quote, true, "mail: server answered 552 5.2.2: undeliverable"},
		{".", "452 4.2.2" + quote, false, "mail: server answered 452 4.2.2"},
		{".", "538 5.7.11" + quote, false, "mail: server answered 538 5.7.11"},
		{".", "012345" + quote, false, "mail: server does not speak SMTP"},
		{"RCPT", "ada@example.com", false, "recipient: server does not speak SMTP"},
		{"RCPT", "999 5.1.1" + quote, false, "recipient: server answered 999 5.1.1"},
		{"EHLO", strings.Repeat("250-x\r\n", 60_000) + "250 x", false, "greeting: server says too much"},
		{"connect", drop, false, "greeting: "},
		{"RCPT", drop, false, "recipient: "},
		{".", drop, false, "mail: "},
	} {
		s := script{c.at: c.answer}
		if c.at == "EHLO" {
			s["HELO"] = c.answer
		}
		addr, _ := s.play(t)
		err := plain(t, addr, nil).Send(t.Context(), code())
		if err == nil || errors.Is(err, authn.ErrUndeliverable) != c.final || !strings.HasPrefix(err.Error(), "smtpmail: "+c.says) {
			t.Errorf("%s %.40q: error %v, want %q", c.at, c.answer, err, c.says)
		}
		if s := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(s, "ada@") || strings.Contains(s, "012345") {
			t.Errorf("%s %.40q: the error tells too much: %s", c.at, c.answer, s)
		}
	}
}

// TestHangs: wherever a server falls silent, the caller is let go.
func TestHangs(t *testing.T) {
	startTLS := "250-mail.example.com\r\n250 STARTTLS"
	for name, c := range map[string]struct {
		mode smtpmail.TLSMode
		s    script
	}{
		"greeting":     {smtpmail.Plaintext, script{"connect": hang}},
		"EHLO":         {smtpmail.Plaintext, script{"EHLO": hang}},
		"sender":       {smtpmail.Plaintext, script{"MAIL": hang}},
		"recipient":    {smtpmail.Plaintext, script{"RCPT": hang}},
		"mail":         {smtpmail.Plaintext, script{"DATA": hang}},
		"acceptance":   {smtpmail.Plaintext, script{".": hang}},
		"STARTTLS":     {smtpmail.StartTLS, script{"EHLO": startTLS, "STARTTLS": hang}},
		"implicit TLS": {smtpmail.ImplicitTLS, script{"connect": hang}},
	} {
		t.Run(name, func(t *testing.T) {
			addr, stuck := c.s.play(t)
			m := plain(t, addr, func(x *smtpmail.Config) { x.TLS, x.Timeout = c.mode, time.Minute })
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- m.Send(ctx, code()) }()
			<-stuck
			cancel()
			late := time.NewTimer(3 * time.Second)
			defer late.Stop()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) || errors.Is(err, authn.ErrUndeliverable) {
					t.Errorf("error %v, want context.Canceled", err)
				}
			case <-late.C:
				t.Fatal("the caller is still held")
			}
		})
	}
}

// TestTimeout: a caller without a deadline is let go too.
func TestTimeout(t *testing.T) {
	addr, _ := script{"RCPT": hang}.play(t)
	m := plain(t, addr, func(c *smtpmail.Config) { c.Timeout = 100 * time.Millisecond })
	if err := m.Send(t.Context(), code()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
}

// TestSilentGoodbye: once the server has the mail, nothing else matters.
func TestSilentGoodbye(t *testing.T) {
	for _, answer := range []string{hang, drop, "421 4.3.2 too late"} {
		addr, _ := script{"QUIT": answer}.play(t)
		if err := plain(t, addr, nil).Send(t.Context(), code()); err != nil {
			t.Errorf("QUIT %s: %v", answer, err)
		}
	}
}

// TestInjectedBeforeTLS: what is said in the clear after STARTTLS does not
// count as the server's.
func TestInjectedBeforeTLS(t *testing.T) {
	addr, _ := script{
		"EHLO": "250-mail.example.com\r\n250 STARTTLS", "STARTTLS": "220 go on\r\n250 mail.example.com\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 ok",
	}.play(t)
	m := plain(t, addr, func(c *smtpmail.Config) { c.TLS = smtpmail.StartTLS })
	if err := m.Send(t.Context(), code()); err == nil || !strings.HasPrefix(err.Error(), "smtpmail: TLS: ") {
		t.Errorf("error %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	err = plain(t, addr, nil).Send(t.Context(), code())
	if err == nil || !strings.HasPrefix(err.Error(), "smtpmail: connect: ") || errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v", err)
	}
}
