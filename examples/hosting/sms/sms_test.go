package sms_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/sms"
	"github.com/authnfsm/authn/sendertest"
)

// vendor is an SMS service that keeps what it is sent.
type vendor struct {
	mu    sync.Mutex
	mode  sendertest.Behavior
	texts []sendertest.Mail
	end   chan struct{}
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account, token, _ := r.BasicAuth()
	to, text := r.FormValue("To"), r.FormValue("Body")
	if account != "account" || token != "a token" || r.FormValue("From") != "Example" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch v.mode {
	case sendertest.RefuseRecipient:
		http.Error(w, "no number "+to+" for "+text, http.StatusBadRequest)
		return
	case sendertest.Busy:
		http.Error(w, "busy with "+to+": "+text, http.StatusTooManyRequests)
		return
	case sendertest.Hang:
		v.mu.Unlock()
		<-v.end
		v.mu.Lock()
		return
	}
	v.texts = append(v.texts, sendertest.Mail{To: []string{to}, Text: text, ID: r.Header.Get("Idempotency-Key")})
	if v.mode == sendertest.FailAfterAccept {
		panic(http.ErrAbortHandler)
	}
}

func (v *vendor) inbox() ([]sendertest.Mail, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.texts), nil
}

func (v *vendor) behave(b sendertest.Behavior) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mode = b
	return true
}

func TestSender(t *testing.T) {
	sendertest.Run(t, func(t *testing.T) sendertest.Harness {
		v := &vendor{end: make(chan struct{})}
		srv := httptest.NewServer(v)
		t.Cleanup(func() { close(v.end); srv.Close() })
		s := &sms.Sender{URL: srv.URL, Account: "account", Token: "a token", From: "Example", Client: srv.Client()}
		return sendertest.Harness{Sender: s, Inbox: v.inbox, Behave: v.behave}
	})
}

// A vendor that answers no HTTP, but quotes the message, gets no word into errors.
func TestErrors(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, strings.ReplaceAll(r.FormValue("To")+r.FormValue("Body"), " ", "-")+"\r\n\r\n")
	}))
	defer srv.Close()
	s := &sms.Sender{URL: srv.URL, Client: srv.Client()}
	err := s.Send(t.Context(), authn.Message{Kind: authn.CodeMessage, To: "+15550100", Code: "012345"})
	if err == nil || errors.Is(err, authn.ErrUndeliverable) || strings.Contains(err.Error(), "012345") || strings.Contains(err.Error(), "15550100") {
		t.Errorf("error %v", err)
	}
}
