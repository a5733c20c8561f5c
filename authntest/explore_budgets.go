package authntest

import (
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The rules about budgets, waits, ends and locks.

func checkNoRefill(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed {
		return false, ""
	}
	b, a, p := &t.Before, &t.After, &t.Policy
	starts, codes := within(b.Starts, t.Now, oneHour), within(b.WrongCodes, t.Now, oneYear)
	if p.FailuresPerYear == 0 {
		codes = within(b.WrongCodes, t.Now, oneDay)
	}
	for i := range a.Transactions {
		is := &a.Transactions[i]
		was := transaction(b, is.ID)
		if is.State == authn.Success && (was == nil || was.State != authn.Success) {
			starts-- // the start of a sign-in that succeeds is given back
		}
		if was == nil || isTerminal(is.State) {
			continue
		}
		if is.Sent < was.Sent || is.Tries < was.Tries || is.Sent == was.Sent && is.Factor == was.Factor && !is.CodeExpires.IsZero() && is.CodeTries < was.CodeTries {
			return true, "a transaction has more left than before"
		}
	}
	if t.Event == authn.EventPrimary {
		starts++
	}
	if t.forgives() {
		codes -= t.g.charged
	}
	switch {
	case within(a.Sends, t.Now, oneDay) < min(within(b.Sends, t.Now, oneDay), mostCharges):
		return true, "sends were given back"
	case within(a.Starts, t.Now, oneHour) < min(starts, mostCharges):
		return true, "starts were given back"
	case len(a.WrongCodes) < codes:
		return true, "wrong codes were forgotten"
	case !t.forgives() && (a.Failures < b.Failures || b.Disabled && !a.Disabled):
		return true, "the row of wrong codes was broken"
	case !t.forgives() && a.BackoffUntil.Before(b.BackoffUntil) && b.BackoffUntil.After(t.Now) && !t.locks():
		return true, "a back-off was cut short"
	}
	return true, says(b.LockedUntil.After(t.Now) && a.LockedUntil.Before(b.LockedUntil), "a lock was cut short")
}

// locks says that the step locked the account.
func (t *Trial) locks() bool {
	a := &t.After
	return t.Outcome == authn.WrongCode && (a.Disabled || lockEnd(&t.Policy, a).After(t.Now))
}

func checkNewCode(t *Trial) (applies bool, wrong string) {
	if !t.Taken() || !t.sent() {
		return false, ""
	}
	was, is, p := t.Was(), t.Is(), &t.Policy
	expires := t.Now.Add(p.CodeLife)
	if expires.After(was.Expires) {
		expires = was.Expires
	}
	switch {
	case is.Sent != was.Sent+1 || is.CodeTries != 0 || !is.CodeExpires.Equal(expires) || is.Tries != was.Tries:
		return true, says(true, "code %d after %d, %d tries, good until %v, want %v", is.Sent, was.Sent, is.CodeTries, is.CodeExpires, expires)
	case !is.ResendAt.Equal(t.Now.Add(cooldown(p, is.Sent))):
		return true, says(true, "the cool-down ends at %v", is.ResendAt)
	case within(t.After.Sends, t.Now, oneDay) != within(t.Before.Sends, t.Now, oneDay)+1:
		return true, "it was not charged to the account"
	case t.Now.Before(was.ResendAt), t.Now.Before(t.Before.BackoffUntil), sendsFreeAt(p, &t.Before).After(t.Now), was.Sent >= p.Sends:
		return true, "it was too soon, or one too many"
	}
	return true, ""
}

func checkSent(t *Trial) (applies bool, wrong string) {
	was := t.Was()
	if was == nil || t.hostRefuses() || t.overdue(was) || !t.choosable(was, true) || t.Now.Before(t.Before.BackoffUntil) || was.Sent >= t.Policy.Sends ||
		t.Now.Before(was.ResendAt) || sendsFreeAt(&t.Policy, &t.Before).After(t.Now) || t.stale() {
		return false, ""
	}
	return true, says(!t.sent(), "nothing stood against it, and no code is sent")
}

func checkHost(t *Trial) (applies bool, wrong string) {
	was := t.Was()
	if !t.hostRefuses() || t.full() || t.stale() || t.Event != authn.EventPrimary && (was == nil || t.overdue(was) || t.Refused(authn.ErrNotAllowed) || t.Refused(authn.ErrFinished)) {
		return false, ""
	}
	if limits(t.Event) && t.leg.Listing.Limit > 0 {
		return true, t.limited()
	}
	return true, says(!t.Refused(authn.ErrNoUser), "a user that the Directory does not know was served")
}

// limited says what is wrong with the answer to an event that the Limiter stands
// against: it refuses whatever would begin, be sent or be looked at, and nothing
// that is refused in any case.
func (t *Trial) limited() string {
	r, env := &t.x.scratch, t.env
	env.Limited = time.Time{}
	_, _, err := t.x.perform(t, t.Account, env, r)
	moves := t.x.p.Moves(r)
	var row authn.Transition
	if err == nil && len(moves) > 0 {
		row = moves[len(moves)-1].Row
		for _, m := range moves {
			if m.Transaction == t.Transaction {
				row = m.Row
			}
		}
	}
	chooses := t.Event == authn.EventChallenge || t.Event == authn.EventEnroll
	judged := t.isCode() && (errors.Is(err, authn.ErrUsed) || errors.Is(err, authn.ErrWaiting) || t.worth() == worthUnfit && errors.Is(err, authn.ErrMalformed))
	switch shown := chooses && row.To != "" && !slices.Contains(row.Emit, sendCode); {
	case err != nil && !judged:
		return says(t.Err == nil || t.Err.Error() != err.Error(), "without the Limiter it is %v", err)
	case judged:
	case r.Ended, row.To == "", row.Outcome == authn.LateCode, shown:
		return says(t.Err != nil, "nothing would begin, be sent or be looked at, and it is refused")
	}
	return says(!t.Refused(authn.ErrTooSoon) || !t.Refusal.RetryAt.Equal(t.env.Limited), "the Limiter was not heeded")
}

// choosable says that the event asks for a challenge of a factor that the Directory
// offers now, to which a message goes out, or none.
func (t *Trial) choosable(was *authn.TransactionView, sends bool) bool {
	list := t.offered()
	for i := range list {
		f := &list[i]
		atHand := f.ID == was.Factor && (t.leg.Factor == "" || t.leg.Factor == f.ID)
		ok := false
		switch {
		case t.Event == authn.EventEnroll && was.State == authn.MFAEnroll:
			ok = f.Type == t.leg.Factor && f.Status == authn.NotSetUp && !slices.ContainsFunc(t.g.proven, func(p authn.Factor) bool { return sameFactor(&p, f) })
		case t.Event == authn.EventChallenge && was.State == authn.MFARequired:
			ok = f.ID == t.leg.Factor && f.Status == authn.Active
		case t.Event == authn.EventResend:
			ok = atHand && (was.State == authn.MFAChallenge && f.Status == authn.Active || was.State == authn.MFAEnrollActivate && f.Status == authn.NotSetUp)
		}
		if ok && t.x.sends(f.Type, t.enrolls()) == sends && (f.Status == authn.Active || len(was.Proved) > 0 || !t.has(authn.Active)) {
			return true
		}
	}
	return false
}

// lists says that the Directory has the factor with the status.
func (t *Trial) lists(id string, s authn.Status) bool {
	return slices.ContainsFunc(t.offered(), func(f authn.Factor) bool { return f.ID == id && f.Status == s })
}

func checkOneCode(t *Trial) (applies bool, wrong string) {
	v := &t.Before
	for i := range v.Transactions {
		tx := &v.Transactions[i]
		alive := !tx.CodeExpires.IsZero()
		if alive && tx.State != authn.MFAChallenge && tx.State != authn.MFAEnrollActivate && tx.State != authn.MFARequired {
			return true, says(true, "a live code in %s", tx.State)
		}
		mails := 0
		for _, o := range v.Owed {
			if o.Name == sendCode && o.Transaction == tx.ID {
				mails++
				if o.Generation != tx.Sent {
					return true, says(true, "code %d is owed, and %d was sent last", o.Generation, tx.Sent)
				}
			}
		}
		if mails > 1 || mails == 1 && !alive {
			return true, says(true, "%d codes are owed, one is alive: %t", mails, alive)
		}
		applies = applies || alive
	}
	return applies, ""
}

// enrolls says that the event is for a factor that is being enrolled.
func (t *Trial) enrolls() bool {
	return t.Event == authn.EventEnroll || t.Event == authn.EventActivate ||
		t.Event == authn.EventResend && t.Was() != nil && t.Was().State == authn.MFAEnrollActivate
}

func checkEnrollment(t *Trial) (applies bool, wrong string) {
	if !t.enrolls() || !t.Taken() || t.Outcome != authn.Done {
		return false, ""
	}
	return true, says(len(t.Was().Proved) == 0 && t.has(authn.Active), "on the password alone, although one is active")
}

func checkAddress(t *Trial) (applies bool, wrong string) {
	if !t.Taken() || !t.sent() {
		return false, ""
	}
	want := authn.Active
	if t.enrolls() {
		want = authn.NotSetUp
	}
	for _, e := range t.Effects {
		if _, err := t.x.p.Job(&t.r.Account, "", e, t.Factors, t.Now); err != nil || !t.lists(e.Factor, want) {
			return true, says(true, "the Directory does not list %q with status %s", e.Factor, want)
		}
	}
	return true, ""
}

func checkEnd(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed {
		return false, ""
	}
	for i := range t.After.Transactions {
		is := &t.After.Transactions[i]
		was := transaction(&t.Before, is.ID)
		switch {
		case was == nil && is.State == authn.Success, was != nil && was.State != authn.Success && is.State == authn.Success:
			if !is.Expires.Equal(t.Now.Add(t.Policy.SessionLife)) {
				return true, says(true, "the session token is good until %v", is.Expires)
			}
		case isTerminal(is.State) && is.State != authn.Success:
			continue
		case was == nil:
			if !is.Expires.Equal(t.Now.Add(t.Policy.Life)) || !is.Began.Equal(t.Now) {
				return true, says(true, "it began at %v and ends at %v", is.Began, is.Expires)
			}
		case !is.Expires.Equal(was.Expires), !is.Began.Equal(was.Began):
			return true, says(true, "the end moved from %v to %v", was.Expires, is.Expires)
		}
		if is.CodeExpires.After(is.Expires) {
			return true, "the code outlives its transaction"
		}
		applies = true
	}
	return applies, ""
}

func checkTimeUp(t *Trial) (applies bool, wrong string) {
	was := t.Was()
	if was == nil || t.Event == eventTend || isTerminal(was.State) && !was.Session {
		return false, ""
	}
	if !t.overdue(was) {
		return true, says(t.Ended, "its time is not up")
	}
	if t.Event == authn.EventRedeem && (!was.Session || t.Typed != TypedRight) || t.Event == authn.EventRespond && !t.addressed() || t.stale() || t.unread() {
		return false, "" // the token leads to no transaction, or there is no verdict
	}
	return true, says(!t.Ended || t.Is().State != authn.Expired, "its time is up")
}

func checkTerminal(t *Trial) (applies bool, wrong string) {
	for i := range t.Before.Transactions {
		was := &t.Before.Transactions[i]
		if !isTerminal(was.State) || t.Err != nil {
			continue
		}
		is := transaction(&t.After, was.ID)
		switch {
		case is == nil: // its slot was free
			moved := slices.ContainsFunc(t.Moves, func(m authn.Move) bool { return m.Transaction == was.ID })
			if was.Session && !moved {
				return true, "a session token is lost"
			}
		case was.State == authn.Success && was.Session:
			if is.State != authn.Success && is.State != authn.Canceled && is.State != authn.LockedOut && is.State != authn.Expired {
				return true, says(true, "SUCCESS became %s", is.State)
			}
		case was.State == authn.Success:
			if is.State != authn.Success && (is.State != authn.Expired || t.Now.Before(was.Expires)) || is.Session {
				return true, says(true, "a redeemed SUCCESS became %s, session %t", is.State, is.Session)
			}
		case is.State != was.State || is.Steps != was.Steps:
			return true, says(true, "%s became %s", was.State, is.State)
		}
		applies = true
	}
	return applies, ""
}

func checkUnknown(t *Trial) (applies bool, wrong string) {
	was := t.Was()
	if was != nil && t.Event != eventTend && isTerminal(was.State) && was.State != authn.Success {
		if !t.Refused(authn.ErrFinished) {
			return true, "it was not refused as finished"
		}
		applies = true
	}
	if !t.Refused(authn.ErrFinished) {
		return applies, ""
	}
	r := t.Refusal
	return true, says(r.State != "" || r.Guard != "" || !r.RetryAt.IsZero(), "the refusal tells of %s, %s, %v", r.State, r.Guard, r.RetryAt)
}

func checkLocked(t *Trial) (applies bool, wrong string) {
	v := &t.Before
	if !v.Disabled && !lockEnd(&t.Policy, v).After(t.Now) {
		return false, ""
	}
	for i := range v.Transactions {
		if tx := &v.Transactions[i]; isLive(tx) {
			return true, says(true, "the account is locked, and %s lives", tx.State)
		}
	}
	return true, ""
}

func checkLockedBegin(t *Trial) (applies bool, wrong string) {
	if t.Event != authn.EventPrimary {
		return false, ""
	}
	blocked := slices.ContainsFunc(t.Factors, func(f authn.Factor) bool { return f.Status == authn.Disabled })
	end := lockEnd(&t.Policy, &t.Before)
	if !blocked && !t.Before.Disabled && !end.After(t.Now) {
		return false, says(t.Refused(authn.ErrLocked), "the account is not locked")
	}
	if !t.Refused(authn.ErrLocked) {
		return true, "a sign-in begins on a locked account"
	}
	if blocked || t.Before.Disabled {
		return true, says(!t.Refusal.RetryAt.IsZero(), "waiting does not help, and it says until %v", t.Refusal.RetryAt)
	}
	return true, says(!t.Refusal.RetryAt.Equal(end), "locked until %v, want %v", t.Refusal.RetryAt, end)
}

func checkBounds(t *Trial) (applies bool, wrong string) {
	v, p, live := &t.Before, &t.Policy, 0
	for i := range v.Transactions {
		tx := &v.Transactions[i]
		if isLive(tx) {
			live++
		}
		if tx.Tries > p.Tries || tx.Sent > p.Sends || !tx.CodeExpires.IsZero() && tx.CodeTries >= p.CodeTries || tx.Steps > mostSteps+1 {
			return true, says(true, "%d tries, %d codes, %d tries of the code, %d steps", tx.Tries, tx.Sent, tx.CodeTries, tx.Steps)
		}
	}
	wrongs, sends := within(v.WrongCodes, t.Now, oneDay), within(v.Sends, t.Now, oneHour)
	return true, says(live > p.Live || sends > p.SendsPerHour || within(v.Sends, t.Now, oneDay) > p.SendsPerDay ||
		within(v.Starts, t.Now, oneHour) > p.StartsPerHour || wrongs > p.FailuresPerDay,
		"%d transactions at once, %d codes in an hour, %d wrong ones in a day", live, sends, wrongs)
}
