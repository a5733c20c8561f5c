package authn

import (
	"strconv"
	"strings"
	"time"
)

// An Event is what a client asks of a transaction: one of the payload types
// below, for [Service.Do]. A field that names a factor takes its ID, except in
// [Enroll].
type Event interface {
	on() op
	fill(in *input) (ok bool)
}

type (
	// Enroll chooses, in MFA_ENROLL, the type of factor to enroll, such as
	// [Email]; a code is sent to the address that the host's Directory has. If
	// the type sends nothing, [Answer].Prompt says what the user needs.
	Enroll struct{ Type string }

	// Activate hands in the code that confirms the factor being enrolled, or
	// the response that its type's [Verifier] judges: up to 16 KiB. Factor may be
	// empty: it is the one at hand.
	Activate struct {
		Factor string
		Code   Code
	}

	// Challenge chooses, in MFA_REQUIRED, the factor to prove, and sends a code
	// if its type sends one.
	Challenge struct{ Factor string }

	// Verify hands in the code, or the response, in MFA_CHALLENGE; and in
	// MFA_REQUIRED that of a factor which needs no challenge, such as [TOTP],
	// whose ID it then names. Factor may be empty in MFA_CHALLENGE: it is the one
	// at hand.
	// Remember asks for [Answer].Device, if [Policy].Remember allows it: with it the
	// user need not prove a factor on this device for a while. Ask the user first.
	Verify struct {
		Factor   string
		Code     Code
		Remember bool
	}

	// Resend requests a new code; the previous one no longer works. Factor may be
	// empty.
	Resend struct{ Factor string }

	// Previous goes one step back: to MFA_ENROLL, where the code is erased,
	// or to MFA_REQUIRED, where it waits for the factor to be chosen again.
	// It restores no tries and no sends.
	Previous struct{}

	// Skip leaves MFA_ENROLL when nothing that is required is missing, and
	// PASSWORD_WARN.
	Skip struct{}

	// ChangePassword hands in, in PASSWORD_WARN and PASSWORD_EXPIRED, the old password
	// and a new one: each 1 byte to 4 KiB of UTF-8 without NUL.
	ChangePassword struct{ Old, New Secret }

	// ResetPassword hands in a new password in PASSWORD_RESET. If a factor has become active
	// which has to be proved, it leads to MFA_REQUIRED: the password is handed in again after
	// the proof, and was not looked at.
	ResetPassword struct{ New Secret }

	// Pass hands in what a [Gate] asks for: up to 16 KiB. Gate is the state at hand.
	Pass struct {
		Gate  State
		Input Secret
	}

	// AnswerQuestion hands in, in RECOVERY, what the user answers to the host's question:
	// 1 byte to 4 KiB of UTF-8 without NUL.
	AnswerQuestion struct{ Answer Secret }

	// Cancel ends the transaction, and voids a session token that is not redeemed. A claim
	// that was proved goes on under another token, in the answer: cancel by that one.
	Cancel struct{}
)

// WithKey gives ev an idempotency key of 1 to 64 bytes, chosen by the client:
// the same event again, with the same key and next in line, is not evaluated
// but answered from where the transaction stands. The same key with anything
// else in the event is refused with [ErrKeyReused]; but passwords and what a gate asks for
// take no part in that, so that nothing that is stored depends on them. Only the key of
// the last event that was saved is remembered.
func WithKey(key string, ev Event) Event {
	o := optionsOf(ev)
	if o.keyed { // two keys are malformed
		o = options{Event: ev}
	}
	o.key, o.keyed = key, true
	return o
}

// RedeemAtOnce makes the answer of ev, if it is in SUCCESS, hold the [Assertion] in place
// of a session token, mostly by the one save that records the success: for a host that
// creates its session in the very request. Where something has to be done first, such as
// storing a new password, the service redeems the token by a second save; only a SUCCESS
// without a session has no assertion. The assertion is given once: if the answer is lost,
// the user signs in again, and a repeat with the same key is refused with [ErrFinished];
// of what a [Claim] other than to sign in has begun, it is in SUCCESS without an assertion.
// See also [Login].RedeemAtOnce.
func RedeemAtOnce(ev Event) Event {
	o := optionsOf(ev)
	o.atOnce = true
	return o
}

// options are an event with what does not depend on which event it is.
type options struct {
	Event
	key           string
	keyed, atOnce bool
}

func optionsOf(ev Event) options {
	if o, ok := ev.(options); ok {
		return o
	}
	return options{Event: ev}
}

// An EventName names what happened to a transaction or an account: in
// answers, refusals, audit events and the table.
type EventName string

// The events of the table.
const (
	EventPrimary        EventName = "primary"         // [Service.Begin]
	EventEnroll         EventName = "enroll"          // [Enroll]
	EventActivate       EventName = "activate"        // [Activate]
	EventChallenge      EventName = "challenge"       // [Challenge]
	EventVerify         EventName = "verify"          // [Verify]
	EventResend         EventName = "resend"          // [Resend]
	EventPrevious       EventName = "previous"        // [Previous]
	EventSkip           EventName = "skip"            // [Skip]
	EventChangePassword EventName = "change_password" // [ChangePassword]
	EventResetPassword  EventName = "reset_password"  // [ResetPassword]
	EventPass           EventName = "pass"            // [Pass]
	EventAnswer         EventName = "answer"          // [AnswerQuestion]
	EventClaim          EventName = "claim"           // [Service.Claim]
	EventOpen           EventName = "open"            // [Service.Open]
	EventRecover        EventName = "recover"         // a proved [Claim] of PurposeRecover
	EventUnlock         EventName = "unlock"          // a proved [Claim] of PurposeUnlock
	EventPasskey        EventName = "passkey"         // [Service.BeginPasskey]
	EventCancel         EventName = "cancel"          // [Cancel]
	EventRedeem         EventName = "redeem"          // [Service.Redeem]
	EventRespond        EventName = "respond"         // [Service.Respond]
	EventExpire         EventName = "expire"          // time is up
	EventLock           EventName = "lock"            // another transaction has locked the account
)

// The host's own operations, and what the outbox reports to the Auditor until
// it is taken.
const (
	EventStatus          EventName = "status"           // [Service.Status], in refusals
	EventInspect         EventName = "inspect"          // [Service.Inspect], in refusals
	EventRevoke          EventName = "revoke"           // [Service.Revoke]
	EventReinstate       EventName = "reinstate"        // [Service.Reinstate]
	EventErase           EventName = "erase"            // [Service.Erase]
	EventForgetDevices   EventName = "forget_devices"   // [Service.ForgetDevices]
	EventSignedIn        EventName = "signed_in"        // a sign-in has succeeded
	EventFactorActivated EventName = "factor_activated" // a factor was enrolled
	EventFactorDisabled  EventName = "factor_disabled"  // only [Service.Reinstate] helps
	EventFactorUnusable  EventName = "factor_unusable"  // a factor of the Directory's list cannot be used: see Err
)

// op is an event without its payload, as the table has it.
type op uint8

const (
	opPrimary op = iota
	opEnroll
	opActivate
	opChallenge
	opVerify
	opResend
	opPrevious
	opSkip
	opChangePassword
	opResetPassword
	opPass
	opAnswer
	opCancel
	opRedeem
	opRespond
	opClaim
	opOpen
	opRecover
	opUnlock
	opPasskey
	opExpire // time, as an event
	opLock   // the account's lock, as an event
	ops
)

// opInfos are all that is said of each event, in one place: also whether the
// Directory and the Limiter are asked before it, and whether the host judges it.
var opInfos = [ops]struct {
	name                       EventName
	doc                        string
	directory, limiter, judged bool
}{
	opPrimary:        {EventPrimary, "Begins a transaction after the host has checked the password. The host calls Service.Begin.", true, true, false},
	opEnroll:         {EventEnroll, "Chooses the factor type to enroll, and sends a code if the type sends one.", true, true, false},
	opActivate:       {EventActivate, "Submits the code, or the response, that confirms the factor being enrolled.", true, true, false},
	opChallenge:      {EventChallenge, "Chooses the factor to prove, and sends it a code if its type sends one.", true, true, false},
	opVerify:         {EventVerify, "Submits the code that was sent to the chosen factor, a code that the user has, or a response.", false, true, false},
	opResend:         {EventResend, "Requests a new code. The previous code no longer works.", true, true, false},
	opPrevious:       {EventPrevious, "Goes back one step.", false, false, false},
	opSkip:           {EventSkip, "Continues without enrolling another factor, or without changing the password.", true, false, false},
	opChangePassword: {EventChangePassword, "Submits the old password and a new one.", false, true, true},
	opResetPassword:  {EventResetPassword, "Submits a new password.", true, true, true},
	opPass:           {EventPass, "Submits what one of the host's gates asks for.", false, true, true},
	opAnswer:         {EventAnswer, "Submits what the user answers to the host's question.", true, true, true},
	opCancel:         {EventCancel, "Ends the transaction.", false, false, false},
	opRedeem:         {EventRedeem, "Exchanges the session token for an assertion, once. The host calls Service.Redeem.", true, false, false},
	opRespond:        {EventRespond, "The user's other device approves or rejects. The host calls Service.Respond.", false, false, false},
	opClaim:          {EventClaim, "Somebody says who they are, and nothing is proved yet. The host calls Service.Claim.", false, true, false},
	opOpen:           {EventOpen, "Opens the link of a claim. The host calls Service.Open.", false, true, false},
	opRecover:        {EventRecover, "Internal. A claim to recover a password was proved, and goes on in the account's own record.", true, false, false},
	opUnlock:         {EventUnlock, "Internal. A claim to unlock an account was proved, and goes on in the account's own record.", true, false, false},
	opPasskey:        {EventPasskey, "Begins a transaction by a passkey, which names its user. The host calls Service.BeginPasskey.", true, true, false},
	opExpire:         {EventExpire, "Internal. The transaction has reached its deadline; this event replaces any event that arrives later.", false, false, false},
	opLock:           {EventLock, "Internal. Another transaction has locked the account.", false, false, false},
}

func (o op) name() EventName { return opInfos[o].name }

func (o op) String() string { return string(o.name()) }

// Fields are what may come with an event from a wire.
type Fields struct {
	Factor   string // of "enroll" a type
	Code     Code
	Old      Secret // password
	New      Secret // password
	Gate     State
	Input    Secret // to the gate, or to the question
	Remember bool   // of "verify"
}

// ParseEvent makes an event from its name and what came with it, for hosts
// that read events from a wire; fields that the event does not have are not looked
// at. It refuses what it does not know, and "primary" and "redeem", with
// [ErrMalformed]: those are [Service.Begin] and [Service.Redeem].
func ParseEvent(name string, f Fields) (Event, error) {
	switch EventName(name) {
	case EventEnroll:
		return Enroll{f.Factor}, nil
	case EventActivate:
		return Activate{f.Factor, f.Code}, nil
	case EventChallenge:
		return Challenge{f.Factor}, nil
	case EventVerify:
		return Verify{f.Factor, f.Code, f.Remember}, nil
	case EventResend:
		return Resend{f.Factor}, nil
	case EventPrevious:
		return Previous{}, nil
	case EventSkip:
		return Skip{}, nil
	case EventChangePassword:
		return ChangePassword{f.Old, f.New}, nil
	case EventResetPassword:
		return ResetPassword{f.New}, nil
	case EventPass:
		return Pass{f.Gate, f.Input}, nil
	case EventAnswer:
		return AnswerQuestion{f.Input}, nil
	case EventCancel:
		return Cancel{}, nil
	}
	return nil, &Refusal{Event: EventName(shown(name)), Err: ErrMalformed}
}

// shown is an unknown event's name if it looks like one: an error must not
// repeat a code or a token that came in the wrong place.
func shown(name string) string {
	if name == "" || len(name) > 16 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		return "an event"
	}
	return strconv.Quote(name)
}

// Requirement is what a sign-in asks for besides the password.
type Requirement uint8

// What a sign-in may ask for. The zero value is the strictest.
const (
	// RequireFactor: no SUCCESS without a second factor, proved or newly
	// enrolled.
	RequireFactor Requirement = iota
	// RequireIfActive: a user with an active factor proves it; one without is
	// offered enrollment, and may skip what is not required.
	RequireIfActive
	// RequireNothing: the password is enough.
	RequireNothing
)

// A Login is the event primary: the host has checked the password.
type Login struct {
	User    string      // the host's user id, 1 to 128 bytes, no control characters
	Require Requirement // the zero value demands a second factor
	// Adding leads, once a factor is proved, to MFA_ENROLL, so that a user who has
	// signed in can add another. Not with RequireNothing.
	Adding bool
	// OfferMore leads back to MFA_ENROLL after each enrollment while there is more to
	// enroll, which may be skipped if nothing that remains is required. Without it only
	// what is required is enrolled, or one factor. It is Okta's multiOptionalFactorEnroll.
	OfferMore bool
	// Purpose is what the host will do with the session token, such as "remove
	// factor"; "" is to sign in. It comes back in [Assertion].Purpose, where the
	// host checks it. At most 64 bytes, no control characters.
	Purpose string
	// Password is what the host knows of the password, and PasswordExpires when one
	// that is PasswordExpiresSoon expires: to the second, between 2001 and 2096.
	Password        PasswordStatus
	PasswordExpires time.Time
	// Methods are what the host has verified, in the words of RFC 8176, and At is when:
	// nil is "pwd", the zero time is now, and so is one in the future. To step up a session
	// they are what the session rests on, so that only what is missing is asked for. In
	// all at most 64 printable ASCII bytes, counting one between two.
	Methods []string
	At      time.Time
	// Accept are the types of factors that count in this sign-in, such as "webauthn"; nil
	// is all. The others are neither offered nor asked for, but an active one still
	// protects: nothing is enrolled beside it on the password alone. In all at most 128
	// bytes.
	Accept []string
	// Device is the [Answer].Device that the browser or app has kept; "" is none. One that
	// is unknown, another user's, or over is none.
	Device Secret
	// Fresh asks for a factor even on a remembered device. So do Adding, a required factor
	// that is missing, and every Password but PasswordFine.
	Fresh bool
	// Relay comes back in [Assertion].Relay: what the sign-in belongs to, such as the
	// session that is stepped up or the request of another service. It is stored as it is,
	// so it is no secret. At most 256 bytes.
	Relay string
	// Challenge goes on at once, in the same save, as [Challenge] of the factor does that was
	// proved last, or that is the only active one: the user has one step fewer. If several
	// are active and none was proved yet, or no code may be sent now, the user chooses in
	// MFA_REQUIRED as without it; so may one who goes back. The [Limiter] is asked once, about
	// the start and the message together.
	Challenge bool
	// RedeemAtOnce asks for the assertion in the place of a session token if the password
	// is enough: see [RedeemAtOnce].
	RedeemAtOnce bool

	claim *claimFacts // that the sign-in carries on
}

func (l *Login) valid() bool {
	return validUser(l.User) && l.Require <= RequireNothing && l.validPassword() && !(l.Adding && l.Require == RequireNothing) &&
		(l.Purpose == "" || len(l.Purpose) <= maxPurpose && validUser(l.Purpose)) &&
		validWords(l.Methods, maxMethods) && validWords(l.Accept, maxAccept) && len(l.Relay) <= maxRelay &&
		(l.At.IsZero() || l.At.Unix() >= earliest)
}

const (
	maxAccept = 128
	maxRelay  = 256
)

// validWords says that a list can be stored as one text.
func validWords(words []string, most int) bool {
	for _, w := range words {
		if !validFactorID(w) {
			return false
		}
	}
	return len(strings.Join(words, " ")) <= most
}

func (l *Login) validPassword() bool {
	if l.Password == PasswordExpiresSoon {
		end := l.PasswordExpires.Unix()
		return earliest <= end && end < latest
	}
	return l.Password <= PasswordNeedsReset && l.PasswordExpires.IsZero()
}

// effectKind is something that a committed step asks the host to do. It is stored
// by number: append only.
type effectKind uint8

const (
	sendCode effectKind = iota + 1
	handOver
	notifyActivated
	notifyBackoff
	notifyLocked
	reportSignIn
	reportDisabled
	reportEnrolled
	notifyStarts
	notifyRecovery
	storePassword
	notifyPassword
	passGate
	unlockUser
	effectKinds
)

// effectInfos are all that is said of each effect, in one place: also which
// message it sends, or what it reports to the Auditor.
var effectInfos = [effectKinds]struct {
	name, doc string
	message   MessageKind
	report    EventName
}{
	sendCode:        {"send code", "sends the live code; a superseded code is never sent", CodeMessage, ""},
	handOver:        {"hand over factor", "passes the factor, as it was confirmed or has changed, to Directory.Activated; repeated until it returns nil", "", ""},
	notifyActivated: {"notify of factor", "notifies the user that a factor was enrolled", ActivatedMessage, ""},
	notifyBackoff:   {"notify of failures", "notifies the user of repeated wrong codes after a correct password", BackoffMessage, ""},
	notifyLocked:    {"notify of lock", "notifies the user that the account is locked", LockedMessage, ""},
	notifyStarts:    {"notify of starts", "notifies the user, at the first active factor, that the hourly limit of starts is reached", StartsMessage, ""},
	notifyRecovery:  {"notify of recovery code", "notifies the user that a recovery code was used", RecoveryMessage, ""},
	storePassword:   {"store password", "passes the new password to Passwords.Store; repeated until it returns nil", "", ""},
	notifyPassword:  {"notify of password", "notifies the user that the password was changed", PasswordMessage, ""},
	passGate:        {"pass gate", "tells the gate's Keeper that the user has passed; repeated until it returns nil", "", ""},
	unlockUser:      {"unlock", "tells Passwords that the user's lock is over, if it is an Unlocker; repeated until it returns nil", "", ""},
	reportSignIn:    {"report sign-in", "reports the sign-in to the Auditor; repeated until it returns nil", "", EventSignedIn},
	reportEnrolled:  {"report factor", "reports the enrolled factor to the Auditor; repeated until it returns nil", "", EventFactorActivated},
	reportDisabled:  {"report disabling", "reports the disabled factor to the Auditor; repeated until it returns nil", "", EventFactorDisabled},
}

// String returns the effect's name in the table.
func (k effectKind) String() string {
	if k < effectKinds {
		return effectInfos[k].name
	}
	return "invalid"
}
