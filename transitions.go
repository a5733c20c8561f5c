package authn

import (
	"slices"
	"strings"
)

// State is where a transaction stands. The texts are Okta's where Okta has
// the state; they are stored by number and never change.
type State string

// The states of a transaction.
const (
	Unauthenticated   State = "UNAUTHENTICATED"
	MFAEnroll         State = "MFA_ENROLL"
	MFAEnrollActivate State = "MFA_ENROLL_ACTIVATE"
	MFARequired       State = "MFA_REQUIRED"
	MFAChallenge      State = "MFA_CHALLENGE"
	LockedOut         State = "LOCKED_OUT"
	Success           State = "SUCCESS"
	Canceled          State = "CANCELED"
	Expired           State = "EXPIRED"
	PasswordWarn      State = "PASSWORD_WARN"
	PasswordExpired   State = "PASSWORD_EXPIRED"
	PasswordReset     State = "PASSWORD_RESET"

	// OtherGate is a gate of another service's list: see [Gate].
	OtherGate State = "GATE"

	// The states of a [Claim], and of what it leads to.
	RecoveryChallenge State = "RECOVERY_CHALLENGE"
	FactorChallenge   State = "FACTOR_CHALLENGE"
	Recovery          State = "RECOVERY"
)

// states are all that is said of each state, in one place, in the order of
// their stored numbers. Append only.
var states = [...]StateInfo{
	{
		State: Unauthenticated,
		Means: "The state before `Service.Begin`. It is never stored.",
		Shows: "The form for name and password.",
	},
	{
		State: MFAEnroll, Offers: NotSetUp, Lasts: "Life",
		Means: "The user may enroll a factor: the password is correct and none is active, or one was proved and a required one is still missing.",
		Shows: "A button for each factor in `Answer.Factors` whose status is NOT_SETUP, and `skip` if it is allowed.",
	},
	{
		State: MFAEnrollActivate, AtHand: true, Purpose: PurposeEnroll, Lasts: "Life",
		Means: "A factor is being enrolled: a code was sent to its address, or `Answer.Prompt` has what the user needs.",
		Shows: "A field for the code, and of a code that was sent the masked address, its generation, and `resend` once it is allowed; else what `Answer.Prompt` has.",
	},
	{
		State: MFARequired, Offers: Active, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "The password is correct, and the user has an active factor. Nothing has been sent yet.",
		Shows: "The factors in `Answer.Factors` to choose from. If there is only one, the host can choose it. A code of an app or a list can be submitted at once.",
	},
	{
		State: MFAChallenge, AtHand: true, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "A factor was chosen: a code was sent to it, or the user has the code, or `Answer.Prompt` says what to respond to.",
		Shows: "A field for the code, and of a code that was sent the masked address, its generation, and `resend` once it is allowed; else what `Answer.Prompt` has.",
	},
	{
		State: LockedOut, Terminal: true,
		Means: "Too many wrong codes were submitted. If `Until` is set, the account is locked until then. Otherwise only this sign-in has ended, or a factor is disabled.",
		Shows: "A message that the sign-in has ended and, if `Until` is set, when the lock ends.",
	},
	{
		State: Success, Terminal: true, Lasts: "SessionLife",
		Means: "The sign-in has succeeded. The answer holds a single-use session token, or the assertion if the host asked for it at once.",
		Shows: "Nothing. It redeems the token and creates a session.",
	},
	{
		State: Canceled, Terminal: true,
		Means: "The user abandoned the sign-in, an enrollment in another transaction replaced it, or the host revoked it.",
		Shows: "The form for name and password.",
	},
	{
		State: Expired, Terminal: true,
		Means: "The transaction reached its deadline.",
		Shows: "The form for name and password, and a message that the sign-in took too long.",
	},
	{
		State: PasswordWarn, Lasts: "Life",
		Means: "Everything was proved, and the password expires soon: at `Answer.PasswordExpires`.",
		Shows: "A form for the old and a new password, and `skip`.",
	},
	{
		State: PasswordExpired, Lasts: "Life",
		Means: "Everything was proved, and the password has expired.",
		Shows: "A form for the old and a new password; if it was rejected, `Answer.Reasons`.",
	},
	{
		State: PasswordReset, Lasts: "Life",
		Means: "Everything was proved, and a new password has to be set.",
		Shows: "A form for the new password; if it was rejected, `Answer.Reasons`.",
	},
	{
		State: OtherGate, Lasts: "Life",
		Means: "The sign-in stands in a gate that this service does not have. It ends at its next event.",
		Shows: "The form for name and password.",
	},
	{
		State: RecoveryChallenge, AtHand: true, Purpose: PurposeRecover, Lasts: "Life",
		Means: "Somebody has named an account whose password is to be reset, or which is to be unlocked. If it exists, a code is on its way to its address; nobody has looked yet.",
		Shows: "A field for the code, and `resend` once it is allowed. The same words for every name.",
	},
	{
		State: FactorChallenge, AtHand: true, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "Somebody has named an account to sign in to without a password, or an address to sign up with. If it exists, a code is on its way to its address; nobody has looked yet.",
		Shows: "A field for the code, and `resend` once it is allowed. The same words for every name.",
	},
	{
		State: Recovery, Lasts: "Life",
		Means: "The code was right, and the host has a question for the user before anything is changed.",
		Shows: "The question in `Answer.Question`, and a field for what the user answers.",
	},
}

// index is the state's place in states, or -1.
func (s State) index() int {
	return slices.IndexFunc(states[:], func(i StateInfo) bool { return i.State == s })
}

// live are the states of a sign-in under way.
func live() (list []State) {
	for i := range states {
		if st := &states[i]; !st.Terminal && st.State != Unauthenticated {
			list = append(list, st.State)
		}
	}
	return list
}

// A row is one line of the table: in these cells, when all these guards hold,
// either the transaction moves (To or Onward, Then, Emit, Others, Outcome) or the event
// is refused (Refuse) and nothing at all changes. Of several answers to one question
// any will do.
type row struct {
	At      cells
	When    all
	To      State
	Onward  stage // in place of To
	Then    do
	Emit    emit
	Others  op // an event for every other transaction of the account; primary: none
	Outcome Outcome
	Refuse  error
	Why     string
}

type (
	cell struct {
		State
		op
	}
	cells []cell
	all   []guard
	do    []update
	emit  []effectKind
)

// stay is the state the transaction is in.
const stay State = "stay"

// in makes the cells of one event in several states.
func in(o op, from ...State) (cs cells) {
	for _, s := range from {
		cs = append(cs, cell{s, o})
	}
	return cs
}

// What rows share.
var (
	held      = append(slices.DeleteFunc(live(), func(st State) bool { return st == OtherGate }), anyGate)
	open      = append(slices.Clip(held), Success) // a token of the transaction is still of use
	codeOut   = cells{{MFAEnroll, opEnroll}, {MFARequired, opChallenge}, {MFAEnrollActivate, opResend}, {MFAChallenge, opResend}}
	again     = cells{{MFAEnroll, opEnroll}, {MFAEnrollActivate, opResend}, {MFAChallenge, opResend}}
	userCells = append(slices.Concat(in(opPrimary, Unauthenticated), in(opRecover, Unauthenticated), in(opUnlock, Unauthenticated), passkeys, answers, resets), append(codeOut, cell{MFAEnrollActivate, opActivate}, cell{MFAEnroll, opSkip}, cell{PasswordWarn, opSkip}, cell{Success, opRedeem})...)
	atHand    = cells{{MFAEnrollActivate, opActivate}, {MFAChallenge, opVerify}}
	direct    = cells{{MFARequired, opVerify}}
	replying  = cells{{MFAEnrollActivate, opRespond}, {MFAChallenge, opRespond}}
	codeBack  = append(atHand[:2:2], direct...)
	judging   = append(codeBack[:3:3], replying...)
	verifies  = in(opVerify, MFAChallenge, MFARequired)
	claims    = []State{RecoveryChallenge, FactorChallenge}
	claimed   = in(opVerify, claims...)
	lockable  = slices.DeleteFunc(live(), func(st State) bool { return slices.Contains(claims, st) })
	passkeys  = in(opPasskey, Unauthenticated)
	recovers  = append(in(opRecover, Unauthenticated), in(opUnlock, Unauthenticated)...)
	answers   = in(opAnswer, Recovery)
	changes   = in(opChangePassword, PasswordWarn, PasswordExpired)
	resets    = in(opResetPassword, PasswordReset)
	passes    = in(opPass, anyGate)
	toHost    = slices.Concat(answers, changes, resets, passes) // by the host
	guesses   = slices.Concat(codeBack, toHost)
	counted   = slices.Concat(judging, toHost)
)

// table is the machine. A cell (state, event) without a row refuses with
// ErrNotAllowed, or with ErrFinished where the state is terminal. In each cell
// exactly one row holds for every combination of answers: New proves it, so the
// order of the rows means nothing.
var table = []row{
	// What only the host can say. Other rows are taken only if the host agrees;
	// each event that asks the host must have these rows.
	{At: userCells, When: all{noSuchUser}, Refuse: ErrNoUser, Why: "An account that is closed signs nobody in, however far its sign-in has come."},

	// The password was right. What else is required?
	{At: in(opPrimary, Unauthenticated), When: all{accountLocked}, Refuse: ErrLocked, Why: "A lock applies before the first step as well: nothing is saved and no token is issued."},
	{At: in(opPrimary, Unauthenticated), When: all{startsExhausted}, Refuse: ErrTooSoon, Why: "Somebody who has the password cannot begin transactions without limit."},
	{At: in(opPrimary, Unauthenticated), When: all{nothingAsked}, Onward: fromPassword, Then: do{begin}, Why: "No second factor is required: the password is enough, if nothing else is asked of the user."},
	{At: in(opPrimary, Unauthenticated), When: all{deviceRemembered}, Onward: fromGates, Then: do{begin, trust}, Why: "A factor was proved on this device before. It adds nothing to the methods that the assertion names, and no password is changed on the strength of it."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, startsLeft}, To: MFARequired, Then: do{begin}, Why: "Nothing is sent yet: the user chooses a factor first."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, lastStart}, To: MFARequired, Then: do{begin}, Emit: emit{notifyStarts}, Why: "As above; the owner is also notified, since somebody who has the password can keep the owner out for the rest of the hour."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, startsLeft, sendsAtOnce}, To: MFAChallenge, Then: do{begin, newCode}, Emit: emit{sendCode}, Why: "The host leaves no choice to the user, and spares a step: the user may still go back and choose."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, startsLeft, challengesAtOnce}, To: MFAChallenge, Then: do{begin, newChallenge}, Why: "As above."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, lastStart, sendsAtOnce}, To: MFAChallenge, Then: do{begin, newCode}, Emit: emit{sendCode, notifyStarts}, Why: "As above; the owner is also notified."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, lastStart, challengesAtOnce}, To: MFAChallenge, Then: do{begin, newChallenge}, Emit: emit{notifyStarts}, Why: "As above."},
	{At: in(opPrimary, Unauthenticated), When: all{mayEnroll}, To: MFAEnroll, Then: do{begin}, Why: "The password alone permits enrollment only while the account has no active factor."},
	{At: in(opPrimary, Unauthenticated), When: all{mayNotEnroll}, Refuse: ErrNoFactor, Why: "A second factor is required, and the user can neither prove nor enroll one."},

	{At: in(opPrimary, Unauthenticated), When: all{nothingAsked, limitedByHost}, Refuse: ErrTooSoon, Why: "Limits over many accounts are the host's: by client address or fleet."},
	{At: in(opPrimary, Unauthenticated), When: all{deviceRemembered, limitedByHost}, Refuse: ErrTooSoon, Why: "As above."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive, limitedByHost}, Refuse: ErrTooSoon, Why: "As above."},
	{At: in(opPrimary, Unauthenticated), When: all{mayEnroll, limitedByHost}, Refuse: ErrTooSoon, Why: "As above."},

	// A passkey responds, and names its user: it is two factors in one. What does not
	// sign in looks alike, and costs nobody anything: a stranger must not lock an account.
	{At: passkeys, When: all{accountLocked}, Refuse: ErrLocked, Why: "A lock applies to every way in."},
	{At: passkeys, When: all{startsExhausted}, Refuse: ErrTooSoon, Why: "The limit is that of all starts."},
	{At: passkeys, When: all{mayEnroll, mayNotEnroll}, Refuse: ErrFinished, Why: "The user has no passkey that could have responded."},
	{At: passkeys, When: all{factorActive, codeRight, moreAsked}, To: MFAEnroll, Then: do{begin, useCode}, Why: "A required factor is still missing, and the user has proved to be entitled to enroll it."},
	{At: passkeys, When: all{factorActive, codeRight, nothingLeft}, Onward: fromGates, Then: do{begin, useCode}, Why: "The authenticator has verified the user, so it proves what the user has and what the user knows or is."},
	{At: passkeys, When: all{factorActive, codeRight, dataChanges, moreAsked}, To: MFAEnroll, Then: do{begin, useCode}, Emit: emit{handOver}, Why: "As above; until the Directory has taken what has changed, it is laid over what the Directory says."},
	{At: passkeys, When: all{factorActive, codeRight, dataChanges, nothingLeft}, Onward: fromGates, Then: do{begin, useCode}, Emit: emit{handOver}, Why: "As above."},
	{At: passkeys, When: all{factorActive, codeWrong}, Refuse: ErrFinished, Why: "A signature cannot be guessed, so it is not counted."},
	{At: passkeys, When: all{factorActive, otherChallenge}, Refuse: ErrFinished, Why: "As above."},
	{At: passkeys, When: all{factorActive, limitedByHost}, Refuse: ErrTooSoon, Why: "The response is not evaluated until the host's limit ends."},

	// Somebody says who they are, and nothing is proved: a claim, in a record of its own.
	// Nobody is looked up before the answer, which is the same whoever is named.
	{At: in(opClaim, Unauthenticated), When: all{claimsExhausted}, Refuse: ErrTooSoon, Why: "The limit is that of the name, whether or not it is anybody's."},
	{At: in(opClaim, Unauthenticated), When: all{mayClaim, serviceDelivers, recovering, unlocking}, To: RecoveryChallenge, Then: do{beginClaim, newCode}, Emit: emit{sendCode}, Why: "The message goes out after the answer, and only if the name is somebody's."},
	{At: in(opClaim, Unauthenticated), When: all{mayClaim, serviceDelivers, signingIn, signingUp}, To: FactorChallenge, Then: do{beginClaim, newCode}, Emit: emit{sendCode}, Why: "As above."},
	{At: in(opClaim, Unauthenticated), When: all{mayClaim, callerDelivers, recovering, unlocking}, To: RecoveryChallenge, Then: do{beginClaim, newCode}, Why: "The caller is a server of the host's own, which delivers the link itself: the answer has it, and no message goes out."},
	{At: in(opClaim, Unauthenticated), When: all{mayClaim, callerDelivers, signingIn, signingUp}, To: FactorChallenge, Then: do{beginClaim, newCode}, Why: "As above."},
	{At: in(opClaim, Unauthenticated), When: all{mayClaim, callerKnowsNobody}, Refuse: ErrNoUser, Why: "Such a caller may know. Nothing is saved or charged."},
	{At: in(opClaim, Unauthenticated), When: all{mayClaim, limitedByHost}, Refuse: ErrTooSoon, Why: "Limits over many accounts are the host's: by client address or fleet."},
	{At: in(opResend, claims...), When: all{maySend}, To: stay, Then: do{newCode}, Emit: emit{sendCode}, Why: "Only the newest code is live. A resend restores no tries."},
	{At: in(opResend, claims...), When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "As above."},
	{At: in(opResend, claims...), When: all{coolingDown}, Refuse: ErrTooSoon, Why: "The previous message may still be in transit."},
	{At: in(opResend, claims...), When: all{sendsExhausted}, Refuse: ErrExhausted, Why: "A transaction sends a limited number of codes."},
	{At: claimed, When: all{codeRight}, To: Success, Then: do{noteSubject, succeed}, Why: "The claim is proved. What follows begins in the account's own record, once; a sign-up is redeemed."},
	{At: claimed, When: all{codeWrong, triesLeft}, To: stay, Then: do{countTry}, Outcome: WrongCode, Why: "It costs the claim a try and nobody else anything: a stranger must not lock an account."},
	{At: claimed, When: all{codeWrong, transactionExhausted}, To: LockedOut, Then: do{countTry, finish}, Outcome: WrongCode, Why: "Only this claim ends."},
	{At: claimed, When: all{codeLate}, To: stay, Then: do{eraseCode}, Outcome: LateCode, Why: "Not counted as a failure. The expiry is recorded, so that a clock set back cannot revive the code."},
	{At: claimed, When: all{codeMalformed}, Refuse: ErrMalformed, Why: "No code looks like it: a typing error, not counted as a failure."},
	{At: claimed, When: all{otherFactor}, Refuse: ErrNotOffered, Why: "The event names a factor, and a claim has none."},
	{At: claimed, When: all{noCode}, Refuse: ErrNoCode, Why: "Not counted as a failure. The user requests a new code."},
	{At: claimed, When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "The code is neither evaluated nor counted until the host's limit ends."},
	{At: in(opOpen, claims...), When: all{codeRight}, To: stay, Then: do{noteSubject, noteOpened}, Why: "Whoever opens the link goes on in the account's own record, once. Whoever began the claim sees no difference, and gets nothing by it."},
	{At: in(opOpen, claims...), When: all{codeWrong}, Refuse: ErrFinished, Why: "A link cannot be guessed, so it is not counted. One that was opened, or replaced by a resend, looks like an unknown one."},
	{At: in(opOpen, claims...), When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "The link is not evaluated until the host's limit ends."},

	// A claim was proved, and leads to recovery of the account or to its unlocking. A
	// second factor comes before anything is changed.
	{At: slices.Concat(in(opPrimary, Unauthenticated), passkeys, recovers), When: all{claimVoid}, Refuse: ErrFinished, Why: "A claim is carried on once, and none that is older than the account's password or a revocation. So is the request of a passkey."},
	{At: recovers, When: all{accountLocked}, Refuse: ErrLocked, Why: "A lock holds for recovery too. Only its soft part can be unlocked."},
	{At: recovers, When: all{startsExhausted}, Refuse: ErrTooSoon, Why: "Somebody who reads the mailbox cannot begin transactions without limit."},
	{At: recovers, When: all{questionAsked, nothingAsked, factorActive}, To: Recovery, Then: do{begin}, Why: "The host's question comes first."},
	{At: in(opRecover, Unauthenticated), When: all{questionNotAsked, factorActive}, To: MFARequired, Then: do{begin}, Why: "Whoever reads a mailbox must not change a password: another factor is proved first."},
	{At: in(opRecover, Unauthenticated), When: all{questionNotAsked, nothingAsked}, To: PasswordReset, Then: do{begin}, Why: "There is no other factor."},
	{At: in(opRecover, Unauthenticated), When: all{mayNotEnroll}, Refuse: ErrNoFactor, Why: "A factor is active, and it cannot be proved here."},
	{At: in(opUnlock, Unauthenticated), When: all{questionNotAsked, nothingAsked}, To: Success, Then: do{begin, endLock, conclude}, Emit: emit{unlockUser}, Why: "The soft lock and the back-off end. Counts and budgets stay, and there is no session."},
	{At: answers, When: all{judgedRight, recovering, factorActive}, To: MFARequired, Then: do{forgive}, Why: "As without a question."},
	{At: answers, When: all{judgedRight, recovering, nothingAsked}, To: PasswordReset, Then: do{forgive}, Why: "As without a question."},
	{At: answers, When: all{judgedRight, recovering, mayNotEnroll}, Refuse: ErrNoFactor, Why: "A factor is active, and it cannot be proved here."},
	{At: answers, When: all{judgedRight, unlocking}, To: Success, Then: do{forgive, endLock, conclude}, Emit: emit{unlockUser}, Why: "As without a question."},

	// A factor is chosen. A code is sent if its type sends one: the first one, or a new one.
	{At: in(opEnroll, MFAEnroll), When: all{maySend}, To: MFAEnrollActivate, Then: do{newCode}, Emit: emit{sendCode}, Why: "The address comes from the Directory, never from the client."},
	{At: in(opChallenge, MFARequired), When: all{maySend}, To: MFAChallenge, Then: do{newCode}, Emit: emit{sendCode}, Why: "The code is sent to the chosen factor."},
	{At: in(opResend, MFAEnrollActivate, MFAChallenge), When: all{maySend}, To: stay, Then: do{newCode}, Emit: emit{sendCode}, Why: "Only the newest code is live. A resend replaces the previous code and restores no tries."},
	{At: in(opEnroll, MFAEnroll), When: all{nothingToSend}, To: MFAEnrollActivate, Then: do{newChallenge}, Why: "The answer has what the user needs: a secret for an app, a list of codes, or what a device asks for."},
	{At: in(opChallenge, MFARequired), When: all{nothingToSend}, To: MFAChallenge, Then: do{newChallenge}, Why: "The user has the code, or the answer says what to respond to."},
	{At: in(opResend, MFAEnrollActivate, MFAChallenge), When: all{nothingToSend}, Refuse: ErrNotAllowed, Why: "Nothing was sent that could be sent again."},
	{At: codeOut, When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "Limits over many accounts are the host's: by client address, recipient or fleet. Nothing is sent, so nothing is charged."},
	{At: codeOut, When: all{notOffered}, Refuse: ErrNotOffered, Why: "Only factors that the Directory currently offers can be chosen."},
	{At: codeOut, When: all{sendBackoff}, Refuse: ErrTooSoon, Why: "No code can be tried during a back-off, so none is sent."},
	{At: again, When: all{coolingDown}, Refuse: ErrTooSoon, Why: "The previous message may still be in transit."},
	{At: again, When: all{accountSendsExhausted}, Refuse: ErrTooSoon, Why: "The limit spans all transactions of the account, so that further ones cannot flood a mailbox."},
	{At: again, When: all{sendsExhausted}, Refuse: ErrExhausted, Why: "A transaction sends a limited number of codes."},
	{At: in(opChallenge, MFARequired), When: all{coolingDown, codeKept}, To: MFAChallenge, Why: "The code is in transit or already received, so a page reload does not send another."},
	{At: in(opChallenge, MFARequired), When: all{accountSendsExhausted, codeKept}, To: MFAChallenge, Why: "The code that was sent is still valid."},
	{At: in(opChallenge, MFARequired), When: all{sendsExhausted, codeKept}, To: MFAChallenge, Why: "The code that was sent is still valid."},
	{At: in(opChallenge, MFARequired), When: all{coolingDown, codeGone}, Refuse: ErrTooSoon, Why: "The cool-down applies to every send of the transaction."},
	{At: in(opChallenge, MFARequired), When: all{accountSendsExhausted, codeGone}, Refuse: ErrTooSoon, Why: "The limit spans all transactions of the account, so that further ones cannot flood a mailbox."},
	{At: in(opChallenge, MFARequired), When: all{sendsExhausted, codeGone}, Refuse: ErrExhausted, Why: "A transaction sends a limited number of codes."},

	// A code, or a response, is submitted.
	{At: verifies, When: all{codeRight, moreAsked}, To: MFAEnroll, Then: do{useCode}, Why: "A required factor is still missing, or one is to be added, and the user has proved to be entitled to enroll it."},
	{At: verifies, When: all{codeRight, nothingLeft}, Onward: fromPassword, Then: do{useCode}, Why: "The save that records the proof also consumes the code."},
	{At: verifies, When: all{codeRight, dataChanges, moreAsked}, To: MFAEnroll, Then: do{useCode}, Emit: emit{handOver}, Why: "As above; until the Directory has taken what has changed, it is laid over what the Directory says."},
	{At: verifies, When: all{codeRight, dataChanges, nothingLeft}, Onward: fromPassword, Then: do{useCode}, Emit: emit{handOver}, Why: "As above."},
	{At: verifies, When: all{codeRight, oneCodeFewer, moreAsked}, To: MFAEnroll, Then: do{useCode, forgetDevices}, Emit: emit{handOver, notifyRecovery}, Why: "As above, and no device is remembered any more; NIST SP 800-63B section 4.6 asks for a notice of account recovery."},
	{At: verifies, When: all{codeRight, oneCodeFewer, nothingLeft}, Onward: fromPassword, Then: do{useCode, forgetDevices}, Emit: emit{handOver, notifyRecovery}, Why: "As above."},
	{At: in(opActivate, MFAEnrollActivate), When: all{codeRight, moreAsked}, To: MFAEnroll, Then: do{useCode}, Emit: emit{handOver, notifyActivated, reportEnrolled}, Others: opCancel, Why: "Another required factor is still missing, or further ones are offered."},
	{At: in(opActivate, MFAEnrollActivate), When: all{codeRight, nothingLeft}, Onward: fromPassword, Then: do{useCode}, Emit: emit{handOver, notifyActivated, reportEnrolled}, Others: opCancel, Why: "The factor is enrolled, and every other transaction of the account ends."},
	{At: guesses, When: all{codeWrong, judgedWrong, triesLeft, noNewBackoff}, To: stay, Then: do{countWrong}, Outcome: WrongCode, Why: "The failure is saved before it is reported, so that a crash gives no free guess."},
	{At: guesses, When: all{codeWrong, judgedWrong, triesLeft, firstBackoff}, To: stay, Then: do{countWrong}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "Somebody who has the password is guessing codes, so the owner is notified."},
	{At: atHand, When: all{codeWrong, triesLeft, codeExhausted, noNewBackoff}, To: stay, Then: do{countWrong, eraseCode}, Outcome: WrongCode, Why: "The code has no tries left; even the right code is refused until a new one is requested."},
	{At: atHand, When: all{codeWrong, triesLeft, codeExhausted, firstBackoff}, To: stay, Then: do{countWrong, eraseCode}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "As above; the owner is also notified."},
	{At: atHand, When: all{codeWrong, triesLeft, challengeUsed, noNewBackoff}, To: stay, Then: do{countWrong, newChallenge}, Outcome: WrongCode, Why: "A challenge takes one response: the answer has the next one."},
	{At: atHand, When: all{codeWrong, triesLeft, challengeUsed, firstBackoff}, To: stay, Then: do{countWrong, newChallenge}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "As above; the owner is also notified."},
	{At: counted, When: all{codeWrong, judgedWrong, transactionExhausted, noNewBackoff}, To: LockedOut, Then: do{countWrong, finish}, Outcome: WrongCode, Why: "Only this transaction ends; the account is not locked."},
	{At: counted, When: all{codeWrong, judgedWrong, transactionExhausted, firstBackoff}, To: LockedOut, Then: do{countWrong, finish}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "As above; the owner is also notified."},
	{At: counted, When: all{codeWrong, judgedWrong, accountExhausted}, To: LockedOut, Then: do{countWrong, lockAccount, finish}, Emit: emit{notifyLocked}, Others: opLock, Outcome: WrongCode, Why: "The account is locked, which ends all its transactions."},
	{At: counted, When: all{codeWrong, judgedWrong, factorExhausted}, To: LockedOut, Then: do{countWrong, lockAccount, disableFactor, finish}, Emit: emit{notifyLocked, reportDisabled}, Others: opLock, Outcome: WrongCode, Why: "The factor stays disabled until the host calls Reinstate."},
	{At: replying, When: all{codeRight}, To: stay, Then: do{noteReply}, Why: "It proves nothing by itself: the next verify or activate does, and the user may still cancel."},
	{At: replying, When: all{codeWrong, triesLeft, noNewBackoff}, To: stay, Then: do{countWrong, noteReply, eraseCode}, Outcome: WrongCode, Why: "A device has one answer; a rejection means that somebody who has the password is not the owner."},
	{At: replying, When: all{codeWrong, triesLeft, firstBackoff}, To: stay, Then: do{countWrong, noteReply, eraseCode}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "As above; the owner is also notified."},
	{At: replying, When: all{notPending}, Refuse: ErrNoCode, Why: "Not counted as a failure."},
	{At: replying, When: all{replyBackoff}, Refuse: ErrTooSoon, Why: "The answer is neither evaluated nor counted until the back-off ends."},
	{At: atHand, When: all{replyRejected}, To: stay, Then: do{forgetReply}, Outcome: Rejected, Why: "The client is told once that the user has said no, or was asked by another sign-in. Nothing is counted here: a rejection was when it came."},
	{At: atHand, When: all{waiting}, Refuse: ErrWaiting, Why: "Nothing is written, so a client may ask as often as it likes."},
	{At: atHand, When: all{codeLate}, To: stay, Then: do{eraseCode}, Outcome: LateCode, Why: "Not counted as a failure. The expiry is recorded, so that a clock set back cannot revive the code."},
	{At: guesses, When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "The code is neither evaluated nor counted until the host's limit ends."},
	{At: direct, When: all{notListed}, Refuse: ErrNotOffered, Why: "Only factors that the Directory currently offers can be proved."},
	{At: direct, When: all{needsChallenge}, Refuse: ErrNotAllowed, Why: "The factor has to be chosen first: nothing was sent that a code could match."},
	{At: direct, When: all{directBackoff}, Refuse: ErrTooSoon, Why: "The code is neither evaluated nor counted until the back-off ends."},
	{At: codeBack, When: all{codeMalformed}, Refuse: ErrMalformed, Why: "No code looks like it: a typing error, not counted as a failure."},
	{At: verifies, When: all{codeUsed}, Refuse: ErrUsed, Why: "A code is valid for one use. It was right, so it is not counted as a failure."},
	{At: codeBack, When: all{otherChallenge}, Refuse: ErrMalformed, Why: "It cannot be right, and is no guess: not counted as a failure."},
	{At: atHand, When: all{otherFactor}, Refuse: ErrNotOffered, Why: "The event names a factor other than the challenged one."},
	{At: atHand, When: all{backingOff}, Refuse: ErrTooSoon, Why: "The code is neither evaluated nor counted until the back-off ends."},
	{At: atHand, When: all{noCode}, Refuse: ErrNoCode, Why: "Not counted as a failure. The user requests a new code."},

	// What only the host can judge is handed in: a password, or what a gate asks for.
	{At: changes, When: all{judgedRight}, Onward: fromGates, Then: do{forgive, newPassword, forgetDevices}, Emit: emit{storePassword, notifyPassword}, Others: opCancel, Why: "The host stores the new password after this save, and the session waits for it. What was begun with the old one ends."},
	{At: resets, When: all{factorAppeared}, To: MFARequired, Why: "Nobody sets a password past an active factor, however late it became active. This password is not looked at: it is submitted again after the proof."},
	{At: resets, When: all{factorUnprovable}, Refuse: ErrNoFactor, Why: "A factor is active, and it cannot be proved here."},
	{At: resets, When: all{judgedRight, sessionDue}, Onward: fromGates, Then: do{newPassword, forgetDevices}, Emit: emit{storePassword, notifyPassword}, Others: opCancel, Why: "As above; no old password is asked for."},
	{At: resets, When: all{judgedRight, sessionNotDue}, To: Success, Then: do{newPassword, forgetDevices, conclude}, Emit: emit{storePassword, notifyPassword}, Others: opCancel, Why: "Whoever reads one mailbox has no session by it: the user signs in with the new password."},
	{At: passes, When: all{judgedRight}, Onward: fromGates, Then: do{forgive}, Emit: emit{passGate}, Why: "The host is told after this save, until it has taken it. Only later gates are still to come."},
	{At: toHost, When: all{judgedRejected}, To: stay, Outcome: Rejected, Why: "Not good enough, which is no guess: it is not counted as a failure, but is one of the transaction's 100 steps."},
	{At: toHost, When: all{judgedDenied}, To: Canceled, Then: do{finish}, Outcome: Denied, Why: "The host ends the sign-in."},
	{At: toHost, When: all{inputBackoff}, Refuse: ErrTooSoon, Why: "It is neither judged nor counted until the back-off ends, so no slow hash runs for it."},
	{At: passes, When: all{otherGate}, Refuse: ErrNotAllowed, Why: "The event is for another gate."},

	// The user goes back, skips or cancels.
	{At: in(opPrevious, MFAEnrollActivate), To: MFAEnroll, Then: do{eraseCode}, Why: "The user can choose another factor."},
	{At: in(opPrevious, MFAChallenge), To: MFARequired, Why: "The code is kept, but cannot be used until its factor is chosen again."},
	{At: in(opSkip, MFAEnroll), When: all{nothingLeft}, Onward: fromPassword, Then: do{keepCharges}, Why: "The offered factors are optional. Wrong codes stay counted, whatever is right later."},
	{At: in(opSkip, MFAEnroll), When: all{moreAsked}, Refuse: ErrRequired, Why: "A second factor is required and none is proved, or a required factor is missing."},
	{At: in(opSkip, PasswordWarn), Onward: fromGates, Then: do{keepCharges}, Why: "The password is still good. Wrong ones stay counted, whatever is right later."},
	{At: in(opCancel, append(live(), anyGate)...), To: Canceled, Then: do{finish}, Why: "The user abandoned the sign-in, or another one replaced it."},
	{At: in(opCancel, Success), When: all{unredeemed}, To: Canceled, Then: do{finish}, Why: "Canceling invalidates the session token."},
	{At: in(opCancel, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "The session already exists; the host ends it."},

	// Internal events: time, and the lock of the account.
	{At: in(opExpire, open...), When: all{timeUp}, To: Expired, Then: do{finish}, Why: "Replaces any event that arrives at or after the deadline."},
	{At: in(opExpire, open...), When: all{timeLeft}, Refuse: ErrTooSoon, Why: "The deadline has not been reached."},
	{At: in(opExpire, OtherGate), To: Expired, Then: do{finish}, Why: "Only a service with the gate could let it go on."},
	{At: in(opLock, append(lockable, anyGate)...), To: LockedOut, Then: do{finish}, Why: "A lock ends every live transaction of the account."},
	{At: in(opLock, Success), When: all{unredeemed}, To: LockedOut, Then: do{finish}, Why: "A lock also invalidates session tokens."},
	{At: in(opLock, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "The session already exists; the host ends it."},

	// The session token is redeemed, once.
	{At: in(opRedeem, Success), When: all{unredeemed, factorsStand}, To: stay, Then: do{useSession}, Why: "The host creates its session from the assertion alone."},
	{At: in(opRedeem, Success), When: all{unredeemed, factorWithdrawn}, Refuse: ErrNotOffered, Why: "The proof is no longer valid: the address has changed, the factor was removed or disabled, or one became active where none was proved."},
	{At: in(opRedeem, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "A session token is valid for one use."},
}

// Transition is one line of the expanded table, in words: the truth from
// which answers, diagrams and documentation are made.
type Transition struct {
	From    State
	Event   EventName
	When    []string  // the guards, all of which hold
	To      State     // "" for a refusal
	Then    []string  // the updates, in order
	Emit    []string  // the effects
	Others  EventName // the event that every other transaction of the account gets
	Outcome Outcome
	Refuse  error
	Why     string
}

// Label is the engine's name of the row: "verify [right code]".
func (t Transition) Label() string {
	if len(t.When) == 0 {
		return string(t.Event)
	}
	return string(t.Event) + " [" + strings.Join(t.When, ", ") + "]"
}

// Transitions returns the built-in table, one line for each state and row, in the
// order in which it is written. The caller owns the result.
func Transitions() []Transition {
	var p program
	_ = p.expand(table) // which tests have found right
	return p.transitions()
}

// Transitions returns the table of the machine, with the host's gates.
func (m *Machine) Transitions() []Transition { return m.transitions() }

func (p *program) transitions() []Transition {
	ts := make([]Transition, len(p.edges))
	for i := range p.edges {
		ts[i] = p.edges[i].transition()
	}
	return ts
}
