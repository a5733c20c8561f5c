package model

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The expected content of an answer, computed from the history.

// view is the content of an answer that follows from the history.
type view struct {
	state       authn.State
	now         time.Time
	tries       int
	generation  int
	codeExpires time.Time
	lateCode    bool // the code has expired unnoticed: the answer may still have its expiry
	delivery    authn.Delivery
	expires     time.Time
	hand        string
	factors     []choice
	allowed     []move
	prompt      prompt
}

// choice is a factor to choose from.
type choice struct {
	id     string
	status authn.Status
	at     time.Time // zero is now
}

// prompt is what the client is shown of the factor at hand. What the oracle cannot
// know is in the puzzle once the client has seen it.
type prompt struct {
	puzzle                                    *puzzle
	secret, codes, number, pairing, responded bool // it has them
	left                                      int
	replied                                   string
}

// move is an allowed event, from a time on; zero means now.
type move struct {
	event string
	at    time.Time
}

// view returns the view of a transaction that is not over at t.
func (o *oracle) view(tx int, t time.Time) view {
	v := view{state: o.state(tx), now: t, expires: o.expires(tx)}
	v.allowed = o.moves(tx, v.state, t)
	if v.state == stateSuccess {
		v.prompt = o.prompt(tx, code{}, false)
		return v
	}
	v.tries = o.triesLeft(tx, t)
	v.generation = o.count(tx, sent)
	c, ok := o.kept(tx)
	if ok {
		v.codeExpires, v.lateCode = c.expires, !t.Before(c.expires)
		if c.letter != "" && c.reply == "" {
			v.delivery = o.delivery(c.letter)
		}
	}
	switch v.state {
	case stateChallenge, stateActivate:
		v.hand, _ = o.hand(tx)
		v.prompt = o.prompt(tx, c, ok)
	case stateRequired, stateEnroll:
		v.factors = o.choices(tx, t)
	}
	return v
}

// prompt returns what is shown of the factor at hand.
func (o *oracle) prompt(tx int, c code, live bool) (p prompt) {
	id, name := o.hand(tx)
	kind, _ := o.kind(name)
	p.puzzle = c.puzzle
	switch enrolls := o.state(tx) == stateActivate; {
	case kind.awaited:
		p.replied = o.reply(tx)
		p.pairing = live && c.reply == "" && enrolls
		p.number = live && c.reply == "" && !enrolls && !kind.free
	case o.listed(id).ID == "":
	case kind.verified:
		p.responded = live
	case name == authn.TOTP:
		p.secret = live && enrolls
	case name == authn.RecoveryCodes && enrolls:
		if p.codes = live; live {
			p.left = 10
		}
	case name == authn.RecoveryCodes:
		p.left = o.left(id)
	}
	return p
}

// left returns how many recovery codes an active list has.
func (o *oracle) left(id string) int {
	if !o.active(id) {
		return 0
	}
	d := o.data(id)
	return len(d.codes) - len(d.spent)
}

// choices returns the factors to choose from. The one proved last goes first where
// one is to be proved.
func (o *oracle) choices(tx int, t time.Time) (cs []choice) {
	enrolls := o.state(tx) == stateEnroll
	for _, f := range o.factors() {
		c := choice{f.ID, f.Status, o.expires(tx)}
		switch {
		case enrolls && slices.Contains(o.proved(tx), f.ID):
			c.status = authn.Active
		case enrolls && f.Status == authn.NotSetUp:
			if at, ok := o.soonest(tx, "enroll", f.ID, t); ok {
				c.at = at
			}
		case !enrolls && f.Status == authn.Active:
			for _, event := range []string{"challenge", "verify"} {
				if at, ok := o.soonest(tx, event, f.ID, t); ok {
					c.at = earlier(c.at, at)
				}
			}
		case !enrolls:
			continue
		}
		if cs = append(cs, c); !enrolls && f.ID == o.recent() {
			cs = slices.Insert(cs[:len(cs)-1], 0, c)
		}
	}
	return cs
}

// triesLeft returns how many wrong codes are left until the first limit: that of
// the code, of the transaction, of the next lock or of a budget.
func (o *oracle) triesLeft(tx int, t time.Time) (n int) {
	row := o.row()
	n = min(o.p.Tries-o.count(tx, erred), o.p.DisableAfter-row, o.p.LockEvery-row%o.p.LockEvery)
	if c, ok := o.kept(tx); ok && kinds[c.kind].coded {
		n = min(n, o.p.CodeTries-c.wrong)
	}
	b := o.failures()
	for _, l := range b.limits {
		if l.n == 0 {
			continue
		}
		used := 0
		for _, m := range o.charges(b) {
			if m.Add(l.span).After(t) {
				used++
			}
		}
		n = min(n, l.n-used)
	}
	return max(n, 0)
}

// moves returns the events that are allowed now or later, with the best possible
// payload and no other event before.
func (o *oracle) moves(tx int, state authn.State, t time.Time) (ms []move) {
	for _, event := range o.asks(state) {
		var best *move
		for _, id := range o.payloads(event, state) {
			if at, ok := o.soonest(tx, event, id, t); ok && (best == nil || at.Before(best.at)) {
				best = &move{event, at}
			}
		}
		if best != nil {
			ms = append(ms, *best)
		}
	}
	return ms
}

// payloads returns the factors that an event may be about; "" if it names none.
func (o *oracle) payloads(event string, state authn.State) []string {
	switch {
	case event == "enroll":
		return o.having(authn.NotSetUp)
	case state == stateRequired && event != "cancel":
		return o.having(authn.Active)
	}
	return []string{""}
}

// soonest returns from which time an event is accepted; zero is now.
func (o *oracle) soonest(tx int, event, factor string, t time.Time) (at time.Time, ok bool) {
	for when := t; when.Before(o.expires(tx)); {
		ok, wait := o.may(tx, event, factor, when)
		switch {
		case ok && when.Equal(t):
			return time.Time{}, true
		case ok:
			return when, true
		case !wait.After(when):
			return time.Time{}, false
		}
		when = wait
	}
	return time.Time{}, false
}

// may reports whether the event is accepted at t. If it is not, wait is a time
// until which at least one reason for the refusal lasts.
func (o *oracle) may(tx int, event, factor string, t time.Time) (ok bool, wait time.Time) {
	backoff := o.backoff(t)
	c, live := o.live(tx, t)
	state := o.state(tx)
	hand, handKind := o.hand(tx)
	kind, _ := o.kind(o.kindOf(factor))
	switch {
	case event == "change_password" || event == "reset_password" || event == "pass":
		return backoff.IsZero(), backoff
	case event == "skip" && state == stateWarn:
		return true, wait
	case event == "skip":
		return !o.mustEnroll(tx), wait
	case event == "verify" && state == stateRequired:
		return kind.atOnce && backoff.IsZero(), backoff
	case (event == "verify" || event == "activate") && (o.reply(tx) == "rejected" || o.reply(tx) == "withdrawn"):
		return false, wait
	case event == "verify" || event == "activate":
		listed := kinds[handKind].channel != "" || o.active(hand)
		if event == "activate" {
			listed = slices.Contains(o.offered(tx, handKind), hand) && !o.moved(c)
		}
		if kinds[handKind].awaited && c.reply == "" && backoff.IsZero() {
			return false, wait
		}
		return live && listed && backoff.IsZero(), backoff
	case event == "enroll" && !slices.Contains(o.offered(tx, o.kindOf(factor)), factor):
		return false, wait
	case event == "resend":
		kind, _ = o.kind(handKind)
		if state == stateActivate && !slices.Contains(o.offered(tx, handKind), hand) || state == stateChallenge && !o.active(hand) {
			return false, wait
		}
	case event != "challenge" && event != "enroll":
		return true, wait
	}
	switch enrolls := event == "enroll" || state == stateActivate; {
	case event == "resend" && !kind.sends(enrolls):
		return false, wait
	case !backoff.IsZero():
		return false, backoff
	case !kind.sends(enrolls):
		return true, wait
	case event == "challenge" && live && c.factor == factor:
		return true, wait
	}
	at, err := o.sendRefusal(tx, t)
	return err == nil, at
}

// deadlines returns the times at which an answer changes without an event.
func (o *oracle) deadlines(now time.Time) (ds []time.Time) {
	t, _ := o.clock(now)
	for _, tx := range o.unended() {
		c, ok := o.kept(tx)
		ds = append(ds, o.expires(tx), o.cool(tx, t))
		if ok {
			ds = append(ds, c.expires)
		}
	}
	for _, f := range o.facts {
		if f.what == accepted && f.app != nil {
			ds = append(ds, f.app.begins(f.step+1), o.replayable(*f.app, f.step))
		}
	}
	until, _ := o.lockedAt(t)
	ds = append(ds, until, o.backoff(t), o.free(t, o.starts()), o.free(t, o.sends()))
	ds = append(append(ds, o.leaving(o.failures())...), o.leaving(o.starts())...)
	ds = slices.DeleteFunc(ds, func(d time.Time) bool { return !d.After(now) })
	slices.SortFunc(ds, time.Time.Compare)
	return slices.CompactFunc(ds, time.Time.Equal)
}
