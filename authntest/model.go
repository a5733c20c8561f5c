package authntest

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The model predicts what a host answers. It follows the documentation and
// shares no code with the machine.

// The states of a transaction.
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

// account is a user with one factor, and the account's counters.
type account struct {
	name    string
	factor  string // its ID
	address string // in the directory; "" if it lists no factor
	active  bool   // in the directory
	handed  string // the address of an enrolled factor that the directory has not accepted

	starts   []charge
	sends    []charge
	failures []charge
	row      int       // consecutive wrong codes
	wait     time.Time // end of the back-off
	lock     time.Time // end of the lock
	disabled bool
	txs      []*tx
}

// charge is a use of a budget, and the transaction that caused it.
type charge struct {
	at time.Time
	by *tx
}

// proved reports whether the user has an active factor.
func (p *account) proved() bool { return p.active || p.handed != "" && p.handed == p.address }

// lists reports whether the factor with this ID is listed and active.
func (p *account) lists(factor string) bool {
	return factor == p.factor && p.address != "" && p.proved()
}

// tx is a transaction.
type tx struct {
	who             *account
	token, session  string // "" if the client has none
	state           string
	shown           string // the state that the client was told last
	enrolls         bool   // began without an active factor
	address         string
	born, ends      time.Time
	code            string // the live code; "" if there is none
	codeEnds, cool  time.Time
	tries, wrong    int // wrong codes, of the transaction and of the live code
	sends           int
	redeemed, ended bool
}

// unknown is a live code that was never sent.
const unknown = "?"

func (x *tx) over(now time.Time) bool { return x.ended || !now.Before(x.ends) }

func (x *tx) live(now time.Time) bool { return !x.over(now) && x.state != success }

// kept reports whether there is a live code that has not expired.
func (x *tx) kept(now time.Time) bool { return x.code != "" && now.Before(x.codeEnds) }

// verdict is the predicted result of a request.
type verdict struct {
	class Class
	to    string    // the state after it; "" if there is no transaction
	sends bool      // a code is sent
	retry time.Time // of TooSoon
}

// model holds all accounts.
type model struct {
	authn.Policy
	accounts []*account
}

// spent returns when a budget of n charges in a span has room again; the zero
// time if it has room now.
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

// lockedUntil returns whether the account is locked, and until when.
func (m *model) lockedUntil(p *account, now time.Time) (time.Time, bool) {
	end := spent(p.failures, m.FailuresPerDay, day, now)
	if p.lock.After(now) {
		end = later(end, p.lock)
	}
	return end, p.disabled || !end.IsZero()
}

// begin returns the verdict on a sign-in with the right password.
func (m *model) begin(p *account, now time.Time) verdict {
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

// event returns the verdict on a request. best assumes the best request with
// that event: the right code, an offered factor.
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
		if (v.class == TooSoon && v.retry != x.who.wait || v.class == Exhausted) && x.kept(now) && x.address == x.who.address {
			return verdict{to: proving}
		}
		return v
	case r.Event == "resend" && out:
		return m.sending(x, r, x.state, now, best)
	case r.Event == "verify" && x.state == proving, r.Event == "activate" && x.state == enrolling:
		return m.judge(x, r, now, best)
	case r.Event == "verify" && x.state == required && r.Factor != "" && !x.who.lists(r.Factor):
		return verdict{class: NotOffered, to: x.state}
	case r.Event == "previous" && x.state == proving:
		return verdict{to: required}
	case r.Event == "previous" && x.state == enrolling:
		return verdict{to: toEnroll}
	case r.Event == "skip" && x.state == toEnroll:
		return verdict{class: Required, to: x.state}
	}
	return verdict{class: NotAllowed, to: x.state}
}

// digits reports whether s is n digits.
func digits(s string, n int) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == n
}

// sending returns the verdict on a request for a code.
func (m *model) sending(x *tx, r Request, to string, now time.Time, best bool) verdict {
	p := x.who
	named := r.Factor == p.factor || r.Event == "enroll" && r.Factor == authn.Email
	offered := p.address != "" && p.proved() != x.enrolls
	full := later(spent(p.sends, m.SendsPerHour, time.Hour, now), spent(p.sends, m.SendsPerDay, day, now))
	no := verdict{class: TooSoon, to: x.state}
	switch {
	case !offered || !best && !named:
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

// judge returns the verdict on a code.
func (m *model) judge(x *tx, r Request, now time.Time, best bool) verdict {
	p := x.who
	gone := x.state == enrolling && (p.address != x.address || p.proved())
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

// locks reports whether one more wrong code locks the account.
func (m *model) locks(p *account, now time.Time) bool {
	n := p.row + 1
	return n >= m.DisableAfter || n%m.LockEvery == 0 || !spent(p.failures, m.FailuresPerDay-1, day, now).IsZero()
}

// redeem returns the verdict on a session token.
func (m *model) redeem(x *tx, now time.Time) verdict {
	switch {
	case x.over(now) || x.state != success || x.redeemed:
		return verdict{class: Finished}
	case x.who.address != x.address || !x.who.proved():
		return verdict{class: NotOffered}
	}
	return verdict{to: success}
}

// allowed returns the events that a live transaction accepts, now or after a
// wait.
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
