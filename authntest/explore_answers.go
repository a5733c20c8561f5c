package authntest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// The rules about answers: refusals, what is allowed and when, the assertion.

func checkSession(t *Trial) (applies bool, wrong string) {
	if is := t.Is(); is != nil && t.Err == nil && (is.Session != (is.State == authn.Success && t.g2().redeems == 0)) {
		return true, says(true, "%s has a session token: %t", is.State, is.Session)
	}
	if t.Event != authn.EventRedeem {
		return false, ""
	}
	was := t.Was()
	if t.Err != nil || t.Ended {
		return true, says(t.Assertion != nil, "an assertion comes with a refusal")
	}
	switch as := t.Assertion; {
	case as == nil:
		return true, "there is no assertion"
	case t.Typed != TypedRight || !was.Session || t.g.redeems > 0 || !t.Now.Before(was.Expires):
		return true, "the token is wrong, used, void or late"
	case as.User != t.s.user || as.Transaction != was.ID || !as.Began.Equal(was.Began) || as.At.Before(as.Began) || as.At.After(t.Now):
		return true, says(true, "it says %s, %s, %v, %v", as.User, as.Transaction, as.Began, as.At)
	case !slices.Equal(as.Factors, was.Proved) || !slices.Equal(as.Methods, t.methods()) || !slices.Equal(as.Channels, t.channels()):
		return true, says(true, "it says %v by %v and %v, proved were %v", as.Factors, as.Methods, as.Channels, was.Proved)
	}
	for _, id := range was.Proved {
		stands := t.lists(id, authn.Active) && slices.ContainsFunc(t.Factors, func(f authn.Factor) bool {
			return slices.ContainsFunc(t.g.proven, func(p authn.Factor) bool { return p.ID == id && sameFactor(&p, &f) })
		})
		if !stands {
			return true, "a factor that was proved is gone"
		}
	}
	return true, ""
}

// methods are the names of what was proved, and channels whose messages helped.
func (t *Trial) methods() []string {
	names := []string{"pwd"}
	for i, f := range t.g.proven {
		called := t.x.typeOf(f.Type).Methods
		if t.g.called[i] != "" {
			called = strings.Fields(t.g.called[i])
		}
		names = appendNew(names, called...)
	}
	return names
}

func (t *Trial) channels() (names []string) {
	for _, f := range t.g.proven {
		if c := t.x.typeOf(f.Type).Channel; c != "" {
			names = appendNew(names, c)
		}
	}
	return names
}

func appendNew(list []string, names ...string) []string {
	for _, s := range names {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// g2 is what is known of the transaction after the step.
func (t *Trial) g2() *tab {
	if g := t.to.tab(t.Transaction); g != nil {
		return g
	}
	return new(tab)
}

// refusals are the errors that a refusal may wrap.
var refusals = []error{
	authn.ErrNotAllowed, authn.ErrFinished, authn.ErrMalformed, authn.ErrNotOffered, authn.ErrNoFactor, authn.ErrNoUser, authn.ErrNoCode,
	authn.ErrRequired, authn.ErrExhausted, authn.ErrTooSoon, authn.ErrLocked, authn.ErrKeyReused, authn.ErrUsed, authn.ErrWaiting,
}

func checkRefusal(t *Trial) (applies bool, wrong string) {
	if t.Err == nil {
		return false, ""
	}
	switch {
	case t.Refusal == nil && !errors.Is(t.Err, authn.ErrUnavailable):
		return true, says(true, "neither a refusal nor unavailable: %v", t.Err)
	case t.Refusal == nil && len(t.Before.Owed) == 0 && !t.stale():
		return true, says(true, "no verdict, for no reason: %v", t.Err)
	case t.Refusal != nil && (!slices.Contains(refusals, t.Refusal.Err) || t.Refusal.Event != t.Event):
		return true, says(true, "refused %s by %v", t.Refusal.Event, t.Refusal.Err)
	case *t.Account != *t.was:
		return true, "the account is another one"
	}
	return true, says(t.r.Changed || len(t.x.p.Moves(&t.r)) > 0 || t.Assertion != nil, "the result has changed, or has moves")
}

// again has the machine do the same at another time, or to another account.
func (t *Trial) again(a *authn.Account, now time.Time) (_ *authn.Result, es []authn.Effect, err error) {
	r, env := &t.x.scratch, t.env
	env.Now = now
	es, _, err = t.x.perform(t, a, env, r)
	return r, es, err
}

func checkRetry(t *Trial) (applies bool, wrong string) {
	r := t.Refusal
	if r == nil || t.Err == nil {
		return false, ""
	}
	if r.Err == authn.ErrUsed {
		return true, t.nextCode(r.RetryAt)
	}
	if r.RetryAt.IsZero() {
		return r.Err == authn.ErrTooSoon, says(r.Err == authn.ErrTooSoon, "too soon, but for how long?")
	}
	if was := t.Was(); was != nil && r.RetryAt.After(was.Expires) {
		return true, says(!r.RetryAt.After(t.Now), "until %v, which is past", r.RetryAt)
	}
	if t.isCode() && !t.direct() && r.RetryAt.Equal(t.env.Limited) && r.RetryAt.After(t.Was().CodeExpires) {
		return false, "" // the code is late before
	}
	guard := func(now time.Time) string {
		var again *authn.Refusal
		if _, _, err := t.again(t.Account, now); errors.As(err, &again) {
			return again.Guard
		}
		return "taken"
	}
	before, then := guard(r.RetryAt.Add(-1)), guard(r.RetryAt)
	return true, says(before != r.Guard || then == r.Guard || !r.RetryAt.After(t.Now), "%q until %v, but %q before and %q then", r.Guard, r.RetryAt, before, then)
}

// nextCode says what is wrong with the time from which an app shows another code than the
// one that was used last.
func (t *Trial) nextCode(at time.Time) string {
	h := t.kit()
	if h.app.key == "" {
		return says(!at.IsZero(), "waiting brings no other code, and it says until %v", at)
	}
	return says(h.app.at(at) != h.step+1 || h.app.at(at.Add(-1)) != h.step, "step %d was used, and the next code is said to come in step %d", h.step, h.app.at(at))
}

// checkAllowed: the best event that there could be is tried now, and when it is
// said to be possible.
func checkAllowed(t *Trial) (applies bool, wrong string) {
	for i := range t.s.tabs {
		g := &t.s.tabs[i]
		tx := transaction(&t.Before, g.id)
		if !isLive(tx) && tx.State != authn.Success || t.overdue(tx) {
			continue
		}
		ans, err := t.x.p.Status(t.Account, g.secret, authn.Env{Now: t.Now, Factors: t.shown(g)})
		if err != nil {
			return true, says(true, "the status of a live transaction: %v", err)
		}
		for _, e := range clientEvents {
			if !t.x.judges(e) {
				continue
			}
			at, listed := ans.Allows(e)
			when, can := t.soonest(g, tx, e)
			can = can && e != authn.EventRedeem // which is no event of a client
			if can && when.Equal(t.Now) {
				when = time.Time{}
			}
			if listed != can || listed && !at.Equal(when) {
				return true, says(true, "%s in %s: the answer says %t at %v; it is %t at %v", e, tx.State, listed, at, can, when)
			}
		}
		applies = true
	}
	return applies, ""
}

// shown is what the Directory says when a transaction is only looked at.
func (t *Trial) shown(g *tab) []authn.Factor {
	l := g.listing
	l.Stale = false
	return t.x.list(&l, t.s)
}

// soonest is when an event of the transaction is taken, if nothing else comes
// before: one wait may lead to another.
func (t *Trial) soonest(g *tab, tx *authn.TransactionView, e authn.EventName) (when time.Time, can bool) {
	for when = t.Now; when.Before(tx.Expires); {
		can, next := t.best(g, tx, e, when)
		if can {
			return when, true
		}
		if !next.After(when) {
			break
		}
		when = next
	}
	return when, false
}

// best tries an event with the best that could come with it: whether it is
// taken, or until when it is too soon.
func (t *Trial) best(g *tab, tx *authn.TransactionView, e authn.EventName, now time.Time) (can bool, when time.Time) {
	x := t.x
	choices, typed := []string{""}, TypedRight
	switch {
	case e == authn.EventEnroll, e == authn.EventChallenge, e == authn.EventVerify && tx.State == authn.MFARequired:
		choices = x.choices(e)
	case x.kind(x.factorType(tx.Factor)) == byDevice && (e == authn.EventVerify || e == authn.EventActivate):
		typed = TypedNothing
	}
	for _, f := range choices {
		l := Leg{Event: e, Factor: f, Typed: typed, Listing: g.listing}
		if e == authn.EventPass {
			l.Gate = tx.State
		}
		l.Listing.Stale = false
		b := Trial{Event: e, Typed: typed, x: x, s: t.s, g: g, leg: l}
		b.Payload = x.payload(t.s, g, tx, &b.leg, t.at, now)
		b.env = authn.Env{Now: now, Entropy: entropy(int(t.at), -1), Factors: t.shown(g), Needed: x.needed(&l.Listing)}
		r := &x.scratch
		var ref *authn.Refusal
		_, _, err := x.perform(&b, t.Account, b.env, r)
		if err == nil && r.Outcome == authn.Done && !r.Ended || errors.Is(err, authn.ErrUsed) { // which is the code's fault
			return true, time.Time{}
		}
		if errors.As(err, &ref) && ref.Err == authn.ErrTooSoon && (when.IsZero() || ref.RetryAt.Before(when)) {
			when = ref.RetryAt
		}
	}
	return false, when
}

func checkMasked(t *Trial) (applies bool, wrong string) {
	for i := range t.s.tabs {
		g := &t.s.tabs[i]
		ans, err := t.x.p.Status(t.Account, g.secret, authn.Env{Now: t.Now, Factors: t.shown(g)})
		if err != nil {
			continue
		}
		text := fmt.Sprintf("%+v", *ans)
		for _, f := range g.list {
			if f.Address != "" && strings.Contains(text, f.Address) {
				return true, "the answer shows an address"
			}
			applies = true
		}
	}
	return applies, ""
}
