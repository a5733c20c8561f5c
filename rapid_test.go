package authn_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// TestModel runs random histories against the oracle. Where the numbered
// invariants are checked:
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
//	B1 B2 B3 B6 B8                  judgeVerdict after jumps to every deadline -1ns, 0, +1ns
//	B4                              the same, as times are exact to the nanosecond after any reload
//	B5                              action fall: within MaxSkew and beyond
//	B7                              action tend comes and goes, verdicts stay
//	B9                              the clock's zone changes; monotonic readings: in package
//	P1 P2                           judgeRecord
//	P3 P4 P5 P6                     in package (Step, encoding)
//	P7                              two services take turns over one store
//	P8 P9                           storetest
//	E1 E2 E5                        judgeMail, judgeHandings; a lost swap's effects: in package
//	E3 E4                           tend, finish
//	T5                              followAudit; the state that each row leaves
//	T1 T2 T3 T4 T6 T7               in package (the table); the cells of asks are all visited here
//	L1 L2 L3                        follow, finish
//
// rapid_fixed_test.go has fixed sequences for what random ones reach too seldom.
func TestModel(t *testing.T) {
	cover := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(r, "entropy")) // codes and tokens can be drawn again
		model(r, cover)
	})
	if n, _ := strconv.Atoi(os.Getenv("RAPID_CHECKS")); n >= 2000 {
		t.Log(cover)
		for _, k := range reached {
			if cover[k] == 0 {
				t.Errorf("never reached: %s", k)
			}
		}
	}
}

// reached is what a long run must have gone through.
var reached = []string{
	"primary taken", "primary refused: account is locked", "primary refused: too soon", "primary refused: no active factor, and none to enroll",
	"enroll taken", "enroll refused: too soon", "enroll refused: no sends left in this transaction", "enroll refused: factor is not offered here", "enroll repeated",
	"activate taken", "activate wrong code", "activate late code", "activate refused: no live code", "activate refused: too soon", "activate refused: malformed input",
	"activate refused: factor is not offered here", "activate refused: not allowed in this state",
	"challenge taken", "challenge refused: too soon", "challenge refused: no sends left in this transaction", "challenge refused: factor is not offered here", "challenge repeated",
	"verify taken", "verify wrong code", "verify late code", "verify refused: no live code", "verify refused: too soon", "verify refused: malformed input", "verify repeated",
	"verify refused: transaction is unknown or finished", "verify refused: factor is not offered here", "verify refused: not allowed in this state",
	"verify refused: idempotency key was used for another event",
	"resend taken", "resend refused: too soon", "resend refused: no sends left in this transaction", "resend refused: not allowed in this state", "resend repeated",
	"previous taken", "previous refused: not allowed in this state", "skip taken", "skip refused: a required factor is missing",
	"cancel taken", "cancel refused: transaction is unknown or finished", "redeem taken", "redeem refused: transaction is unknown or finished",
	"revoke taken", "reinstate taken", "tend taken", "clock fell", "clock wrong", "account locked", "account disabled", "budget spent", "old code equals the live one", "mail failed for good",
}

// userKinds are the sorts of user there are, by their factors.
var userKinds = [][]authn.Factor{
	{{Status: authn.NotSetUp, Verified: true}},
	{{Status: authn.NotSetUp}},
	{{Status: authn.NotSetUp, Required: true}, {Status: authn.NotSetUp, Required: true}, {Status: authn.NotSetUp}, {Status: authn.NotSetUp, Required: true}},
	{{Status: authn.NotSetUp}, {Status: authn.NotSetUp, Required: true}},
	{{Status: authn.Active}, {Status: authn.Active}},
	{{Type: "sms", Status: authn.Active}, {Status: authn.Active}, {Status: authn.NotSetUp, Required: true}},
	{{Type: "sms", Status: authn.Active}},
	{{Status: authn.Active}, {Status: authn.Disabled}},
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
	}
	if c := n("Cooldowns", 0, 1, 2); c > 0 {
		p.Cooldowns = [][]time.Duration{{time.Second}, {10 * time.Second, 70 * time.Second, 20*time.Second + 1, 5 * time.Second}}[c-1]
	}
	p.NoBackoff = p.Digits == 8 && rapid.Bool().Draw(t, "NoBackoff")
	return p, n("short codes", 0, 1, 2)
}

func model(t *rapid.T, cover map[string]int) {
	p, digits := drawPolicy(t)
	w := newWorld(t, p, digits, 2)
	w.cover = cover
	for range rapid.IntRange(2, 3).Draw(t, "accounts") {
		n := rapid.IntRange(0, len(userKinds)-1).Draw(t, "user")
		if rapid.IntRange(0, 2).Draw(t, "easy") < 2 {
			n %= len(userKinds) - 2
		}
		w.add(slices.Clone(userKinds[n])...)
	}
	off := rapid.Uint32().Draw(t, "off") & rapid.Uint32().Draw(t, "off too") // swarm; 0: everything happens
	actions := map[string]func(*rapid.T){"": func(*rapid.T) { w.status() }}
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
		{"fall", 1, w.actFall}, {"tick", 2, w.actTick}, {"weather", 2, w.actWeather}, {"lost", 1, w.actLost}, {"down", 1, w.actDown}, {"unknown", 1, w.actUnknown},
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

// use makes t the test that the world fails.
func (w *world) use(t *rapid.T) { w.t = t }

// pick chooses an account and a transaction, mostly a live one; it begins one
// if there is none.
func (w *world) pick(t *rapid.T) (*account, int) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	now, _ := a.o.clock(w.now)
	from := a.o.open(now)
	if any := rapid.IntRange(0, 9).Draw(t, "any"); any == 9 {
		from = nil
		for tx := range a.tickets {
			from = append(from, tx)
		}
	}
	if len(from) == 0 {
		if until, locked := a.o.lockedAt(now); rapid.Bool().Draw(t, "patient") && (!locked || !until.IsZero()) {
			w.now = later(later(w.now, until), a.o.free(now, a.o.starts()))
		}
		w.begin(a, rapid.SampledFrom([]authn.Requirement{authn.RequireFactor, authn.RequireFactor, authn.RequireIfActive}).Draw(t, "require"))
		return a, len(a.tickets) - 1
	}
	return a, rapid.SampledFrom(from).Draw(t, "tx")
}

// send draws what is left open of an event and sends it.
func (w *world) send(t *rapid.T, a *account, c call) {
	if c.tx < 0 {
		return
	}
	c.key = rapid.SampledFrom([]string{"", "", "", "k", "another key"}).Draw(t, "key")
	w.do(a, c)
}

func (w *world) actBegin(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	w.begin(a, rapid.SampledFrom([]authn.Requirement{authn.RequireFactor, authn.RequireIfActive, authn.RequireNothing, authn.RequireFactor}).Draw(t, "require"))
}

func (w *world) actNatural(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 {
		return
	}
	if a.o.state(tx) == stateSuccess {
		w.redeem(a, tx, a.tickets[tx].session)
		return
	}
	w.send(t, a, w.natural(a, tx))
}

func (w *world) actEvent(name string) func(*rapid.T) {
	return func(t *rapid.T) {
		a, tx := w.pick(t)
		w.send(t, a, call{tx: tx, event: name})
	}
}

func (w *world) actChallenge(t *rapid.T) {
	a, tx := w.pick(t)
	w.send(t, a, call{tx: tx, event: "challenge", factor: w.factor(t, a)})
}

// actAny sends any event with anything in it, in any state.
func (w *world) actAny(t *rapid.T) {
	a, tx := w.pick(t)
	c := call{tx: tx, event: rapid.SampledFrom([]string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel"}).Draw(t, "event")}
	switch c.event {
	case "enroll":
		c.factor = rapid.SampledFrom([]string{authn.Email, authn.Email, "sms"}).Draw(t, "type")
	case "challenge":
		c.factor = w.factor(t, a)
	case "resend":
		c.factor = rapid.SampledFrom([]string{"", w.factor(t, a)}).Draw(t, "named")
	case "activate", "verify":
		c.factor = rapid.SampledFrom([]string{"", w.factor(t, a)}).Draw(t, "named")
		c.code = w.aCode(t, a, tx)
	}
	w.send(t, a, c)
}

func (w *world) factor(t *rapid.T, a *account) string {
	ids := []string{"nobody's"}
	for _, f := range w.dir.users[a.user] {
		ids = append(ids, f.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, "factor")
}

// aCode is the live code, spelled in one of the ways that count, or any number.
func (w *world) aCode(t *rapid.T, a *account, tx int) string {
	if tx >= 0 {
		if c, ok := a.o.kept(tx); ok && rapid.Bool().Draw(t, "right") {
			spell := rapid.SampledFrom([]string{"%s", " %s", "%s\r\n", "-%s\t"}).Draw(t, "spelling")
			return fmt.Sprintf(spell, c.text)
		}
	}
	n := 1
	for range w.digits {
		n *= 10
	}
	return fmt.Sprintf("%0*d", w.digits, rapid.IntRange(0, n-1).Draw(t, "code"))
}

// hands sends a code back, in the event that the state is for.
func (w *world) hands(t *rapid.T, a *account, tx int, text string) {
	c := call{tx: tx, event: "verify", code: text}
	if tx >= 0 && (a.o.state(tx) == stateActivate || a.o.state(tx) == stateEnroll) {
		c.event = "activate"
	}
	w.send(t, a, c)
}

// wrongCode is a code of the right form that is not the live one.
func (w *world) wrongCode(t *rapid.T, a *account, tx int) string {
	text := w.aCode(t, a, -1)
	if c, ok := a.o.kept(tx); tx >= 0 && ok && c.text == text {
		text = strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, text)
	}
	return text
}

func (w *world) actWrong(t *rapid.T) {
	a, tx := w.pick(t)
	w.hands(t, a, tx, w.wrongCode(t, a, tx))
}

// actGuess is a guesser who has the password: wrong codes, as fast as the
// answers allow, over locks and new transactions.
func (w *world) actGuess(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	for range rapid.IntRange(4, 24).Draw(t, "guesses") {
		now, wrong := a.o.clock(w.now)
		until, locked := a.o.lockedAt(now)
		if wrong || locked && until.IsZero() {
			return
		}
		w.now = later(later(w.now, until), a.o.backoff(now))
		now, _ = a.o.clock(w.now)
		txs := a.o.open(now)
		if len(txs) == 0 {
			w.begin(a, authn.RequireFactor)
			continue
		}
		c := w.natural(a, txs[len(txs)-1])
		switch c.event {
		case "verify", "activate":
			c.code = w.wrongCode(t, a, c.tx)
		case "resend", "challenge", "enroll":
			w.now = later(w.now, a.o.cool(c.tx, now))
		}
		w.do(a, c)
	}
}

// actOld sends a code of an earlier generation.
func (w *world) actOld(t *rapid.T) {
	a, tx := w.pick(t)
	w.handsOneOf(t, a, tx, a, func(f fact) bool { return f.tx == tx })
}

// actForeign sends another transaction's code, or another account's.
func (w *world) actForeign(t *rapid.T) {
	a, tx := w.pick(t)
	b := rapid.SampledFrom(w.accounts).Draw(t, "whose")
	w.handsOneOf(t, a, tx, b, func(f fact) bool { return a != b || f.tx != tx })
}

func (w *world) handsOneOf(t *rapid.T, a *account, tx int, b *account, which func(fact) bool) {
	var texts []string
	for _, f := range b.o.facts {
		if f.what == sent && which(f) {
			texts = append(texts, f.code)
		}
	}
	if len(texts) == 0 || tx < 0 {
		w.hands(t, a, tx, w.aCode(t, a, tx))
		return
	}
	text := rapid.SampledFrom(texts).Draw(t, "text")
	if c, ok := a.o.kept(tx); ok && c.text == text && len(texts) > 1 {
		w.cover["old code equals the live one"]++
	}
	w.hands(t, a, tx, text)
}

// actMalformed: S7, S8. None of these counts, whoever sends it.
func (w *world) actMalformed(t *rapid.T) {
	a, tx := w.pick(t)
	text := w.aCode(t, a, tx)
	long := text + strings.Repeat("0", 13)
	c := call{tx: tx, event: "verify", code: rapid.SampledFrom([]string{
		"", " ", text[:len(text)-1] + "x", text + "\x00", text + "\u00a0", "\uff11\uff12\uff13\uff14\uff15\uff16", "+" + text, text + ".",
		long[:13], text + strings.Repeat(" ", 33-len(text)), "\u0661\u0662\u0663\u0664\u0665\u0666", text + "\v", long[:12], (text + "0123456")[:max(len(text)+1, 6)],
	}).Draw(t, "malformed")}
	if tx >= 0 && a.o.state(tx) == stateActivate {
		c.event = "activate"
	}
	if rapid.IntRange(0, 3).Draw(t, "what") == 3 {
		c = call{tx: tx, event: rapid.SampledFrom([]string{"challenge", "resend"}).Draw(t, "event"),
			factor: rapid.SampledFrom([]string{strings.Repeat("x", 65), "two words", "caf\u00e9", "nul\x00", "tab\t"}).Draw(t, "id")}
	}
	if rapid.IntRange(0, 3).Draw(t, "token") == 3 {
		c.tx = -1
	}
	w.do(a, c)
}
