package authn

// A guard is one answer to one question about the step at hand. A question is
// a small pure function that gives exactly one of its answers; so two answers
// to one question never hold together, and one always does.
type guard uint8

const (
	_ guard = iota

	// Does the host's Limiter let it go on?
	limitedByHost
	withinLimits

	// Does the host know the user?
	noSuchUser
	userKnown

	// What does the account ask of somebody with the right password?
	accountLocked
	startsExhausted
	nothingAsked
	factorActive
	mayEnroll
	mayNotEnroll

	// May a code go out?
	notOffered
	sendBackoff
	sendsExhausted
	coolingDown
	accountSendsExhausted
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
	factorExhausted
	accountExhausted
	transactionExhausted
	codeExhausted
	triesLeft

	// Is it the wrong code that begins the back-off?
	firstBackoff
	noNewBackoff

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

// A question and its answers, which are numbered from first to last. Where a
// question has a usual answer, a row that is silent about it means that one.
type question struct {
	ask         func(*step) guard
	first, last guard
	usual       guard
	text        string
}

// questions are asked in this order, and only as far as a cell needs them.
var questions = [...]question{
	{askLimiter, limitedByHost, withinLimits, withinLimits, "Does the host's Limiter let it go on?"},
	{askUser, noSuchUser, userKnown, userKnown, "Does the host know the user?"},
	{askAccount, accountLocked, mayNotEnroll, 0, "What does the account ask of somebody with the right password?"},
	{askSending, notOffered, maySend, 0, "May a code go out?"},
	{askKept, codeKept, codeGone, 0, "Is the chosen factor's code still good?"},
	{askCode, otherFactor, codeWrong, 0, "What is the code that came back worth?"},
	{askCost, factorExhausted, triesLeft, 0, "What does a wrong code cost?"},
	{askAlarm, firstBackoff, noNewBackoff, 0, "Is it the wrong code that begins the back-off?"},
	{askEnrollment, moreAsked, nothingLeft, 0, "What is left to enroll?"},
	{askDeadline, timeUp, timeLeft, 0, "Is the transaction's time up?"},
	{askSession, unredeemed, redeemed, 0, "Was the session token used?"},
	{askStanding, factorsStand, factorWithdrawn, 0, "Does what was proved still hold?"},
}

// guards are all that is said of each answer, in one place. A guard that time
// ends says until when it holds, for the refusal and for the list of what is
// allowed; 0 is for good.
var guards = [guardsEnd]struct {
	name, doc string
	until     func(*step) int64
}{
	limitedByHost:         {"limited by the host", "the host's Limiter says to wait", (*step).hostLimitEnd},
	withinLimits:          {"within the host's limits", "the host's Limiter lets it go on, or there is none", nil},
	noSuchUser:            {"no such user", "the Directory has no such user, or the user may not sign in", nil},
	userKnown:             {"known user", "the Directory has the user", nil},
	accountLocked:         {"account locked", "the account's lock or a spent budget of wrong codes has not run out, or a factor is disabled", (*step).unlockedAt},
	startsExhausted:       {"starts exhausted", "the account's starts per hour are used up", (*step).startsFreeAt},
	nothingAsked:          {"no second factor required", "the host asks for none, or only for one that the user does not have", nil},
	factorActive:          {"an active factor", "at least one factor is active", nil},
	mayEnroll:             {"none, may enroll", "no factor is active and one is offered for enrollment", nil},
	mayNotEnroll:          {"none, may not enroll", "no factor is active and none is offered", nil},
	notOffered:            {"not offered", "the factor is not among those that the Directory offers here now", nil},
	sendBackoff:           {"backing off", "a back-off runs", (*step).backoffEnd},
	sendsExhausted:        {"sends exhausted", "the transaction's sends are used up", nil},
	coolingDown:           {"cooling down", "the transaction's last code went out too short a time ago", (*step).cooldownEnd},
	accountSendsExhausted: {"account send limit reached", "the account's sends per hour or day are used up", (*step).sendsFreeAt},
	maySend:               {"may send", "offered, no back-off, cool-down over, sends left", nil},
	codeKept:              {"code still good", "the chosen factor's own code is live", nil},
	codeGone:              {"no code", "the chosen factor has no live code", nil},
	otherFactor:           {"another factor", "the code is for a factor that was not challenged", nil},
	backingOff:            {"backing off", "after several wrong codes in a row, and the wait is not over", (*step).backoffEnd},
	noCode:                {"no live code", "none was sent, or it is used, replaced, spent or late, or its factor is no longer offered at the address it went to", nil},
	codeLate:              {"late code", "the live code's time is up, or the key that made it is gone", nil},
	codeRight:             {"right code", "the live code itself, in time", nil},
	codeWrong:             {"wrong code", "not the live code, in time", nil},
	factorExhausted:       {"factor exhausted", "so many wrong codes in a row that the factor is disabled", nil},
	accountExhausted:      {"account exhausted", "this one locks the account: so many in a row, or the budget of the day or the year", nil},
	transactionExhausted:  {"transaction exhausted", "this was the transaction's last try", nil},
	codeExhausted:         {"code exhausted", "this was the code's last try", nil},
	triesLeft:             {"tries left", "this one costs a try", nil},
	firstBackoff:          {"first failure with back-off", "it is the first of a row that has to wait", nil},
	noNewBackoff:          {"no new back-off", "it is an earlier or a later one", nil},
	moreAsked:             {"more required", "after this a factor that is required, or any second factor where one is demanded, is missing", nil},
	nothingLeft:           {"nothing required", "after this nothing that is required is missing", nil},
	timeUp:                {"time up", "now is at or after the transaction's end, it has taken its 100 steps, a tightened policy leaves it no try, or the clock that made it was wrong", nil},
	timeLeft:              {"time left", "now is before the transaction's end", (*step).deadline},
	unredeemed:            {"unused", "the session token was not exchanged yet", nil},
	redeemed:              {"used", "the session token was exchanged before", nil},
	factorsStand:          {"factors stand", "the Directory has every factor that was proved, active, at the same address, and none disabled", nil},
	factorWithdrawn:       {"factor withdrawn", "a factor that was proved is no longer active at that address, or one is disabled", nil},
}

func (g guard) String() string { return guards[g].name }

func askLimiter(s *step) guard {
	if !s.ideal && s.now < s.limited {
		return limitedByHost
	}
	return withinLimits
}

func askUser(s *step) guard {
	if !s.ideal && s.noUser {
		return noSuchUser
	}
	return userKnown
}

func askAccount(s *step) guard {
	switch {
	case s.isDisabled(), s.now < s.lockEnd():
		return accountLocked
	case s.startsFreeAt() > s.now:
		return startsExhausted
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
		return sendsExhausted
	case s.now < t.sendAt:
		return coolingDown
	case s.sendsFreeAt() > s.now:
		return accountSendsExhausted
	}
	return maySend
}

func askKept(s *step) guard {
	t := s.tx()
	if t.code.good(s.now) && s.chosen() == int(t.atHand) && !s.moved() {
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
		return factorExhausted
	case n%p.LockEvery == 0, s.lastOf(p.FailuresPerDay, day), p.FailuresPerYear > 0 && s.lastOf(p.FailuresPerYear, year):
		return accountExhausted
	case t.tries+1 >= s.maxTries():
		return transactionExhausted
	case t.code.tries+1 >= s.maxCodeTries():
		return codeExhausted
	}
	return triesLeft
}

func askAlarm(s *step) guard {
	if int(s.acct.fails)+1 == s.m.policy.BackoffFrom {
		return firstBackoff
	}
	return noNewBackoff
}

func askEnrollment(s *step) guard {
	t := s.tx()
	proved := t.proved
	if s.op == activate {
		proved |= 1 << t.atHand
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
		if until := guards[g].until; until != nil {
			return until(s)
		}
	}
	return 0
}

func (s *step) unlockedAt() int64 {
	if s.isDisabled() {
		return 0
	}
	return s.lockEnd()
}

func (s *step) hostLimitEnd() int64 { return s.limited }
func (s *step) startsFreeAt() int64 { return s.acct.starts.freeAt(s.m.policy.StartsPerHour, hour) }
func (s *step) backoffEnd() int64   { return s.acct.notBefore }
func (s *step) cooldownEnd() int64  { return s.tx().sendAt }
func (s *step) deadline() int64     { return s.tx().expires }
