package model

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// Check runs random histories against the oracle. shorten makes a service use
// codes of n digits, fewer than a policy allows, so that codes collide; it may be
// nil. The invariants are checked here:
//
//	S1 S2 S3 S4 S7 S8 S10 S16 S17   judgeVerdict: state and refusal of every event, codes of every sort
//	S9 S12 S14 S15                  compare: tries, generation and deadlines of every answer and status
//	S5 S6                           codes of 1 and 2 digits collide; stored splices: in package
//	S11 S13 S23                     judgeRecord, judgeMail, status (every transaction after every step)
//	S18                             compare: code expires, delivery; the nonce's bytes: in package
//	S19 S21                         in package (decoder)
//	S20                             TestCodesAcrossKeyRotation
//	S22                             TestPolicyChange
//	S24                             TestNoAbsurdPolicy
//	S25                             redeem: the assertion; judgeVerdict with several required factors
//	S26 S27                         judgeVerdict with codes of apps and lists; judgeOnce, whatever the oracle says
//	S28                             judgeVerdict: every event in MFA_REQUIRED
//	S29                             judgeVerdict of respond and of polls; judgeRecord; compareDevice
//	S30                             judgeChecks; isNew; judgeVerdict of used and malformed submissions
//	S31                             judgeHandings, tend; actMishap with lists of before the last change
//	G1 G2 G4                        judgeVerdict: where each event leads; judgeKeeping; judgeSuccess, whatever the oracle says
//	G3                              compare: tries; judgeVerdict: back-off, locks and budgets
//	G5                              judgeAsked
//	G6                              judgeKeeping, judgeKept, judgeLast, redeem
//	G7                              action elsewhere
//	H3 H6                           comparePrompt, hides
//	B1 B2 B3 B6 B8                  judgeVerdict after jumps to every deadline -1ns, 0, +1ns
//	B4                              the same, as times are exact to the nanosecond after any reload
//	B5                              action fall: within MaxSkew and beyond
//	B7                              verdicts are the same with and without action tend
//	B9                              the clock's zone changes; monotonic readings: in package
//	P1 P2                           judgeRecord
//	P3 P4 P5 P6                     in package (Step, encoding)
//	P7                              two services take turns on one store
//	P8 P9                           storetest
//	E1 E2 E5                        judgeMail, judgeHandings; a lost swap's effects: in package
//	E3 E4                           tend, finish
//	T5                              followAudit; the state that each row leaves
//	T1 T2 T3 T4 T6 T7               in package (the table); the cells of asks are all visited here
//	L1 L2 L3                        follow, finish
//
// fixed_test.go has fixed sequences for situations that random ones rarely reach.
func Check(t *testing.T, shorten func(s *authn.Service, n int)) {
	cover, all := map[string]int{}, true
	for _, of := range groups {
		for range of.rounds {
			ran := false
			t.Run(of.name, func(t *testing.T) {
				ran = true
				rapid.Check(t, func(r *rapid.T) {
					cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(r, "entropy")) // makes codes and tokens reproducible
					run(r, of, cover, shorten)
				})
			})
			all = all && ran
		}
	}
	if all {
		checkReached(t, cover)
	}
}

// Fuzz is Check with histories that the fuzzer chooses.
func Fuzz(f *testing.F, shorten func(s *authn.Service, n int)) {
	for seed := range uint64(8) {
		b := make([]byte, 4<<10) // a short input ends before anything happens
		rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := fnv.New64()
		h.Write(b)
		cryptotest.SetGlobalRandom(t, h.Sum64())
		rapid.MakeFuzz(func(r *rapid.T) {
			run(r, rapid.SampledFrom(groups).Draw(r, "group"), map[string]int{}, shorten)
		})(t, b)
	})
}

func drawPolicy(t *rapid.T) (p authn.Policy, digits int) {
	n := func(name string, values ...int) int { return rapid.SampledFrom(values).Draw(t, name) }
	d := func(name string, values ...time.Duration) time.Duration {
		return rapid.SampledFrom(values).Draw(t, name)
	}
	p = authn.Policy{
		Digits: n("Digits", 0, 6, 7, 8), CodeTries: n("CodeTries", 0, 1, 2, 3), Tries: n("Tries", 0, 2, 3, 5),
		Sends: n("Sends", 0, 1, 2, 5), SendsPerHour: n("SendsPerHour", 0, 2, 4, 100), SendsPerDay: n("SendsPerDay", 0, 3, 5, 100),
		Live: n("Live", 0, 1, 2), StartsPerHour: n("StartsPerHour", 0, 2, 4, 100), BackoffFrom: n("BackoffFrom", 0, 1, 2, 3, 10),
		LockEvery: n("LockEvery", 0, 2, 3, 5, 100), FailuresPerDay: n("FailuresPerDay", 0, 2, 4, 100), FailuresPerYear: n("FailuresPerYear", 0, 3, 6),
		DisableAfter: n("DisableAfter", 0, 4, 7, 100),
		CodeLife:     d("CodeLife", 0, time.Minute, 90*time.Second+1, 9*time.Minute+30*time.Second),
		Life:         d("Life", 0, time.Minute, 5*time.Minute+1, 30*time.Minute),
		Backoff:      d("Backoff", 0, time.Second, 7*time.Second+3, 10*time.Minute), BackoffMax: d("BackoffMax", 0, 10*time.Minute, 15*time.Minute),
		Lock: d("Lock", 0, time.Minute, 61*time.Second), LockMax: d("LockMax", 0, 40*time.Minute, 7*aDay),
		SessionLife:    d("SessionLife", 0, time.Second, 5*time.Minute),
		NoAutoActivate: rapid.IntRange(0, 3).Draw(t, "NoAutoActivate") == 3,
		NoTOTPDrift:    rapid.IntRange(0, 3).Draw(t, "NoTOTPDrift") == 3,
	}
	if c := n("Cooldowns", 0, 1, 2); c > 0 {
		p.Cooldowns = [][]time.Duration{{time.Second}, {10 * time.Second, 70 * time.Second, 20*time.Second + 1, 5 * time.Second}}[c-1]
	}
	p.NoBackoff = p.Digits == 8 && rapid.Bool().Draw(t, "NoBackoff")
	return p, n("short codes", 0, 1, 2)
}

// run is one history of users of a group.
func run(t *rapid.T, of group, cover map[string]int, shorten func(*authn.Service, int)) {
	p, digits := drawPolicy(t)
	if shorten == nil {
		digits = 0
	}
	w := newHostedWorld(t, p, digits, 2, of.own, func(w *world) {
		if of.hosted {
			w.drawGates(t)
		}
	})
	for _, s := range w.all() {
		if digits > 0 {
			shorten(s, digits)
		}
	}
	w.cover, w.drawApp = cover, special(t)
	for range rapid.IntRange(2, 3).Draw(t, "accounts") {
		w.join(t, of.drawPerson(t))
	}
	off := rapid.Uint64().Draw(t, "off") & rapid.Uint64().Draw(t, "off too") // swarm testing: bits switch actions off
	actions := map[string]func(*rapid.T){"": func(*rapid.T) { w.status() }}
	more := 1 // weight of what concerns other factors than a mailed code
	if of.name == "sent" {
		more = 0
	}
	hosted := 0
	if of.hosted {
		hosted = 1
	}
	for i, x := range []struct {
		name   string
		weight int
		f      func(*rapid.T)
	}{
		{"begin", 2, w.actBegin}, {"natural", 6, w.actNatural}, {"edge", 4, w.actEdge}, {"jump", 2, w.actJump}, // these four are never off
		{"wrong", 3, w.actWrong}, {"old", 1, w.actOld}, {"foreign", 2, w.actForeign}, {"malformed", 1, w.actMalformed},
		{"any", 3, w.actAny}, {"resend", 2, w.actEvent("resend")}, {"previous", 2, w.actEvent("previous")}, {"skip", 1, w.actEvent("skip")},
		{"cancel", 1, w.actEvent("cancel")}, {"challenge", 1, w.actChallenge}, {"redeem", 2, w.actRedeem}, {"again", 2, w.actAgain},
		{"guess", 1, w.actGuess}, {"tend", 1, w.actTend}, {"revoke", 1, w.actRevoke}, {"reinstate", 1, w.actReinstate},
		{"fall", 1, w.actFall}, {"tick", 2, w.actTick}, {"weather", 2, w.actWeather}, {"lost", 1 + more, w.actLost}, {"down", 1, w.actDown}, {"unknown", 1, w.actUnknown},
		{"mishap", 3 + 2*more, w.actMishap}, {"race", 2, w.actRace},
		{"submit", 8 * more, w.actSubmit}, {"device", 4 * more, w.actDevice}, {"step", 3 * more, w.actStep}, {"twin", 2 * more, w.actTwin},
		{"input", 8 * hosted, w.actInput}, {"host", 3 * hosted, w.actHost}, {"arrive", 2 * hosted, w.actArrive}, {"elsewhere", 2 * hosted, w.actElsewhere},
		{"replay", 3 * more, w.actReplay}, {"reset", 1 * more, w.actReset},
	} {
		if i > 3 && off&(1<<i) != 0 {
			continue
		}
		for n := range x.weight {
			actions[fmt.Sprint(x.name, n)] = x.f
		}
	}
	w.use(t)
	for range 2 {
		t.Repeat(actions)
	}
	w.finish()
}
