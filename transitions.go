package authn

import "slices"

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
		Means: "The password is correct. The user has no active factor and may enroll one.",
		Shows: "A button for each factor in `Answer.Factors` whose status is NOT_SETUP, and `skip` if it is allowed.",
	},
	{
		State: MFAEnrollActivate, AtHand: true, Purpose: PurposeEnroll, Lasts: "Life",
		Means: "A code was sent to the address being enrolled.",
		Shows: "A field for the code, the masked address, the code's generation, and `resend` once it is allowed.",
	},
	{
		State: MFARequired, Offers: Active, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "The password is correct, and the user has an active factor. Nothing has been sent yet.",
		Shows: "The factors in `Answer.Factors` to choose from. If there is only one, the host can choose it.",
	},
	{
		State: MFAChallenge, AtHand: true, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "A code was sent to the chosen factor.",
		Shows: "A field for the code, the masked address, the code's generation, and `resend` once it is allowed.",
	},
	{
		State: LockedOut, Terminal: true,
		Means: "Too many wrong codes were submitted. If `Until` is set, the account is locked until then. Otherwise only this sign-in has ended, or a factor is disabled.",
		Shows: "A message that the sign-in has ended and, if `Until` is set, when the lock ends.",
	},
	{
		State: Success, Terminal: true, Lasts: "SessionLife",
		Means: "The sign-in has succeeded. The answer holds a single-use session token.",
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
// either the transaction moves (To, Then, Emit, Others, Outcome) or the event is
// refused (Refuse) and nothing at all changes.
type row struct {
	At      cells
	When    all
	To      State
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
	open      = append(live(), Success) // a token of the transaction is still of use
	codeOut   = cells{{MFAEnroll, opEnroll}, {MFARequired, opChallenge}, {MFAEnrollActivate, opResend}, {MFAChallenge, opResend}}
	again     = cells{{MFAEnroll, opEnroll}, {MFAEnrollActivate, opResend}, {MFAChallenge, opResend}}
	userCells = append(in(opPrimary, Unauthenticated), append(codeOut, cell{MFAEnrollActivate, opActivate}, cell{MFAEnroll, opSkip}, cell{Success, opRedeem})...)
	codeBack  = cells{{MFAEnrollActivate, opActivate}, {MFAChallenge, opVerify}}
)

// table is the machine. A cell (state, event) without a row refuses with
// ErrNotAllowed, or with ErrFinished where the state is terminal. In each cell
// exactly one row holds for every combination of answers: New proves it, so the
// order of the rows means nothing.
var table = []row{
	// What only the host can say. Other rows are taken only if the host agrees;
	// each event that asks the host must have these rows.
	{At: codeOut, When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "Limits over many accounts are the host's: by client address, recipient or fleet."},
	{At: userCells, When: all{noSuchUser}, Refuse: ErrNoUser, Why: "An account that is closed signs nobody in, however far its sign-in has come."},

	// The password was right. What else is required?
	{At: in(opPrimary, Unauthenticated), When: all{accountLocked}, Refuse: ErrLocked, Why: "A lock applies before the first step as well: nothing is saved and no token is issued."},
	{At: in(opPrimary, Unauthenticated), When: all{startsExhausted}, Refuse: ErrTooSoon, Why: "Somebody who has the password cannot begin transactions without limit."},
	{At: in(opPrimary, Unauthenticated), When: all{nothingAsked}, To: Success, Then: do{begin, succeed}, Emit: emit{reportSignIn}, Why: "No second factor is required, so the password completes the sign-in."},
	{At: in(opPrimary, Unauthenticated), When: all{factorActive}, To: MFARequired, Then: do{begin}, Why: "Nothing is sent yet: the user chooses a factor first."},
	{At: in(opPrimary, Unauthenticated), When: all{mayEnroll}, To: MFAEnroll, Then: do{begin}, Why: "The password alone permits enrollment only while the account has no active factor."},
	{At: in(opPrimary, Unauthenticated), When: all{mayNotEnroll}, Refuse: ErrNoFactor, Why: "A second factor is required, and the user can neither prove nor enroll one."},

	// A code is sent: the first one, or a new one.
	{At: in(opEnroll, MFAEnroll), When: all{maySend}, To: MFAEnrollActivate, Then: do{newCode}, Emit: emit{sendCode}, Why: "The address comes from the Directory, never from the client."},
	{At: in(opChallenge, MFARequired), When: all{maySend}, To: MFAChallenge, Then: do{newCode}, Emit: emit{sendCode}, Why: "The code is sent to the chosen factor."},
	{At: in(opResend, MFAEnrollActivate, MFAChallenge), When: all{maySend}, To: stay, Then: do{newCode}, Emit: emit{sendCode}, Why: "Only the newest code is live. A resend replaces the previous code and restores no tries."},
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

	// A code is submitted.
	{At: in(opVerify, MFAChallenge), When: all{codeRight}, To: Success, Then: do{useCode, succeed}, Emit: emit{reportSignIn}, Why: "The save that records the success also consumes the code."},
	{At: in(opActivate, MFAEnrollActivate), When: all{codeRight, moreAsked}, To: MFAEnroll, Then: do{useCode, activateFactor}, Emit: emit{handOver, notifyActivated, reportEnrolled}, Others: opCancel, Why: "Another required factor is still missing."},
	{At: in(opActivate, MFAEnrollActivate), When: all{codeRight, nothingLeft}, To: Success, Then: do{useCode, activateFactor, succeed}, Emit: emit{handOver, notifyActivated, reportEnrolled, reportSignIn}, Others: opCancel, Why: "The factor is enrolled, and every other transaction of the account ends."},
	{At: codeBack, When: all{codeWrong, triesLeft, noNewBackoff}, To: stay, Then: do{countWrong}, Outcome: WrongCode, Why: "The failure is saved before it is reported, so that a crash gives no free guess."},
	{At: codeBack, When: all{codeWrong, triesLeft, firstBackoff}, To: stay, Then: do{countWrong}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "Somebody who has the password is guessing codes, so the owner is notified."},
	{At: codeBack, When: all{codeWrong, codeExhausted, noNewBackoff}, To: stay, Then: do{countWrong, eraseCode}, Outcome: WrongCode, Why: "The code has no tries left; even the right code is refused until a new one is requested."},
	{At: codeBack, When: all{codeWrong, codeExhausted, firstBackoff}, To: stay, Then: do{countWrong, eraseCode}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "As above; the owner is also notified."},
	{At: codeBack, When: all{codeWrong, transactionExhausted, noNewBackoff}, To: LockedOut, Then: do{countWrong, finish}, Outcome: WrongCode, Why: "Only this transaction ends; the account is not locked."},
	{At: codeBack, When: all{codeWrong, transactionExhausted, firstBackoff}, To: LockedOut, Then: do{countWrong, finish}, Emit: emit{notifyBackoff}, Outcome: WrongCode, Why: "As above; the owner is also notified."},
	{At: codeBack, When: all{codeWrong, accountExhausted}, To: LockedOut, Then: do{countWrong, lockAccount, finish}, Emit: emit{notifyLocked}, Others: opLock, Outcome: WrongCode, Why: "The account is locked, which ends all its transactions."},
	{At: codeBack, When: all{codeWrong, factorExhausted}, To: LockedOut, Then: do{countWrong, lockAccount, disableFactor, finish}, Emit: emit{notifyLocked, reportDisabled}, Others: opLock, Outcome: WrongCode, Why: "The factor stays disabled until the host calls Reinstate."},
	{At: codeBack, When: all{codeLate}, To: stay, Then: do{eraseCode}, Outcome: LateCode, Why: "Not counted as a failure. The expiry is recorded, so that a clock set back cannot revive the code."},
	{At: codeBack, When: all{otherFactor}, Refuse: ErrNotOffered, Why: "The event names a factor other than the challenged one."},
	{At: codeBack, When: all{backingOff}, Refuse: ErrTooSoon, Why: "The code is neither evaluated nor counted until the back-off ends."},
	{At: codeBack, When: all{noCode}, Refuse: ErrNoCode, Why: "Not counted as a failure. The user requests a new code."},

	// The user goes back, skips or cancels.
	{At: in(opPrevious, MFAEnrollActivate), To: MFAEnroll, Then: do{eraseCode}, Why: "The user can choose another factor."},
	{At: in(opPrevious, MFAChallenge), To: MFARequired, Why: "The code is kept, but cannot be used until its factor is chosen again."},
	{At: in(opSkip, MFAEnroll), When: all{nothingLeft}, To: Success, Then: do{succeed}, Emit: emit{reportSignIn}, Why: "The offered factors are optional."},
	{At: in(opSkip, MFAEnroll), When: all{moreAsked}, Refuse: ErrRequired, Why: "A second factor is required and none is proved, or a required factor is missing."},
	{At: in(opCancel, live()...), To: Canceled, Then: do{finish}, Why: "The user abandoned the sign-in, or another one replaced it."},
	{At: in(opCancel, Success), When: all{unredeemed}, To: Canceled, Then: do{finish}, Why: "Canceling invalidates the session token."},
	{At: in(opCancel, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "The session already exists; the host ends it."},

	// Internal events: time, and the lock of the account.
	{At: in(opExpire, open...), When: all{timeUp}, To: Expired, Then: do{finish}, Why: "Replaces any event that arrives at or after the deadline."},
	{At: in(opExpire, open...), When: all{timeLeft}, Refuse: ErrTooSoon, Why: "The deadline has not been reached."},
	{At: in(opLock, live()...), To: LockedOut, Then: do{finish}, Why: "A lock ends every live transaction of the account."},
	{At: in(opLock, Success), When: all{unredeemed}, To: LockedOut, Then: do{finish}, Why: "A lock also invalidates session tokens."},
	{At: in(opLock, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "The session already exists; the host ends it."},

	// The session token is redeemed, once.
	{At: in(opRedeem, Success), When: all{unredeemed, factorsStand}, To: stay, Then: do{useSession}, Why: "The host creates its session from the assertion alone."},
	{At: in(opRedeem, Success), When: all{unredeemed, factorWithdrawn}, Refuse: ErrNotOffered, Why: "The proof is no longer valid: the address has changed, or the factor was removed or disabled."},
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
	s := string(t.Event)
	for i, w := range t.When {
		if i == 0 {
			s += " ["
		} else {
			s += ", "
		}
		s += w
	}
	if len(t.When) > 0 {
		s += "]"
	}
	return s
}

// Transitions returns the table, one line for each state and row, in the
// order in which it is written. The caller owns the result.
func Transitions() []Transition {
	edges, _ := expand(table)
	ts := make([]Transition, len(edges))
	for i := range edges {
		ts[i] = edges[i].transition()
	}
	return ts
}
