package authn

import "context"

// Questions asks a user something before a password is recovered or an account is
// unlocked. It is for hosts whose clients have it: NIST SP 800-63B section 3.1.1.2 forbids
// such questions to be all that is asked. Implementations must be safe for concurrent use.
type Questions interface {
	// Question returns the user's question, as it is shown, or "" to ask none. An error
	// counts as a question: a fault is no way past it.
	Question(ctx context.Context, user string) (string, error)
	// Check judges the answer and has no effect: the zero Verdict counts like a wrong
	// code. It is asked once for each call of the service, and neither during a back-off
	// nor for a repeat. An error is "unavailable": no verdict, nothing counted.
	Check(ctx context.Context, in QuestionInput) (Verdict, error)
}

// A QuestionInput is what [Questions] judges.
type QuestionInput struct {
	Tenant, User string
	Transaction  string // public id
	Answer       Secret // 1 byte to 4 KiB of UTF-8 without NUL, as the client sent it
}

// Unlocker is a [Passwords] that has a lock of its own, such as after too many wrong
// passwords.
type Unlocker interface {
	Passwords
	// Unlock ends the host's own lock of the user. It is repeated, with the same key, until
	// it returns nil.
	Unlock(ctx context.Context, key, user string) error
}

// notRecovered are the answers that cannot be given where a proved claim begins, or its
// user answers a question.
var notRecovered = map[op][]guard{
	opRecover: {deviceRemembered, mayEnroll},
	opUnlock:  {deviceRemembered, factorActive, mayEnroll, mayNotEnroll},
	opPasskey: {nothingAsked, deviceRemembered, oneCodeFewer},
	opAnswer:  {accountLocked, startsExhausted, deviceRemembered, mayEnroll, signingIn, signingUp},
}

func askQuestion(s *step) guard {
	switch {
	case s.question == nil:
		s.lack = &Lack{Question: true}
		return noAnswer
	case *s.question != "":
		return questionAsked
	}
	return questionNotAsked
}
