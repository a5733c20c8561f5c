package authn

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUnknownNames(t *testing.T) {
	if got := effectKinds.String(); got != "invalid" {
		t.Errorf("an unknown effect is %q", got)
	}
	if got := Status(len(statusNames)).String(); got != "INVALID" {
		t.Errorf("an unknown status is %q", got)
	}
	sixteen := strings.Repeat("z", 16)
	for name, want := range map[string]string{
		"": "an event", "factor": `"factor"`, sixteen: `"` + sixteen + `"`, sixteen + "z": "an event",
		"az": `"az"`, "123456": "an event", "a1": "an event", "A": "an event", "primary": `"primary"`, "redeem": `"redeem"`,
	} {
		_, err := ParseEvent(name, Fields{})
		var ref *Refusal
		if !errors.As(err, &ref) || string(ref.Event) != want || !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, want the event %s", name, err, want)
		}
	}
}

// Any input is accepted or refused with one of the sentinels. It never leads to
// SUCCESS without the code, and no error contains it.
func FuzzEvent(f *testing.F) {
	m := newMachine(f, Policy{})
	a, h := challenged(f, m)
	right := m.liveCode(&a, 0)
	sentinels := []error{
		ErrNotAllowed, ErrFinished, ErrMalformed, ErrNotOffered, ErrNoFactor, ErrNoUser, ErrNoCode, ErrRequired, ErrExhausted, ErrTooSoon, ErrLocked, ErrKeyReused,
	}
	for _, name := range []string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel", "primary", "redeem", "expire", "", "VERIFY", "verify\x00"} {
		f.Add(name, adaMail.ID, string(m.wrongCode(&a, 0)), "", 0)
		f.Add(name, "email", "123 456", "key", 40)
		f.Add(name, "\x00", "１２３４５６", strings.Repeat("k", 65), 700)
	}
	f.Fuzz(func(t *testing.T, name, factor, code, key string, seconds int) {
		ev, err := ParseEvent(name, Fields{Factor: factor, Code: Code(code)})
		var r Result
		if err == nil {
			if key != "" {
				ev = WithKey(key, ev)
			}
			err = m.Step(&a, h, ev, env(time.Duration(seconds%3600)*time.Second, 9, adaMail), &r)
		}
		if err != nil {
			var ref *Refusal
			if !errors.As(err, &ref) || !slices.Contains(sentinels, ref.Err) {
				t.Fatalf("%q: %v", name, err)
			}
			if strings.ContainsAny(err.Error(), "0123456789\r\n\x00") {
				t.Fatalf("the error contains the input: %q", err)
			}
			return
		}
		in := input{code: code}
		if in.squeeze(); r.Account.txs[r.slot].name() == Success && string(in.typed[:in.n]) != string(right) {
			t.Fatalf("SUCCESS by %q %q", name, code)
		}
		if b := m.Seal(&r.Account, "k"); len(b) > 4096 {
			t.Fatalf("a record of %d bytes", len(b))
		}
	})
}
