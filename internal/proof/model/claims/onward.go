package claims

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The reference of what a right code begins in the account's own record.

// transaction is what a claim has begun.
type transaction struct {
	user     string
	came     string // mailbox that the code went to
	by       string
	purpose  authn.Purpose
	require  authn.Requirement
	relay    string
	id       string
	token    authn.StateToken
	state    authn.State
	expires  time.Time
	tries    int
	factors  []string // proved, by id
	question string
	chosen   string // factor at hand
	code     authn.Code
	codeEnds time.Time
	session  authn.SessionToken
	until    time.Time // of the session token
	at       authn.EventName
	redeemed bool
	over     bool
}

// ledger is what is stored of an account, as far as it matters here.
type ledger struct{ authn.AccountView }

// bars returns how a lock bars the account, and until when, if only time is needed: unlock
// is not barred by a soft lock.
func (r *reference) bars(v ledger, unlock bool, now time.Time) (barred bool, until time.Time) {
	if v.Disabled {
		return true, time.Time{}
	}
	ends := []time.Time{free(v.WrongCodes, r.p.FailuresPerDay, aDay, now)}
	if r.p.FailuresPerYear > 0 {
		ends = append(ends, free(v.WrongCodes, r.p.FailuresPerYear, 365*aDay, now))
	}
	if v.LockedUntil.After(now) && !unlock {
		ends = append(ends, v.LockedUntil)
	}
	until = slices.MaxFunc(ends, time.Time.Compare)
	return !until.IsZero(), until
}

// known are the types that the service has.
var known = []string{authn.Email, authn.SMS, authn.Call, authn.TOTP}

func active(f authn.Factor) bool {
	return f.Status == authn.Active || f.Status == authn.NotSetUp && f.Type == authn.Email && f.Verified
}

// counting are the factors that prove anything beside a mailbox: active, usable and
// elsewhere.
func counting(fs []authn.Factor, came string) (is []authn.Factor) {
	for _, f := range fs {
		if active(f) && slices.Contains(known, f.Type) && (f.Type == authn.TOTP || mailbox(f.Address) != came) {
			is = append(is, f)
		}
	}
	return is
}

// enrolling are the factors that can be enrolled beside a mailbox, if nothing is active.
func enrolling(fs []authn.Factor, came string) (is []authn.Factor) {
	for _, f := range fs {
		if !active(f) && slices.Contains(known, f.Type) && (f.Type == authn.TOTP || mailbox(f.Address) != came) {
			is = append(is, f)
		}
	}
	return is
}

// foreign says that a factor protects that cannot be proved here.
func foreign(fs []authn.Factor) bool {
	return slices.ContainsFunc(fs, func(f authn.Factor) bool { return active(f) && !slices.Contains(known, f.Type) })
}

// start is what beginning in the account's own record comes to.
type start struct {
	err    error
	either bool // or void
	again  time.Time
	state  authn.State
	asks   bool // the host's question
}

// begin answers a claim that was proved.
func (r *reference) begin(c *claim, user, came string, fs []authn.Factor, gone bool, v ledger, asks bool, now time.Time) (s start) {
	void, either := r.void(c, user)
	s.either = either
	barred, until := r.bars(v, c.purpose == authn.PurposeUnlock, now)
	counts := counting(fs, came)
	someActive := slices.ContainsFunc(fs, active)
	switch again := free(v.Starts, r.p.StartsPerHour, anHour, now); {
	case gone:
		s.err = authn.ErrNoUser
	case void:
		s.err = authn.ErrFinished
	case barred:
		s.err, s.again = authn.ErrLocked, until
	case !again.IsZero():
		s.err, s.again = authn.ErrTooSoon, again
	case c.purpose == authn.PurposeUnlock && asks:
		s.state, s.asks = authn.Recovery, true
	case c.purpose == authn.PurposeUnlock:
		s.state = authn.Success
	case c.purpose == authn.PurposeRecover && len(counts) == 0 && foreign(fs):
		s.err = authn.ErrNoFactor
	case c.purpose == authn.PurposeRecover && asks:
		s.state, s.asks = authn.Recovery, true
	case c.purpose == authn.PurposeRecover:
		s.state = recovered(counts)
	case c.require == authn.RequireNothing:
		s.state = authn.Success
	case len(counts) > 0:
		s.state = authn.MFARequired
	case foreign(fs):
		s.err = authn.ErrNoFactor
	case someActive && c.require == authn.RequireIfActive:
		s.state = authn.Success // the mailbox is proved already, and keeps enrollment closed
	case someActive:
		s.err = authn.ErrNoFactor
	case len(enrolling(fs, came)) > 0:
		s.state = authn.MFAEnroll
	case c.require == authn.RequireIfActive:
		s.state = authn.Success
	default:
		s.err = authn.ErrNoFactor
	}
	return s
}

// recovered is where a recovery goes after the question.
func recovered(counts []authn.Factor) authn.State {
	if len(counts) > 0 {
		return authn.MFARequired
	}
	return authn.PasswordReset
}

// proved is where a transaction goes after a factor.
func (t *transaction) proved() authn.State {
	if t.purpose == authn.PurposeRecover {
		return authn.PasswordReset
	}
	return authn.Success
}

// signsIn says whether SUCCESS has a session.
func (t *transaction) signsIn() bool {
	return t.purpose == authn.PurposeSignIn || t.purpose == authn.PurposeRecover && len(t.factors) > 0
}

// wrong is what a wrong answer or code comes to.
func (r *reference) wrong(t *transaction, v ledger, now time.Time) (to authn.State, locks bool) {
	codes := append(slices.Clone(v.WrongCodes), now)
	n := v.Failures + 1
	spent := !free(codes, r.p.FailuresPerDay, aDay, now).IsZero() || r.p.FailuresPerYear > 0 && !free(codes, r.p.FailuresPerYear, 365*aDay, now).IsZero()
	switch {
	case n >= r.p.DisableAfter, n%r.p.LockEvery == 0, spent:
		return authn.LockedOut, true
	case t.tries+1 >= r.p.Tries:
		return authn.LockedOut, false
	}
	return t.state, false
}
