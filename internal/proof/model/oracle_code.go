package model

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The verdict on a code, on a response, and on the answer of another device.

// worth is what a submission is worth.
type worth struct {
	is    authn.Outcome // Done is right; used and malformed
	of    string        // the factor that it proves
	app   *app          // whose code it is, with the time step
	step  int64
	data  *data     // what is kept from then on
	retry time.Time // of a used code
	check *authn.Check
}

const (
	used      authn.Outcome = "used"
	malformed authn.Outcome = "malformed"
)

// direct returns the verdict on a submission without a challenge.
func (o *oracle) direct(c call, t time.Time) want {
	name := o.kindOf(c.factor)
	kind, _ := o.kind(name)
	end := o.backoff(t)
	switch {
	case c.factor == "":
		return refuse(t, authn.ErrNotAllowed)
	case !o.active(c.factor):
		return refuse(t, authn.ErrNotOffered)
	case !kind.atOnce:
		return refuse(t, authn.ErrNotAllowed)
	case !end.IsZero():
		w := refuse(t, authn.ErrTooSoon)
		w.retry = end
		return w
	case !o.formed(c, name, c.factor, false):
		return refuse(t, authn.ErrMalformed)
	}
	return o.judged(c, name, c.factor, o.worth(c, name, c.factor, code{puzzle: new(puzzle)}, t), t)
}

// check returns the verdict on a submission for the challenge at hand.
func (o *oracle) check(c call, t time.Time) want {
	id, name := o.hand(c.tx)
	kept, ok := o.kept(c.tx)
	listed := o.active(id) || kinds[name].channel != ""
	if c.event == "activate" {
		listed = slices.Contains(o.offered(c.tx, name), id) && !o.moved(kept)
	}
	named := c.factor == "" || c.factor == id
	end := o.backoff(t)
	switch {
	case !o.formed(c, name, id, !listed || !named):
		return refuse(t, authn.ErrMalformed)
	case !named:
		return refuse(t, authn.ErrNotOffered)
	case o.reply(c.tx) == "rejected", o.reply(c.tx) == "withdrawn":
		return want{state: o.state(c.tx), outcome: authn.Rejected, facts: []fact{{what: learned, tx: c.tx}}}
	case !end.IsZero():
		w := refuse(t, authn.ErrTooSoon)
		w.retry = end
		return w
	case !ok || !listed:
		return refuse(t, authn.ErrNoCode)
	case !t.Before(kept.expires):
		return want{state: o.state(c.tx), outcome: authn.LateCode, facts: []fact{{what: late, tx: c.tx}}}
	case kinds[name].awaited && kept.reply == "":
		return refuse(t, authn.ErrWaiting)
	}
	return o.judged(c, name, id, o.worth(c, name, id, kept, t), t)
}

// formed reports whether a submission has the form that the type of factor asks for.
// Of a factor with data nothing is said if it cannot be chosen.
func (o *oracle) formed(c call, name, id string, away bool) bool {
	kind, _ := o.kind(name)
	s, ok := bare(c.code)
	switch {
	case kind.coded:
		return ok && isNumber(s) && len(s) == o.digits
	case kind.awaited:
		return c.code == ""
	case kind.verified || away:
		return true
	case name == authn.TOTP:
		n := 6
		if c.event == "verify" {
			n = o.data(id).app.digits
		}
		return ok && isNumber(s) && len(s) == n
	}
	return ok && isRecoveryCode(s)
}

// worth returns what a well-formed submission for a factor is worth.
func (o *oracle) worth(c call, name, id string, kept code, t time.Time) worth {
	kind, _ := o.kind(name)
	text, _ := bare(c.code)
	w := worth{is: authn.WrongCode, of: id}
	enrolls := c.event == "activate"
	switch {
	case kind.coded && text == kept.text, kind.awaited && kept.reply == "approved":
		w.is = authn.Done
	case kind.verified:
		return o.responded(c, name, id, kept, t)
	case name == authn.TOTP && enrolls:
		if kept.puzzle.app != nil {
			w = o.shown(text, *kept.puzzle.app, w, t)
			w.data = o.changed(id, data{app: kept.puzzle.app}, t)
		}
	case name == authn.TOTP:
		return o.shown(text, *o.data(id).app, w, t)
	case name == authn.RecoveryCodes && enrolls:
		if slices.Contains(kept.puzzle.codes, text) {
			w.is, w.data = authn.Done, o.changed(id, data{codes: kept.puzzle.codes}, t)
		}
	case name == authn.RecoveryCodes:
		switch d := *o.data(id); {
		case slices.Contains(d.spent, text):
			w.is = used
		case slices.Contains(d.codes, text):
			d.spent = append(slices.Clip(d.spent), text)
			w.is, w.data = authn.Done, o.changed(id, d, t)
		}
	}
	return w
}

// shown returns what a code of an app is worth: the newest of the time steps that
// have it counts.
func (o *oracle) shown(text string, a app, w worth, t time.Time) worth {
	last := o.lastStep(a, t)
	for step := a.at(t) + o.drift(); step >= a.at(t)-o.drift(); step-- {
		switch {
		case a.code(step) != text:
		case step > last:
			w.is, w.app, w.step = authn.Done, &a, step
			return w
		default:
			w.is, w.retry = used, a.begins(last+1)
		}
	}
	return w
}

// responded returns what a response is worth by the rule of the tests' Verifier.
func (o *oracle) responded(c call, name, id string, kept code, t time.Time) worth {
	w := worth{is: authn.WrongCode, of: id, check: o.asked(c, name, id)}
	r, ok := readResponse(c.code)
	enrolls := c.event == "activate"
	switch {
	case !ok || r.challenge != kept.puzzle.options:
		w.is = malformed
		return w
	case r.of == "" || r.of == id:
	case !enrolls && o.kindOf(r.of) == name && o.active(r.of):
		w.of = r.of
	default:
		return w // whatever the Verifier says
	}
	if r.claim != claimRight {
		return w
	}
	w.is = authn.Done
	var d data
	if !enrolls {
		d = *o.data(w.of)
	}
	if r.counts {
		d.plain = counted(d.plain)
	}
	if enrolls || r.counts {
		w.data = o.changed(w.of, d, t)
	}
	return w
}

// asked returns what the Verifier is asked about a response.
func (o *oracle) asked(c call, name, id string) *authn.Check {
	plain := func(f authn.Factor) authn.Factor {
		f = authn.Factor{ID: f.ID, Type: f.Type, Address: f.Address, Status: f.Status, Required: f.Required, Revision: f.Revision}
		if d := o.data(f.ID); f.Status == authn.Active && d.revision > 0 {
			f.Data, f.Revision = []byte(d.plain), d.revision
		}
		return f
	}
	check := &authn.Check{Tenant: "authntest", User: o.user, Purpose: authn.PurposeSignIn, Response: []byte(c.code)}
	if c.event == "activate" {
		check.Purpose = authn.PurposeEnroll
	}
	for _, f := range o.factors() {
		switch {
		case f.ID == id:
			check.Factor = plain(f)
		case f.Type == name && f.Status == authn.Active:
			check.Others = append(check.Others, plain(f))
		}
	}
	return check
}

// judged returns the verdict on a submission whose worth is known.
func (o *oracle) judged(c call, name, id string, x worth, t time.Time) (w want) {
	switch x.is {
	case authn.Done:
		w = o.right(c, name, x, t)
	case used:
		if w = o.wrong(c, name, id, t); c.event == "verify" { // a new app has no used codes
			w = refuse(t, authn.ErrUsed)
			w.retry = x.retry
		}
	case malformed:
		w = refuse(t, authn.ErrMalformed)
	default:
		w = o.wrong(c, name, id, t)
	}
	w.check = x.check
	return w
}

func (o *oracle) address(id string) string { return o.listed(id).Address }

// moved reports whether codes for a factor are sent to another address by now.
func (o *oracle) moved(c code) bool { return kinds[c.kind].coded && o.address(c.factor) != c.address }

func (o *oracle) right(c call, name string, x worth, t time.Time) want {
	w := want{data: x.data}
	tell := func(kind authn.MessageKind) {
		if to, ok := o.contact(x.of, name); ok {
			w.letters = append(w.letters, letter{kind: kind, factor: to})
		}
	}
	switch enrolls := c.event == "activate"; {
	case enrolls && (o.missing(c.tx, x.of) || o.first(c.tx).more && len(o.enrollable(c.tx, x.of)) > 0), !enrolls && (o.owing(c.tx) || o.first(c.tx).adding):
		w.state = stateEnroll
	default:
		w.state, w.needed = o.onward(o.password(c.tx), 0)
	}
	if c.event == "activate" || x.data != nil {
		w.hands = x.of
	}
	w.facts = []fact{{what: accepted, tx: c.tx, to: w.state, factor: x.of, kind: name, app: x.app, step: x.step, data: x.data, gates: o.belongs(w.state)}}
	switch {
	case c.event == "activate":
		tell(authn.ActivatedMessage)
		w.facts = append(w.facts, o.others(c.tx, stateCanceled)...)
	case name == authn.RecoveryCodes:
		tell(authn.RecoveryMessage)
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

func (o *oracle) wrong(c call, name, id string, t time.Time) want {
	err := fact{what: erred, at: t, tx: c.tx, kind: name, direct: o.state(c.tx) == stateRequired || handsIn(c.event)}
	after := o.with(err)
	w := want{state: o.state(c.tx), outcome: authn.WrongCode, facts: []fact{err}}
	until, locked := after.lockedAt(t)
	to, told := o.contact(id, name)
	switch {
	case locked:
		w.until = until
		if told {
			w.letters = []letter{{kind: authn.LockedMessage, factor: to, until: until}}
		}
	case after.row() == o.p.BackoffFrom && told:
		w.letters = []letter{{kind: authn.BackoffMessage, factor: to}}
	}
	switch {
	case locked || after.count(c.tx, erred) >= o.p.Tries:
		w.state = stateLocked
		w.facts = append(w.facts, fact{what: ended, tx: c.tx, to: stateLocked})
	case c.event == "respond":
		w.facts = append(w.facts, fact{what: replied, tx: c.tx, reply: "rejected"})
	case kinds[name].verified && !err.direct: // a challenge takes one response
		w.facts = append(w.facts, fact{what: posed, tx: c.tx, factor: id, kind: name, address: o.address(id), owing: o.owing(c.tx), puzzle: new(puzzle)})
	}
	if locked {
		w.facts = append(w.facts, o.others(c.tx, stateLocked)...)
	}
	return w
}

// asksDevice returns the transaction whose challenge another device answers with a
// token; -1 if none.
func (o *oracle) asksDevice(approval string) int {
	for _, tx := range o.unended() {
		k, ok := o.kept(tx)
		if s := o.state(tx); ok && (s == stateChallenge || s == stateActivate) && kinds[k.kind].awaited && k.puzzle.approval == approval {
			return tx
		}
	}
	return -1
}

// respond returns the verdict on the answer of another device. It proves nothing by
// itself.
func (o *oracle) respond(c call, now time.Time) want {
	t, wrong := o.clock(now)
	if c.tx = o.asksDevice(c.approval); c.tx < 0 {
		return refuse(t, authn.ErrFinished)
	}
	if w, over := o.finished(c, t, wrong); over {
		return w
	}
	k, _ := o.kept(c.tx)
	var w want
	switch end := o.backoff(t); {
	case k.reply != "" || !t.Before(k.expires):
		w = refuse(t, authn.ErrNoCode)
	case !end.IsZero():
		w = refuse(t, authn.ErrTooSoon)
		w.retry = end
	case c.yes && (k.enrolls || kinds[k.kind].free || c.number == k.puzzle.number):
		w = want{state: o.state(c.tx), facts: []fact{{what: replied, tx: c.tx, reply: "approved"}}}
	default:
		w = o.wrong(c, k.kind, k.factor, t)
	}
	if w.state == "" {
		w.state = o.state(c.tx)
	}
	w.by(c, t)
	return w
}
