package model

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

var errorsIs = errors.Is

// normal returns the normalized text of a code, or false if it is malformed.
func (o *oracle) normal(raw string) (string, bool) {
	if len(raw) > 32 {
		return "", false
	}
	s := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "").Replace(raw)
	if len(s) < min(6, o.digits) || len(s) > 12 || strings.Trim(s, "0123456789") != "" {
		return "", false
	}
	return s, true
}

func (o *oracle) malformed(c call) bool {
	if len(c.factor) > 64 || strings.ContainsFunc(c.factor, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return true
	}
	if c.event == "verify" || c.event == "activate" {
		_, ok := o.normal(c.code)
		return !ok
	}
	return len(c.key) > 64
}

// asks lists the events that each state allows.
var asks = map[authn.State][]string{
	stateRequired:  {"challenge", "cancel"},
	stateChallenge: {"verify", "resend", "previous", "cancel"},
	stateEnroll:    {"enroll", "skip", "cancel"},
	stateActivate:  {"activate", "resend", "previous", "cancel"},
	stateSuccess:   {"cancel"},
}

func refuse(t time.Time, errs ...error) want { return want{now: t, errs: errs} }

// event returns the verdict on an event of a transaction.
func (o *oracle) event(c call, now time.Time) want {
	t, wrong := o.clock(now)
	if o.malformed(c) {
		return refuse(t, authn.ErrMalformed)
	}
	if w, over := o.finished(c, t, wrong); over {
		return w
	}
	state := o.state(c.tx)
	if last, ok := o.last(c.tx); ok && c.key != "" && c.key == last.key {
		if !o.same(last, c) {
			w := refuse(t, authn.ErrKeyReused)
			w.state = state
			return w
		}
		return want{now: t, state: state, outcome: o.outcome(c.tx), repeat: true}
	}
	w := o.taken(c, state, t)
	if w.state == "" && !slices.Contains(w.errs, authn.ErrFinished) {
		w.state = state // a refusal does not change the state
	}
	if text, ok := o.normal(c.code); (c.event == "verify" || c.event == "activate") && ok && len(text) != o.digits {
		// The specification does not say in which order this is checked.
		w = want{errs: append(w.errs, authn.ErrMalformed), state: w.state, retry: w.retry}
		if len(w.errs) == 1 {
			w.state = state
		}
	}
	own := false
	for i := range w.facts {
		w.facts[i].at, w.facts[i].saves = t, true
		if w.facts[i].tx == c.tx && !own {
			w.facts[i].by, own = c, true
		}
	}
	w.now = t
	return w
}

// finished returns the verdict on an event whose transaction is unknown, over or
// at its deadline.
func (o *oracle) finished(c call, t time.Time, wrong bool) (w want, over bool) {
	w = refuse(t, authn.ErrFinished)
	expired := []fact{{what: ended, at: t, tx: c.tx, to: stateExpired, saves: true}}
	switch {
	case c.tx < 0:
	case wrong && !o.closed(c.tx):
		w.facts, w.may = o.closing(t), o.over(c.tx)
	case !o.over(c.tx) && (!t.Before(o.expires(c.tx)) || o.steps(c.tx) >= 100):
		w.facts = expired
	case !o.over(c.tx):
		return w, false
	case !o.closed(c.tx) && !t.Before(o.expires(c.tx)):
		w.facts, w.may = expired, true // redeemed; its slot may be reused
	default:
		last, ok := o.last(c.tx)
		if !ok || c.key == "" || last.key != c.key {
			break
		}
		w.tomb, w.state = true, o.state(c.tx)
		if wrong { // it may repair the clock first
			w.facts, w.may = o.closing(t), true
		}
		if !o.same(last, c) {
			w.errs = append(w.errs, authn.ErrKeyReused)
		}
	}
	return w, true
}

// same reports whether b repeats a. Spaces in a code do not matter.
func (o *oracle) same(a, b call) bool {
	x, _ := o.normal(a.code)
	y, _ := o.normal(b.code)
	a.code, b.code = "", ""
	return a == b && x == y
}

// last returns the event that a transaction saved last.
func (o *oracle) last(tx int) (c call, ok bool) {
	for f := range o.of(tx) {
		if f.by.event != "" {
			c, ok = f.by, true
		}
	}
	return c, ok
}

// outcome returns the outcome of that event.
func (o *oracle) outcome(tx int) (out authn.Outcome) {
	for f := range o.of(tx) {
		switch {
		case f.by.event == "":
		case f.what == erred:
			out = authn.WrongCode
		case f.what == late:
			out = authn.LateCode
		default:
			out = authn.Done
		}
	}
	return out
}

// taken returns the verdict on an event whose transaction is live.
func (o *oracle) taken(c call, state authn.State, t time.Time) want {
	if !slices.Contains(asks[state], c.event) {
		if state == stateSuccess {
			return refuse(t, authn.ErrFinished)
		}
		return refuse(t, authn.ErrNotAllowed)
	}
	step := func(to authn.State, what happening) want {
		return want{state: to, facts: []fact{{what: what, tx: c.tx, to: to}}}
	}
	switch c.event {
	case "cancel":
		return step(stateCanceled, ended)
	case "previous":
		if state == stateActivate {
			return step(stateEnroll, went)
		}
		return step(stateRequired, went)
	case "skip":
		if o.mustEnroll(c.tx) {
			return refuse(t, authn.ErrRequired)
		}
		return step(stateSuccess, went)
	case "enroll":
		return o.send(c, o.offered(c.tx, c.factor), stateActivate, t)
	case "challenge":
		return o.send(c, only(c.factor, o.having(authn.Active)), stateChallenge, t)
	case "resend":
		from := o.having(authn.Active)
		if state == stateActivate {
			from = o.offered(c.tx, authn.Email)
		}
		id := o.hand(c.tx)
		if c.factor != "" && c.factor != id {
			return refuse(t, authn.ErrNotOffered)
		}
		return o.send(c, only(id, from), state, t)
	}
	return o.check(c, t)
}

// mustEnroll reports whether a transaction may not skip enrollment.
func (o *oracle) mustEnroll(tx int) bool {
	return o.missing("") || o.requirement(tx) == authn.RequireFactor && len(o.proved(tx)) == 0
}

func only(id string, from []string) []string {
	if slices.Contains(from, id) {
		return []string{id}
	}
	return nil
}

// offered returns the factors of a type that a transaction may enroll.
func (o *oracle) offered(tx int, kind string) []string {
	if kind != authn.Email || o.protected() && len(o.proved(tx)) == 0 {
		return nil
	}
	return o.having(authn.NotSetUp)
}

// send returns the verdict on an event that asks for a code.
func (o *oracle) send(c call, choice []string, to authn.State, t time.Time) want {
	if len(choice) == 0 {
		return refuse(t, authn.ErrNotOffered)
	}
	if at, err := o.sendRefusal(c.tx, t); err != nil {
		own, ok := o.live(c.tx, t)
		if c.event == "challenge" && ok && own.factor == c.factor && o.backoff(t).IsZero() {
			return want{state: to, facts: []fact{{what: reused, tx: c.tx, to: to, factor: c.factor}}}
		}
		w := refuse(t, err)
		w.retry = at
		return w
	}
	purpose := authn.PurposeSignIn
	if to == stateActivate {
		purpose = authn.PurposeEnroll
	}
	return want{
		state: to, choice: choice, facts: []fact{{what: sent, tx: c.tx, to: to, factor: choice[0]}},
		letters: []letter{{kind: authn.CodeMessage, factor: choice[0], purpose: purpose}},
	}
}

// check returns the verdict on a code.
func (o *oracle) check(c call, t time.Time) want {
	id := o.hand(c.tx)
	kept, ok := o.kept(c.tx)
	if c.event == "activate" && (!slices.Contains(o.offered(c.tx, authn.Email), id) || o.address(id) != kept.address) {
		ok = false
	}
	text, _ := o.normal(c.code)
	switch end := o.backoff(t); {
	case c.factor != "" && c.factor != id:
		return refuse(t, authn.ErrNotOffered)
	case !end.IsZero():
		w := refuse(t, authn.ErrTooSoon)
		w.retry = end
		return w
	case !ok:
		return refuse(t, authn.ErrNoCode)
	case !t.Before(kept.expires):
		return want{state: o.state(c.tx), outcome: authn.LateCode, facts: []fact{{what: late, tx: c.tx}}}
	case text == kept.text:
		return o.right(c, id, t)
	}
	return o.wrong(c, id, t)
}

func (o *oracle) address(id string) string {
	for _, f := range o.factors() {
		if f.ID == id {
			return f.Address
		}
	}
	return ""
}

func (o *oracle) right(c call, id string, t time.Time) want {
	w := want{state: stateSuccess}
	if c.event == "activate" {
		w.hands = id
		w.letters = []letter{{kind: authn.ActivatedMessage, factor: id}}
		if o.missing(id) {
			w.state = stateEnroll
		}
	}
	w.facts = []fact{{what: accepted, tx: c.tx, to: w.state, factor: id}}
	if c.event == "activate" {
		w.facts = append(w.facts, o.others(c.tx, stateCanceled)...)
	}
	return w
}

// others returns the facts that end the account's other transactions.
func (o *oracle) others(but int, to authn.State) (fs []fact) {
	for _, tx := range o.unended() {
		if tx != but {
			fs = append(fs, fact{what: ended, tx: tx, to: to})
		}
	}
	return fs
}

func (o *oracle) wrong(c call, id string, t time.Time) want {
	after := o.with(fact{what: erred, at: t, tx: c.tx})
	w := want{state: o.state(c.tx), outcome: authn.WrongCode, facts: []fact{{what: erred, tx: c.tx}}}
	until, locked := after.lockedAt(t)
	switch {
	case locked:
		w.letters = []letter{{kind: authn.LockedMessage, factor: id, until: until}}
		w.until = until
	case after.row() == o.p.BackoffFrom:
		w.letters = []letter{{kind: authn.BackoffMessage, factor: id}}
	}
	if locked || after.count(c.tx, erred) >= o.p.Tries {
		w.state = stateLocked
		w.facts = append(w.facts, fact{what: ended, tx: c.tx, to: stateLocked})
	}
	if locked {
		w.facts = append(w.facts, o.others(c.tx, stateLocked)...)
	}
	return w
}

// redeem returns the verdict on a session token.
func (o *oracle) redeem(tx int, now time.Time) want {
	t, wrong := o.clock(now)
	w := refuse(t, authn.ErrFinished)
	switch {
	case tx < 0, o.over(tx), o.state(tx) != stateSuccess:
	case wrong:
		w.facts = o.closing(t)
	case !t.Before(o.expires(tx)):
		w.facts = []fact{{what: ended, at: t, tx: tx, to: stateExpired, saves: true}}
	default:
		return want{now: t, state: stateSuccess, facts: []fact{{what: redeemed, at: t, tx: tx, saves: true, by: call{tx: tx, event: "redeem"}}}}
	}
	return w
}
