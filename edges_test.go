package authn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What a clock that was ahead wrote is set back, and not forgotten: waits end
// as late as a wait from now might, and each charge counts as made now.
func TestClockFaultSetsBack(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	for i := range int64(3) {
		w.a.failures.add(t0.UnixNano()+i*2e9, 0)
		w.a.sends.add(t0.UnixNano() + i*2e9)
	}
	w.at = -MaxSkew - 1
	now := t0.Add(w.at).UnixNano()
	w.a.notBefore, w.a.lockedUntil = now+int64(90*time.Hour), now+int64(90*time.Hour)
	if err := w.m.Step(&w.a, w.h, Cancel{}, w.env(), &w.r); err != nil || !w.r.Ended {
		t.Fatalf("ended %t, %v", w.r.Ended, err)
	}
	a := &w.r.Account
	if a.notBefore != now+int64(w.m.policy.BackoffMax) || a.lockedUntil != now+int64(w.m.policy.LockMax) {
		t.Errorf("back-off until %v, lock until %v from now", time.Duration(a.notBefore-now), time.Duration(a.lockedUntil-now))
	}
	for _, c := range []window{a.failures.at, a.sends} {
		if c.len() != 3 || c.at(0) != seconds(now) || c.at(1) != seconds(now) || c.at(2) != seconds(now) {
			t.Errorf("charges at %d, %d and %d, not %d", c.at(0), c.at(1), c.at(2), seconds(now))
		}
	}
	w.a = *a
	w.at -= time.Hour // a wait that is shorter stays as it is
	w.a.seen = t0.UnixNano()
	now = t0.Add(w.at).UnixNano()
	w.a.notBefore, w.a.lockedUntil = now+5e9, now+7e9
	s, err := w.m.look(&w.a, t0.Add(w.at))
	if err != nil || s.acct.notBefore != now+5e9 || s.acct.lockedUntil != now+7e9 {
		t.Errorf("waits were changed: %v", err)
	}
}

func TestClockBounds(t *testing.T) {
	m := newMachine(t, Policy{})
	for at, want := range map[time.Time]error{
		time.Unix(earliest, -1): ErrUnavailable, time.Unix(earliest, 0): nil, time.Unix(latest, -1): nil, time.Unix(latest, 0): ErrUnavailable,
	} {
		e := env(0, 1, adaMail)
		e.Now = at
		var r Result
		if err := m.Begin(&Account{}, ada, e, &r); !errors.Is(err, want) {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

// A result that holds the account is as before after a refusal, whatever the
// step had done until then: here it has ended another transaction.
func TestRefusedInPlace(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.r.Account = w.a
	w.r.Account.lockedUntil = t0.Add(time.Hour).UnixNano()
	before := w.r.Account
	w.at = 20 * time.Minute
	refused(t, &w.r, w.m.Begin(&w.r.Account, ada, w.env(), &w.r), ErrLocked)
	if w.r.Account != before {
		t.Errorf("changed to %s", w.r.Account.String())
	}
}

// A transaction that has taken its hundred steps is finished for whoever only
// looks, too, and its last step can be read back.
func TestHundredStepsAreSeen(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	for w.a.txs[0].rev < maxSteps {
		w.do(Challenge{adaMail.ID})
		if _, err := w.m.Status(&w.a, w.h, t0); (err == nil) != (w.a.txs[0].rev < maxSteps) {
			t.Fatalf("after step %d: %v", w.a.txs[0].rev, err)
		}
		if w.a.txs[0].rev < maxSteps {
			w.do(Previous{})
		}
	}
	if err := w.m.Step(&w.a, w.h, Previous{}, w.env(), &w.r); err != nil || w.r.Account.txs[0].rev != maxSteps+1 {
		t.Fatalf("step %d, %v", w.r.Account.txs[0].rev, err)
	}
	if a, err := w.m.Open(w.m.Seal(&w.r.Account, "k"), "k"); err != nil || a != w.r.Account {
		t.Errorf("read back: %v", err)
	}
}

// Explain explains what Step would do: at the end, that time is up.
func TestExplainAtTheEnd(t *testing.T) {
	for _, first := range []Event{Challenge{adaMail.ID}, nil} {
		w := begun(t, Policy{}, ada, adaMail)
		if first != nil {
			w.do(first)
		}
		for at, want := range map[time.Duration]EventName{10*time.Minute - 1: "cancel", 10 * time.Minute: "expire"} {
			_, row, err := w.m.Explain(&w.a, w.h, Cancel{}, env(at, 1))
			if err != nil || row.Event != want || row.From != w.a.txs[0].name() {
				t.Errorf("%s at %v: %+v, %v", w.a.txs[0].name(), at, row, err)
			}
		}
	}
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Cancel{})
	_, _, err := w.m.Explain(&w.a, w.h, Verify{Code: "123456"}, env(time.Hour, 1))
	var ref *Refusal
	if !errors.As(err, &ref) || ref.Err != ErrFinished || ref.Event != "verify" {
		t.Errorf("a finished one: %v", err)
	}
}

// What has ended at this very moment is forgotten, not a moment later.
func TestForgottenInTime(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		gone bool
	}{{-1, false}, {0, true}, {1, true}} {
		w := begun(t, Policy{}, ada, adaMail)
		now := t0.Add(w.at).UnixNano()
		w.a.lockedUntil, w.a.notBefore = now-int64(c.late), now-int64(c.late)
		w.do(Cancel{})
		if (w.a.lockedUntil == 0) != c.gone || (w.a.notBefore == 0) != c.gone {
			t.Errorf("%v late: lock %d, back-off %d", c.late, w.a.lockedUntil, w.a.notBefore)
		}
		var r Result
		if _, err := w.m.Tend(&w.a, t0.Add(w.at+tombstone+c.late), &r); err != nil || (r.Account.txs[0] == transaction{}) != c.gone {
			t.Errorf("%v late: %s, %v", c.late, r.Account.String(), err)
		}
	}
}

// A wrong code is remembered for as long as the longest budget counts it.
func TestFailureSpan(t *testing.T) {
	for _, c := range []struct {
		p    Policy
		span time.Duration
	}{{Policy{}, year}, {Policy{Digits: 8}, day}, {Policy{Digits: 8, FailuresPerYear: 1}, year}} {
		for _, late := range []time.Duration{-1, 0} {
			w := begun(t, c.p, ada, adaMail)
			w.a.failures.add(t0.UnixNano(), 2)
			w.a.failures.by = "\x00"
			w.at = c.span + late
			w.a.seen = t0.Add(w.at).UnixNano()
			var r Result
			if _, err := w.m.Tend(&w.a, t0.Add(w.at), &r); err != nil || (r.Account.failures.at.len() == 1) != (late < 0) {
				t.Errorf("%+v: %d remembered after %v%+d ns, %v", c.p, r.Account.failures.at.len(), c.span, late, err)
			}
		}
	}
}

// An attempt whose node died is begun again when its claim has run out, five
// times in all for a mail or a notice, and for ever for a report.
func TestAttempts(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	claim := m.policy.DeliveryTimeout + margin
	now := t0
	a.outbox[0] = entry{kind: NotifyBackoff, rev: 1, attempts: 1, next: now.Add(claim).UnixNano(), factor: adaMail.ID}
	a.outbox[1] = entry{kind: SignedIn, rev: 1, n: 1, attempts: 1, next: now.Add(claim).UnixNano(), factor: adaMail.ID}
	for attempt := 2; attempt <= 7; attempt++ {
		var r Result
		if es, err := m.Tend(&a, now.Add(claim-1), &r); err != nil || len(es) != 0 {
			t.Fatalf("attempt %d before its time: %v, %v", attempt, es, err)
		}
		now = now.Add(claim)
		es, err := m.Tend(&a, now, &r)
		var kinds []EffectKind
		for _, e := range es {
			kinds = append(kinds, e.Do)
		}
		want := []EffectKind{SendCode, NotifyBackoff, SignedIn}
		if attempt > 5 {
			want = want[2:]
		}
		if err != nil || fmt.Sprint(kinds) != fmt.Sprint(want) {
			t.Errorf("attempt %d: %v, %v", attempt, kinds, err)
		}
		a = r.Account
		if failed := a.txs[0].mail.state == mailFailed; failed != (attempt > 5) {
			t.Errorf("attempt %d: the mail is %q", attempt, deliveries[a.txs[0].mail.state])
		}
	}
}

// After an attempt that failed there is a wait, which doubles up to ten
// minutes; a notice has five attempts, a report has as many as it takes.
func TestRetries(t *testing.T) {
	m := newMachine(t, Policy{})
	for kind, most := range map[EffectKind]int{NotifyBackoff: 5, SignedIn: 12} {
		var a Account
		a.outbox[0] = entry{kind: kind, rev: 1, factor: adaMail.ID}
		for n, wait := 1, 10*time.Second; n <= most; n, wait = n+1, min(2*wait, 10*time.Minute) {
			a.outbox[0].attempts = uint8(n)
			next, changed, err := m.Acknowledge(&a, a.owed(), []error{errors.New("again")}, t0)
			if err != nil || !changed {
				t.Fatal(changed, err)
			}
			if kind == NotifyBackoff && n == 5 {
				if next.outbox[0] != (entry{}) {
					t.Error("a notice has more than five attempts")
				}
				continue
			}
			if got := time.Duration(next.outbox[0].next - t0.UnixNano()); got != wait {
				t.Errorf("%s, after attempt %d: %v, not %v", kind, n, got, wait)
			}
		}
	}
}

func TestUnknownNames(t *testing.T) {
	if got := effectKinds.String(); got != "invalid" {
		t.Errorf("an effect that is none is %q", got)
	}
	if got := Status(len(statusNames)).String(); got != "INVALID" {
		t.Errorf("a status that is none is %q", got)
	}
	sixteen := strings.Repeat("z", 16)
	for name, want := range map[string]string{
		"": "an event", "factor": `"factor"`, sixteen: `"` + sixteen + `"`, sixteen + "z": "an event",
		"az": `"az"`, "123456": "an event", "a1": "an event", "A": "an event", "primary": `"primary"`, "redeem": `"redeem"`,
	} {
		_, err := ParseEvent(name, "", "")
		var ref *Refusal
		if !errors.As(err, &ref) || string(ref.Event) != want || !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, want the event %s", name, err, want)
		}
	}
}

// An error lists what is allowed only if something is.
func TestErrorListsWhatIsAllowed(t *testing.T) {
	r := &Refusal{State: MFARequired, Event: "skip", Err: ErrNotAllowed, Answer: &Answer{}}
	if got, want := r.Error(), "authn: skip in MFA_REQUIRED: not allowed in this state"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	r.Answer.Allowed = []Allowed{{Event: "challenge"}, {Event: "cancel"}}
	if got, want := r.Error(), "authn: skip in MFA_REQUIRED: not allowed in this state; allowed: challenge, cancel"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// The step with the most rows begins a transaction where three are overdue.
func TestMostMoves(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.begin(ada)
	w.begin(ada)
	w.at = time.Hour
	w.begin(ada)
	got := ""
	for _, m := range w.r.Moves() {
		got += string(m.Row.Event) + " "
	}
	if got != "expire expire expire primary " || w.r.nmoves != maxMoves {
		t.Errorf("took %s", got)
	}
}

// Where the outbox is full, the oldest notice makes room, and nothing else.
func TestRoom(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, k := range []EffectKind{SignedIn, FactorEnrolled, NotifyLocked, SignedIn, NotifyBackoff, FactorActivated, FactorDisabled, SignedIn} {
		w.a.outbox[i] = entry{kind: k, rev: uint8(i + 1), attempts: 1, factor: "f"}
	}
	full := w.a
	w.do(Verify{Code: w.right()})
	var left []uint8
	for _, e := range w.a.outbox {
		left = append(left, e.rev)
	}
	if fmt.Sprint(left) != "[1 2 4 5 6 7 8 3]" || w.a.outbox[7].kind != SignedIn || w.a.outbox[7].tx != w.a.txs[0].id {
		t.Errorf("left: %v", left)
	}
	for i := range full.outbox {
		full.outbox[i].kind = SignedIn
	}
	var r Result
	err := w.m.Step(&full, w.h, Verify{Code: w.m.liveCode(&full, 0)}, w.env(), &r)
	if !errors.Is(err, ErrUnavailable) || errors.As(err, new(*Refusal)) {
		t.Errorf("full of what must not be lost: %v", err)
	}
}

// A budget is spent by the last wrong code that still counts against it: what
// leaves the span at this moment does not.
func TestBudgetAtItsEdge(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		want State
	}{{-1, LockedOut}, {0, MFAChallenge}, {1, MFAChallenge}} {
		w := begun(t, Policy{FailuresPerDay: 2}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		w.do(Verify{Code: w.wrong()})
		w.at = day + c.late
		w.begin(ada)
		w.do(Challenge{adaMail.ID})
		w.want(w.do(Verify{Code: w.wrong()}), c.want)
	}
}
