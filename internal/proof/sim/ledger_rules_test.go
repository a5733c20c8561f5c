package sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// Rules for the changes that a save makes to transactions, budgets and pending
// effects.

func (l *ledger) began(t *task, x storedTx, is stored) {
	if t.kind != "begin" || x.Steps != 1 || t.tx != "" {
		l.sim.fail("%s: a transaction appeared without a begin: %+v", t.what, x)
	}
	t.tx, t.led = x.ID, x.State
	live := 0
	for _, y := range is.Txs {
		if !over(y.State) && (y.State != authn.Success || y.Session) {
			live++
		}
	}
	if most := max(l.sim.policy.Live, 0); live > 3 || most > 0 && live > most {
		l.sim.fail("%s: %d transactions live", t.what, live)
	}
}

// stepped checks that a transaction changed by one step, from a state that is not
// terminal, by its own event.
func (l *ledger) stepped(t *task, w, x storedTx, was, is stored, now time.Time) {
	fail := func(what string) { l.sim.fail("%s: %s: %+v became %+v", t.what, what, w, x) }
	own := x.ID == t.tx
	redeemed := w.State == authn.Success && !w.Session
	won := x.State == authn.Success && w.State != authn.Success
	switch {
	case x.Steps != w.Steps+1:
		fail("the change is not one step")
	case over(w.State), redeemed && x.State != authn.Expired:
		fail("it had ended")
	case x.Session && !won && !w.Session:
		fail("a session token appeared without SUCCESS")
	case !own && !over(x.State):
		fail("the step changed another transaction")
	case x.State == authn.Expired && now.Before(w.Expires) && w.Steps < 100 && w.Tries < 10:
		fail("it ended before its time")
	case x.State == authn.Success && !won && t.kind != "redeem":
		fail("a session token was used by another event")
	case own && t.key != "" && l.last[x.ID] == t.key && x.State != authn.Expired:
		fail("one event was counted twice")
	}
	back := own && (t.event == "verify" || t.event == "activate")
	value := nothing
	if back || own && t.event == "respond" {
		value = l.worth(t, w, now)
	}
	if won {
		l.won(t, w, x, value, now, fail)
	}
	if won && back {
		l.proved(t, w, x, was, is, now)
	}
	if !over(x.State) && !won {
		l.charged(t, w, x, own, value, is, fail)
	}
	if own {
		t.led, t.wrong = x.State, value == wrong && !won && x.State != authn.Expired
	}
	switch {
	case own && t.event != "respond": // which is not the client's
		l.last[x.ID] = t.key
		l.done[x.ID+t.key] = true
	case own && x.Replied == "approved":
		l.sim.cover["approved"]++
	case own:
		l.sim.cover["rejected"]++
	}
	if over(x.State) {
		l.sim.cover[string(x.State)]++
	}
	if t.wrong {
		l.sim.cover["wrong"]++
		l.sim.cover["wrong "+t.person.kind.id]++
	}
}

// charged checks what a step that leads to no end has charged to the transaction.
func (l *ledger) charged(t *task, w, x storedTx, own bool, value worth, is stored, fail func(string)) {
	tried := x.Tries - w.Tries
	if tried < 0 || tried > 1 || x.Sent < w.Sent || x.Sent > w.Sent+1 {
		fail("a budget was refunded, or charged twice")
	}
	if tried == 1 && value != wrong {
		fail("a try was charged without a wrong code")
	}
	if tried == 0 && own && value == wrong {
		fail("a wrong code was not charged")
	}
	if tried == 1 && w.Options != "" && x.Options == w.Options {
		fail("a challenge is good for another response")
	}
	if own && t.event == "respond" && (x.Replied == "approved") != (value == right) {
		fail("the phone said something else")
	}
	if x.Sent > w.Sent && !slices.ContainsFunc(is.Owed, func(e authn.Effect) bool {
		return e.Name == sendCode && e.Transaction == x.ID && e.Generation == x.Sent
	}) {
		fail("there is a new code but no mail")
	}
}

// won checks that SUCCESS was reached once, with what proves the factor, and in time.
func (l *ledger) won(t *task, w, x storedTx, value worth, now time.Time, fail func(string)) {
	l.sim.cover["success"]++
	switch {
	case t.event == "skip" && w.State == authn.MFAEnroll:
	case value == used:
		fail("SUCCESS with a code that was used before")
	case value != right || t.event == "respond":
		fail("SUCCESS without the code")
	case !now.Before(w.Expires):
		fail("SUCCESS with a late code")
	}
	if l.used[x.ID]++; l.used[x.ID] > 1 || x.Code != "" || !x.Session {
		fail("there is a second SUCCESS, or the code is still valid")
	}
}

// gone checks that a transaction is removed only after its end, or to make room.
func (l *ledger) gone(t *task, w storedTx, is stored, now time.Time) {
	live := !over(w.State) && (w.State != authn.Success || w.Session) && now.Before(w.Expires)
	if live && t.kind != "begin" {
		l.sim.fail("%s: %+v was removed", t.what, w)
	}
	if live {
		l.sim.cover["room was made"]++
	}
}

// budgets checks that charges are refunded only by a success or by Reinstate.
func (l *ledger) budgets(t *task, was, is stored, now time.Time) {
	if t.event == "reinstate" {
		return
	}
	fail := func(what string) { l.sim.fail("%s: %s: %+v became %+v", t.what, what, was, is) }
	forgiven, won := 0, 0
	for _, x := range is.Txs {
		if w, had := find(was, x.ID); x.State == authn.Success && (!had || w.State != authn.Success) {
			forgiven, won = w.Tries, 1
		}
	}
	within := func(at []time.Time, span time.Duration) (n int) {
		for _, x := range at {
			if x.Add(span).After(now) {
				n++
			}
		}
		return n
	}
	p := l.sim.policy
	sendsPerHour, sendsPerDay, startsPerHour, failuresPerDay := cmp.Or(p.SendsPerHour, 6), cmp.Or(p.SendsPerDay, 20), cmp.Or(p.StartsPerHour, 10), cmp.Or(p.FailuresPerDay, 20)
	switch {
	case is.Fails < was.Fails && won == 0 || is.Fails > was.Fails+1:
		fail("the number of consecutive wrong codes is wrong")
	case within(is.Failures, aDay) < within(was.Failures, aDay)-forgiven:
		fail("a wrong code was refunded")
	case within(is.Sends, aDay) < within(was.Sends, aDay), within(is.Starts, time.Hour) < within(was.Starts, time.Hour)-won:
		fail("a send or a start was refunded")
	case within(is.Sends, time.Hour) > sendsPerHour, within(is.Sends, aDay) > sendsPerDay, within(is.Starts, time.Hour) > startsPerHour, within(is.Failures, aDay) > failuresPerDay:
		fail("the budget is exceeded")
	case was.Disabled && !is.Disabled, was.Locked.After(now) && is.Locked.Before(was.Locked):
		fail("a lock was removed")
	case !is.Mark.IsZero() && is.Mark.Before(was.Mark):
		fail("the saved time went back")
	}
}

// outbox checks that an effect stays pending until its port accepted it, or until
// it is no longer needed.
func (l *ledger) outbox(t *task, was, is stored, now time.Time) {
	for _, e := range is.Owed {
		if x, _ := find(is, e.Transaction); e.Name == sendCode && l.owed[e.Key] == 0 {
			l.codes[e.Key] = x
		}
		l.owed[e.Key] = max(l.owed[e.Key], e.Attempts)
		if mail := e.Name == sendCode || notice(e.Name); mail && e.Attempts > 5 {
			l.sim.fail("%s: attempt %d to send a mail", t.what, e.Attempts)
		}
	}
	for _, e := range was.Owed {
		if slices.ContainsFunc(is.Owed, func(o authn.Effect) bool { return o.Key == e.Key }) || l.taken[e.Key] {
			continue
		}
		x, _ := find(is, e.Transaction)
		dead := e.Name == sendCode && (x.Code != l.codes[e.Key].Code || x.Replied != "" || !later(now, t.node.time()).Before(l.codes[e.Key].CodeExpires))
		if l.overtaken(e, is) {
			l.sim.cover["hand-over overtaken"]++
			continue
		}
		givenUp := (notice(e.Name) || e.Name == sendCode) && (l.hopeless[e.Key] || e.Attempts >= 5)
		if givenUp {
			l.sim.cover["given up"]++
		}
		if !dead && !givenUp && !(notice(e.Name) && full(is)) {
			l.sim.fail("%s: lost the effect %+v", t.what, e)
		}
	}
}

// full says that the queue of what is owed has no place left, so that a notice may
// have given way.
func full(is stored) bool {
	n := 0
	for _, e := range is.Owed {
		if e.Name != sendCode {
			n++
		}
	}
	return n == 8
}

const sendCode = "send code"

func notice(name string) bool { return strings.HasPrefix(name, "notify") }
