package model

import (
	"fmt"
	"strings"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// use makes t the test that the world reports failures to.
func (w *world) use(t *rapid.T) { w.t = t }

// pick chooses an account and a transaction, usually a live one. It begins one if
// there is none.
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

// send draws the missing fields of an event and sends it.
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

// actAny sends an arbitrary event in any state.
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

// aCode returns the live code in one of its accepted spellings, or any number.
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

// actGuess acts as an attacker who knows the password: it sends wrong codes as
// soon as the answers allow, across locks and new transactions.
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

// actForeign sends the code of another transaction or account.
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

// actMalformed sends malformed codes, none of which counts: S7, S8.
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
