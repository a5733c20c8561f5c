package model

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

var errorsIs = errors.Is

// malformed reports whether an event can be nothing at all.
func (o *oracle) malformed(c call) bool {
	if len(c.factor) > 64 || strings.ContainsFunc(c.factor, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return true
	}
	if bad, ours := malformedInput(c); ours && bad {
		return true
	}
	if c.event == "verify" || c.event == "activate" {
		return len(c.code) > 16<<10 || !o.canBeCode(c.code)
	}
	return len(c.key) > 64
}

// canBeCode reports whether some type of factor could take a code.
func (o *oracle) canBeCode(raw string) bool {
	s, ok := bare(raw)
	switch {
	case ok && isNumber(s) && min(6, o.digits) <= len(s) && len(s) <= 12, ok && isRecoveryCode(s):
		return true
	}
	return o.own // a Verifier takes anything, and another device nothing
}

// asks lists the events that each state allows.
var asks = map[authn.State][]string{
	stateRequired:  {"challenge", "verify", "cancel"},
	stateChallenge: {"verify", "resend", "previous", "cancel"},
	stateEnroll:    {"enroll", "skip", "cancel"},
	stateActivate:  {"activate", "resend", "previous", "cancel"},
	stateSuccess:   {"cancel"},
}

func refuse(t time.Time, errs ...error) want { return want{now: t, errs: errs} }

// verdict returns the verdict on an event of a client, or on the answer of a device.
func (o *oracle) verdict(c call, now time.Time) want {
	if c.event == "respond" {
		return o.respond(c, now)
	}
	return o.event(c, now)
}

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
	if w.stores { // at a time of its own, unless the next step would find the clock wrong
		if own := o.mark().Add(1); !own.After(now.Add(authn.MaxSkew)) {
			t = later(t, own)
		}
	}
	if w.state == "" && !slices.Contains(w.errs, authn.ErrFinished) {
		w.state = state // a refusal does not change the state
	}
	w.by(c, t)
	return w
}

// by says when the verdict's facts happened, and that the event caused the first one
// of its transaction.
func (w *want) by(c call, t time.Time) {
	own := false
	for i := range w.facts {
		w.facts[i].at, w.facts[i].saves = t, true
		if w.facts[i].tx == c.tx && !own {
			w.facts[i].by, own = c, true
		}
	}
	w.now = t
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
	case !o.over(c.tx) && (!t.Before(o.expires(c.tx)) || o.foreign(c.tx) || o.state(c.tx) != stateSuccess && o.steps(c.tx) >= 100):
		w.facts = expired
	case !o.over(c.tx):
		return w, false
	case !o.closed(c.tx) && (!t.Before(o.expires(c.tx)) || o.foreign(c.tx)):
		w.facts, w.may = expired, true // redeemed; its slot may be reused
	default:
		last, ok := o.endedBy(c.tx)
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

// same reports whether b repeats a, in every field and as it is spelled, but for
// passwords and what is handed in to a gate.
func (o *oracle) same(a, b call) bool {
	a.old, a.new, b.old, b.new = "", "", "", ""
	return a == b
}

// last returns the event of its client that a transaction saved last.
func (o *oracle) last(tx int) (c call, ok bool) {
	for f := range o.of(tx) {
		if f.by.event != "" && f.by.event != "respond" {
			c, ok = f.by, true
		}
	}
	return c, ok
}

// outcome returns the outcome of that event.
func (o *oracle) outcome(tx int) (out authn.Outcome) {
	for f := range o.of(tx) {
		switch {
		case f.by.event == "", f.by.event == "respond":
		case f.what == erred:
			out = authn.WrongCode
		case f.what == late:
			out = authn.LateCode
		case f.what == rejected, f.what == learned:
			out = authn.Rejected
		case f.denied:
			out = authn.Denied
		default:
			out = authn.Done
		}
	}
	return out
}

// taken returns the verdict on an event whose transaction is live.
func (o *oracle) taken(c call, state authn.State, t time.Time) want {
	if !slices.Contains(o.asks(state), c.event) {
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
		if state == stateWarn {
			return o.goes(c, fact{what: went}, 0)
		}
		if o.mustEnroll(c.tx) {
			return refuse(t, authn.ErrRequired)
		}
		return o.goes(c, fact{what: went}, -1)
	case "change_password", "reset_password", "pass":
		return o.handedIn(c, t)
	case "enroll":
		return o.send(c, o.offered(c.tx, c.factor), stateActivate, t)
	case "challenge":
		return o.send(c, only(c.factor, o.having(authn.Active)), stateChallenge, t)
	case "resend":
		id, kind := o.hand(c.tx)
		from := o.having(authn.Active)
		if state == stateActivate {
			from = o.offered(c.tx, kind)
		}
		if c.factor != "" && c.factor != id {
			return refuse(t, authn.ErrNotOffered)
		}
		return o.send(c, only(id, from), state, t)
	}
	if state == stateRequired {
		return o.direct(c, t)
	}
	return o.check(c, t)
}

// mustEnroll reports whether a transaction may not skip enrollment.
func (o *oracle) mustEnroll(tx int) bool {
	return o.missing(tx, "") || len(o.proved(tx)) == 0 && (o.requirement(tx) == authn.RequireFactor || o.protected())
}

func only(id string, from []string) []string {
	if slices.Contains(from, id) {
		return []string{id}
	}
	return nil
}

// offered returns the factors of a type that a transaction may enroll, the one to
// choose first: a required one goes before others.
func (o *oracle) offered(tx int, kind string) (ids []string) {
	proved := o.proved(tx)
	if o.disabled() || o.protected() && len(proved) == 0 {
		return nil
	}
	for _, required := range []bool{true, false} {
		for _, f := range o.factors() {
			if f.Type == kind && f.Status == authn.NotSetUp && f.Required == required && !slices.Contains(proved, f.ID) {
				ids = append(ids, f.ID)
			}
		}
	}
	return ids
}

// send returns the verdict on an event that asks for a challenge.
func (o *oracle) send(c call, choice []string, to authn.State, t time.Time) want {
	if len(choice) == 0 {
		return refuse(t, authn.ErrNotOffered)
	}
	id, name := choice[0], o.kindOf(choice[0])
	kind, _ := o.kind(name)
	end := o.backoff(t)
	posed := fact{what: posed, tx: c.tx, to: to, factor: id, kind: name, address: o.address(id), owing: o.missing(c.tx, ""), puzzle: new(puzzle)}
	switch at, err := o.sendRefusal(c.tx, t); {
	case !kind.sends(to == stateActivate) && c.event == "resend":
		return refuse(t, authn.ErrNotAllowed)
	case !end.IsZero():
		w := refuse(t, authn.ErrTooSoon)
		w.retry = end
		return w
	case !kind.sends(to == stateActivate):
		return want{state: to, facts: []fact{posed}}
	case err != nil:
		if own, ok := o.live(c.tx, t); c.event == "challenge" && ok && own.factor == c.factor {
			return want{state: to, facts: []fact{{what: reused, tx: c.tx, to: to, factor: id, kind: name}}}
		}
		w := refuse(t, err)
		w.retry = at
		return w
	}
	purpose := authn.PurposeSignIn
	if to == stateActivate {
		purpose = authn.PurposeEnroll
	}
	posed.what = sent
	w := want{state: to, facts: []fact{posed}, letters: []letter{{kind: authn.CodeMessage, factor: id, purpose: purpose}}}
	if kind.awaited {
		w.facts = append(w.facts, o.voids(c.tx)...)
	}
	return w
}

// voids returns the facts that take back what another device was asked in other
// transactions: it has one question at a time.
func (o *oracle) voids(but int) (fs []fact) {
	for _, tx := range o.unended() {
		if k, ok := o.kept(tx); ok && tx != but && kinds[k.kind].awaited && k.reply == "" {
			fs = append(fs, fact{what: voided, tx: tx})
		}
	}
	return fs
}

// redeem returns the verdict on a session token.
func (o *oracle) redeem(tx int, now time.Time) want {
	t, wrong := o.clock(now)
	w := refuse(t, authn.ErrFinished)
	switch {
	case tx < 0, o.over(tx), o.state(tx) != stateSuccess:
	case wrong:
		w.facts = o.closing(t)
	case !t.Before(o.expires(tx)), o.foreign(tx):
		w.facts = []fact{{what: ended, at: t, tx: tx, to: stateExpired, saves: true}}
	case o.unkept() && o.down():
		w = refuse(t, authn.ErrUnavailable)
		w.stores, w.facts = true, []fact{{what: saved, at: t, tx: -1, saves: true}}
	default:
		return want{now: t, state: stateSuccess, stores: o.unkept(), facts: []fact{{what: redeemed, at: t, tx: tx, saves: true, by: call{tx: tx, event: "redeem"}}}}
	}
	return w
}
