package authn

import (
	"strconv"
	"strings"
)

// An Event is what a client asks of a transaction: one of the payload types
// below, for [Service.Do]. A field that names a factor takes its ID, except in
// [Enroll].
type Event interface {
	on() op
	fill(in *input, least uint8) (ok bool)
}

type (
	// Enroll chooses, in MFA_ENROLL, the type of factor to enroll, such as
	// [Email]; a code is sent to the address that the host's Directory has.
	Enroll struct{ Type string }

	// Activate hands in the code that confirms the factor being enrolled.
	// Factor may be empty: it is the one at hand.
	Activate struct {
		Factor string
		Code   Code
	}

	// Challenge chooses, in MFA_REQUIRED, the factor to prove, and sends a code.
	Challenge struct{ Factor string }

	// Verify hands in the code in MFA_CHALLENGE. Factor may be empty: it is
	// the one at hand.
	Verify struct {
		Factor string
		Code   Code
	}

	// Resend requests a new code; the previous one no longer works. Factor may be
	// empty.
	Resend struct{ Factor string }

	// Previous goes one step back: to MFA_ENROLL, where the code is erased,
	// or to MFA_REQUIRED, where it waits for the factor to be chosen again.
	// It restores no tries and no sends.
	Previous struct{}

	// Skip leaves MFA_ENROLL when nothing that is required is missing.
	Skip struct{}

	// Cancel ends the transaction, and voids a session token that is not redeemed.
	Cancel struct{}
)

// WithKey gives ev an idempotency key of 1 to 64 bytes, chosen by the client:
// the same event again, with the same key and next in line, is not evaluated
// but answered from where the transaction stands. The same key with anything
// else in the event is refused with [ErrKeyReused]. Only the key of the last
// event that was saved is remembered.
func WithKey(key string, ev Event) Event { return keyed{ev, key} }

type keyed struct {
	Event
	key string
}

// An EventName names what happened to a transaction or an account: in
// answers, refusals, audit events and the table.
type EventName string

// The events of the table.
const (
	EventPrimary   EventName = "primary"   // [Service.Begin]
	EventEnroll    EventName = "enroll"    // [Enroll]
	EventActivate  EventName = "activate"  // [Activate]
	EventChallenge EventName = "challenge" // [Challenge]
	EventVerify    EventName = "verify"    // [Verify]
	EventResend    EventName = "resend"    // [Resend]
	EventPrevious  EventName = "previous"  // [Previous]
	EventSkip      EventName = "skip"      // [Skip]
	EventCancel    EventName = "cancel"    // [Cancel]
	EventRedeem    EventName = "redeem"    // [Service.Redeem]
	EventExpire    EventName = "expire"    // time is up
	EventLock      EventName = "lock"      // another transaction has locked the account
)

// The host's own operations, and what the outbox reports to the Auditor until
// it is taken.
const (
	EventStatus          EventName = "status"           // [Service.Status], in refusals
	EventInspect         EventName = "inspect"          // [Service.Inspect], in refusals
	EventRevoke          EventName = "revoke"           // [Service.Revoke]
	EventReinstate       EventName = "reinstate"        // [Service.Reinstate]
	EventErase           EventName = "erase"            // [Service.Erase]
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
	opCancel
	opRedeem
	opExpire // time, as an event
	opLock   // the account's lock, as an event
	ops
)

// opInfos are all that is said of each event, in one place: also whether the
// Directory and the Limiter are asked before it.
var opInfos = [ops]struct {
	name               EventName
	doc                string
	directory, limiter bool
}{
	opPrimary:   {EventPrimary, "Begins a transaction after the host has checked the password. The host calls Service.Begin.", true, false},
	opEnroll:    {EventEnroll, "Chooses the factor type to enroll, and sends a code.", true, true},
	opActivate:  {EventActivate, "Submits the code that confirms the factor being enrolled.", true, false},
	opChallenge: {EventChallenge, "Chooses the factor to prove, and sends it a code.", true, true},
	opVerify:    {EventVerify, "Submits the code that was sent to the chosen factor.", false, false},
	opResend:    {EventResend, "Requests a new code. The previous code no longer works.", true, true},
	opPrevious:  {EventPrevious, "Goes back one step.", false, false},
	opSkip:      {EventSkip, "Continues without enrolling another factor.", true, false},
	opCancel:    {EventCancel, "Ends the transaction.", false, false},
	opRedeem:    {EventRedeem, "Exchanges the session token for an assertion, once. The host calls Service.Redeem.", true, false},
	opExpire:    {EventExpire, "Internal. The transaction has reached its deadline; this event replaces any event that arrives later.", false, false},
	opLock:      {EventLock, "Internal. Another transaction has locked the account.", false, false},
}

func (o op) name() EventName { return opInfos[o].name }

func (o op) String() string { return string(o.name()) }

// ParseEvent makes an event from its name and what came with it, for hosts
// that read events from a wire. For "enroll" factor is a type. It refuses
// what it does not know, and "primary" and "redeem", with [ErrMalformed]:
// those are [Service.Begin] and [Service.Redeem].
func ParseEvent(name, factor string, code Code) (Event, error) {
	switch EventName(name) {
	case EventEnroll:
		return Enroll{factor}, nil
	case EventActivate:
		return Activate{factor, code}, nil
	case EventChallenge:
		return Challenge{factor}, nil
	case EventVerify:
		return Verify{factor, code}, nil
	case EventResend:
		return Resend{factor}, nil
	case EventPrevious:
		return Previous{}, nil
	case EventSkip:
		return Skip{}, nil
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
}

// effectKind is something that a committed step asks the host to do.
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
	handOver:        {"hand over factor", "passes the confirmed factor to Directory.Activated; repeated until it returns nil", "", ""},
	notifyActivated: {"notify of factor", "notifies the user that a factor was enrolled", ActivatedMessage, ""},
	notifyBackoff:   {"notify of failures", "notifies the user of repeated wrong codes after a correct password", BackoffMessage, ""},
	notifyLocked:    {"notify of lock", "notifies the user that the account is locked", LockedMessage, ""},
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
