package authn

// A guard is one answer to one question about the step at hand. A question is
// a small pure function that gives exactly one of its answers; so two answers
// to one question never hold together, and one always does.
type guard uint8

// A question and its answers, which are numbered from first to last.
type question struct {
	ask         func(*step) guard
	first, last guard
	text        string
}

// questions are asked in this order, and only as far as a cell needs them.
var questions = [...]question{
	{askAccount, accountLocked, mayNotEnroll, "What does the account ask of somebody with the right password?"},
	{askSending, notOffered, maySend, "May a code go out?"},
	{askKept, codeKept, codeGone, "Is the chosen factor's code still good?"},
	{askCode, otherFactor, codeWrong, "What is the code that came back worth?"},
	{askCost, factorSpent, triesLeft, "What does a wrong code cost?"},
	{askAlarm, alarmingFailure, quietFailure, "Is it the wrong code that begins the back-off?"},
	{askEnrollment, moreAsked, nothingLeft, "What is left to enroll?"},
	{askDeadline, timeUp, timeLeft, "Is the transaction's time up?"},
	{askSession, unredeemed, redeemed, "Was the session token used?"},
	{askStanding, factorsStand, factorWithdrawn, "Does what was proved still hold?"},
}

var guardDocs = [guardsEnd]struct{ name, doc string }{
	accountLocked:    {"account locked", "the account's lock or a spent budget of wrong codes has not run out, or a factor is disabled"},
	startsSpent:      {"starts spent", "the account's starts per hour are used up"},
	nothingAsked:     {"no second factor required", "the host asks for none, or only for one that the user does not have"},
	factorActive:     {"an active factor", "at least one factor is active"},
	mayEnroll:        {"none, may enroll", "no factor is active and one is offered for enrollment"},
	mayNotEnroll:     {"none, may not enroll", "no factor is active and none is offered"},
	notOffered:       {"not offered", "the factor is not among those that the Directory offers here now"},
	sendBackoff:      {"backing off", "a back-off runs"},
	sendsSpent:       {"sends spent", "the transaction's sends are used up"},
	coolingDown:      {"cooling down", "the transaction's last code went out too short a time ago"},
	mailboxFull:      {"mailbox full", "the account's sends per hour or day are used up"},
	maySend:          {"may send", "offered, no back-off, cool-down over, sends left"},
	codeKept:         {"code still good", "the chosen factor's own code is live"},
	codeGone:         {"no code", "the chosen factor has no live code"},
	otherFactor:      {"another factor", "the code is for a factor that was not challenged"},
	backingOff:       {"backing off", "after several wrong codes in a row, and the wait is not over"},
	noCode:           {"no live code", "none was sent, or it is used, replaced, spent or late, or its factor is no longer offered at the address it went to"},
	codeLate:         {"late code", "the live code's time is up, or the key that made it is gone"},
	codeRight:        {"right code", "the live code itself, in time"},
	codeWrong:        {"wrong code", "not the live code, in time"},
	factorSpent:      {"factor spent", "so many wrong codes in a row that the factor is disabled"},
	accountSpent:     {"account spent", "this one locks the account: so many in a row, or the budget of the day or the year"},
	transactionSpent: {"transaction spent", "this was the transaction's last try"},
	codeSpent:        {"code spent", "this was the code's last try"},
	triesLeft:        {"tries left", "this one costs a try"},
	alarmingFailure:  {"alarming", "it is the first of a row that has to wait"},
	quietFailure:     {"not alarming", "it is an earlier or a later one"},
	moreAsked:        {"more required", "after this a factor that is required, or any second factor where one is demanded, is missing"},
	nothingLeft:      {"nothing required", "after this nothing that is required is missing"},
	timeUp:           {"time up", "now is at or after the transaction's end, it has taken its 100 steps, a tightened policy leaves it no try, or the clock that made it was wrong"},
	timeLeft:         {"time left", "now is before the transaction's end"},
	unredeemed:       {"unused", "the session token was not exchanged yet"},
	redeemed:         {"used", "the session token was exchanged before"},
	factorsStand:     {"factors stand", "the Directory has every factor that was proved, active, at the same address, and none disabled"},
	factorWithdrawn:  {"factor withdrawn", "a factor that was proved is no longer active at that address, or one is disabled"},
}

func (g guard) String() string { return guardDocs[g].name }

func askAccount(s *step) guard {
	switch {
	case s.isDisabled(), s.now < s.lockEnd():
		return accountLocked
	case s.acct.starts.freeAt(s.m.policy.StartsPerHour, hour) > s.now:
		return startsSpent
	case s.login.Require == RequireNothing:
		return nothingAsked
	case s.has(Active):
		return factorActive
	case s.has(NotSetUp):
		return mayEnroll
	case s.login.Require == RequireIfActive:
		return nothingAsked
	}
	return mayNotEnroll
}

func askSending(s *step) guard {
	t := s.tx()
	switch {
	case s.chosen() < 0:
		return notOffered
	case s.now < s.acct.notBefore:
		return sendBackoff
	case t.sends >= s.maxSends():
		return sendsSpent
	case s.now < t.sendAt:
		return coolingDown
	case s.mailboxFreeAt() > s.now:
		return mailboxFull
	}
	return maySend
}

func askKept(s *step) guard {
	t := s.tx()
	if t.code.good(s.now) && s.chosen() == int(t.chosen) && !s.moved() {
		return codeKept
	}
	return codeGone
}

func askCode(s *step) guard {
	t := s.tx()
	switch {
	case s.in.factor != "" && s.in.factor != t.factor().id:
		return otherFactor
	case s.now < s.acct.notBefore:
		return backingOff
	case !t.code.live || t.code.tries >= s.maxCodeTries() || s.withdrawn():
		return noCode
	case s.now >= t.code.expires, s.m.keyIndex(t.code.key) < 0:
		return codeLate
	case s.rightCode():
		return codeRight
	}
	return codeWrong
}

func askCost(s *step) guard {
	t, p := s.tx(), &s.m.policy
	n := int(s.acct.fails) + 1
	switch {
	case n >= p.DisableAfter:
		return factorSpent
	case n%p.LockEvery == 0, s.lastOf(p.FailuresPerDay, day), p.FailuresPerYear > 0 && s.lastOf(p.FailuresPerYear, year):
		return accountSpent
	case t.tries+1 >= s.maxTries():
		return transactionSpent
	case t.code.tries+1 >= s.maxCodeTries():
		return codeSpent
	}
	return triesLeft
}

func askAlarm(s *step) guard {
	if int(s.acct.fails)+1 == s.m.policy.BackoffFrom {
		return alarmingFailure
	}
	return quietFailure
}

func askEnrollment(s *step) guard {
	t := s.tx()
	proved := t.proved
	if s.op == activate {
		proved |= 1 << t.chosen
	}
	for i := range t.factors {
		if f := &t.factors[i]; f.required && f.status != Active && proved&(1<<i) == 0 {
			return moreAsked
		}
	}
	if t.require == RequireFactor && proved == 0 {
		return moreAsked
	}
	return nothingLeft
}

func askDeadline(s *step) guard {
	if t := s.tx(); s.fault || s.now >= t.expires || t.rev >= maxSteps || t.tries >= s.maxTries() {
		return timeUp
	}
	return timeLeft
}

func askSession(s *step) guard {
	if s.tx().session.live {
		return unredeemed
	}
	return redeemed
}

func askStanding(s *step) guard {
	t := s.tx()
	for i := range t.factors {
		if t.proved&(1<<i) == 0 || s.ideal {
			continue
		}
		if d := s.listed(i); d == nil || d.recipient != t.factors[i].recipient {
			return factorWithdrawn
		}
	}
	if s.block {
		return factorWithdrawn
	}
	return factorsStand
}

// retryAt is when the guard that refused stops holding; 0 if time does not help.
func (s *step) retryAt(e *edge) int64 {
	for _, g := range e.row.When {
		switch g {
		case accountLocked:
			if s.isDisabled() {
				return 0
			}
			return s.lockEnd()
		case startsSpent:
			return s.acct.starts.freeAt(s.m.policy.StartsPerHour, hour)
		case sendBackoff, backingOff:
			return s.acct.notBefore
		case coolingDown:
			return s.tx().sendAt
		case mailboxFull:
			return s.mailboxFreeAt()
		case timeLeft:
			return s.tx().expires
		}
	}
	return 0
}

const (
	_ guard = iota

	// What does the account ask of somebody with the right password?
	accountLocked
	startsSpent
	nothingAsked
	factorActive
	mayEnroll
	mayNotEnroll

	// May a code go out?
	notOffered
	sendBackoff
	sendsSpent
	coolingDown
	mailboxFull
	maySend

	// Is the chosen factor's code still good?
	codeKept
	codeGone

	// What is the code that came back worth?
	otherFactor
	backingOff
	noCode
	codeLate
	codeRight
	codeWrong

	// What does a wrong code cost?
	factorSpent
	accountSpent
	transactionSpent
	codeSpent
	triesLeft

	// Is it the wrong code that begins the back-off?
	alarmingFailure
	quietFailure

	// What is left to enroll?
	moreAsked
	nothingLeft

	// Is the transaction's time up?
	timeUp
	timeLeft

	// Was the session token used?
	unredeemed
	redeemed

	// Does what was proved still hold?
	factorsStand
	factorWithdrawn

	guardsEnd
)
