package authn

// The questions about what was submitted: a code, a response, or the answer of another
// device.

func askDirect(s *step) guard {
	if s.noList && !s.ideal {
		s.lack = &Lack{Factors: true}
		return noAnswer
	}
	switch l := s.chosen(); {
	case s.in.factor == "" && (l == nil || !s.ideal):
		return needsChallenge
	case l == nil:
		return notListed
	case l.typ == nil || !l.typ.atOnce():
		return needsChallenge
	case s.now < s.acct.notBefore:
		return directBackoff
	}
	return mayProve
}

func askForm(s *step) guard {
	typ := s.submittedType()
	switch {
	case s.ideal:
		return codeFormed
	case typ != nil && !typ.sends() && s.noList:
		s.lack = &Lack{Factors: true}
		return noAnswer
	case !s.isFormed(typ):
		return codeMalformed
	}
	return codeFormed
}

func askLook(s *step) guard {
	t := s.tx()
	switch {
	case s.in.factor != "" && s.in.factor != t.factor.id:
		return otherFactor
	case t.reply > approved:
		return replyRejected
	case s.now < s.acct.notBefore:
		return backingOff
	case !t.code.live || t.code.tries >= s.maxCodeTries() || s.op == opActivate && s.withdrawn() || s.isUnlisted():
		return noCode
	case s.now >= t.code.expires, s.m.keyIndex(t.code.key) < 0:
		return codeLate
	}
	return mayLook
}

func askReply(s *step) guard {
	switch t := s.tx(); {
	case !t.code.good(s.now) || t.reply != unanswered:
		return notPending
	case s.now < s.acct.notBefore:
		return replyBackoff
	}
	return mayReply
}

func askWaiting(s *step) guard {
	if typ := s.submittedType(); typ != nil && typ.Awaited && s.tx().reply == unanswered {
		return waiting
	}
	return answered
}

func askUsed(s *step) guard {
	switch j, ok := s.judge(); {
	case !ok:
		return noAnswer
	case j.worth == used:
		return codeUsed
	}
	return codeUnused
}

func askChallenge(s *step) guard {
	switch j, ok := s.judge(); {
	case !ok:
		return noAnswer
	case j.worth == unfit:
		return otherChallenge
	}
	return thisChallenge
}

func askCode(s *step) guard {
	if opInfos[s.op].judged {
		return s.judgeInput()
	}
	switch j, ok := s.judge(); {
	case !ok:
		return noAnswer
	case j.worth == right || s.ideal:
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
	}
	return triesLeft
}

func askCodeTries(s *step) guard {
	switch t, typ := s.tx(), s.submittedType(); {
	case typ != nil && typ.Verifier != nil:
		return challengeUsed
	case typ != nil && typ.codes != nil:
	case t.code.tries+1 >= s.maxCodeTries():
		return codeExhausted
	}
	return codeTriesLeft
}

func askAlarm(s *step) guard {
	if int(s.acct.fails)+1 == s.m.policy.BackoffFrom {
		return firstBackoff
	}
	return noNewBackoff
}

func askChange(s *step) guard {
	switch j := &s.judged; {
	case j.plain != nil:
		return oneCodeFewer
	case j.data != "":
		return dataChanges
	}
	return dataStays
}
