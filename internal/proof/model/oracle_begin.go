package model

import (
	"cmp"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// How a transaction begins, and which transactions that ends.

// begin answers primary.
func (o *oracle) begin(tx int, l authn.Login, now time.Time) want {
	t, wrong := o.clock(now)
	r, adding := l.Require, l.Adding
	switch {
	case adding && r == authn.RequireNothing:
		return refuse(t, authn.ErrMalformed)
	case o.stale(t):
		return refuse(t, authn.ErrUnavailable)
	}
	var before []fact
	if wrong {
		before = o.closing(t)
		o = o.with(before...)
	} else {
		before = o.strangers(t)
		o = o.with(before...)
	}
	until, locked := o.lockedAt(t)
	if o.disabled() {
		until, locked = time.Time{}, true
	}
	w := want{now: t}
	active, offered := len(o.having(authn.Active)) > 0, len(o.having(authn.NotSetUp)) > 0
	switch end := o.free(t, o.starts()); {
	case locked:
		w.errs, w.state, w.retry = []error{authn.ErrLocked}, stateLocked, until
		return w
	case !end.IsZero():
		w.errs, w.retry = []error{authn.ErrTooSoon}, end
		return w
	case r == authn.RequireNothing, r == authn.RequireIfActive && !o.protected() && !offered:
		w.state, w.needed = o.onward(l.Password, 0)
	case active:
		w.state = stateRequired
	case o.protected():
		w.errs = []error{authn.ErrNoFactor}
		return w
	case offered:
		w.state = stateEnroll
	default:
		w.errs = []error{authn.ErrNoFactor}
		return w
	}
	w.facts = before
	if live := o.open(t); len(live) >= o.p.Live {
		w.victims = o.victims(live, t)
		w.facts = append(w.facts, fact{what: ended, at: t, tx: w.victims[0], to: stateCanceled, saves: true})
	}
	if last := o.with(fact{what: began, at: t, to: stateRequired, tx: -2}); w.state == stateRequired && !last.free(t, o.starts()).IsZero() {
		if to, ok := o.contact("", ""); ok {
			w.letters = []letter{{kind: authn.StartsMessage, factor: to}}
		}
	}
	w.facts = append(w.facts, fact{what: began, at: t, tx: tx, to: w.state, require: r, adding: adding, more: l.OfferMore, owing: o.missing(tx, ""), saves: true,
		password: l.Password, ends: l.PasswordExpires, gates: o.belongs(w.state)})
	return w
}

// victims returns the transactions of which one is ended to make room: the oldest
// without a live code, then the oldest, an unredeemed SUCCESS last. Of those
// begun at the same time, any may be ended.
func (o *oracle) victims(live []int, t time.Time) (either []int) {
	order := func(a, b int) int {
		return cmp.Or(o.rank(a, t)-o.rank(b, t), o.first(a).at.Compare(o.first(b).at))
	}
	first := slices.MinFunc(live, order)
	for _, tx := range live {
		if order(tx, first) == 0 {
			either = append(either, tx)
		}
	}
	return either
}

func (o *oracle) rank(tx int, t time.Time) int {
	_, code := o.live(tx, t)
	switch {
	case o.state(tx) == stateSuccess:
		return 2
	case code:
		return 1
	}
	return 0
}

// closing returns the facts of a step that ends every live transaction because a
// clock must have been wrong.
func (o *oracle) closing(t time.Time) (fs []fact) {
	fs = append(fs, fact{what: clockFell, at: t, tx: -1, saves: true})
	for _, f := range o.facts {
		if f.what == began && !o.closed(f.tx) {
			fs = append(fs, fact{what: ended, at: t, tx: f.tx, to: stateExpired, saves: true})
		}
	}
	return fs
}
