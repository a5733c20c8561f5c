package authn_test

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// What an answer has to say, by the history.

// view is an answer's content, as far as the history tells it.
type view struct {
	state       authn.State
	now         time.Time
	tries       int
	generation  int
	codeExpires time.Time
	lateCode    bool // its time is up, but nobody was told yet: the answer may still name its end
	delivery    authn.Delivery
	expires     time.Time
	hand        string
	factors     []string
	allowed     []move
}

// move is an event that may come next, from a time on; zero: now.
type move struct {
	event string
	at    time.Time
	maybe bool // either way is right
}

// view describes a transaction at t that is not over.
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

// moves are the events that are allowed, with the best payload there could be.
func (o *oracle) moves(tx int, state authn.State, t time.Time) (ms []move) {
	for _, event := range asks[state] {
		m := move{event: event}
		ok := true
		switch event {
		case "enroll":
			ok = len(o.offered(tx, authn.Email)) > 0 && o.maySend(tx, t, &m)
		case "resend":
			ok = o.maySend(tx, t, &m)
		case "challenge":
			active := o.having(authn.Active)
			c, live := o.live(tx, t)
			switch {
			case len(active) == 0:
				ok = false
			case live && slices.Contains(active, c.factor) && o.backoff(t).IsZero():
			default:
				ok = o.maySend(tx, t, &m)
			}
		case "verify", "activate":
			_, live := o.live(tx, t)
			m.at = o.backoff(t)
			m.maybe = !m.at.IsZero() && !live // the wait comes first, yet then there is no code
			ok = live || m.maybe
		case "skip":
			ok = !o.mustEnrol(tx)
		}
		if ok {
			ms = append(ms, m)
		}
	}
	return ms
}

func (o *oracle) maySend(tx int, t time.Time, m *move) bool {
	err, at := o.sendRefusal(tx, t)
	m.at = at
	return err == nil || err == authn.ErrTooSoon
}

// deadlines are the moments at which an answer will change by itself.
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
