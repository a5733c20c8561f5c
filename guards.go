package authn

// A guard is one answer to one question about the step at hand. A question is a
// small pure function that gives exactly one of its answers, so exactly one of
// its guards holds.
type guard uint8

const (
	noAnswer guard = iota // a fact is lacking

	// Does the host know the user?
	noSuchUser
	userKnown

	// May the claim be carried on that this begins by?
	claimVoid
	claimStands

	// What does the account require after a correct password?
	accountLocked
	startsExhausted
	nothingAsked
	deviceRemembered
	factorActive
	mayEnroll
	mayNotEnroll

	// Is this the last start of the hour?
	lastStart
	startsLeft

	// May somebody claim this name?
	claimsExhausted
	mayClaim

	// Is the user asked the host's question?
	questionAsked
	questionNotAsked

	// May a code be sent?
	notOffered
	sendBackoff
	sendsExhausted
	coolingDown
	accountSendsExhausted
	nothingToSend
	maySend

	// Does the chosen factor have a live code?
	codeKept
	codeGone

	// May the factor be proved without a challenge?
	notListed
	needsChallenge
	directBackoff
	mayProve

	// Does the submission have the form of the factor's codes?
	codeMalformed
	codeFormed

	// May the submitted code be looked at?
	otherFactor
	replyRejected
	backingOff
	noCode
	codeLate
	mayLook

	// May the host be asked about what was handed in?
	otherGate
	inputBackoff
	mayJudge

	// Has the other device answered?
	waiting
	answered

	// Does the host's Limiter let it go on?
	limitedByHost
	withinLimits

	// Who delivers the code of a claim?
	serviceDelivers
	callerDelivers
	callerKnowsNobody

	// Has a factor become active that is to be proved first?
	factorAppeared
	factorUnprovable
	noFactorAppeared

	// May the other device answer?
	notPending
	replyBackoff
	mayReply

	// Was the submitted code used before?
	codeUsed
	codeUnused

	// Is the response one to this challenge?
	otherChallenge
	thisChallenge

	// Is what was submitted right?
	codeRight
	codeWrong
	judgedRight
	judgedWrong
	judgedRejected
	judgedDenied

	// Which limit does a wrong code reach?
	factorExhausted
	accountExhausted
	transactionExhausted
	triesLeft

	// Does the code, or the challenge, take another try?
	codeExhausted
	challengeUsed
	codeTriesLeft

	// Does this wrong code begin the back-off?
	firstBackoff
	noNewBackoff

	// Does the proof change what the Directory keeps of the factor?
	dataChanges
	oneCodeFewer
	dataStays

	// Is a factor challenged at once?
	sendsAtOnce
	challengesAtOnce
	leavesChoice

	// What is the transaction for?
	signingIn
	recovering
	unlocking
	signingUp

	// Does it lead to a session?
	sessionDue
	sessionNotDue

	// Is another factor to be enrolled?
	moreAsked
	nothingLeft

	// What is asked of the password?
	passwordExpired
	passwordToReset
	passwordExpiring
	passwordFine

	// Has the transaction expired?
	timeUp
	timeLeft

	// Has the session token been redeemed?
	unredeemed
	redeemed

	// Are the proved factors still valid?
	factorsStand
	factorWithdrawn

	// Is the session token redeemed at once?
	redeemsAtOnce
	redeemsLater

	// Which gate is still to be passed?
	gatesPassed
	gateFirst
	guardsEnd = gateFirst + maxGates
)

// A question and its answers, which are numbered from first to last. If it has a
// usual answer, rows that do not mention the question mean that answer; see means.
type question struct {
	ask         func(*step) guard
	first, last guard
	usual       guard
	text        string
}

// questions are asked in this order, and only as far as a cell needs them.
var questions = [...]question{
	{askUser, noSuchUser, userKnown, userKnown, "Does the host know the user?"},
	{askVoid, claimVoid, claimStands, claimStands, "May the claim be carried on that this begins by?"},
	{askAccount, accountLocked, mayNotEnroll, 0, "What does the account require after a correct password?"},
	{askStarts, lastStart, startsLeft, 0, "Is this the last start of the hour?"},
	{askClaim, claimsExhausted, mayClaim, 0, "May somebody claim this name?"},
	{askQuestion, questionAsked, questionNotAsked, 0, "Is the user asked the host's question?"},
	{askSending, notOffered, maySend, maySend, "May a code be sent?"},
	{askKept, codeKept, codeGone, 0, "Does the chosen factor have a live code?"},
	{askDirect, notListed, mayProve, mayProve, "May the factor be proved without a challenge?"},
	{askForm, codeMalformed, codeFormed, codeFormed, "Does the submission have the form of the factor's codes?"},
	{askLook, otherFactor, mayLook, mayLook, "May the submitted code be looked at?"},
	{askInput, otherGate, mayJudge, mayJudge, "May the host be asked about what was handed in?"},
	{askWaiting, waiting, answered, answered, "Has the other device answered?"},
	{askLimiter, limitedByHost, withinLimits, withinLimits, "Does the host's Limiter let it go on?"},
	{askDelivery, serviceDelivers, callerKnowsNobody, 0, "Who delivers the code of a claim?"},
	{askAppeared, factorAppeared, noFactorAppeared, noFactorAppeared, "Has a factor become active that is to be proved first?"},
	{askReply, notPending, mayReply, mayReply, "May the other device answer?"},
	{askUsed, codeUsed, codeUnused, codeUnused, "Was the submitted code used before?"},
	{askChallenge, otherChallenge, thisChallenge, thisChallenge, "Is the response one to this challenge?"},
	{askCode, codeRight, judgedDenied, 0, "Is what was submitted right?"},
	{askCost, factorExhausted, triesLeft, 0, "Which limit does a wrong code reach?"},
	{askCodeTries, codeExhausted, codeTriesLeft, codeTriesLeft, "Does the code, or the challenge, take another try?"},
	{askAlarm, firstBackoff, noNewBackoff, 0, "Does this wrong code begin the back-off?"},
	{askChange, dataChanges, dataStays, dataStays, "Does the proof change what the Directory keeps of the factor?"},
	{askChoice, sendsAtOnce, leavesChoice, leavesChoice, "Is a factor challenged at once?"},
	{askFlow, signingIn, signingUp, 0, "What is the transaction for?"},
	{askSessionDue, sessionDue, sessionNotDue, 0, "Does it lead to a session?"},
	{askEnrollment, moreAsked, nothingLeft, 0, "Is another factor to be enrolled?"},
	{askPassword, passwordExpired, passwordFine, 0, "What is asked of the password?"},
	{askDeadline, timeUp, timeLeft, 0, "Has the transaction expired?"},
	{askSession, unredeemed, redeemed, 0, "Has the session token been redeemed?"},
	{askStanding, factorsStand, factorWithdrawn, 0, "Are the proved factors still valid?"},
	{askGate, gatesPassed, gateFirst + maxGates - 1, 0, "Which gate is still to be passed?"},
	{askAtOnce, redeemsAtOnce, redeemsLater, redeemsLater, "Is the session token redeemed at once?"},
}

// guards are all that is said of each answer, in one place. A guard that ends
// with time says until when it holds, for refusals and for the list of allowed
// events; 0 is never.
var guards = [guardsEnd]struct {
	name, doc string
	until     func(*step) int64
}{
	noSuchUser:            {"no such user", "the Directory has no such user, or the user may not sign in", nil},
	userKnown:             {"known user", "the Directory has the user", nil},
	claimVoid:             {"void claim", "the claim was carried on already, or is over; or since it was begun the account's password was changed, or its sign-ins were revoked; or it was proved by another user, who had the name then, or at another address; or there is no room to remember it", nil},
	claimStands:           {"no claim, or a good one", "it begins by no claim, or by one that was proved and not carried on yet", nil},
	accountLocked:         {"account locked", "the account is locked, other than by a soft lock that is to be ended, its budget of wrong codes is exhausted, or a factor is disabled", (*step).unlockedAt},
	startsExhausted:       {"starts exhausted", "the account's hourly limit of starts is reached", (*step).startsFreeAt},
	nothingAsked:          {"no second factor required", "the host requires no second factor, or requires one only from users who have an active one", nil},
	deviceRemembered:      {"a remembered device", "a second factor is required, the device is remembered for an active factor that counts here, and neither is the password to be changed nor a factor to be enrolled, nor does Login.Fresh ask for one", nil},
	factorActive:          {"an active factor", "at least one factor is active", nil},
	mayEnroll:             {"none, may enroll", "no factor is active, and at least one can be enrolled", nil},
	mayNotEnroll:          {"none, may not enroll", "no factor is active and none can be enrolled, or one is active that cannot be proved here", nil},
	lastStart:             {"last start", "with this one the account's hourly limit of starts is reached", nil},
	startsLeft:            {"starts left", "the account's hourly limit of starts allows more", nil},
	claimsExhausted:       {"claims exhausted", "the hourly or daily limit of claims of this name is reached", (*step).startsFreeAt},
	mayClaim:              {"may claim", "the limits of claims of this name allow one more", nil},
	questionAsked:         {"a question", "the host has a question for the user, or cannot say", nil},
	questionNotAsked:      {"no question", "the host has no question for the user", nil},
	notOffered:            {"not offered", "the Directory does not currently offer this factor", nil},
	sendBackoff:           {"backing off", "a back-off is in progress", (*step).backoffEnd},
	sendsExhausted:        {"sends exhausted", "the transaction has sent its maximum number of codes", nil},
	coolingDown:           {"cooling down", "the cool-down after the transaction's last send has not ended", (*step).cooldownEnd},
	accountSendsExhausted: {"account send limit reached", "the account's hourly or daily send limit is reached", (*step).sendsFreeAt},
	nothingToSend:         {"nothing to send", "the factor is offered, nothing is sent for a factor of its type, and no back-off is in progress, or a code is asked for again", nil},
	maySend:               {"may send", "the factor is offered, no back-off or cool-down is in progress, and sends remain", nil},
	codeKept:              {"code still good", "a live code was sent to the chosen factor at its current address", nil},
	codeGone:              {"no code", "no live code was sent to the chosen factor at its current address", nil},
	notListed:             {"not offered", "the Directory does not currently list this factor as active", nil},
	needsChallenge:        {"needs a challenge", "the event names no factor, or one of a type that has to be chosen first", nil},
	directBackoff:         {"backing off", "a back-off after consecutive wrong codes is in progress", (*step).backoffEnd},
	mayProve:              {"may be proved", "the factor needs no challenge, and no back-off is in progress", nil},
	codeMalformed:         {"malformed", "no code of this factor has the form of what was submitted", nil},
	codeFormed:            {"well-formed", "what was submitted has the form of the factor's codes", nil},
	otherFactor:           {"another factor", "the event names a factor other than the challenged one", nil},
	replyRejected:         {"rejected by the device", "the other device has rejected the challenge or named another number, or was asked by another sign-in since, and the client has not been told yet", nil},
	backingOff:            {"backing off", "a back-off after consecutive wrong codes is in progress", (*step).backoffEnd},
	noCode:                {"no live code", "no code was sent; or it is used, replaced, exhausted or expired; or the Directory no longer offers the factor at the address that received the code", nil},
	codeLate:              {"late code", "the live code has expired, or the key it was derived from was removed", nil},
	mayLook:               {"may be looked at", "a code for this factor is live, and no back-off is in progress", nil},
	otherGate:             {"another gate", "the event names a gate other than the one at hand", nil},
	inputBackoff:          {"backing off", "a back-off after consecutive wrong codes is in progress", (*step).backoffEnd},
	mayJudge:              {"may be judged", "no back-off is in progress, and the event is for the gate at hand", nil},
	waiting:               {"waiting", "the other device has not answered yet", nil},
	answered:              {"answered", "the other device has approved, or the factor has none", nil},
	limitedByHost:         {"limited by the host", "the host's Limiter says to wait", (*step).hostLimitEnd},
	withinLimits:          {"within the host's limits", "the host's Limiter lets it go on, or there is none", nil},
	serviceDelivers:       {"delivered by the service", "a message with the code and the link goes out after the answer", nil},
	callerDelivers:        {"delivered by the caller", "the caller is to deliver the link (Claim.HandOver), and the name is somebody's", nil},
	callerKnowsNobody:     {"nobody's", "the caller is to deliver the link, and the name is nobody's", nil},
	factorAppeared:        {"factor appeared", "nothing was proved but the password or a claim, and since then a factor has become active", nil},
	factorUnprovable:      {"factor appeared, unusable", "as \"factor appeared\", and the factor cannot be proved here", nil},
	noFactorAppeared:      {"no factor appeared", "the factors that the sign-in asks for are proved, or there are none", nil},
	notPending:            {"nothing pending", "no challenge waits for an answer: it has one, or has expired", nil},
	replyBackoff:          {"backing off", "a back-off after consecutive wrong codes is in progress", (*step).backoffEnd},
	mayReply:              {"may answer", "a challenge waits for the other device, and no back-off is in progress", nil},
	codeUsed:              {"used code", "the code is right and was used before; of an authenticator app, it is no newer than the last one used", (*step).nextCodeAt},
	codeUnused:            {"not used", "the code was not used before", nil},
	otherChallenge:        {"no response to this challenge", "the Verifier says that the response is malformed, or is one to another challenge or for another site", nil},
	thisChallenge:         {"a response to this challenge", "the Verifier says nothing of that kind", nil},
	codeRight:             {"right code", "the code matches the live code, which has not expired; or it is a code of the user's app or list; or the other device has approved; or the Verifier says that the response is right", nil},
	codeWrong:             {"wrong code", "the code or the response is not right, or the other device has rejected or named another number", nil},
	judgedRight:           {"right", "the host says that it is right, or good enough", nil},
	judgedWrong:           {"wrong", "the host says that it is wrong", nil},
	judgedRejected:        {"rejected", "the host says that it does not meet its rules", nil},
	judgedDenied:          {"denied", "the host ends the sign-in", nil},
	factorExhausted:       {"factor exhausted", "the consecutive wrong codes reach Policy.DisableAfter", nil},
	accountExhausted:      {"account exhausted", "the consecutive wrong codes reach a multiple of Policy.LockEvery, or the daily or yearly budget is exhausted", nil},
	transactionExhausted:  {"transaction exhausted", "this was the transaction's last try", nil},
	triesLeft:             {"tries left", "the transaction and the account have tries left", nil},
	codeExhausted:         {"code exhausted", "this was the last try of the code that was sent", nil},
	challengeUsed:         {"challenge used", "a challenge takes one response, right or wrong", nil},
	codeTriesLeft:         {"code tries left", "the code that was sent has tries left, or the codes of this factor are not sent", nil},
	firstBackoff:          {"first failure with back-off", "this is the consecutive wrong code at which back-off begins", nil},
	noNewBackoff:          {"no new back-off", "back-off does not begin yet, or began with an earlier wrong code", nil},
	dataChanges:           {"data change", "what is kept of the factor has changed, or was sealed by a key that is not in use any more", nil},
	oneCodeFewer:          {"one code fewer", "a code of a list was used up", nil},
	dataStays:             {"data stay", "what is kept of the factor stays as it is, or nothing is kept", nil},
	sendsAtOnce:           {"sent at once", "the login asks for it (Login.Challenge), the user has used one factor last, or has no other, and it may be sent a code now", nil},
	challengesAtOnce:      {"challenged at once", "as \"sent at once\", but nothing is sent for a factor of its type", nil},
	leavesChoice:          {"left to the user", "the login does not ask for it, the user has several factors and has used none of them, or no code may be sent now", nil},
	signingIn:             {"sign-in", "it is a sign-in", nil},
	recovering:            {"recovery", "a password is to be reset", nil},
	unlocking:             {"unlock", "an account is to be unlocked", nil},
	signingUp:             {"sign-up", "an address is to be signed up", nil},
	sessionDue:            {"with a session", "it is no recovery, or a factor was proved in it", nil},
	sessionNotDue:         {"without a session", "a password was recovered by one mailbox or phone, and no other factor was proved", nil},
	moreAsked:             {"more required", "a required factor is still missing, a further one is to be added (Login.Adding) or can be (Login.OfferMore), or a second factor is required, or has become active, and none is proved", nil},
	nothingLeft:           {"nothing required", "no required factor is missing, and none is to be added or offered", nil},
	passwordExpired:       {"password expired", "the host says that the password has expired (Login.Password)", nil},
	passwordToReset:       {"password to reset", "the host says that a new password has to be set", nil},
	passwordExpiring:      {"password expires soon", "the host says that the password expires soon", nil},
	passwordFine:          {"password fine", "nothing is asked of the password, or it was changed", nil},
	timeUp:                {"time up", "the transaction has reached its deadline; or, before SUCCESS, its 100 steps, or a stricter policy leaves it no tries, no place or no budget; or it was saved by a node whose clock was wrong; or it is in or past a gate of another list", nil},
	timeLeft:              {"time left", "the transaction's deadline is in the future", (*step).deadline},
	unredeemed:            {"unused", "the session token has not been redeemed", nil},
	redeemed:              {"used", "the session token has already been redeemed", nil},
	factorsStand:          {"factors stand", "every proved factor is still active at the same address, and no factor is disabled", nil},
	factorWithdrawn:       {"factor withdrawn", "a proved factor is no longer active at that address, a factor is disabled, or one became active where none was proved", nil},
	redeemsAtOnce:         {"redeemed at once", "the event asks for it (RedeemAtOnce), the factors stand, no new password is to be stored first, and no device is to be remembered", nil},
	redeemsLater:          {"redeemed later", "the host redeems the session token by itself, or something has to be done first", nil},
	gatesPassed:           {"no gate", "the host's gates, if there are any, are passed or not needed", nil},
	gateFirst:             {"needs a gate", "the gate's Keeper says that it is needed, or cannot be asked", nil},
}

func (g guard) String() string { return guards[min(g, gateFirst)].name }

func askUser(s *step) guard {
	if s.noUser {
		return noSuchUser
	}
	return userKnown
}

func askAccount(s *step) guard {
	switch {
	case s.op != opAnswer && (s.isDisabled() || s.now < s.barredUntil()):
		return accountLocked
	case s.op != opAnswer && s.startsFreeAt() > s.now:
		return startsExhausted
	case s.flow() == unlocking, s.requirement() == RequireNothing:
		return nothingAsked
	case s.op == opPrimary && s.trusted() != "":
		return deviceRemembered
	case s.has(Active):
		return factorActive
	case s.isProtected():
		return mayNotEnroll
	case s.flow() == recovering:
		return nothingAsked
	case s.has(NotSetUp) && !s.isProven():
		return mayEnroll
	case s.requirement() == RequireIfActive:
		return nothingAsked
	}
	return mayNotEnroll
}

// barredUntil is when nothing bars the account any more.
func (s *step) barredUntil() int64 { return s.m.barEnd(s.acct, s.op == opUnlock) }

// requirement is what the sign-in asks for besides its first proof.
func (s *step) requirement() Requirement {
	if l := s.in.login; l != nil {
		return l.Require
	}
	return s.tx().require
}

func askStarts(s *step) guard {
	if n := s.m.policy.StartsPerHour; s.acct.starts.within(s.now, hour)+1 >= n {
		return lastStart
	}
	return startsLeft
}

func askChoice(s *step) guard {
	switch l := s.firstChallenged(); {
	case l == nil:
		return leavesChoice
	case s.sendsTo(l):
		return sendsAtOnce
	}
	return challengesAtOnce
}

func askSending(s *step) guard {
	t := s.tx()
	switch {
	case s.chosen() == nil:
		return notOffered
	case s.op == opResend && !s.sendsTo(s.chosen()): // whenever it is asked for
		return nothingToSend
	case s.now < s.acct.notBefore:
		return sendBackoff
	case !s.sendsTo(s.chosen()):
		return nothingToSend
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
	if l := s.chosen(); t.code.good(s.now) && l != nil && s.isPinned(l, &t.factor) {
		return codeKept
	}
	return codeGone
}

// askLimiter gives no answer if the host is to ask its Limiter first.
func askLimiter(s *step) guard {
	switch {
	case s.ideal:
	case s.noLimit:
		s.lack = &Lack{Attempt: s.attempt()}
		return noAnswer
	case s.now < s.limited:
		return limitedByHost
	}
	return withinLimits
}

func askEnrollment(s *step) guard {
	t := s.tx()
	switch {
	case s.op == opVerify:
		if t.owing || t.adding { // the Directory is not asked about a code that was sent
			return moreAsked
		}
	case s.missing(), s.op == opActivate && t.offersMore && s.remains(),
		s.op == opSkip && !t.hasProof() && (t.require == RequireFactor || s.isProtected()):
		return moreAsked
	}
	return nothingLeft
}

func askDeadline(s *step) guard {
	if s.fault || s.m.timeUp(s.acct, s.i, s.now) {
		return timeUp
	}
	return timeLeft
}

func askAppeared(s *step) guard {
	switch {
	case s.ideal && s.noList || !s.skipsFactor():
		return noFactorAppeared
	case s.has(Active):
		return factorAppeared
	}
	return factorUnprovable
}

// skipsFactor says that the account has had no factor to prove when the transaction came
// past that point, and has one now.
func (s *step) skipsFactor() bool {
	t := s.tx()
	return t.trusted == "" && !t.hasProof() && t.require == RequireIfActive && s.isProtected()
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
	return s.barredUntil()
}

func (s *step) hostLimitEnd() int64 { return s.limited }

func (s *step) nextCodeAt() int64 { return s.judged.next }

func (s *step) startsFreeAt() int64 {
	at := s.acct.starts.freeAt(s.m.policy.StartsPerHour, hour)
	if s.m.claiming {
		at = max(at, s.acct.starts.freeAt(s.m.policy.ClaimsPerDay, day))
	}
	return at
}

func (s *step) backoffEnd() int64 { return s.acct.notBefore }

func (s *step) cooldownEnd() int64 { return s.tx().sendAt }

func (s *step) deadline() int64 { return s.tx().expires }
