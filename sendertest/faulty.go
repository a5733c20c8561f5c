package sendertest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/authnfsm/authn"
)

// ErrFault is what a [Faulty] wraps in the errors that it makes up.
var ErrFault = errors.New("fault on purpose")

// A Fault is what goes wrong with one call of Mail.
type Fault uint8

// The faults. The zero value is none.
const (
	NoFault       Fault = iota
	FailBefore          // an error, and nothing is sent
	FailAfter           // the message is sent, and still there is an error
	HangUntilEnd        // nothing is sent; the context's error, when it ends
	Undeliverable       // nothing is sent; an error that wraps authn.ErrUndeliverable
	Panic               // nothing is sent; a panic
)

var _ authn.Sender = (*Faulty)(nil)

// Faulty is a sender that fails as it is told to: what a host needs to see
// how it takes that. It is safe for concurrent use if Sender is, and must not
// be copied after first use.
type Faulty struct {
	// Sender sends what is sent. If nil, nothing is.
	Sender authn.Sender

	// Plan says what goes wrong with the n-th call of Mail, counted from 1,
	// for message m. Calls of Plan never overlap. If nil, nothing goes wrong.
	Plan func(n int, m authn.Message) Fault

	mu    sync.Mutex // guards calls, and calls of Plan
	calls int
}

// Mail does with m what Plan says. It returns an error that wraps [ErrFault],
// and for Undeliverable also [authn.ErrUndeliverable], the context's error, or
// what the Sender returned.
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

// Calls returns how often Mail was called.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}
