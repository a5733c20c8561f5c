package authn

import (
	"fmt"
	"testing"
	"time"
)

// After a node dies, its attempt is repeated when its claim expires: five attempts in
// all for a mail or a notice, without limit for a report.
func TestAttempts(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	claim := m.policy.DeliveryTimeout + margin
	now := t0
	a.outbox[queue] = entry{kind: notifyBackoff, rev: 1, attempts: 1, next: now.Add(claim).UnixNano(), factor: pin{id: adaMail.ID, kind: Email}}
	a.outbox[queue+1] = entry{kind: reportSignIn, rev: 1, n: 1, attempts: 1, next: now.Add(claim).UnixNano(), factor: pin{id: adaMail.ID, kind: Email}}
	for attempt := 2; attempt <= 7; attempt++ {
		var r Result
		if es, err := m.Tend(&a, now.Add(claim-1), &r); err != nil || len(es) != 0 {
			t.Fatalf("attempt %d was too early: %v, %v", attempt, es, err)
		}
		now = now.Add(claim + 2*m.policy.DeliveryTimeout) // two others come before the report
		es, err := m.Tend(&a, now, &r)
		var kinds []string
		for _, e := range es {
			kinds = append(kinds, e.Name)
		}
		want := []string{"send code", "notify of failures", "report sign-in"}
		if attempt > 5 {
			want = want[2:]
		}
		if err != nil || fmt.Sprint(kinds) != fmt.Sprint(want) {
			t.Errorf("attempt %d: %v, %v", attempt, kinds, err)
		}
		a = r.Account
		if failed := a.txs[0].delivery == deliveryFailed; failed != (attempt > 5) {
			t.Errorf("attempt %d: the mail is %q", attempt, deliveries[a.txs[0].delivery])
		}
	}
}

// Each of several attempts that one call makes, one after the other, is its node's
// for as long as those before it and itself may take.
func TestClaimsAreOneAfterTheOther(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	a.outbox[queue] = entry{kind: notifyBackoff, rev: 1, attempts: 1, next: t0.UnixNano(), factor: pin{id: adaMail.ID, kind: Email}}
	now := t0.Add(time.Minute)
	var r Result
	es, err := m.Tend(&a, now, &r)
	if err != nil || len(es) != 2 {
		t.Fatalf("%v, %v", es, err)
	}
	for i, e := range es {
		if want := now.Add(time.Duration(i+1)*m.policy.DeliveryTimeout + margin); !e.Next.Equal(want) {
			t.Errorf("%s: until %v, want %v", e.Name, e.Next, want)
		}
	}
}

// A record is due 90 days after its last save at the latest, unless it holds nothing.
func TestSealedAnew(t *testing.T) {
	m := newMachine(t, Policy{})
	seen := t0.UnixNano()
	for name, c := range map[string]struct {
		l    ledger
		want time.Duration
	}{
		"nothing":            {ledger{}, 0},
		"a wrong code":       {ledger{user: "ada", fails: 1}, resealed},
		"one, and no user":   {ledger{fails: 1}, 0},
		"disabled":           {ledger{disabled: true}, resealed},
		"a lock":             {ledger{lockedUntil: t0.Add(day).UnixNano()}, day},
		"a charge of a year": {ledger{failures: failures{at: window(chargeAt(t0)), by: "\x00"}}, resealed},
	} {
		c.l.seen = seen
		a := Account{ledger: c.l}
		var want int64
		if c.want > 0 {
			want = t0.Add(c.want).UnixNano()
		}
		if at := m.nextDue(&a); at != want {
			t.Errorf("%s: due at %v, want %v", name, unix(at), unix(want))
		}
	}
}

func chargeAt(at time.Time) (w window) {
	w.add(at.UnixNano())
	return w
}
