package smtpmail_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sendertest"
	"github.com/authnfsm/authn/smtpmail"
)

func keep(n int) func(*smtpmail.Config) { return func(c *smtpmail.Config) { c.Keep = n } }

// send sends n mails, one after the other.
func send(t *testing.T, m *smtpmail.Sender, n int) {
	t.Helper()
	for range n {
		if err := m.Send(t.Context(), code()); err != nil {
			t.Fatal(err)
		}
	}
}

// arrived reports how many connections and mails there were.
func (s *server) arrived(t *testing.T, connections, mails int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := int(s.hits.Load()); n != connections || len(s.in) != mails {
		t.Errorf("%d mails over %d connections, want %d over %d", len(s.in), n, mails, connections)
	}
}

// TestKept: a connection that is kept takes the next mail, whatever it is encrypted by,
// and one login is enough.
func TestKept(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			s := (&server{mode: mode, mechs: []string{"PLAIN"}}).start(t)
			send(t, s.open(t, keep(1)), 5)
			s.arrived(t, 1, 5)
			send(t, s.open(t, nil), 2)
			s.arrived(t, 3, 7)
		})
	}
}

// TestKeptMails: a connection takes 100 mails.
func TestKeptMails(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	m := s.open(t, keep(1))
	send(t, m, 100)
	s.arrived(t, 1, 100)
	send(t, m, 1)
	s.arrived(t, 2, 101)
}

// TestKeptAtMost: of many connections at once as many as may be are kept.
func TestKeptAtMost(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	m := s.open(t, keep(2))
	for range 3 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { send(t, m, 1) })
		}
		wg.Wait()
		if n := m.Kept(); n < 1 || n > 2 {
			t.Errorf("%d connections are kept, want at most 2", n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.in) != 24 {
		t.Errorf("%d mails", len(s.in))
	}
}

// TestKeptIdle: a connection that no mail takes is closed, after a goodbye.
func TestKeptIdle(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	m := s.open(t, keep(1))
	m.SetIdle(10 * time.Millisecond)
	send(t, m, 1)
	for end := time.Now().Add(20 * time.Second); m.Kept() > 0 || s.left.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections are kept, %d open", m.Kept(), s.left.Load())
		}
	}
	m.SetIdle(time.Minute)
	send(t, m, 2)
	s.arrived(t, 2, 3)
}

// TestKeptGivenUp: where the server has given a connection up, by closing it or by
// refusing the next mail, that mail goes over a new one, once.
func TestKeptGivenUp(t *testing.T) {
	for name, give := range map[string]func(*server){
		"closed":  (*server).hangUp,
		"refuses": func(s *server) { s.weary = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := (&server{mode: smtpmail.Plaintext}).start(t)
			m := s.open(t, keep(1))
			send(t, m, 1)
			s.mu.Lock()
			give(s)
			s.mu.Unlock()
			send(t, m, 1)
			s.arrived(t, 2, 2)
		})
	}
}

// TestKeptRefused: a recipient that is refused is not tried over a new connection, and
// the connection is not kept.
func TestKeptRefused(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	m := s.open(t, keep(1))
	send(t, m, 1)
	s.behave(sendertest.RefuseRecipient)
	if err := m.Send(t.Context(), code()); !errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v", err)
	}
	if s.arrived(t, 1, 1); m.Kept() != 0 {
		t.Error("the connection is kept")
	}
}

// TestKeptHangs: a server that falls silent over a kept connection holds nobody beyond
// the end of the context, and is not tried again.
func TestKeptHangs(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	m := s.open(t, keep(1))
	send(t, m, 1)
	s.behave(sendertest.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := m.Send(ctx, code()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if s.arrived(t, 1, 1); m.Kept() != 0 {
		t.Error("the connection is kept")
	}
}

// TestKeptContext: the end of the context of one mail does not end a connection that
// was kept after it.
func TestKeptContext(t *testing.T) {
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	m := s.open(t, keep(1))
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		if err := m.Send(ctx, code()); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	s.arrived(t, 1, 3)
}

// TestKeptBound: what may be read counts for each mail, not for each connection.
func TestKeptBound(t *testing.T) {
	long := "250-" + strings.Repeat("x", 5000) + "\r\n250 ok"
	addr, _ := script{"MAIL": long, "RCPT": long}.play(t)
	m := plain(t, addr, keep(1))
	send(t, m, 19)
	m.SetIdle(time.Millisecond) // the script waits for its end
	send(t, m, 1)
}

// TestKeptTooEarly: what a server says before it is asked does not answer for the next
// mail.
func TestKeptTooEarly(t *testing.T) {
	addr, _ := script{".": "250 queued\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 queued"}.play(t)
	m := plain(t, addr, keep(1))
	if send(t, m, 1); m.Kept() != 0 {
		t.Error("the connection is kept")
	}
}

func TestKeepBounds(t *testing.T) {
	for n, ok := range map[int]bool{-1: false, 0: true, 100: true, 101: false} {
		_, err := smtpmail.New(smtpmail.Config{Addr: "127.0.0.1:25", From: "no-reply@example.com", Service: "Example", Keep: n})
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "Config.Keep") {
			t.Errorf("Keep %d: %v", n, err)
		}
	}
}
