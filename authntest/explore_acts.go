package authntest

import (
	"cmp"
	"slices"
	"strings"
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
			if x.tries(e) && x.judges(e) {
				ls = append(ls, x.events(s, g, t, e)...)
			}
		}
		if x.tries(authn.EventRespond) {
			ls = append(ls, x.replies(g, t)...)
		}
	}
	if s.begun < x.Begins && live < x.Tabs && x.tries(authn.EventPrimary) {
		for _, l := range x.Logins {
			if l.User == s.user {
				ls = append(ls, x.views(s, Leg{Event: authn.EventPrimary, Login: l, Tab: s.begun + 1}, true)...)
			}
		}
	}
	a, err := x.open(s)
	if due := x.p.Record(&a, x.p.Key(s.user), 1).Due; err == nil && !due.IsZero() && !due.After(s.now) && len(s.record) > 0 && x.tries(eventTend) {
		ls = append(ls, x.views(s, Leg{Event: eventTend}, len(v.Owed) > 0)...)
	}
	return ls
}

var clientEvents = []authn.EventName{
	authn.EventEnroll, authn.EventActivate, authn.EventChallenge, authn.EventVerify, authn.EventResend,
	authn.EventPrevious, authn.EventSkip, authn.EventChangePassword, authn.EventResetPassword, authn.EventPass, authn.EventCancel, authn.EventRedeem,
}

// asks says that the Directory is asked when the event comes.
func asks(e authn.EventName) bool {
	switch e {
	case authn.EventPrimary, authn.EventEnroll, authn.EventChallenge, authn.EventResend, authn.EventActivate, authn.EventSkip, authn.EventResetPassword, authn.EventRedeem, eventTend:
		return true
	}
	return false
}

// limits says whether the Limiter is asked about the event.
func limits(e authn.EventName) bool {
	switch e {
	case authn.EventPrimary, authn.EventEnroll, authn.EventChallenge, authn.EventResend, authn.EventActivate, authn.EventVerify,
		authn.EventChangePassword, authn.EventResetPassword, authn.EventPass:
		return true
	}
	return false
}

// views lets the Directory say what it may. A Listing that is stale is one like any other
// while the Directory has taken nothing.
func (x *explorer) views(s *spot, l Leg, all bool) (ls []Leg) {
	for i := range x.Listings {
		said := &x.Listings[i]
		onward := (isInput(l.Event) || l.Event == authn.EventVerify) && !slices.Equal(said.Needs, x.Listings[0].Needs)
		if i > 0 && !(all && (asks(l.Event) || l.asked || onward || limits(l.Event) && said.Limit > 0)) || said.Stale && !s.disbelieves(said) {
			continue
		}
		l.Listing = *said
		ls = append(ls, l)
	}
	return ls
}

// events are one event of a transaction with whatever may come with it. Where
// the table has no row for it, one is as good as any.
func (x *explorer) events(s *spot, g *tab, t *authn.TransactionView, e authn.EventName) (ls []Leg) {
	here := len(x.cells[cell{t.State, e}]) > 0
	add := func(factor string, typed Typed, all bool) {
		l := Leg{Event: e, Tab: g.n, Factor: factor, Typed: typed}
		l.asked = here && e == authn.EventVerify && x.listed(t, factor)
		ls = append(ls, x.views(s, l, here && all)...)
	}
	switch e {
	case authn.EventEnroll, authn.EventChallenge:
		for i, f := range x.choices(e) {
			if i == 0 || here {
				add(f, TypedNothing, f != nobody)
			}
		}
	case authn.EventActivate, authn.EventVerify:
		if here && t.State == authn.MFARequired {
			x.direct(s, g, add)
			break
		}
		for _, typed := range x.typeable(s, g, t.Factor, here) {
			add("", typed, x.everywhere(typed))
		}
		if typed, ok := x.best(t); here && ok {
			add(t.Factor, typed, false)
			add(nobody, typed, false)
		}
	case authn.EventResend:
		add("", TypedNothing, true)
		if here {
			add(nobody, TypedNothing, false)
		}
	case authn.EventSkip:
		add("", TypedNothing, here)
	case authn.EventChangePassword, authn.EventResetPassword, authn.EventPass:
		return x.inputs(s, g, e, t.State)
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

// direct are codes and responses in MFA_REQUIRED.
func (x *explorer) direct(s *spot, g *tab, add func(factor string, typed Typed, all bool)) {
	if slices.Contains(x.Typed, TypedRight) {
		add("", TypedRight, false)
	}
	for _, f := range x.choices(authn.EventChallenge) {
		if !x.atOnce(x.factorType(f)) {
			if slices.Contains(x.Typed, TypedRight) {
				add(f, TypedRight, false)
			}
			continue
		}
		for _, typed := range x.typeable(s, g, f, true) {
			add(f, typed, x.everywhere(typed))
		}
	}
}

// everywhere says that something is typed whatever the Directory and the gates say.
func (x *explorer) everywhere(typed Typed) bool {
	return typed == TypedRight || typed == TypedWrong || typed == TypedChanged && len(x.gates) > 0
}

// best is what proves the factor at hand if anything does.
func (x *explorer) best(t *authn.TransactionView) (Typed, bool) {
	if x.kind(x.factorType(t.Factor)) == byDevice {
		return TypedNothing, slices.Contains(x.Typed, TypedNothing)
	}
	return TypedRight, slices.Contains(x.Typed, TypedRight)
}

// listed says that the Directory is asked about a code or a response.
func (x *explorer) listed(t *authn.TransactionView, factor string) bool {
	if t.State == authn.MFARequired {
		return factor != ""
	}
	k := x.kind(x.factorType(t.Factor))
	return k != byMessage && k != byDevice
}

// replies are what another device may say: to what it is asked now, or was asked before.
func (x *explorer) replies(g *tab, t *authn.TransactionView) (ls []Leg) {
	add := func(typed Typed) {
		if slices.Contains(x.Typed, typed) {
			ls = append(ls, Leg{Event: authn.EventRespond, Tab: g.n, Typed: typed})
		}
	}
	if g.asked != "" {
		add(TypedRight)
	}
	if g.asked != "" && isLive(t) {
		add(TypedNo)
		if g.number != "" {
			add(TypedWrong)
		}
	}
	if g.before != "" {
		add(TypedOld)
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

// typeable is what may be typed for a factor.
func (x *explorer) typeable(s *spot, g *tab, factor string, here bool) (list []Typed) {
	k := x.kind(x.factorType(factor))
	for _, typed := range x.Typed {
		if !here && typed == TypedRight || here && x.makesSense(s, g, factor, k, typed) {
			list = append(list, typed)
		}
	}
	return list
}

// makesSense says that something that can be typed is another thing than the rest.
func (x *explorer) makesSense(s *spot, g *tab, factor string, k kind, typed Typed) bool {
	h := s.holds(factor)
	switch typed {
	case TypedNothing:
		return k == byDevice
	case TypedWrong:
		return true
	case TypedRight:
		return k != byDevice
	case TypedOld:
		switch k {
		case byMessage:
			return g.old != "" && g.old != g.code
		case byApp:
			return h != nil && h.step != 0
		}
		return k == byList && h != nil && h.spent != 0
	case TypedAnother:
		return k == byMessage && s.anothers(g) || k == byResponse
	case TypedLong:
		return k == byMessage || k == byApp || k == byList
	case TypedAhead, TypedBehind:
		return k == byApp
	}
	return k == byResponse && (typed == TypedMalformed || typed == TypedChanged)
}

// anothers says that there is a code of somebody else which the transaction's is not.
func (s *spot) anothers(g *tab) bool {
	return slices.ContainsFunc(s.foreign, func(c authn.Code) bool { return c != g.code })
}

// typedCode is what is typed, or a response.
func (o *Options) typedCode(s *spot, g *tab, tx *authn.TransactionView, l *Leg, at int32, now time.Time) authn.Code {
	factor := tx.Factor
	if tx.State == authn.MFARequired {
		factor = l.Factor
	}
	h := s.holds(factor)
	switch {
	case tx.State == authn.MFAEnrollActivate:
		h = &held{app: g.app, codes: g.codes}
	case h == nil:
		h = new(held)
	}
	switch k := o.kind(o.factorType(factor)); {
	case k == byResponse:
		return authn.Code("a response: " + string(l.Typed))
	case k == byDevice && l.Typed == TypedNothing:
		return ""
	case k == byApp && h.app.key != "":
		return appCode(h, l.Typed, at, now)
	case k == byList && len(h.codes) > 0:
		return listCode(h, l.Typed, at)
	}
	return s.sentCode(g, l.Typed, at, o.Policy.Digits)
}

// appCode is a code that the app shows, or not.
func appCode(h *held, typed Typed, at int32, now time.Time) authn.Code {
	step := h.app.at(now)
	switch typed {
	case TypedOld:
		step = h.step
	case TypedAhead:
		step++
	case TypedBehind:
		step--
	}
	switch code := h.app.code(step); typed {
	case TypedWrong:
		return turned(code, int(at), 1)
	case TypedLong:
		return code + "0"
	default:
		return code
	}
}

const base32Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// listCode is a code of a list, or not. How it is spelled does not matter.
func listCode(h *held, typed Typed, at int32) authn.Code {
	code := h.unused()
	switch typed {
	case TypedOld:
		code = h.used()
	case TypedLong:
		code += "A"
	case TypedWrong:
		b := []byte(bareCode(code))
		c := &b[max(int(at), 0)%len(b)]
		*c = base32Digits[(strings.IndexByte(base32Digits, *c)+1)%len(base32Digits)]
		code = authn.Code(b)
	}
	if at%2 == 0 {
		return authn.Code(strings.ToLower(bareCode(code)))
	}
	return code
}

// sentCode is a code that was sent, or not.
func (s *spot) sentCode(g *tab, typed Typed, at int32, digits int) authn.Code {
	right := g.code
	if right == "" {
		right = zeros(digits)
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
		for _, c := range s.foreign {
			if c != g.code {
				return c
			}
		}
		return turned(right, 0, 2)
	case TypedLong:
		return right + "0"
	}
	return right
}

// payload is the event of a leg.
func (x *explorer) payload(s *spot, g *tab, tx *authn.TransactionView, l *Leg, at int32, now time.Time) authn.Event {
	if isInput(l.Event) {
		ev, _ := authn.ParseEvent(string(l.Event), l.input())
		return ev
	}
	code := x.typedCode(s, g, tx, l, at, now)
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
	for i := range s.held {
		if h := &s.held[i]; h.app.key != "" && h.step >= h.app.at(s.now)-1 { // until another code is shown than the one used
			add(time.Unix((h.app.at(s.now)+1)*h.app.period, 0).UTC())
		}
		if h := &s.held[i]; end.IsZero() && !h.taken.IsZero() {
			add(h.taken.Add(oneDay))
		}
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
