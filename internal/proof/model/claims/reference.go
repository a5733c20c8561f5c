package claims

import (
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// The reference of claims, up to the right code.

const (
	anHour = time.Hour
	aDay   = 24 * time.Hour
	slots  = 3 // claims of a name that are under way
	most   = 3 // wrong codes that a claim takes, over all its codes, whatever the policy says
)

// claim is what was claimed and what has become of it.
type claim struct {
	seq      int
	name     string // trimmed, in lower case
	purpose  authn.Purpose
	by       string
	require  authn.Requirement
	relay    string
	token    authn.StateToken
	state    authn.State
	began    time.Time
	expires  time.Time
	tries    int
	codes    []*generation
	dead     bool // the last code is good no more
	last     *event
	opened   *event    // the link
	openedAt time.Time // zero: it was not
	proved   time.Time // zero: no right code was handed in
	proves   authn.Subject
	session  authn.SessionToken // of a sign-up
	redeemed bool
	tx       *transaction // that it began
	ended    time.Time
}

// generation is a code of a claim, and the link beside it.
type generation struct {
	at, expires time.Time
	variants    []variant
	key         string
	attempts    int
	accepted    bool
	hopeless    bool // a Sender has said that it cannot be delivered
	unsure      bool // a port has failed meanwhile: it may be sent again
	handed      bool // to the caller: nothing is sent
}

// variant is what one subject was sent: another one has another code.
type variant struct {
	subject authn.Subject
	code    string
	link    authn.Secret
}

// event is one that was saved, as far as a repeat of it is concerned.
type event struct {
	name authn.EventName
	text string
	key  string
}

func (e *event) repeats(x event) bool { return e != nil && x.key != "" && *e == x }

// mark is the last moment at which what was claimed before became void.
type mark struct {
	seq int
	at  time.Time
}

// reference is the history as far as claims depend on it.
type reference struct {
	p      authn.Policy
	names  map[string]authn.Subject // by type and name; a name without an entry is nobody's
	claims []*claim
	begun  []*transaction
	marks  map[string]mark
	seq    int
	tried  map[string][]time.Time // attempts to send, by mailbox
	taken  map[string][]time.Time // messages accepted, by mailbox
}

// settled returns the policy with its defaults, as docs/policy.md has them.
func settled(p authn.Policy) authn.Policy {
	for _, x := range []struct {
		field *int
		usual int
	}{
		{&p.Digits, 6}, {&p.CodeTries, 5}, {&p.Tries, 10}, {&p.Sends, 3}, {&p.SendsPerHour, 6}, {&p.SendsPerDay, 20}, {&p.Live, 3},
		{&p.StartsPerHour, 10}, {&p.ClaimsPerHour, 3}, {&p.ClaimsPerDay, 10}, {&p.BackoffFrom, 4}, {&p.LockEvery, 10},
		{&p.FailuresPerDay, 20}, {&p.DisableAfter, 50},
	} {
		if *x.field == 0 {
			*x.field = x.usual
		}
	}
	if p.FailuresPerYear == 0 && p.Digits < 8 {
		p.FailuresPerYear = 100
	}
	for _, x := range []struct {
		field *time.Duration
		usual time.Duration
	}{{&p.CodeLife, 5 * time.Minute}, {&p.Life, 10 * time.Minute}, {&p.SessionLife, time.Minute}} {
		if *x.field == 0 {
			*x.field = x.usual
		}
	}
	if p.Cooldowns == nil {
		p.Cooldowns = []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}
	}
	return p
}

func (r *reference) digits() int { return max(8, r.p.Digits) }

// normal is how a name is compared.
func normal(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// mailbox is one address in whatever spelling, of whatever type.
func mailbox(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return address[:i] + strings.ToLower(address[i:])
	}
	return address
}

// whose returns whom the code of a claim goes to.
func (r *reference) whose(c *claim) (s authn.Subject, ok bool) {
	if c.purpose == authn.PurposeSignUp {
		return authn.Subject{Address: c.name}, true
	}
	s, ok = r.names[c.by+" "+c.name]
	return s, ok
}

// live reports whether the claim takes events.
func (c *claim) live(now time.Time) bool {
	return (c.state == authn.RecoveryChallenge || c.state == authn.FactorChallenge) && now.Before(c.expires)
}

func (c *claim) code() *generation { return c.codes[len(c.codes)-1] }

// good reports whether the last code can be right.
func (c *claim) good(now time.Time) bool { return !c.dead && now.Before(c.code().expires) }

// free returns from when on fewer than limit of the times lie in a span; zero is now.
func free(times []time.Time, limit int, span time.Duration, now time.Time) time.Time {
	within := slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return !t.Add(span).After(now) })
	if len(within) < limit {
		return time.Time{}
	}
	slices.SortFunc(within, func(a, b time.Time) int { return b.Compare(a) })
	return within[limit-1].Add(span)
}

// charged returns the time that a budget stores: rounded up to the second.
func charged(at time.Time) time.Time {
	if s := at.Truncate(time.Second); s.Before(at) {
		return s.Add(time.Second)
	}
	return at
}

// mayClaim returns from when on a name can be claimed; zero is now.
func (r *reference) mayClaim(name string, now time.Time) time.Time {
	var at []time.Time
	for _, c := range r.claims {
		if c.name == name && c.proved.IsZero() {
			at = append(at, charged(c.began))
		}
	}
	hour, day := free(at, r.p.ClaimsPerHour, anHour, now), free(at, r.p.ClaimsPerDay, aDay, now)
	if day.After(hour) {
		return day
	}
	return hour
}

// crowd ends the claim of a name in whose place a further one begins, if as many are
// under way as may be: the oldest without a good code, then the oldest. One that was
// proved is under way until it answers no more repeats, and is the last to go.
func (r *reference) crowd(name string, now time.Time) {
	rank := func(c *claim) int {
		switch {
		case !c.proved.IsZero():
			return 2
		case c.good(now):
			return 1
		}
		return 0
	}
	var under []*claim
	for _, c := range r.claims {
		if c.name == name && (c.live(now) || knownCrowd && !c.proved.IsZero() && !c.redeemed && c.ended.IsZero() && now.Before(c.proved.Add(r.p.SessionLife))) {
			under = append(under, c)
		}
	}
	if len(under) >= slots {
		slices.SortStableFunc(under, func(a, b *claim) int { return rank(a) - rank(b) })
		under[0].end(authn.Canceled, now)
		under[0].last = nil
	}
}

// claimed notes a claim that was taken.
func (r *reference) claimed(c *claim, now time.Time) {
	r.crowd(c.name, now)
	r.seq++
	c.seq, c.began, c.expires, c.state = r.seq, now, now.Add(r.p.Life), authn.FactorChallenge
	if c.purpose == authn.PurposeRecover || c.purpose == authn.PurposeUnlock {
		c.state = authn.RecoveryChallenge
	}
	r.claims = append(r.claims, c)
	r.generate(c, now)
}

func (r *reference) generate(c *claim, now time.Time) {
	g := &generation{at: now, expires: now.Add(r.p.CodeLife)}
	if g.expires.After(c.expires) {
		g.expires = c.expires
	}
	c.codes, c.dead = append(c.codes, g), false
}

// mayResend returns from when on a claim sends again.
func (r *reference) mayResend(c *claim) (at time.Time, ok bool) {
	n := len(c.codes)
	wait := r.p.Cooldowns[min(n, len(r.p.Cooldowns))-1]
	return c.code().at.Add(wait), n < r.p.Sends
}

// end notes that a claim is over.
func (c *claim) end(to authn.State, now time.Time) { c.state, c.ended = to, now }

// want is what an event on a claim comes to.
type want struct {
	err      error
	or       []error   // others that say as much
	again    time.Time // RetryAt
	outcome  authn.Outcome
	repeated bool // answered from where things stand
	either   bool // or refused as finished: the documentation does not say which
	begins   bool // a right code: the claim is proved, and what it is for begins
	saves    bool
	apply    func() // to the claim, once it is saved
}

func refused(err error) want { return want{err: err} }

// common answers what does not depend on the event; ok is false if it does.
func (r *reference) common(c *claim, e event, now time.Time) (w want, ok bool) {
	if !c.live(now) && c.last != nil && e.key != "" && c.last.key == e.key {
		defer func() {
			if w.err != nil {
				w.or = append(w.or, authn.ErrKeyReused) // as long as it answers repeats
			}
		}()
	}
	switch {
	case !c.proved.IsZero() && c.last.repeats(e) && now.Before(c.proved.Add(r.p.SessionLife)):
		return want{repeated: true, begins: c.purpose != authn.PurposeSignUp, either: c.redeemed}, true
	case !c.proved.IsZero():
		return refused(authn.ErrFinished), true
	case c.state == authn.Canceled && c.last.repeats(e), c.state == authn.LockedOut && c.last.repeats(e):
		return want{repeated: true, either: true}, true
	case !c.live(now):
		return want{err: authn.ErrFinished, apply: func() {
			if c.ended.IsZero() {
				c.end(authn.Expired, now)
			}
		}}, true
	case c.last.repeats(e):
		return want{repeated: true}, true
	case c.last != nil && e.key != "" && c.last.key == e.key:
		return refused(authn.ErrKeyReused), true
	}
	return want{}, false
}

// verify answers a code for a claim.
func (r *reference) verify(c *claim, e event, code, factor string, now time.Time, down bool) want {
	if w, ok := r.common(c, e, now); ok {
		return w
	}
	text, ok := r.formed(code)
	g := c.code()
	switch {
	case !ok:
		return refused(authn.ErrMalformed)
	case factor != "":
		return refused(authn.ErrNotOffered)
	case c.dead:
		return refused(authn.ErrNoCode)
	case !now.Before(g.expires):
		return want{outcome: authn.LateCode, saves: true, apply: func() { c.dead, c.last = true, &e }}
	case down && c.purpose != authn.PurposeSignUp:
		return refused(authn.ErrUnavailable)
	case c.openedAt.IsZero() && r.right(c, g, func(v variant) bool { return v.code == text }):
		return want{begins: true, saves: true, apply: func() {
			c.state, c.proved, c.last = authn.Success, now, &e
		}}
	}
	return want{outcome: authn.WrongCode, saves: true, apply: func() {
		c.tries++
		c.last = &e
		if c.tries >= most {
			c.end(authn.LockedOut, now)
		}
	}}
}

// formed reports whether a code has the form of a claim's, and returns its digits.
func (r *reference) formed(code string) (text string, ok bool) {
	text = strings.NewReplacer(" ", "", "-", "").Replace(code)
	return text, len(text) == r.digits() && strings.Trim(text, "0123456789") == ""
}

// right reports whether what was handed in was sent to whoever has the name now.
func (r *reference) right(c *claim, g *generation, is func(variant) bool) bool {
	s, ok := r.whose(c)
	return ok && slices.ContainsFunc(g.variants, func(v variant) bool { return is(v) && v.subject.User == s.User && v.subject.Address == s.Address })
}

// resend answers resend.
func (r *reference) resend(c *claim, e event, now time.Time) want {
	if w, ok := r.common(c, e, now); ok {
		return w
	}
	switch at, left := r.mayResend(c); {
	case !left:
		return refused(authn.ErrExhausted)
	case now.Before(at):
		return want{err: authn.ErrTooSoon, again: at}
	}
	return want{saves: true, apply: func() {
		r.generate(c, now)
		c.last = &e
	}}
}

// cancel answers cancel.
func (r *reference) cancel(c *claim, e event, now time.Time) want {
	if w, ok := r.common(c, e, now); ok {
		return w
	}
	return want{saves: true, apply: func() {
		c.end(authn.Canceled, now)
		c.last = &e
	}}
}

// open answers the link of a claim, of one of its generations.
func (r *reference) open(c *claim, g *generation, e event, now time.Time, down bool) want {
	switch {
	case !c.openedAt.IsZero() && c.opened.repeats(e) && (c.live(now) || now.Before(c.openedAt.Add(r.p.SessionLife))):
		return want{repeated: true, begins: true, either: !c.live(now) || g != c.code() || !c.good(now) || !now.Before(c.openedAt.Add(r.p.SessionLife))}
	case !c.openedAt.IsZero() && c.opened.repeats(e):
		return want{err: authn.ErrFinished, or: []error{authn.ErrNoUser, authn.ErrUnavailable}}
	case !c.openedAt.IsZero(), !c.live(now), g != c.code(), !c.good(now):
		if down {
			return want{err: authn.ErrFinished, or: []error{authn.ErrUnavailable}}
		}
		return refused(authn.ErrFinished)
	case down:
		return refused(authn.ErrUnavailable)
	case !r.right(c, g, func(v variant) bool { return string(v.link) == e.text }):
		return refused(authn.ErrFinished)
	}
	return want{begins: true, saves: true, apply: func() { c.opened, c.openedAt = &e, now }}
}

// void reports whether what was claimed before the user's last mark was claimed then.
// What was claimed at the very moment of the mark, and after it, may be void too; that of a
// new password may be a nanosecond later than the clock.
func (r *reference) void(c *claim, user string) (is, either bool) {
	m, ok := r.marks[user]
	switch {
	case !ok:
		return false, false
	case c.seq < m.seq:
		return true, false
	}
	return false, !c.began.After(m.at.Add(1))
}

// void notes that what was claimed for a user before is void.
func (r *reference) mark(user string, now time.Time) {
	r.seq++
	r.marks[user] = mark{r.seq, now}
}

// room says whether a mailbox gets another message: surely, surely not, or either.
func (r *reference) room(box string, now time.Time) (surely, never bool) {
	fits := func(ts []time.Time) bool {
		return free(ts, r.p.SendsPerHour, anHour, now).IsZero() && free(ts, r.p.SendsPerDay, aDay, now).IsZero()
	}
	return fits(r.tried[box]), !fits(r.taken[box])
}
