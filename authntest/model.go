package authntest

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The model says what a host has to answer. It is written from the
// documentation, keeps plain facts, and shares no code with the machine.

// Where a transaction stands.
const (
	outside   = "UNAUTHENTICATED"
	toEnroll  = "MFA_ENROLL"
	enrolling = "MFA_ENROLL_ACTIVATE"
	required  = "MFA_REQUIRED"
	proving   = "MFA_CHALLENGE"
	success   = "SUCCESS"
	locked    = "LOCKED_OUT"
	canceled  = "CANCELED"
)

// person is a user as the model knows him: one factor, and what his account
// remembers.
type person struct {
	name    string
	factor  string // its ID
	address string // as the directory has it; "": it lists no factor
	active  bool   // as the directory has it
	handed  string // the address of an activation that the directory did not take

	starts   []charge
	sends    []charge
	failures []charge
	row      int       // wrong codes, one after the other
	wait     time.Time // end of the back-off
	lock     time.Time // end of the lock by wrong codes in a row
	disabled bool
	txs      []*tx
}

// charge is a moment on a budget, and the transaction that caused it.
type charge struct {
	at time.Time
	by *tx
}

// proved says that the person has an active factor.
func (p *person) proved() bool { return p.active || p.handed != "" && p.handed == p.address }

// tx is a transaction.
type tx struct {
	who             *person
	token, session  string // "" if the client never got one
	state           string
	shown           string // by the last answer that told
	enrolls         bool   // it began without an active factor
	address         string
	born, ends      time.Time
	code            string // live; "": none, unknown: sent, and never seen
	codeEnds, cool  time.Time
	tries, wrong    int // wrong codes, of the transaction and of its code
	sends           int
	redeemed, ended bool
}

// unknown is a code that was made and never seen.
const unknown = "?"

func (x *tx) over(now time.Time) bool { return x.ended || !now.Before(x.ends) }

func (x *tx) live(now time.Time) bool { return !x.over(now) && x.state != success }

// kept says that a code could still be used, as far as time goes.
func (x *tx) kept(now time.Time) bool { return x.code != "" && now.Before(x.codeEnds) }

// verdict is what a request comes to.
type verdict struct {
	class Class
	to    string    // the state after it; "" if there is no transaction any more
	sends bool      // a code goes out
	retry time.Time // TooSoon: until then
}

// model is everybody, under one policy.
type model struct {
	authn.Policy
	people []*person
}

// spent is when a budget of n charges in a span has room again; the zero time
// if it has room now.
func spent(cs []charge, n int, span time.Duration, now time.Time) time.Time {
	if len(cs) < n {
		return time.Time{}
	}
	if free := cs[len(cs)-n].at.Add(span); free.After(now) {
		return free
	}
	return time.Time{}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

const day = 24 * time.Hour

// lockedUntil says whether the account is locked, and until when.
func (m *model) lockedUntil(p *person, now time.Time) (time.Time, bool) {
	end := spent(p.failures, m.FailuresPerDay, day, now)
	if p.lock.After(now) {
		end = later(end, p.lock)
	}
	return end, p.disabled || !end.IsZero()
}

// begin is the verdict on a right password.
func (m *model) begin(p *person, now time.Time) verdict {
	if _, yes := m.lockedUntil(p, now); yes {
		return verdict{class: Locked, to: locked}
	}
	switch {
	case !spent(p.starts, m.StartsPerHour, time.Hour, now).IsZero():
		return verdict{class: TooSoon, to: outside}
	case p.address == "":
		return verdict{class: NoFactor, to: outside}
	case p.proved():
		return verdict{to: required}
	}
	return verdict{to: toEnroll}
}

// event is the verdict on a request. With best the request is the best that
// its event could be: the right code, a factor that is on offer.
func (m *model) event(x *tx, r Request, now time.Time, best bool) verdict {
	out := x.state == proving || x.state == enrolling
	switch {
	case !best && r.Code != "" && !digits(r.Code, m.Digits):
		return verdict{class: Malformed, to: x.state}
	case x.over(now):
		return verdict{class: Finished}
	case x.state == success && (r.Event != "cancel" || x.redeemed):
		return verdict{class: Finished}
	case r.Event == "cancel":
		return verdict{to: canceled}
	case r.Event == "enroll" && x.state == toEnroll:
		return m.sending(x, r, enrolling, now, best)
	case r.Event == "challenge" && x.state == required:
		v := m.sending(x, r, proving, now, best)
		if (v.class == TooSoon && v.retry != x.who.wait || v.class == Exhausted) && x.kept(now) && (best || x.address == x.who.address) {
			return verdict{to: proving}
		}
		return v
	case r.Event == "resend" && out:
		return m.sending(x, r, x.state, now, best)
	case r.Event == "verify" && x.state == proving, r.Event == "activate" && x.state == enrolling:
		return m.judge(x, r, now, best)
	case r.Event == "previous" && x.state == proving:
		return verdict{to: required}
	case r.Event == "previous" && x.state == enrolling:
		return verdict{to: toEnroll}
	case r.Event == "skip" && x.state == toEnroll:
		return verdict{class: Required, to: x.state}
	}
	return verdict{class: NotAllowed, to: x.state}
}

// digits says that a code as typed has n digits and nothing else.
func digits(s string, n int) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == n
}

// sending is the verdict on a request for a code.
func (m *model) sending(x *tx, r Request, to string, now time.Time, best bool) verdict {
	p := x.who
	named := r.Factor == p.factor || r.Event == "enroll" && r.Factor == authn.Email
	offered := p.address != "" && p.proved() != x.enrolls
	full := later(spent(p.sends, m.SendsPerHour, time.Hour, now), spent(p.sends, m.SendsPerDay, day, now))
	no := verdict{class: TooSoon, to: x.state}
	switch {
	case !best && !(named && offered):
		no.class = NotOffered
	case now.Before(p.wait):
		no.retry = p.wait
	case x.sends >= m.Sends:
		no.class = Exhausted
	case now.Before(x.cool):
		no.retry = x.cool
	case !full.IsZero():
		no.retry = full
	default:
		return verdict{to: to, sends: true}
	}
	return no
}

// judge is the verdict on a code.
func (m *model) judge(x *tx, r Request, now time.Time, best bool) verdict {
	p := x.who
	gone := x.state == enrolling && !best && (p.address != x.address || p.proved())
	switch {
	case !best && r.Factor != "" && r.Factor != p.factor:
		return verdict{class: NotOffered, to: x.state}
	case now.Before(p.wait):
		return verdict{class: TooSoon, to: x.state, retry: p.wait}
	case x.code == "" || gone:
		return verdict{class: NoCode, to: x.state}
	case !now.Before(x.codeEnds):
		return verdict{class: LateCode, to: x.state}
	case best || r.Code == x.code:
		return verdict{to: success}
	case m.locks(p, now) || x.tries+1 >= m.Tries:
		return verdict{class: WrongCode, to: locked}
	}
	return verdict{class: WrongCode, to: x.state}
}

// locks says that one more wrong code locks the account.
func (m *model) locks(p *person, now time.Time) bool {
	n := p.row + 1
	return n >= m.DisableAfter || n%m.LockEvery == 0 || !spent(p.failures, m.FailuresPerDay-1, day, now).IsZero()
}

// redeem is the verdict on a session token.
func (m *model) redeem(x *tx, now time.Time) verdict {
	switch {
	case x.over(now) || x.state != success || x.redeemed:
		return verdict{class: Finished}
	case x.who.address != x.address || !x.who.proved():
		return verdict{class: NotOffered}
	}
	return verdict{to: success}
}

// allowed are the events that move a live transaction, now or after a wait, if
// nothing else happens meanwhile.
func (m *model) allowed(x *tx, now time.Time) (list []string) {
	for _, e := range []string{"enroll", "activate", "challenge", "verify", "resend", "previous", "skip", "cancel"} {
		for t := now; t.Before(x.ends); {
			v := m.event(x, Request{Event: e}, t, true)
			if v.class == OK {
				list = append(list, e)
			}
			if v.class != TooSoon || !v.retry.After(t) {
				break
			}
			t = v.retry
		}
	}
	slices.Sort(list)
	return list
}
