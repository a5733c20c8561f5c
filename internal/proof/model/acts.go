package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// use makes t the test that the world reports failures to.
func (w *world) use(t *rapid.T) { w.t = t }

// pick chooses an account and a transaction, usually a live one. It begins one if
// there is none.
func (w *world) pick(t *rapid.T) (*account, int) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	now, _ := a.o.clock(w.Now())
	from := a.o.open(now)
	if any := rapid.IntRange(0, 9).Draw(t, "any"); any == 9 {
		from = nil
		for tx := range a.tickets {
			from = append(from, tx)
		}
	}
	if len(from) == 0 {
		if until, locked := a.o.lockedAt(now); rapid.Bool().Draw(t, "patient") && (!locked || !until.IsZero()) {
			w.wait(later(until, a.o.free(now, a.o.starts())))
		}
		w.login(a, w.drawLogin(t))
		return a, len(a.tickets) - 1
	}
	return a, rapid.SampledFrom(from).Draw(t, "tx")
}

// send draws the missing fields of an event and sends it.
func (w *world) send(t *rapid.T, a *account, c call) {
	if c.tx < 0 {
		return
	}
	if c.event != "respond" {
		c.key = rapid.SampledFrom([]string{"", "", "", "k", "another key"}).Draw(t, "key")
	}
	w.do(a, c)
}

func (w *world) actBegin(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	r := rapid.SampledFrom([]authn.Requirement{authn.RequireFactor, authn.RequireIfActive, authn.RequireNothing, authn.RequireFactor}).Draw(t, "require")
	l := authn.Login{Require: r, Adding: rapid.IntRange(0, 5).Draw(t, "adding") == 5}
	l.OfferMore = rapid.IntRange(0, 3).Draw(t, "offer more") == 3
	if w.passwords {
		w.drawPassword(t, &l)
	}
	w.login(a, l)
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
	w.send(t, a, w.varied(t, a, tx))
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

// actAny sends an arbitrary event in any state.
func (w *world) actAny(t *rapid.T) {
	a, tx := w.pick(t)
	c := call{tx: tx, event: rapid.SampledFrom([]string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel"}).Draw(t, "event")}
	if w.passwords && rapid.IntRange(0, 2).Draw(t, "hosted") == 2 {
		c.event = rapid.SampledFrom([]string{"change_password", "reset_password", "pass"}).Draw(t, "event")
	}
	switch c.event {
	case "change_password", "reset_password":
		if c.new = "good any"; c.event == "change_password" {
			c.old = "right"
		}
	case "pass":
		c.gate, c.new = rapid.SampledFrom([]string{"TERMS", "PROFILE", "CONSENT"}).Draw(t, "gate"), "good any"
	case "enroll":
		c.factor = rapid.SampledFrom(append(slices.Sorted(maps.Keys(kinds)), authn.Email, "sms")).Draw(t, "type")
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
	for _, f := range w.FactorsOf(a.user) {
		ids = append(ids, f.ID)
	}
	return rapid.SampledFrom(ids).Draw(t, "factor")
}

// aCode returns the live code in one of its accepted spellings, or any number.
func (w *world) aCode(t *rapid.T, a *account, tx int) string {
	if tx >= 0 {
		now, _ := a.o.clock(w.Now())
		c, ok := a.o.kept(tx)
		if text, is := w.rightCode(a, c.kind, c.factor, c, c.enrolls, now); ok && is && rapid.Bool().Draw(t, "right") {
			spell := rapid.SampledFrom([]string{"%s", " %s", "%s\r\n", "-%s\t"}).Draw(t, "spelling")
			if kinds[c.kind].verified {
				spell = "%s"
			}
			return fmt.Sprintf(spell, text)
		}
	}
	n := 1
	for range w.digits {
		n *= 10
	}
	return fmt.Sprintf("%0*d", w.digits, rapid.IntRange(0, n-1).Draw(t, "code"))
}

// hands sends a code, in the event that the state expects.
func (w *world) hands(t *rapid.T, a *account, tx int, text string) {
	c := call{tx: tx, event: "verify", code: text}
	if tx >= 0 && (a.o.state(tx) == stateActivate || a.o.state(tx) == stateEnroll) {
		c.event = "activate"
	}
	w.send(t, a, c)
}

// wrongCode returns a well-formed code that is not the live one.
func (w *world) wrongCode(t *rapid.T, a *account, tx int) string {
	c, ok := code{}, false
	if tx >= 0 {
		c, ok = a.o.kept(tx)
	}
	switch kind := kinds[c.kind]; {
	case ok && kind.verified:
		return response{claim: claimWrong, challenge: c.puzzle.options}.String()
	case ok && kind.computed:
		now, _ := a.o.clock(w.Now())
		if right, _ := w.rightCode(a, c.kind, c.factor, c, c.enrolls, now); len(right) > 0 {
			return otherCode(right)
		}
	}
	text := w.aCode(t, a, -1)
	if ok && c.text == text {
		text = otherCode(text)
	}
	return text
}

// otherCode returns a code of the same form.
func otherCode(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '7' && len(text) == 16, r == '9':
			return r - 1
		case r == 'Z':
			return 'A'
		}
		return r + 1
	}, text)
}

func (w *world) actWrong(t *rapid.T) {
	a, tx := w.pick(t)
	w.hands(t, a, tx, w.wrongCode(t, a, tx))
}

// actGuess acts as an attacker who knows the password: it sends wrong codes as
// soon as the answers allow, across locks and new transactions.
func (w *world) actGuess(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	for range rapid.IntRange(4, 24).Draw(t, "guesses") {
		now, wrong := a.o.clock(w.Now())
		until, locked := a.o.lockedAt(now)
		if wrong || locked && until.IsZero() {
			return
		}
		w.wait(later(until, a.o.backoff(now)))
		now, _ = a.o.clock(w.Now())
		txs := a.o.open(now)
		if len(txs) == 0 {
			w.begin(a, authn.RequireFactor)
			continue
		}
		w.do(a, w.guess(t, a, txs[len(txs)-1], now))
	}
}

// guess returns the next event of an attacker.
func (w *world) guess(t *rapid.T, a *account, tx int, now time.Time) call {
	c := w.varied(t, a, tx)
	switch c.event {
	case "verify", "activate":
		if a.o.state(tx) == stateRequired { // without a challenge
			c.code = rapid.SampledFrom([]string{"123456", "ABCDEFGHIJKLMNOP", response{claim: claimWrong}.String()}).Draw(t, "guess")
		} else {
			c.code = w.wrongCode(t, a, tx)
		}
	case "respond":
		c.yes = false
	case "resend", "challenge", "enroll":
		w.wait(a.o.cool(tx, now))
	}
	return c
}

// actOld sends a code of an earlier generation.
func (w *world) actOld(t *rapid.T) {
	a, tx := w.pick(t)
	w.handsOneOf(t, a, tx, a, func(f fact) bool { return f.tx == tx })
}

// actForeign sends the code of another transaction or account.
func (w *world) actForeign(t *rapid.T) {
	a, tx := w.pick(t)
	b := rapid.SampledFrom(w.accounts).Draw(t, "whose")
	w.handsOneOf(t, a, tx, b, func(f fact) bool { return a != b || f.tx != tx })
}

func (w *world) handsOneOf(t *rapid.T, a *account, tx int, b *account, which func(fact) bool) {
	var texts []string
	for _, f := range b.o.facts {
		if f.what == sent && f.code != "" && which(f) {
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

// actMalformed sends malformed codes, none of which counts: S7, S8.
func (w *world) actMalformed(t *rapid.T) {
	a, tx := w.pick(t)
	text := w.aCode(t, a, -1)
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
