package authn

// A guard is one answer to one question about the step at hand. A question is a
// small pure function that gives exactly one of its answers, so exactly one of
// its guards holds.
type guard uint8

const (
	_ guard = iota

	// Does the host's Limiter let it go on?
	limitedByHost
	withinLimits

	// Does the host know the user?
	noSuchUser
	userKnown

	// What does the account require after a correct password?
	accountLocked
	startsExhausted
	nothingAsked
	factorActive
	mayEnroll
	mayNotEnroll

	// May a code be sent?
	notOffered
	sendBackoff
	sendsExhausted
	coolingDown
	accountSendsExhausted
	maySend

	// Does the chosen factor have a live code?
	codeKept
	codeGone

	// Is the submitted code right?
	otherFactor
	backingOff
	noCode
	codeLate
	codeRight
	codeWrong

	// Which limit does a wrong code reach?
	factorExhausted
	accountExhausted
	transactionExhausted
	codeExhausted
	triesLeft

	// Does this wrong code begin the back-off?
	firstBackoff
	noNewBackoff

	// Is a required factor missing?
	moreAsked
	nothingLeft

	// Has the transaction expired?
	timeUp
	timeLeft

	// Has the session token been redeemed?
	unredeemed
	redeemed

	// Are the proved factors still valid?
	factorsStand
	factorWithdrawn

	guardsEnd
)

// A question and its answers, which are numbered from first to last. If it has a
// usual answer, rows that do not mention the question mean that answer.
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
	{askAccount, accountLocked, mayNotEnroll, 0, "What does the account require after a correct password?"},
	{askSending, notOffered, maySend, 0, "May a code be sent?"},
	{askKept, codeKept, codeGone, 0, "Does the chosen factor have a live code?"},
	{askCode, otherFactor, codeWrong, 0, "Is the submitted code right?"},
	{askCost, factorExhausted, triesLeft, 0, "Which limit does a wrong code reach?"},
	{askAlarm, firstBackoff, noNewBackoff, 0, "Does this wrong code begin the back-off?"},
	{askEnrollment, moreAsked, nothingLeft, 0, "Is a required factor missing?"},
	{askDeadline, timeUp, timeLeft, 0, "Has the transaction expired?"},
	{askSession, unredeemed, redeemed, 0, "Has the session token been redeemed?"},
	{askStanding, factorsStand, factorWithdrawn, 0, "Are the proved factors still valid?"},
}

// guards are all that is said of each answer, in one place. A guard that ends
// with time says until when it holds, for refusals and for the list of allowed
// events; 0 is never.
var guards = [guardsEnd]struct {
	name, doc string
	until     func(*step) int64
}{
	limitedByHost:         {"limited by the host", "the host's Limiter says to wait", (*step).hostLimitEnd},
	withinLimits:          {"within the host's limits", "the host's Limiter lets it go on, or there is none", nil},
	noSuchUser:            {"no such user", "the Directory has no such user, or the user may not sign in", nil},
	userKnown:             {"known user", "the Directory has the user", nil},
	accountLocked:         {"account locked", "the account is locked, its budget of wrong codes is exhausted, or a factor is disabled", (*step).unlockedAt},
	startsExhausted:       {"starts exhausted", "the account's hourly limit of starts is reached", (*step).startsFreeAt},
	nothingAsked:          {"no second factor required", "the host requires no second factor, or requires one only from users who have an active one", nil},
	factorActive:          {"an active factor", "at least one factor is active", nil},
	mayEnroll:             {"none, may enroll", "no factor is active, and at least one can be enrolled", nil},
	mayNotEnroll:          {"none, may not enroll", "no factor is active and none can be enrolled, or one is active that cannot be proved here", nil},
	notOffered:            {"not offered", "the Directory does not currently offer this factor", nil},
	sendBackoff:           {"backing off", "a back-off is in progress", (*step).backoffEnd},
	sendsExhausted:        {"sends exhausted", "the transaction has sent its maximum number of codes", nil},
	coolingDown:           {"cooling down", "the cool-down after the transaction's last send has not ended", (*step).cooldownEnd},
	accountSendsExhausted: {"account send limit reached", "the account's hourly or daily send limit is reached", (*step).sendsFreeAt},
	maySend:               {"may send", "the factor is offered, no back-off or cool-down is in progress, and sends remain", nil},
	codeKept:              {"code still good", "a live code was sent to the chosen factor at its current address", nil},
	codeGone:              {"no code", "no live code was sent to the chosen factor at its current address", nil},
	otherFactor:           {"another factor", "the event names a factor other than the challenged one", nil},
	backingOff:            {"backing off", "a back-off after consecutive wrong codes is in progress", (*step).backoffEnd},
	noCode:                {"no live code", "no code was sent; or it is used, replaced, exhausted or expired; or the Directory no longer offers the factor at the address that received the code", nil},
	codeLate:              {"late code", "the live code has expired, or the key it was derived from was removed", nil},
	codeRight:             {"right code", "the code matches the live code, which has not expired", nil},
	codeWrong:             {"wrong code", "the code does not match the live code, which has not expired", nil},
	factorExhausted:       {"factor exhausted", "the consecutive wrong codes reach Policy.DisableAfter", nil},
	accountExhausted:      {"account exhausted", "the consecutive wrong codes reach a multiple of Policy.LockEvery, or the daily or yearly budget is exhausted", nil},
	transactionExhausted:  {"transaction exhausted", "this was the transaction's last try", nil},
	codeExhausted:         {"code exhausted", "this was the code's last try", nil},
	triesLeft:             {"tries left", "the code, the transaction and the account have tries left", nil},
	firstBackoff:          {"first failure with back-off", "this is the consecutive wrong code at which back-off begins", nil},
	noNewBackoff:          {"no new back-off", "back-off does not begin yet, or began with an earlier wrong code", nil},
	moreAsked:             {"more required", "a required factor is still missing, or a second factor is required, or has become active, and none is proved", nil},
	nothingLeft:           {"nothing required", "no required factor is missing", nil},
	timeUp:                {"time up", "the transaction has reached its deadline or its 100 steps, a stricter policy leaves it no tries, or it was saved by a node whose clock was wrong", nil},
	timeLeft:              {"time left", "the transaction's deadline is in the future", (*step).deadline},
	unredeemed:            {"unused", "the session token has not been redeemed", nil},
	redeemed:              {"used", "the session token has already been redeemed", nil},
	factorsStand:          {"factors stand", "every proved factor is still active at the same address, and no factor is disabled", nil},
	factorWithdrawn:       {"factor withdrawn", "a proved factor is no longer active at that address, a factor is disabled, or one became active where none was proved", nil},
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
	case s.isProtected():
		return mayNotEnroll
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
	case !t.code.live || t.code.tries >= s.maxCodeTries() || s.op == opActivate && s.withdrawn():
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
	if s.op == opActivate {
		proved |= 1 << t.atHand
	}
	for i := range t.factors {
		if f := &t.factors[i]; f.required && f.status != Active && proved&(1<<i) == 0 {
			return moreAsked
		}
	}
	if proved == 0 && (t.require == RequireFactor || s.op == opSkip && !s.ideal && s.isProtected()) {
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
	if s.block || !s.ideal && t.proved == 0 && t.require == RequireIfActive && s.isProtected() {
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

func (s *step) backoffEnd() int64 { return s.acct.notBefore }

func (s *step) cooldownEnd() int64 { return s.tx().sendAt }

func (s *step) deadline() int64 { return s.tx().expires }
