package sendertest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/authnfsm/authn"
)

// ErrFault is wrapped by the errors that a [Faulty] injects.
var ErrFault = errors.New("fault on purpose")

// A Fault is a failure of one call of Send.
type Fault uint8

// The faults. The zero value is none.
const (
	NoFault       Fault = iota
	FailBefore          // send nothing, return an error
	FailAfter           // send the message, return an error
	HangUntilEnd        // send nothing, return the context's error when it ends
	Undeliverable       // send nothing, return an error that wraps authn.ErrUndeliverable
	Panic               // send nothing, panic
)

var _ authn.Sender = (*Faulty)(nil)

// Faulty is a sender that fails according to a plan, so that a host can test
// how it handles failures. It is safe for concurrent use if Sender is, and must
// not be copied after first use.
type Faulty struct {
	// Sender sends the messages. If nil, none is sent.
	Sender authn.Sender

	// Plan returns the fault of the n-th call of Send, counted from 1, for
	// message m. Calls of Plan never overlap. If nil, there are no faults.
	Plan func(n int, m authn.Message) Fault

	mu    sync.Mutex // guards calls, and calls of Plan
	calls int
}

// Send sends m with the fault that Plan returns. Its error wraps [ErrFault],
// and for Undeliverable also [authn.ErrUndeliverable], or is that of ctx or of
// the Sender.
func (f *Faulty) Send(ctx context.Context, m authn.Message) error {
	fault := f.next(m)
	switch fault {
	case FailBefore:
		return ErrFault
	case HangUntilEnd:
		<-ctx.Done()
		return ctx.Err()
	case Undeliverable:
		return fmt.Errorf("%w: %w", ErrFault, authn.ErrUndeliverable)
	case Panic:
		panic(ErrFault)
	}
	if f.Sender != nil {
		if err := f.Sender.Send(ctx, m); err != nil {
			return err
		}
	}
	if fault == FailAfter {
		return fmt.Errorf("%w after the message was sent", ErrFault)
	}
	return nil
}

func (f *Faulty) next(m authn.Message) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.Plan == nil {
		return NoFault
	}
	return f.Plan(f.calls, m)
}

// Calls returns the number of calls of Send.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}
