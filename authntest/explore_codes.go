package authntest

import (
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// The rules about codes: which are accepted, which are counted.

// knows says that the machine knows the factor's type; others are passed over.
func (t *Trial) knows(f *authn.Factor) bool {
	active := *f
	if k := t.x.kind(f.Type); k != byApp && k != byList {
		active.Status = authn.Active // else one of a type that it does not know is not reported
	}
	return len(t.x.p.Faults("", t.s.user, []authn.Factor{active})) == 0
}

// offered is what the Directory says now, as the machine takes it: a factor
// counts as active if its address is verified, or if it was activated here and
// is still to be handed over.
func (t *Trial) offered() (fs []authn.Factor) {
	for _, f := range t.Factors {
		if !t.knows(&f) {
			continue
		}
		handed := slices.ContainsFunc(t.s.handed, func(h authn.Factor) bool { return sameFactor(&h, &f) })
		if f.Status == authn.NotSetUp && (handed || f.Verified && !t.Policy.NoAutoActivate) {
			f.Status = authn.Active
		}
		fs = append(fs, f)
	}
	return usable(fs)
}

// usable cuts a list to the factors that count: the first 32.
func usable(fs []authn.Factor) []authn.Factor { return fs[:min(len(fs), mostFactors)] }

// mostFactors is how many factors of a user count.
const mostFactors = 32

func sameFactor(a, b *authn.Factor) bool {
	return a.ID == b.ID && a.Type == b.Type && strings.EqualFold(a.Address, b.Address)
}

// has says that the Directory has a factor with this status.
func (t *Trial) has(s authn.Status) bool {
	return slices.ContainsFunc(t.offered(), func(f authn.Factor) bool { return f.Status == s })
}

// missing says that something would still be demanded after the event: by what the
// Directory says now or, of a code to sign in, said when it was sent.
func (t *Trial) missing(proved []authn.Factor) bool {
	list := t.offered()
	if t.Event == authn.EventVerify {
		if list = t.g.list; t.g.adding {
			return true
		}
	}
	if t.g.require == authn.RequireFactor && len(proved) == 0 {
		return true
	}
	return slices.ContainsFunc(list, func(f authn.Factor) bool {
		return (f.Required || t.g.more && t.Event == authn.EventActivate) && f.Status != authn.Active && !slices.ContainsFunc(proved, func(p authn.Factor) bool { return sameFactor(&p, &f) })
	})
}

// overdue says that the transaction's time is up, by its own account.
func (t *Trial) overdue(tx *authn.TransactionView) bool {
	return !t.Now.Before(tx.Expires) || tx.State != authn.Success && (tx.Steps >= mostSteps || tx.Tries >= t.Policy.Tries)
}

// mostSteps is how many steps a transaction takes.
const mostSteps = 100

// looked says that a code or a response is handed in, and everything but that is as it
// has to be for it to be looked at.
func (t *Trial) looked() bool {
	was := t.Was()
	if !t.isCode() || was == nil || t.overdue(was) || t.Now.Before(t.env.Limited) || t.Now.Before(t.Before.BackoffUntil) || t.full() || t.stale() {
		return false
	}
	if t.direct() {
		return t.mayProve() && t.worth() != worthMalformed
	}
	here := was.State == authn.MFAChallenge && t.Event == authn.EventVerify || was.State == authn.MFAEnrollActivate && t.Event == authn.EventActivate
	named := t.leg.Factor == "" || t.leg.Factor == was.Factor
	return here && named && !was.CodeExpires.IsZero() && t.worth() != worthMalformed && t.stands(was)
}

// direct says that a code or a response comes without a challenge.
func (t *Trial) direct() bool {
	return t.Event == authn.EventVerify && t.Was() != nil && t.Was().State == authn.MFARequired
}

// mayEnroll says that the factor at hand is still offered for enrollment, at
// the address that its code went to.
func (t *Trial) mayEnroll(was *authn.TransactionView) bool {
	return (len(was.Proved) > 0 || !t.has(authn.Active)) && slices.ContainsFunc(t.offered(), func(f authn.Factor) bool {
		return f.Status == authn.NotSetUp && f.ID == was.Factor && sameFactor(&t.g.hand, &f)
	})
}

// inTime says that a code that is looked at comes before its expiry.
func (t *Trial) inTime() bool { return t.looked() && (t.direct() || t.Now.Before(t.Was().CodeExpires)) }

// full says that the outbox has no room: then there is no verdict.
func (t *Trial) full() bool { return t.Err != nil && t.Refusal == nil && len(t.Before.Owed) > 0 }

func checkEarned(t *Trial) (applies bool, wrong string) {
	for i := range t.After.Transactions {
		is := &t.After.Transactions[i]
		if was := transaction(&t.Before, is.ID); is.State != authn.Success || was != nil && was.State == authn.Success {
			continue
		}
		if is.ID != t.Transaction {
			return true, "another transaction became SUCCESS"
		}
		switch was := t.Was(); t.Event {
		case authn.EventPrimary:
			bare := t.Login.Require == authn.RequireNothing || t.Login.Require == authn.RequireIfActive && !t.has(authn.Active) && !t.has(authn.NotSetUp)
			return true, says(!bare, "the password alone was enough")
		case authn.EventChangePassword, authn.EventResetPassword, authn.EventPass:
			return true, says(!t.judged() || t.Typed != TypedRight, "it is not right, or not what is asked for")
		case authn.EventSkip:
			return true, says(was.State != authn.PasswordWarn && (was.State != authn.MFAEnroll || t.missing(t.g.proven)), "something required was skipped")
		case authn.EventVerify, authn.EventActivate:
			proved := append(slices.Clone(t.g.proven), t.subject())
			return true, says(!t.inTime() || t.worth() != worthRight || t.missing(proved), "it is not the right code, or may not be used, or is not enough")
		}
		return true, "by " + string(t.Event)
	}
	return false, ""
}

func checkRight(t *Trial) (applies bool, wrong string) {
	if !t.inTime() && !t.judged() || t.hostRefuses() || t.worth() != worthRight {
		return false, ""
	}
	want := t.onward()
	if t.isCode() && t.missing(append(slices.Clone(t.g.proven), t.subject())) {
		want = authn.MFAEnroll
	}
	is := t.Is()
	return true, says(!t.Taken() || t.Outcome != authn.Done || is == nil || is.State != want, "the right code was not accepted, or did not lead to %s", want)
}

func checkOnce(t *Trial) (applies bool, wrong string) {
	was := t.Was()
	switch {
	case !t.isCode() || was == nil || t.kind() != byMessage:
		return false, ""
	case t.Typed == TypedOld:
		return true, says(t.Accepted(), "the code was superseded")
	case t.Typed == TypedRight && was.Sent > 0 && t.g.used == was.Sent:
		return true, says(t.Accepted(), "the code was accepted before")
	case t.Typed == TypedRight && was.Sent > 0 && t.g.late == was.Sent:
		return true, says(t.Accepted(), "the code was late before")
	case t.Typed == TypedAnother || t.Typed == TypedWrong || t.Typed == TypedLong:
		return true, says(t.Accepted(), "it was never a code of this transaction")
	}
	return false, ""
}

func checkLate(t *Trial) (applies bool, wrong string) {
	if !t.looked() || t.inTime() {
		return false, ""
	}
	is, was := t.Is(), t.Was()
	if !t.Taken() || t.Outcome != authn.LateCode || is == nil {
		return true, "a late code was not answered as one"
	}
	return true, says(is.State != was.State || is.Tries != was.Tries || !is.CodeExpires.IsZero() || t.After.Failures != t.Before.Failures,
		"it was counted, or the code lives on, or the state changed")
}

func checkCounted(t *Trial) (applies bool, wrong string) {
	if !t.isWrong() {
		return false, ""
	}
	if !t.Taken() || t.Outcome != authn.WrongCode {
		return true, "a wrong code was not answered as one"
	}
	b, a, p := &t.Before, &t.After, &t.Policy
	span := oneYear
	if p.FailuresPerYear == 0 {
		span = oneDay
	}
	want := min(within(b.WrongCodes, t.Now, span)+1, mostCharges)
	if a.Failures != b.Failures+1 || within(a.WrongCodes, t.Now, span) != want {
		return true, says(true, "the account has %d in a row after %d, %d in all, want %d", a.Failures, b.Failures, len(a.WrongCodes), want)
	}
	was, is := t.Was(), t.Is()
	if is.State != was.State {
		return true, says(is.State != authn.LockedOut, "it ended as %s", is.State)
	}
	tries, lives := t.codeTries(was)
	return true, says(is.Tries != was.Tries+1 || lives == is.CodeExpires.IsZero() || is.CodeTries != tries,
		"tries %d after %d, of the code %d after %d, and it lives: %t", is.Tries, was.Tries, is.CodeTries, was.CodeTries, !is.CodeExpires.IsZero())
}

// codeTries is what a wrong code leaves of the challenge at hand: its tries, and whether
// it lives on. Only a code that was sent has a number of tries; a device has one answer,
// and the next challenge takes the place of one that a Verifier has judged by.
func (t *Trial) codeTries(was *authn.TransactionView) (n int, lives bool) {
	switch n = was.CodeTries; {
	case isInput(t.Event):
		return n, !was.CodeExpires.IsZero()
	case t.Event == authn.EventRespond:
		return 0, false
	case t.direct():
		return n, !was.CodeExpires.IsZero()
	case t.kind() == byMessage && n+1 >= t.Policy.CodeTries:
		return 0, false
	case t.kind() == byMessage:
		n++
	}
	return n, true
}

func checkForgiven(t *Trial) (applies bool, wrong string) {
	if !t.forgives() {
		return false, ""
	}
	a, b := &t.After, &t.Before
	left := within(b.WrongCodes, t.Now, oneYear) - t.g.charged
	if t.Policy.FailuresPerYear == 0 {
		left = within(b.WrongCodes, t.Now, oneDay) - t.g.charged
	}
	row := 0
	if !t.Accepted() { // no factor was proved: the others' stay
		row = max(0, b.Failures-t.g.charged)
	}
	return true, says(a.Failures != row || a.BackoffUntil.After(t.Now) || len(b.WrongCodes) < mostCharges && len(a.WrongCodes) != left,
		"%d in a row, want %d; %d in all, want %d; backing off until %v", a.Failures, row, len(a.WrongCodes), left, a.BackoffUntil)
}

func checkOnlyCodes(t *Trial) (applies bool, wrong string) {
	if t.tested() || t.Err != nil || !t.Changed {
		return false, ""
	}
	if t.After.Failures != t.Before.Failures || t.After.Disabled != t.Before.Disabled {
		return true, "the account's failures changed"
	}
	for i := range t.After.Transactions {
		is := &t.After.Transactions[i]
		was := transaction(&t.Before, is.ID)
		if was == nil || isTerminal(is.State) {
			continue
		}
		if is.Tries != was.Tries || is.Sent == was.Sent && is.Factor == was.Factor && !is.CodeExpires.IsZero() && is.CodeTries != was.CodeTries {
			return true, "a transaction's tries changed"
		}
	}
	return true, ""
}

func checkLastTry(t *Trial) (applies bool, wrong string) {
	if !t.Taken() || t.Outcome != authn.WrongCode {
		return false, ""
	}
	p, a, n := &t.Policy, &t.After, t.Before.Failures+1
	disabled := n >= p.DisableAfter
	locks := disabled || n%p.LockEvery == 0 || within(t.Before.WrongCodes, t.Now, oneDay)+1 >= p.FailuresPerDay ||
		p.FailuresPerYear > 0 && within(t.Before.WrongCodes, t.Now, oneYear)+1 >= p.FailuresPerYear
	isLocked := a.Disabled || lockEnd(p, a).After(t.Now)
	switch ends := locks || t.Was().Tries+1 >= p.Tries; {
	case ends != (t.Is().State == authn.LockedOut):
		return true, says(true, "LOCKED_OUT %t, want %t", !ends, ends)
	case a.Disabled != (disabled || t.Before.Disabled):
		return true, says(true, "disabled %t at %d in a row", a.Disabled, n)
	case isLocked != locks:
		return true, says(true, "account locked %t, want %t", isLocked, locks)
	case n%p.LockEvery == 0 && a.LockedUntil.Before(t.Now.Add(doubling(p.Lock, n/p.LockEvery-1, p.LockMax))):
		return true, says(true, "locked until %v only", a.LockedUntil)
	case !locks && !p.NoBackoff && n >= p.BackoffFrom && !a.BackoffUntil.Equal(t.Now.Add(doubling(p.Backoff, n-p.BackoffFrom, p.BackoffMax))):
		return true, says(true, "backing off until %v", a.BackoffUntil)
	}
	return true, ""
}
