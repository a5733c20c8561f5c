package authn

import (
	"fmt"
	"testing"
)

// After a node dies, its attempt is repeated when its claim expires: five attempts in
// all for a mail or a notice, without limit for a report.
func TestAttempts(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	claim := m.policy.DeliveryTimeout + margin
	now := t0
	a.outbox[queue] = entry{kind: notifyBackoff, rev: 1, attempts: 1, next: now.Add(claim).UnixNano(), factor: adaMail.ID}
	a.outbox[queue+1] = entry{kind: reportSignIn, rev: 1, n: 1, attempts: 1, next: now.Add(claim).UnixNano(), factor: adaMail.ID}
	for attempt := 2; attempt <= 7; attempt++ {
		var r Result
		if es, err := m.Tend(&a, now.Add(claim-1), &r); err != nil || len(es) != 0 {
			t.Fatalf("attempt %d was too early: %v, %v", attempt, es, err)
		}
		now = now.Add(claim)
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
