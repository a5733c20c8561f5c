package sendertest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

func harness(bug string) Harness {
	o := new(office)
	return Harness{Sender: &paper{office: o, bug: bug}, Inbox: o.inbox, Behave: o.behave}
}

func TestRunPasses(t *testing.T) {
	Run(t, func(*testing.T) Harness { return harness("") })
	t.Run("without html", func(t *testing.T) {
		Run(t, func(*testing.T) Harness { return harness("no html") })
	})
}

// TestCatches tests the suite with senders that have one bug each: the named
// case must detect it.
func TestCatches(t *testing.T) {
	promptly = patience // detect a sender that hangs sooner
	defer func() { promptly = 3 * time.Second }()
	for _, c := range []struct{ bug, by string }{
		{"one text for notices", "kinds"},
		{"one text for purposes", "kinds"},
		{"drops zeros", "code"},
		{"groups digits", "code"},
		{"html drops the code", "code"},
		{"secret", "code"},
		{"no generation", "generation"},
		{"local time", "times"},
		{"no day", "times"},
		{"code in notices", "notice"},
		{"a new id for each attempt", "same key"},
		{"a new id for each attempt", "accepted, then failed"},
		{"id from the recipient", "other key"},
		{"trims keys", "other key"},
		{"raw headers", "hostile fields"},
		{"encoded line breaks", "hostile fields"},
		{"raw text", "hostile fields"},
		{"raw html", "hostile fields"},
		{"panics at an odd locale", "hostile fields"},
		{"believes To", "hostile recipient"},
		{"sends unknown kinds", "hostile kind"},
		{"tries for ever", "undeliverable"},
		{"gives up at once", "busy"},
		{"gives up at once", "accepted, then failed"},
		{"gives up at once", "hanging"},
		{"hides errors", "undeliverable"},
		{"hides errors", "busy"},
		{"hides errors", "hanging"},
		{"waits for ever", "hanging"},
		{"sends with an ended context", "ended context"},
		{"code in errors", "errors"},
		{"address in errors", "errors"},
		{"sends the code before", "concurrent"},
		{"sends twice", "concurrent"},
	} {
		t.Run(c.bug+" by "+c.by, func(t *testing.T) {
			i := slices.IndexFunc(cases, func(x testCase) bool { return x.name == c.by })
			if err := cases[i].run(t.Context(), harness(c.bug)); err == nil || errors.Is(err, errCannotShow) {
				t.Errorf("the case does not detect it: %v", err)
			}
		})
	}
}

// TestSkips checks that cases are skipped if the test server cannot misbehave.
func TestSkips(t *testing.T) {
	for _, c := range cases {
		h := harness("")
		h.Behave = nil
		err := c.run(t.Context(), h)
		skips := slices.Contains([]string{"undeliverable", "busy", "accepted, then failed", "hanging"}, c.name)
		if errors.Is(err, errCannotShow) != skips || !skips && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestLeak(t *testing.T) {
	m := authn.Message{Code: "012345", To: "user@example.com"}
	for _, err := range []error{
		errors.New("code 012345"),
		fmt.Errorf("a: %w", errors.Join(errors.New("b"), errors.New("sent MDEyMzQ1"))),
		quiet{errors.New("550 <USER@example.com>")},
	} {
		if leak(err, m) == nil {
			t.Errorf("leak finds nothing in %v", err)
		}
	}
	for _, err := range []error{nil, errors.New("550 refused"), quiet{}} {
		if l := leak(err, m); l != nil {
			t.Errorf("%v: %v", err, l)
		}
	}
}

// quiet is an error without a secret that wraps one with a secret.
type quiet struct{ err error }

func (quiet) Error() string   { return "quiet" }
func (q quiet) Unwrap() error { return q.err }
