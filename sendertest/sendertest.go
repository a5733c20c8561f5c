// Package sendertest says what it is to be an [authn.Sender]: [Run] holds a
// sender to the contract, sentence by sentence. [Faulty] breaks a sender on
// purpose, for the tests of a host.
//
// Run needs to see what arrived: give it a [Harness] whose far end is real
// enough to be attacked (an SMTP server in the test's process, the recorded
// requests of a mail service), and let [Parse] read the raw messages.
package sendertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// A Harness is a sender and the far end that it sends to.
type Harness struct {
	// Sender is under test. It prints the generation of a code, and times as
	// HH:MM in UTC; it puts codes in the text unspaced.
	Sender authn.Sender

	// Inbox returns all that has arrived, the oldest first. If Sender only
	// hands messages over, Inbox waits until they are through. It may be
	// called at any time, though never while Mail runs.
	Inbox func() ([]Mail, error)

	// Behave lets the far end behave like b from now on, until the next call,
	// and returns false if it cannot. A nil Behave is a far end that cannot
	// misbehave. What cannot be shown is skipped.
	Behave func(b Behavior) bool

	// Now is what the sender's clock says. The zero time means the real one.
	Now time.Time
}

// A Behavior is how a far end treats the sender.
type Behavior string

// The behaviors. A far end that can, quotes code and address in what it
// answers: both must not come back in an error.
const (
	Well            Behavior = "accepts everything"
	RefuseRecipient Behavior = "refuses every recipient for good"      // SMTP: 550
	Busy            Behavior = "asks to come back later"               // SMTP: 451
	FailAfterAccept Behavior = "keeps the message, then fails"         // SMTP: no answer, connection closed
	Hang            Behavior = "takes the connection and says nothing" // until the test ends
)

// A Mail is a message as it arrived.
type Mail struct {
	To     []string            // whom it was delivered to, not what its header says
	Raw    []byte              // as it was on the wire; nil if there is no such thing
	Header map[string][]string // decoded, by canonical name; nil if there are none
	Text   string              // the plain part, decoded
	HTML   string              // the HTML part, decoded; "" if there is none
	ID     string              // tells a repetition from another message: the Message-ID
}

// Run tests the sender that open returns. It calls open once for each
// subtest; each inbox must be empty, each far end must behave well, and open
// registers its own clean-up with t.
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

// A testCase is one sentence of the contract and how to find it broken.
type testCase struct {
	name, contract string
	check          func(context.Context, *bench) error
}

func (c testCase) run(ctx context.Context, h Harness) error {
	b := newBench(h)
	err := c.check(ctx, b)
	return errors.Join(err, b.blamed())
}

var errCannotShow = errors.New("this far end cannot misbehave so")

var cases = []testCase{
	{"kinds", "a message of every kind arrives, at its recipient and nowhere else, and says something of its own", checkKinds},
	{"code", "a code arrives digit by digit, in every part, with its leading zeros", checkCode},
	{"generation", "a code's mail says its generation, which tells mails apart", checkGeneration},
	{"times", "a mail says when its code dies or the lock ends, in UTC", checkTimes},
	{"notice", "only a CodeMessage carries a code", checkNotice},
	{"same key", "all attempts at one message have one identity", checkSameKey},
	{"other key", "two messages have two identities, however alike they are", checkOtherKey},
	{"hostile fields", "a string of a Message never makes a header, a recipient, a line or markup", checkFields},
	{"hostile recipient", "To is one address: what is not is refused, or at least reaches nobody else", checkRecipient},
	{"hostile kind", "a kind that the sender does not know is refused or harmless", checkKind},
	{"undeliverable", "a recipient refused for good is ErrUndeliverable", checkUndeliverable},
	{"busy", "what may go better later is an error, but not ErrUndeliverable", checkBusy},
	{"accepted, then failed", "a later attempt after a lost acceptance repeats the message, it does not make another", checkFailAfterAccept},
	{"hanging", "Mail returns when its context ends", checkHanging},
	{"ended context", "with a context that has ended nothing is sent, and the message is tried again", checkEnded},
	{"errors", "an error holds neither the code nor the address", checkErrors},
	{"concurrent", "Mail may be called by many goroutines at once", checkConcurrent},
}
