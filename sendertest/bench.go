package sendertest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// A bench is a harness with the helpers of the cases.
type bench struct {
	Harness
	now time.Time
	run string // makes keys unique among all benches

	mu    sync.Mutex
	n     int
	blame []error
}

func newBench(h Harness) *bench {
	b := &bench{Harness: h, now: h.Now, run: rand.Text()}
	if b.now.IsZero() {
		b.now = time.Now()
	}
	return b
}

// message returns a new message to a new recipient. Its times are not in UTC,
// so that the sender must convert them.
func (b *bench) message(kind authn.MessageKind) authn.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	zone := time.FixedZone("elsewhere", 5*3600+1800)
	m := authn.Message{
		Key: fmt.Sprintf("%s-%d-0", b.run, b.n), Kind: kind, Tenant: "tenant", User: "user-1", Locale: "en",
		To: fmt.Sprintf("user%d@example.com", b.n),
	}
	switch kind {
	case authn.CodeMessage:
		m.Purpose, m.Generation = authn.PurposeSignIn, 1
		m.Code = authn.Code(fmt.Sprintf("%06d", 8104+211*b.n))
		m.Expires = b.now.Add(5 * time.Minute).In(zone)
	case authn.LockedMessage:
		// A day that no other number of a message is.
		at := b.now.UTC()
		m.Until = time.Date(at.Year(), at.Month()+1, 23, at.Hour(), at.Minute(), 0, 0, time.UTC).In(zone)
	}
	return m
}

// mail calls the sender and records a panic, or an error with a secret, as a
// fault.
func (b *bench) mail(ctx context.Context, m authn.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("panicked")
			b.fault(fmt.Errorf("Send panicked: %v", r))
		}
		b.fault(leak(err, m))
	}()
	return b.Sender.Send(ctx, m)
}

func (b *bench) fault(err error) {
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.blame = append(b.blame, err)
	}
}

func (b *bench) blamed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.blame...)
}

// behave sets the behavior of the test server.
func (b *bench) behave(how Behavior) error {
	if b.Behave == nil || !b.Behave(how) {
		return fmt.Errorf("%w: %s", errCannotShow, how)
	}
	return nil
}

// arrivals returns the messages that have arrived, by recipient. It checks the
// form of each.
func (b *bench) arrivals() (map[string][]Mail, error) {
	all, err := b.Inbox()
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	by := make(map[string][]Mail)
	for _, m := range all {
		if len(m.To) != 1 {
			return nil, fmt.Errorf("a message went to %d recipients: %q", len(m.To), m.To)
		}
		if err := wellFormed(m); err != nil {
			return nil, err
		}
		by[m.To[0]] = append(by[m.To[0]], m)
	}
	return by, nil
}

// send sends messages, each of which must arrive once, and returns them as they
// arrived.
func (b *bench) send(ctx context.Context, ms ...authn.Message) ([]Mail, error) {
	for _, m := range ms {
		if err := b.mail(ctx, m); err != nil {
			return nil, fmt.Errorf("mail of kind %q: %w", m.Kind, err)
		}
	}
	by, err := b.arrivals()
	if err != nil {
		return nil, err
	}
	var out []Mail
	for _, m := range ms {
		got := by[m.To]
		if len(got) != 1 {
			return nil, fmt.Errorf("mail of kind %q arrived %d times", m.Kind, len(got))
		}
		out = append(out, got[0])
	}
	return out, nil
}

// parts returns the readable text of each part.
func (m Mail) parts() map[string]string {
	p := map[string]string{"text": m.Text}
	if m.HTML != "" {
		p["html"] = visible(m.HTML)
	}
	return p
}

// everything returns all content that a reader, or a server on the way, sees.
func (m Mail) everything() string {
	s := m.Text + "\n" + m.HTML + "\n" + string(m.Raw)
	for _, vs := range m.Header {
		s += "\n" + strings.Join(vs, "\n")
	}
	return s
}

// leak returns an error if err, or an error that it wraps, contains the code or
// the address.
func leak(err error, m authn.Message) error {
	if err == nil {
		return nil
	}
	said := strings.ToLower(strings.Join(tell(err), "\n"))
	if code := string(m.Code); len(code) >= 6 {
		for _, c := range []string{code, base64.StdEncoding.EncodeToString([]byte(code))} {
			if strings.Contains(said, strings.ToLower(c)) {
				return errors.New("an error of Send contains the code")
			}
		}
	}
	if m.To != "" && strings.Contains(said, strings.ToLower(m.To)) {
		return errors.New("an error of Send contains the address")
	}
	return nil
}

// tell returns every text of an error and of the errors that it wraps.
func tell(err error) []string {
	said := []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		if inner := x.Unwrap(); inner != nil {
			said = slices.Concat(said, tell(inner))
		}
	case interface{ Unwrap() []error }:
		for _, inner := range x.Unwrap() {
			said = slices.Concat(said, tell(inner))
		}
	}
	return said
}
