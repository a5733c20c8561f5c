package claims

import (
	"fmt"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// Check runs random histories of claims against the reference. The invariants are
// checked here:
//
//	C1         step: after the claim and its question, another factor, then the password
//	C2         answered: whether there is a session; compareClaim
//	C3         compareClaim, judgeCode; nobody is looked up before an answer
//	C4         untouched: of the accounts nothing changes before a right code
//	C5         judgeCode: messages to each mailbox
//	C6         carriedOn, foundAgain, orphan: what has begun, and under which keys it is found
//	C7         offers, challenge, begin
//	C8         unlocked
//	C9         begin: whether anything can be enrolled
//	E1 E3 E4   judgeCode, deliver, actTend
//	B1 B2 B3   actTick: to every deadline -1ns, 0, +1ns
func Check(t *testing.T) {
	cover, histories := map[string]int{}, 0
	rapid.Check(t, func(r *rapid.T) {
		histories++
		cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(r, "entropy")) // makes codes and tokens reproducible
		run(r, t, cover)
	})
	checkReached(t, cover, histories)
}

func drawPolicy(t *rapid.T) authn.Policy {
	n := func(name string, values ...int) int { return rapid.SampledFrom(values).Draw(t, name) }
	d := func(name string, values ...time.Duration) time.Duration {
		return rapid.SampledFrom(values).Draw(t, name)
	}
	p := authn.Policy{
		Digits: n("Digits", 0, 9), CodeTries: n("CodeTries", 0, 1, 2), Tries: n("Tries", 0, 1, 2, 5), Sends: n("Sends", 0, 1, 5),
		SendsPerHour: n("SendsPerHour", 0, 1, 2, 4, 100), SendsPerDay: n("SendsPerDay", 0, 3, 100), Live: n("Live", 0, 0, 1, 2),
		StartsPerHour: n("StartsPerHour", 0, 0, 1, 2, 100), ClaimsPerHour: n("ClaimsPerHour", 0, 0, 1, 2), ClaimsPerDay: n("ClaimsPerDay", 0, 4, 100),
		BackoffFrom: n("BackoffFrom", 0, 2, 10), LockEvery: n("LockEvery", 2, 0, 2, 3), FailuresPerDay: n("FailuresPerDay", 0, 4, 100),
		FailuresPerYear: n("FailuresPerYear", 0, 6), DisableAfter: n("DisableAfter", 0, 5, 100),
		CodeLife: d("CodeLife", 0, time.Minute, 90*time.Second+1, 9*time.Minute+30*time.Second), Life: d("Life", 0, time.Minute, 30*time.Minute),
		SessionLife: d("SessionLife", 0, time.Second, 5*time.Minute), Lock: d("Lock", 0, time.Minute),
	}
	if rapid.Bool().Draw(t, "Cooldowns") {
		p.Cooldowns = []time.Duration{time.Second, 10 * time.Second}
	}
	return p
}

// run is one history.
func run(r *rapid.T, t *testing.T, cover map[string]int) {
	w := newWorld(r, t, drawPolicy(r), cover)
	off := rapid.Uint64().Draw(r, "off") & rapid.Uint64().Draw(r, "off too") // swarm testing: bits switch actions off
	actions := map[string]func(*rapid.T){"": w.status}
	for i, x := range []struct {
		name   string
		weight int
		f      func(*rapid.T)
	}{
		{"claim", 9, w.actClaim}, {"right", 8, w.actRight}, {"go on", 8, w.actGoOn}, {"tick", 3, w.actTick}, {"deliver", 3, w.actDeliver}, // these are never off
		{"wrong", 3, w.actWrong}, {"resend", 3, w.actResend}, {"cancel", 1, w.actCancel}, {"again", 2, w.actAgain}, {"open", 4, w.actOpen},
		{"another", 1, w.actAnother}, {"host", 2, w.actHost}, {"attack", 2, w.actAttack}, {"move", 1, w.actMove}, {"directory", 1, w.actDirectory},
		{"weather", 1, w.actWeather}, {"tend", 2, w.actTend}, {"redeem", 1, w.actRedeem},
	} {
		if i > 4 && off&(1<<i) != 0 {
			continue
		}
		for n := range x.weight {
			actions[fmt.Sprint(x.name, n)] = func(r *rapid.T) {
				w.t = r
				x.f(r)
				w.fault.in = 0
			}
		}
	}
	for range 2 {
		r.Repeat(actions)
	}
}
