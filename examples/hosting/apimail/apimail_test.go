package apimail_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/apimail"
	"github.com/authnfsm/authn/sendertest"
)

// service is a mail service that keeps what it is sent, each key once.
type service struct {
	mu    sync.Mutex
	mode  sendertest.Behavior
	mails []sendertest.Mail
	end   chan struct{}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var m struct{ To, Subject, Text string }
	if err := json.Unmarshal(raw, &m); err != nil || r.Header.Get("Authorization") != "Bearer a token" {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	mode := s.mode
	s.mu.Unlock()
	switch mode {
	case sendertest.RefuseRecipient:
		http.Error(w, "no mailbox "+m.To+" for "+m.Text, http.StatusUnprocessableEntity)
		return
	case sendertest.Busy:
		http.Error(w, "busy with "+m.To+": "+m.Text, http.StatusServiceUnavailable)
		return
	case sendertest.Hang:
		<-s.end
		return
	}
	s.mu.Lock()
	s.mails = append(s.mails, sendertest.Mail{To: []string{m.To}, Text: m.Subject + "\n" + m.Text, ID: r.Header.Get("Idempotency-Key")})
	s.mu.Unlock()
	if mode == sendertest.FailAfterAccept {
		panic(http.ErrAbortHandler)
	}
}

func TestMailer(t *testing.T) {
	sendertest.Run(t, func(t *testing.T) sendertest.Harness {
		s := &service{end: make(chan struct{})}
		srv := httptest.NewServer(s)
		t.Cleanup(func() { close(s.end); srv.Close() })
		return sendertest.Harness{
			Sender: &apimail.Sender{URL: srv.URL, Token: "a token", Client: srv.Client()},
			Inbox: func() ([]sendertest.Mail, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				return append([]sendertest.Mail(nil), s.mails...), nil
			},
			Behave: func(b sendertest.Behavior) bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.mode = b
				return true
			},
		}
	})
}

// A service that quotes the mail in the line of its status, or in something that
// is no HTTP, gets no word into errors.
func TestErrors(t *testing.T) {
	for _, first := range []string{"HTTP/1.1 422 ", "HTTP/1.1 503 ", ""} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, first+strings.ReplaceAll(string(body), " ", "-")+"\r\n\r\n")
		}))
		m := &apimail.Sender{URL: srv.URL, Token: "a token", Client: srv.Client()}
		err := m.Send(t.Context(), authn.Message{Kind: authn.CodeMessage, To: "ada@example.com", Code: "012345"})
		if err == nil || strings.Contains(err.Error(), "012345") || strings.Contains(err.Error(), "ada@") {
			t.Errorf("%q: error %v", first, err)
		}
		srv.Close()
	}
}

// The end of a lock has its day: a lock may last longer than one.
func TestLock(t *testing.T) {
	s := new(service)
	srv := httptest.NewServer(s)
	defer srv.Close()
	m := &apimail.Sender{URL: srv.URL, Token: "a token", Client: srv.Client()}
	until := time.Date(2026, 3, 2, 12, 30, 0, 0, time.UTC)
	if err := m.Send(t.Context(), authn.Message{Kind: authn.LockedMessage, To: "ada@example.com", Until: until}); err != nil {
		t.Fatal(err)
	}
	if text := s.mails[0].Text; !strings.Contains(text, "until 12:30 UTC on 2 March 2026") {
		t.Errorf("the mail says %q", text)
	}
}
