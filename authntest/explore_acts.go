package authntest

import (
	"cmp"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// What may happen at a spot.

// eventTend is not an event of the table, but of the host: [authn.Machine.Tend].
const eventTend authn.EventName = "tend"

// nobody is a factor that no user has.
const nobody = "nobody"

// acts lists everything that may happen at a spot but waiting.
func (x *explorer) acts(s *spot, v *authn.AccountView) (ls []Leg) {
	live := 0
	for i := range v.Transactions {
		if t := &v.Transactions[i]; isLive(t) {
			live++
		}
	}
	for i := range s.tabs {
		g := &s.tabs[i]
		t := transaction(v, g.id)
		if t == nil || live > 0 && !isLive(t) && t.State != authn.Success {
			continue // what is over is tried when nothing else is under way
		}
		for _, e := range clientEvents {
			if x.tries(e) {
				ls = append(ls, x.events(g, t, e)...)
			}
		}
	}
	if s.begun < x.Begins && live < x.Tabs && x.tries(authn.EventPrimary) {
		for _, l := range x.Logins {
			if l.User == s.user {
				ls = append(ls, x.views(Leg{Event: authn.EventPrimary, Login: l, Tab: s.begun + 1}, true)...)
			}
		}
	}
	a, err := x.open(s)
	if due := x.p.Record(&a, x.p.Key(s.user), 1).Due; err == nil && !due.IsZero() && !due.After(s.now) && len(s.record) > 0 && x.tries(eventTend) {
		ls = append(ls, x.views(Leg{Event: eventTend}, len(v.Owed) > 0)...)
	}
	return ls
}

var clientEvents = []authn.EventName{
	authn.EventEnroll, authn.EventActivate, authn.EventChallenge, authn.EventVerify, authn.EventResend,
	authn.EventPrevious, authn.EventSkip, authn.EventCancel, authn.EventRedeem,
}

// asks says that the Directory is asked when the event comes.
func asks(e authn.EventName) bool {
	switch e {
	case authn.EventPrimary, authn.EventEnroll, authn.EventChallenge, authn.EventResend, authn.EventActivate, authn.EventSkip, authn.EventRedeem, eventTend:
		return true
	}
	return false
}

// limits says whether the Limiter is asked about the event.
func limits(e authn.EventName) bool {
	return e == authn.EventEnroll || e == authn.EventChallenge || e == authn.EventResend
}

// views lets the Directory say what it may.
func (x *explorer) views(l Leg, all bool) (ls []Leg) {
	for i := range x.Listings {
		if i > 0 && !(all && asks(l.Event)) {
			break
		}
		l.Listing = x.Listings[i]
		ls = append(ls, l)
	}
	return ls
}

// events are one event of a transaction with whatever may come with it. Where
// the table has no row for it, one is as good as any.
func (x *explorer) events(g *tab, t *authn.TransactionView, e authn.EventName) (ls []Leg) {
	here := len(x.cells[cell{t.State, e}]) > 0
	add := func(factor string, typed Typed, all bool) {
		ls = append(ls, x.views(Leg{Event: e, Tab: g.n, Factor: factor, Typed: typed}, here && all)...)
	}
	switch e {
	case authn.EventEnroll, authn.EventChallenge:
		for i, f := range x.choices(e) {
			if i == 0 || here {
				add(f, TypedNothing, f != nobody)
			}
		}
	case authn.EventActivate, authn.EventVerify:
		for _, typed := range x.typeable(g, t, here) {
			add("", typed, typed == TypedRight || typed == TypedWrong)
		}
		if here && slices.Contains(x.Typed, TypedRight) {
			add(t.Factor, TypedRight, false)
			add(nobody, TypedRight, false)
		}
	case authn.EventResend:
		add("", TypedNothing, true)
		if here {
			add(nobody, TypedNothing, false)
		}
	case authn.EventSkip:
		add("", TypedNothing, here)
	case authn.EventRedeem:
		add("", TypedRight, true)
		if here {
			add("", TypedWrong, false)
		}
	default:
		add("", TypedNothing, false)
	}
	return ls
}

// choices are the types to enroll, or the factors to challenge.
func (x *explorer) choices(e authn.EventName) (names []string) {
	for _, l := range x.Listings {
		for _, f := range l.Factors {
			name := f.ID
			if e == authn.EventEnroll {
				name = f.Type
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return append(names, nobody)
}

// typeable is what may be typed.
func (x *explorer) typeable(g *tab, t *authn.TransactionView, here bool) (list []Typed) {
	for _, typed := range x.Typed {
		switch {
		case !here && typed != TypedRight:
		case typed == TypedOld && (g.old == "" || g.old == g.code):
		case typed == TypedAnother && x.another(g) == "":
		default:
			list = append(list, typed)
		}
	}
	return list
}

// another is a code of somebody else which the transaction's is not; "" if
// chance has made all of them the same.
func (x *explorer) another(g *tab) authn.Code {
	for _, c := range x.foreign {
		if c != g.code {
			return c
		}
	}
	return ""
}

// typedCode is what is typed.
func (x *explorer) typedCode(s *spot, g *tab, typed Typed, at int32) authn.Code {
	right := g.code
	if right == "" {
		right = zeros(x.Policy.Digits)
	}
	switch typed {
	case TypedWrong:
		return turned(right, int(at), 1) // each digit matters
	case TypedOld:
		return g.old
	case TypedAnother:
		for i := range s.tabs {
			if o := &s.tabs[i]; o != g && o.code != "" && o.code != right {
				return o.code
			}
		}
		return x.another(g)
	case TypedLong:
		return right + "0"
	}
	return right
}

// payload is the event of a leg.
func (x *explorer) payload(s *spot, g *tab, l *Leg, at int32) authn.Event {
	code := x.typedCode(s, g, l.Typed, at)
	switch l.Event {
	case authn.EventEnroll:
		return authn.Enroll{Type: l.Factor}
	case authn.EventActivate:
		return authn.Activate{Factor: l.Factor, Code: code}
	case authn.EventChallenge:
		return authn.Challenge{Factor: l.Factor}
	case authn.EventVerify:
		return authn.Verify{Factor: l.Factor, Code: code}
	case authn.EventResend:
		return authn.Resend{Factor: l.Factor}
	case authn.EventPrevious:
		return authn.Previous{}
	case authn.EventSkip:
		return authn.Skip{}
	case authn.EventCancel:
		return authn.Cancel{}
	}
	return nil
}

// wait is a span of time that may pass.
type wait struct {
	by    time.Duration
	nudge bool // it misses an exact moment by a nanosecond
}

// waits are the spans after which something may be different: to what comes
// next, and a nanosecond less and more. What lies beyond the end of the last
// transaction under way is waited for when nothing is.
func (x *explorer) waits(s *spot, v *authn.AccountView) (ws []wait) {
	if s.nudged {
		return nil
	}
	var end time.Time
	for i := range v.Transactions {
		if t := &v.Transactions[i]; isLive(t) {
			end = latest(end, t.Expires)
		}
	}
	add := func(at time.Time) {
		d := at.Sub(s.now)
		if at.IsZero() || d <= 0 || end.After(s.now) && at.After(end) {
			return
		}
		ws = append(ws, wait{d, false})
		ws = append(ws, wait{d + 1, true})
		if d > 1 {
			ws = append(ws, wait{d - 1, true})
		}
	}
	add(v.BackoffUntil)
	for i := range v.Transactions {
		if t := &v.Transactions[i]; isLive(t) {
			add(t.CodeExpires)
			add(t.ResendAt)
			add(t.Expires)
		}
	}
	for i := range v.Owed {
		add(v.Owed[i].Next)
	}
	add(sendsFreeAt(&x.Policy, v))
	if s.begun < x.Begins {
		add(lockEnd(&x.Policy, v))
		add(freeAt(v.Starts, x.Policy.StartsPerHour, oneHour))
		for _, c := range []struct {
			at   []time.Time
			span time.Duration
		}{{v.Starts, oneHour}, {v.Sends, oneHour}, {v.Sends, oneDay}, {v.WrongCodes, oneDay}, {v.WrongCodes, oneYear}} {
			add(freeAt(c.at, 1, c.span))
		}
	}
	for _, d := range x.Waits {
		ws = append(ws, wait{d, false})
	}
	slices.SortFunc(ws, func(a, b wait) int { return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(b2i(a.nudge), b2i(b.nudge))) })
	return slices.CompactFunc(ws, func(a, b wait) bool { return a.by == b.by })
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
