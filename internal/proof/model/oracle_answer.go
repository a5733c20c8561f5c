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
	factors     []string
	allowed     []move
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
		return v
	}
	v.tries = o.p.Tries - o.count(tx, erred)
	v.generation = o.count(tx, sent)
	if c, ok := o.kept(tx); ok {
		v.codeExpires, v.delivery = c.expires, o.delivery(c.letter)
		v.lateCode = !t.Before(c.expires)
	}
	switch v.state {
	case stateChallenge, stateActivate:
		v.hand = o.hand(tx)
	case stateRequired:
		v.factors = o.having(authn.Active)
	case stateEnroll:
		v.factors = o.having(authn.NotSetUp)
	}
	return v
}

// moves returns the events that are allowed now or later, with the best possible
// payload and no other event before.
func (o *oracle) moves(tx int, state authn.State, t time.Time) (ms []move) {
	for _, event := range asks[state] {
		for when := t; when.Before(o.expires(tx)); {
			ok, wait := o.may(tx, event, when)
			if ok && when.Equal(t) {
				ms = append(ms, move{event: event})
			} else if ok {
				ms = append(ms, move{event, when})
			}
			if ok || !wait.After(when) {
				break
			}
			when = wait
		}
	}
	return ms
}

// may reports whether the event is accepted at t. If it is not, wait is a time
// until which at least one reason for the refusal lasts.
func (o *oracle) may(tx int, event string, t time.Time) (ok bool, wait time.Time) {
	backoff := o.backoff(t)
	c, live := o.live(tx, t)
	active := o.having(authn.Active)
	switch {
	case event == "skip":
		return !o.mustEnroll(tx), wait
	case event == "verify" || event == "activate":
		return live && backoff.IsZero(), backoff
	case event == "challenge" && live && slices.Contains(active, c.factor) && backoff.IsZero():
		return true, wait
	case event == "challenge" && len(active) == 0, event == "enroll" && len(o.offered(tx, authn.Email)) == 0:
		return false, wait
	case event == "challenge" || event == "enroll" || event == "resend":
		at, err := o.sendRefusal(tx, t)
		return err == nil, at
	}
	return true, wait
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
	until, _ := o.lockedAt(t)
	ds = append(ds, until, o.backoff(t), o.free(t, o.starts()), o.free(t, o.sends()))
	ds = append(append(ds, o.leaving(o.failures())...), o.leaving(o.starts())...)
	ds = slices.DeleteFunc(ds, func(d time.Time) bool { return !d.After(now) })
	slices.SortFunc(ds, time.Time.Compare)
	return slices.CompactFunc(ds, time.Time.Equal)
}
