package sendertest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/sendertest"
)

func TestFaulty(t *testing.T) {
	for _, c := range []struct {
		fault sendertest.Fault
		sent  int
		is    []error
		not   error
	}{
		{sendertest.NoFault, 1, nil, nil},
		{sendertest.FailBefore, 0, []error{sendertest.ErrFault}, authn.ErrUndeliverable},
		{sendertest.FailAfter, 1, []error{sendertest.ErrFault}, authn.ErrUndeliverable},
		{sendertest.HangUntilEnd, 0, []error{context.Canceled}, authn.ErrUndeliverable},
		{sendertest.Undeliverable, 0, []error{sendertest.ErrFault, authn.ErrUndeliverable}, nil},
	} {
		var box memsender.Sender
		f := &sendertest.Faulty{Sender: &box, Plan: func(int, authn.Message) sendertest.Fault { return c.fault }}
		ctx, cancel := context.WithCancel(t.Context())
		if c.fault == sendertest.HangUntilEnd {
			cancel()
		}
		err := f.Send(ctx, authn.Message{Key: "1"})
		cancel()
		if (err == nil) != (c.is == nil) {
			t.Errorf("fault %d: error %v", c.fault, err)
		}
		for _, want := range c.is {
			if !errors.Is(err, want) {
				t.Errorf("fault %d: error %v does not wrap %v", c.fault, err, want)
			}
		}
		if c.not != nil && errors.Is(err, c.not) {
			t.Errorf("fault %d: error %v wraps %v", c.fault, err, c.not)
		}
		if n := len(box.All()); n != c.sent || f.Calls() != 1 {
			t.Errorf("fault %d: %d messages sent, %d calls", c.fault, n, f.Calls())
		}
	}
}

func TestFaultyPanics(t *testing.T) {
	f := &sendertest.Faulty{Plan: func(int, authn.Message) sendertest.Fault { return sendertest.Panic }}
	defer func() {
		if recover() == nil || f.Calls() != 1 {
			t.Errorf("no panic, or %d calls", f.Calls())
		}
	}()
	f.Send(t.Context(), authn.Message{})
}

func TestFaultyPassesOn(t *testing.T) {
	inner := &sendertest.Faulty{Plan: func(int, authn.Message) sendertest.Fault { return sendertest.Undeliverable }}
	f := &sendertest.Faulty{Sender: inner}
	if err := f.Send(t.Context(), authn.Message{}); !errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v", err)
	}
	if err := new(sendertest.Faulty).Send(t.Context(), authn.Message{}); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

// TestFaultyCounts checks that the plan sees each number once under concurrent
// calls.
func TestFaultyCounts(t *testing.T) {
	const n = 50
	seen := make(map[int]bool) // unguarded: the calls of Plan must not overlap
	f := &sendertest.Faulty{Plan: func(i int, _ authn.Message) sendertest.Fault {
		seen[i] = true
		return sendertest.NoFault
	}}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { f.Send(t.Context(), authn.Message{}) })
	}
	wg.Wait()
	if f.Calls() != n || len(seen) != n || !seen[1] || !seen[n] {
		t.Errorf("%d calls, the plan saw %d", f.Calls(), len(seen))
	}
}

func ExampleFaulty() {
	var box memsender.Sender
	sender := &sendertest.Faulty{Sender: &box, Plan: func(n int, _ authn.Message) sendertest.Fault {
		if n == 1 {
			return sendertest.FailAfter // the answer is lost
		}
		return sendertest.NoFault
	}}
	m := authn.Message{Key: "1", Kind: authn.CodeMessage, To: "user@example.com", Code: "042137"}
	fmt.Println(sender.Send(context.Background(), m))
	fmt.Println(sender.Send(context.Background(), m))
	fmt.Println(sender.Calls(), "calls,", len(box.All()), "message")
	// Output:
	// fault on purpose after the message was sent
	// <nil>
	// 2 calls, 1 message
}

// Parse a message that arrived at a test server.
func ExampleParse() {
	m, err := sendertest.Parse([]string{"ada@example.com"}, []byte("Subject: =?utf-8?q?F=C3=BCr_dich?=\r\nMessage-ID: <1@example.com>\r\n\r\nCode 1 is 042137.\r\n"))
	fmt.Println(m.To, m.Header["Subject"], m.ID, err)
	fmt.Print(m.Text)
	// Output:
	// [ada@example.com] [Für dich] <1@example.com> <nil>
	// Code 1 is 042137.
}
