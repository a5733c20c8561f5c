package authn

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// If the outbox is full, only the oldest notice makes room.
func TestRoom(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, k := range []effectKind{reportSignIn, reportEnrolled, notifyLocked, reportSignIn, notifyBackoff, handOver, reportDisabled, reportSignIn} {
		w.a.outbox[queue+i] = entry{kind: k, rev: uint8(i + 1), attempts: 1, factor: pin{id: "f", kind: Email}}
	}
	full := w.a
	w.do(Verify{Code: w.right()})
	var left []uint8
	for _, e := range w.a.outbox[queue:] {
		left = append(left, e.rev)
	}
	if fmt.Sprint(left) != "[1 2 4 5 6 7 8 3]" || w.a.outbox[maxOutbox-1].kind != reportSignIn || w.a.outbox[maxOutbox-1].tx != w.a.txs[0].id {
		t.Errorf("left: %v", left)
	}
	for i := queue; i < maxOutbox; i++ {
		full.outbox[i].kind = reportSignIn
	}
	var r Result
	err := w.m.Step(&full, w.h, Verify{Code: w.m.liveCode(&full, 0)}, w.env(), &r)
	if !errors.Is(err, ErrUnavailable) || errors.As(err, new(*Refusal)) {
		t.Errorf("full of effects that must not be lost: %v", err)
	}
}

// The wait after a failed attempt doubles up to ten minutes. A notice has five
// attempts, a report has no limit.
func TestRetries(t *testing.T) {
	m := newMachine(t, Policy{})
	for kind, most := range map[effectKind]int{notifyBackoff: 5, reportSignIn: 12} {
		var a Account
		a.outbox[queue] = entry{kind: kind, rev: 1, factor: pin{id: adaMail.ID, kind: Email}}
		for n, wait := 1, 10*time.Second; n <= most; n, wait = n+1, min(2*wait, 10*time.Minute) {
			a.outbox[queue].attempts = uint8(n)
			next, changed, err := m.Acknowledge(&a, a.owed(), []error{errors.New("again")}, t0)
			if err != nil || !changed {
				t.Fatal(changed, err)
			}
			if kind == notifyBackoff && n == 5 {
				if next.outbox[queue] != (entry{}) {
					t.Error("a notice has more than five attempts")
				}
				continue
			}
			if got := time.Duration(next.outbox[queue].next - t0.UnixNano()); got != wait {
				t.Errorf("%s, after attempt %d: %v, want %v", kind, n, got, wait)
			}
		}
	}
}

// What the Directory and the Auditor have to be told is never dropped: neither
// for an error that is final for a message, nor for a list that lacks the user or
// the factor for a moment. Only another address supersedes a confirmed factor.
func TestNeverDropped(t *testing.T) {
	m := newMachine(t, Policy{})
	e := env(0, 3, graceMail)
	var r Result
	a := taken(t, &r, m.Begin(&Account{}, grace, e, &r))
	a = taken(t, &r, m.Step(&a, handle(e), Enroll{Email}, env(0, 4, graceMail), &r))
	a = taken(t, &r, m.Step(&a, handle(e), Activate{Code: m.liveCode(&a, 0)}, env(0, 5, graceMail), &r))
	owed := r.Effects()
	for i, e := range owed {
		for name, err := range map[string]error{"undeliverable": ErrUndeliverable, "no user": ErrNoUser, "down": ErrUnavailable} {
			errs := make([]error, len(owed))
			errs[i] = err
			next, _, ackErr := m.Acknowledge(&a, owed, errs, t0)
			message := e.Name == notifyActivated.String()
			if kept := next.findEffect(e.Key) >= 0; ackErr != nil || kept == (message && errors.Is(err, ErrUndeliverable)) {
				t.Errorf("%s, %s: kept %t, %v", e.Name, name, kept, ackErr)
			}
		}
		if e.Name != handOver.String() {
			continue
		}
		moved, other, bad := graceMail, adaMail, graceMail
		moved.Address, bad.Address = "grace@elsewhere.example", ""
		for _, c := range []struct {
			list []Factor
			want error
		}{{nil, ErrUnavailable}, {[]Factor{other}, ErrUnavailable}, {[]Factor{bad}, ErrUnavailable}, {[]Factor{moved}, ErrSuperseded}, {[]Factor{other, graceMail}, nil}} {
			if _, err := m.Job(&a, "k", e, c.list, t0); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("handed over to %v: %v, not %v", c.list, err, c.want)
			}
		}
	}
	if len(owed) != 4 {
		t.Errorf("%d effects", len(owed))
	}
	forged := owed[0] // what an effect says of itself does not count
	forged.Name, forged.Key = "send code", "x"
	if _, err := m.Job(&a, "k", forged, []Factor{graceMail}, t0); !errors.Is(err, ErrSuperseded) {
		t.Errorf("an effect that is not owed: %v", err)
	}
}
