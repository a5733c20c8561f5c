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
		Means: "Nothing has begun: the state before `Service.Begin`. It is never stored.",
		Shows: "The form for name and password.",
	},
	{
		State: MFAEnroll, Offers: NotSetUp, Lasts: "Life",
		Means: "The password was right, and the user has no active factor but may enroll one.",
		Shows: "The factors of `Answer.Factors` whose status is NOT_SETUP, with a button each; `skip` if it is allowed.",
	},
	{
		State: MFAEnrollActivate, AtHand: true, Purpose: PurposeEnroll, Lasts: "Life",
		Means: "A code went to the address that is being enrolled.",
		Shows: "A field for the code, the masked address, the code's generation, and `resend` from its time on.",
	},
	{
		State: MFARequired, Offers: Active, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "The password was right, and the user has an active factor. Nothing was sent yet.",
		Shows: "The factors of `Answer.Factors` to choose from; with a single one, choose it at once.",
	},
	{
		State: MFAChallenge, AtHand: true, Purpose: PurposeSignIn, Lasts: "Life",
		Means: "A code went to the chosen factor.",
		Shows: "A field for the code, the masked address, the code's generation, and `resend` from its time on.",
	},
	{
		State: LockedOut, Terminal: true,
		Means: "Too many wrong codes. With `Until` the account is locked until then; without, only this sign-in is meant, or a factor is disabled.",
		Shows: "That the sign-in has ended, and until when the account is locked.",
	},
	{
		State: Success, Terminal: true, Lasts: "SessionLife",
		Means: "The sign-in has succeeded. The answer has a session token, good once.",
		Shows: "Nothing: redeem the token and make a session.",
	},
	{
		State: Canceled, Terminal: true,
		Means: "The user gave up, an enrollment elsewhere replaced this sign-in, or the host revoked it.",
		Shows: "The form for name and password.",
	},
	{
		State: Expired, Terminal: true,
		Means: "Time was up.",
		Shows: "The form for name and password, and that it took too long.",
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
	emit  []EffectKind
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
	open     = append(live(), Success) // a token of the transaction still leads somewhere
	codeOut  = cells{{MFAEnroll, enroll}, {MFARequired, challenge}, {MFAEnrollActivate, resend}, {MFAChallenge, resend}}
	again    = cells{{MFAEnroll, enroll}, {MFAEnrollActivate, resend}, {MFAChallenge, resend}}
	asksUser = append(in(primary, Unauthenticated), append(codeOut, cell{MFAEnrollActivate, activate}, cell{Success, redeem})...)
	codeBack = cells{{MFAEnrollActivate, activate}, {MFAChallenge, verify}}
)

// table is the machine. A cell (state, event) without a row refuses with
// ErrNotAllowed, or with ErrFinished where the state is an end. In a cell the
// guards exclude each other and leave nothing out: New proves it, so the
// order of the rows means nothing.
var table = []row{
	// What only the host can say. A row that is silent about it means that the
	// host agrees; each event that asks the host must have these rows.
	{At: codeOut, When: all{limitedByHost}, Refuse: ErrTooSoon, Why: "Limits over many accounts are the host's: by client address, recipient or fleet."},
	{At: asksUser, When: all{noSuchUser}, Refuse: ErrNoUser, Why: "An account that is closed signs nobody in, however far its sign-in has come."},

	// The password was right. What else is asked for?
	{At: in(primary, Unauthenticated), When: all{accountLocked}, Refuse: ErrLocked, Why: "Nothing is written and no token is given: a lock holds for every later step, and before the first."},
	{At: in(primary, Unauthenticated), When: all{startsExhausted}, Refuse: ErrTooSoon, Why: "Whoever has the password must not open transactions without end."},
	{At: in(primary, Unauthenticated), When: all{nothingAsked}, To: Success, Then: do{begin, succeed}, Emit: emit{SignedIn}, Why: "The host asked for the password alone."},
	{At: in(primary, Unauthenticated), When: all{factorActive}, To: MFARequired, Then: do{begin}, Why: "No mail goes out yet: the user chooses a factor first."},
	{At: in(primary, Unauthenticated), When: all{mayEnroll}, To: MFAEnroll, Then: do{begin}, Why: "Enrollment on the password alone is only for an account without an active factor."},
	{At: in(primary, Unauthenticated), When: all{mayNotEnroll}, Refuse: ErrNoFactor, Why: "A second factor is demanded and there is none to prove or to enroll."},

	// A code goes out: the first one, or another.
	{At: in(enroll, MFAEnroll), When: all{maySend}, To: MFAEnrollActivate, Then: do{newCode}, Emit: emit{SendCode}, Why: "The address is the one that the Directory has, never one that the client names."},
	{At: in(challenge, MFARequired), When: all{maySend}, To: MFAChallenge, Then: do{newCode}, Emit: emit{SendCode}, Why: "The code goes to the factor that was chosen."},
	{At: in(resend, MFAEnrollActivate, MFAChallenge), When: all{maySend}, To: stay, Then: do{newCode}, Emit: emit{SendCode}, Why: "One live code at a time: the old one is dead from here on, and no budget of tries is refilled."},
	{At: codeOut, When: all{notOffered}, Refuse: ErrNotOffered, Why: "Only what the Directory offers at this moment may be chosen."},
	{At: codeOut, When: all{sendBackoff}, Refuse: ErrTooSoon, Why: "While a back-off runs no code could be tried, so none is sent."},
	{At: again, When: all{coolingDown}, Refuse: ErrTooSoon, Why: "The last mail may still be on its way."},
	{At: again, When: all{accountSendsExhausted}, Refuse: ErrTooSoon, Why: "A mailbox must not be flooded, over however many transactions."},
	{At: again, When: all{sendsExhausted}, Refuse: ErrExhausted, Why: "A transaction sends only so many codes."},
	{At: in(challenge, MFARequired), When: all{coolingDown, codeKept}, To: MFAChallenge, Why: "The mail is on its way or read already: a page reload goes back and forth without another."},
	{At: in(challenge, MFARequired), When: all{accountSendsExhausted, codeKept}, To: MFAChallenge, Why: "The code that was sent is still good."},
	{At: in(challenge, MFARequired), When: all{sendsExhausted, codeKept}, To: MFAChallenge, Why: "The code that was sent is still good."},
	{At: in(challenge, MFARequired), When: all{coolingDown, codeGone}, Refuse: ErrTooSoon, Why: "The cool-down is the transaction's and holds for every send."},
	{At: in(challenge, MFARequired), When: all{accountSendsExhausted, codeGone}, Refuse: ErrTooSoon, Why: "A mailbox must not be flooded, over however many transactions."},
	{At: in(challenge, MFARequired), When: all{sendsExhausted, codeGone}, Refuse: ErrExhausted, Why: "A transaction sends only so many codes."},

	// A code comes back.
	{At: in(verify, MFAChallenge), When: all{codeRight}, To: Success, Then: do{useCode, succeed}, Emit: emit{SignedIn}, Why: "The code is used up by the very save that makes this true."},
	{At: in(activate, MFAEnrollActivate), When: all{codeRight, moreAsked}, To: MFAEnroll, Then: do{useCode, activateFactor}, Emit: emit{FactorActivated, NotifyActivated, FactorEnrolled}, Others: cancel, Why: "Another required factor is still missing."},
	{At: in(activate, MFAEnrollActivate), When: all{codeRight, nothingLeft}, To: Success, Then: do{useCode, activateFactor, succeed}, Emit: emit{FactorActivated, NotifyActivated, FactorEnrolled, SignedIn}, Others: cancel, Why: "The factor is enrolled, and whatever else was begun on the password alone ends."},
	{At: codeBack, When: all{codeWrong, triesLeft, noNewBackoff}, To: stay, Then: do{countWrong}, Outcome: WrongCode, Why: "Saved before it is answered: a crash gives no free guess."},
	{At: codeBack, When: all{codeWrong, triesLeft, firstBackoff}, To: stay, Then: do{countWrong}, Emit: emit{NotifyBackoff}, Outcome: WrongCode, Why: "Somebody has the password and guesses: the owner should know."},
	{At: codeBack, When: all{codeWrong, codeExhausted, noNewBackoff}, To: stay, Then: do{countWrong, eraseCode}, Outcome: WrongCode, Why: "From here on even the right code is worthless: ask for another."},
	{At: codeBack, When: all{codeWrong, codeExhausted, firstBackoff}, To: stay, Then: do{countWrong, eraseCode}, Emit: emit{NotifyBackoff}, Outcome: WrongCode, Why: "As before, and the owner is told."},
	{At: codeBack, When: all{codeWrong, transactionExhausted, noNewBackoff}, To: LockedOut, Then: do{countWrong, finish}, Outcome: WrongCode, Why: "Only this transaction: the account is not touched by it."},
	{At: codeBack, When: all{codeWrong, transactionExhausted, firstBackoff}, To: LockedOut, Then: do{countWrong, finish}, Emit: emit{NotifyBackoff}, Outcome: WrongCode, Why: "As before, and the owner is told."},
	{At: codeBack, When: all{codeWrong, accountExhausted}, To: LockedOut, Then: do{countWrong, lockAccount, finish}, Emit: emit{NotifyLocked}, Others: lock, Outcome: WrongCode, Why: "The account locks, and with it every transaction it has."},
	{At: codeBack, When: all{codeWrong, factorExhausted}, To: LockedOut, Then: do{countWrong, lockAccount, disableFactor, finish}, Emit: emit{NotifyLocked, FactorDisabled}, Others: lock, Outcome: WrongCode, Why: "Time does not help any more: only the host's Reinstate."},
	{At: codeBack, When: all{codeLate}, To: stay, Then: do{eraseCode}, Outcome: LateCode, Why: "Recorded, so that a clock that falls back cannot revive it; not counted."},
	{At: codeBack, When: all{otherFactor}, Refuse: ErrNotOffered, Why: "The code is for a factor that was not challenged."},
	{At: codeBack, When: all{backingOff}, Refuse: ErrTooSoon, Why: "Not looked at and not counted until the wait is over."},
	{At: codeBack, When: all{noCode}, Refuse: ErrNoCode, Why: "Ask for a new one; not counted."},

	// Going back, going on without, going away.
	{At: in(previous, MFAEnrollActivate), To: MFAEnroll, Then: do{eraseCode}, Why: "Another factor may be chosen."},
	{At: in(previous, MFAChallenge), To: MFARequired, Why: "The code waits there, unusable, for its factor to be chosen again."},
	{At: in(skip, MFAEnroll), When: all{nothingLeft}, To: Success, Then: do{succeed}, Emit: emit{SignedIn}, Why: "What is offered here is optional."},
	{At: in(skip, MFAEnroll), When: all{moreAsked}, Refuse: ErrRequired, Why: "A second factor is demanded, or one that is required is missing."},
	{At: in(cancel, live()...), To: Canceled, Then: do{finish}, Why: "The user gave up, or another sign-in replaced this one."},
	{At: in(cancel, Success), When: all{unredeemed}, To: Canceled, Then: do{finish}, Why: "The session token is void."},
	{At: in(cancel, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "The session exists: it is the host's to end."},

	// What nobody sends: time, and the lock of the account.
	{At: in(expire, open...), When: all{timeUp}, To: Expired, Then: do{finish}, Why: "Taken in place of any event that comes too late."},
	{At: in(expire, open...), When: all{timeLeft}, Refuse: ErrTooSoon, Why: "Its deadline has not come."},
	{At: in(lock, live()...), To: LockedOut, Then: do{finish}, Why: "A lock ends every live transaction of the account."},
	{At: in(lock, Success), When: all{unredeemed}, To: LockedOut, Then: do{finish}, Why: "A lock voids session tokens too."},
	{At: in(lock, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "The session exists: it is the host's to end."},

	// The session token, once.
	{At: in(redeem, Success), When: all{unredeemed, factorsStand}, To: stay, Then: do{useSession}, Why: "The host makes its session from the assertion, and from nothing else."},
	{At: in(redeem, Success), When: all{unredeemed, factorWithdrawn}, Refuse: ErrNotOffered, Why: "What was proved no longer holds: the address has changed, or the factor is gone or disabled."},
	{At: in(redeem, Success), When: all{redeemed}, Refuse: ErrFinished, Why: "A session token is good once."},
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
