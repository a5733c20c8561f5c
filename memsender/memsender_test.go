package memsender_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/sendertest"
)

// TestMailer runs the conformance tests. The Sender writes no text, so the test
// writes a minimal one for each message.
func TestMailer(t *testing.T) {
	sendertest.Run(t, func(*testing.T) sendertest.Harness {
		m := new(memsender.Sender)
		return sendertest.Harness{Sender: m, Inbox: func() ([]sendertest.Mail, error) {
			var in []sendertest.Mail
			for _, x := range m.All() {
				in = append(in, sendertest.Mail{To: []string{x.To}, ID: x.Key, Text: plain(x)})
			}
			return in, nil
		}}
	})
}

func plain(m authn.Message) string {
	if m.Kind != authn.CodeMessage {
		return strconv.Quote(string(m.Kind)) + m.Until.UTC().Format(" 15:04 on 2 January")
	}
	return fmt.Sprintf("%s\ncode %d to %s until %s", string(m.Code), m.Generation, strconv.Quote(string(m.Purpose)), m.Expires.UTC().Format("15:04"))
}

func TestKeyIsKeptOnce(t *testing.T) {
	var m memsender.Sender
	for i, key := range []string{"a", "b", "a", "", ""} {
		msg := authn.Message{Key: key, To: "user@example.com", Locale: strconv.Itoa(i)}
		if err := m.Send(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	for _, x := range m.All() {
		got += x.Locale
	}
	if got != "0134" {
		t.Errorf("kept messages %s, want 0134", got)
	}
}

func TestLast(t *testing.T) {
	var m memsender.Sender
	if got := m.Last("user@example.com"); got != (authn.Message{}) {
		t.Errorf("Last of an empty Sender: %+v", got)
	}
	for i, to := range []string{"user@example.com", "user@example.com", "other@example.com"} {
		if err := m.Send(t.Context(), authn.Message{Key: strconv.Itoa(i), To: to}); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Last("user@example.com").Key; got != "1" {
		t.Errorf("Last has key %q, want the newest to that address, 1", got)
	}
	if got := m.Last("nobody@example.com"); got != (authn.Message{}) {
		t.Errorf("Last of an unknown address: %+v", got)
	}
}

func TestAllIsACopy(t *testing.T) {
	var m memsender.Sender
	if err := m.Send(t.Context(), authn.Message{Key: "a"}); err != nil {
		t.Fatal(err)
	}
	m.All()[0].Key = "changed"
	if got := m.All()[0].Key; got != "a" {
		t.Errorf("key is %q after the caller changed the slice", got)
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var m memsender.Sender
	if err := m.Send(ctx, authn.Message{Key: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	if n := len(m.All()); n != 0 {
		t.Errorf("%d messages kept", n)
	}
}

func ExampleSender() {
	var mailer memsender.Sender // use &mailer in authn.Config
	err := mailer.Send(context.Background(), authn.Message{
		Key: "1", Kind: authn.CodeMessage, To: "user@example.com", Code: "042137", Generation: 1,
	})
	last := mailer.Last("user@example.com")
	fmt.Println(last.Code, string(last.Code), err)
	fmt.Println(len(mailer.All()))
	// Output:
	// [secret] 042137 <nil>
	// 1
}
