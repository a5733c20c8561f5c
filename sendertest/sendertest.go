// Package sendertest has conformance tests for implementations of
// [authn.Sender], and a sender that injects faults into a host's tests.
//
// [Run] sends messages to a test server and checks what arrives. The [Harness]
// connects it to your test server, such as an SMTP server in the test's
// process or a recorder of the requests to a mail service. [Parse] reads raw
// messages.
package sendertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// A Harness is a sender and the test server that it sends to.
type Harness struct {
	// Sender is under test. It must print the generation of a code, times as
	// HH:MM in UTC, the day of the month on which a lock ends, and codes without
	// spaces.
	Sender authn.Sender

	// Inbox returns every message that has arrived, the oldest first. If
	// Sender queues messages, Inbox waits until they have arrived. It is never
	// called during a call of Send.
	Inbox func() ([]Mail, error)

	// Behave sets the behavior of the test server until the next call. It
	// returns false if the server cannot behave like b; then the test is
	// skipped. A nil Behave skips every test that needs it.
	Behave func(b Behavior) bool

	// Now is the time of the sender's clock. The zero value means time.Now.
	Now time.Time
}

// A Behavior is how the test server treats the sender.
type Behavior string

// The behaviors. If it can, the test server quotes the code and the address
// in its answers: an error of the sender must contain neither.
const (
	Well            Behavior = "accepts everything"
	RefuseRecipient Behavior = "refuses every recipient permanently"   // SMTP: 550
	Busy            Behavior = "asks to try again later"               // SMTP: 451
	FailAfterAccept Behavior = "keeps the message, then fails"         // SMTP: no answer, connection closed
	Hang            Behavior = "accepts the connection, never answers" // until the test ends
)

// A Mail is a message as it arrived.
type Mail struct {
	To     []string            // recipients of the delivery, not of the header
	Raw    []byte              // as it was sent; nil if unknown
	Header map[string][]string // decoded, by canonical name; nil if there are none
	Text   string              // the plain part, decoded
	HTML   string              // the HTML part, decoded; "" if there is none
	ID     string              // the Message-ID, the same on every attempt
}

// Run tests the sender that open returns. It calls open once for each
// subtest. Each inbox must be empty, each test server must accept everything
// at first, and open registers its cleanup with t.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := c.run(t.Context(), open(t))
			switch {
			case errors.Is(err, errCannotShow):
				t.Skip(err)
			case err != nil:
				t.Errorf("%v\nthe contract: %s", err, c.contract)
			}
		})
	}
}

// A testCase is one sentence of the contract and its check.
type testCase struct {
	name, contract string
	check          func(context.Context, *bench) error
}

func (c testCase) run(ctx context.Context, h Harness) error {
	b := newBench(h)
	err := c.check(ctx, b)
	return errors.Join(err, b.blamed())
}

var errCannotShow = errors.New("the test server does not have the behavior")

var cases = []testCase{
	{"kinds", "a message of every kind and purpose arrives at its recipient only, and has a text different from the others", checkKinds},
	{"code", "every part of a message contains the exact code, with leading zeros", checkCode},
	{"generation", "a message with a code says its generation", checkGeneration},
	{"times", "a message says when its code expires, or at what time and on what day the lock ends, in UTC", checkTimes},
	{"notice", "only a CodeMessage carries a code", checkNotice},
	{"same key", "all attempts to send one message have the same ID", checkSameKey},
	{"other key", "two messages have different IDs, however similar they are", checkOtherKey},
	{"hostile fields", "a string of a Message never adds a header, a recipient, a line or markup", checkFields},
	{"hostile recipient", "To is one address: any other value is refused, or reaches no other recipient", checkRecipient},
	{"hostile kind", "an unknown kind is refused, or sent without a code and without injected headers", checkKind},
	{"undeliverable", "Send returns ErrUndeliverable if the recipient is refused permanently", checkUndeliverable},
	{"busy", "Send returns an error other than ErrUndeliverable for a temporary failure", checkBusy},
	{"accepted, then failed", "an attempt after a lost acceptance repeats the message and does not create another", checkFailAfterAccept},
	{"hanging", "Send returns when its context ends", checkHanging},
	{"ended context", "with an ended context, nothing is sent and the error lets the library retry", checkEnded},
	{"errors", "an error contains neither the code nor the address", checkErrors},
	{"concurrent", "Send is safe for concurrent use", checkConcurrent},
}
