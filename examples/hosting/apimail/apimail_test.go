package apimail_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

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
