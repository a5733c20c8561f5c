package authn

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Why an event was refused. A [Refusal] wraps one of them; nothing changed.
var (
	ErrNotAllowed = errors.New("not allowed in this state")               // the answer says what is
	ErrFinished   = errors.New("transaction is unknown or finished")      // begin again
	ErrMalformed  = errors.New("malformed input")                         // not counted as a failure
	ErrNotOffered = errors.New("factor is not offered here")              // choose one that the answer lists
	ErrNoFactor   = errors.New("no active factor, and none to enroll")    // respond as to a wrong password
	ErrNoUser     = errors.New("no such user, or not allowed to sign in") // also what a Directory wraps
	ErrUsed       = errors.New("code was used before")                    // not counted as a failure; RetryAt says when the app shows the next one, zero: use another code
	ErrWaiting    = errors.New("another device has not answered yet")     // nothing changed: ask again
	ErrNoCode     = errors.New("no live code")                            // request a new one; not counted as a failure
	ErrRequired   = errors.New("a required factor is missing")            // enroll it first
	ErrExhausted  = errors.New("no sends left in this transaction")       // waiting does not help: begin again
	ErrTooSoon    = errors.New("too soon")                                // RetryAt says when
	ErrLocked     = errors.New("account is locked")                       // RetryAt says until when; zero: the host must step in
	ErrKeyReused  = errors.New("idempotency key was used for another event")
)

// What ports return, and faults. A fault is never a [*Refusal]: its outcome is
// unknown, and the same event may be sent again.
var (
	ErrNotFound      = errors.New("not found")                       // a Store has no such record
	ErrConflict      = errors.New("conflict")                        // a Store's record has another version
	ErrUndeliverable = errors.New("undeliverable")                   // a Sender's answer: do not try again
	ErrSuperseded    = errors.New("superseded")                      // of an effect: its code is dead, or its address has changed
	ErrUnavailable   = errors.New("unavailable")                     // a port failed: outcome unknown, retry
	ErrCorrupt       = errors.New("stored record is corrupt")        // never treated as an account without a record
	ErrEngine        = errors.New("engine disagrees with the table") // a bug: nothing was decided
)

// Outcome says how an event that was taken turned out: a wrong code is taken,
// and counted.
type Outcome string

// The outcomes of an event that was taken.
const (
	Done      Outcome = ""           // as asked
	WrongCode Outcome = "wrong code" // or response, password, or input to a gate: counted; the state is not SUCCESS
	LateCode  Outcome = "late code"  // not counted; ask for a new one
	Rejected  Outcome = "rejected"   // not counted: see [Answer].Reasons; or another device has said no, see [Prompt].Replied, which is told once
	Denied    Outcome = "denied"     // the host has ended the sign-in
)

// A Refusal reports that an event was not taken: nothing changed. Decide with
// [errors.Is] on the sentinel it wraps, learn from its fields. The bare
// [Machine] gives the same one to many callers: do not write to it.
type Refusal struct {
	State   State     // where the transaction stands; "" for an unknown or finished one
	Event   EventName // "resend"
	Guard   string    // "cooling down"; "" if the table has no row
	Err     error     // the sentinel
	RetryAt time.Time // when Guard stops holding; zero: waiting does not help
	Answer  *Answer   // what is allowed instead; nil if there is no live transaction, or if malformed input was not looked at
}

// Error names the event, the state and the reason, and what is allowed
// instead. It holds no secret and no address.
func (r *Refusal) Error() string {
	s := "authn: " + string(r.Event)
	if r.State != "" {
		s += " in " + string(r.State)
	}
	s += ": " + r.Err.Error()
	if r.Guard != "" && !strings.HasPrefix(r.Err.Error(), r.Guard) {
		s += " (" + r.Guard + ")"
	}
	if r.Answer != nil && len(r.Answer.Allowed) > 0 && errors.Is(r.Err, ErrNotAllowed) {
		s += "; allowed:"
		for i, a := range r.Answer.Allowed {
			if i > 0 {
				s += ","
			}
			s += " " + string(a.Event)
		}
	}
	return s
}

// Format writes what Error returns, also for a Refusal that is no pointer: the
// answer within would print its tokens for a verb that does not suit it.
func (r Refusal) Format(f fmt.State, verb rune) {
	fmt.Fprintf(f, fmt.FormatString(f, verb), r.Error())
}

// Unwrap returns the sentinel.
func (r *Refusal) Unwrap() error { return r.Err }

func corrupt(what string) error { return fmt.Errorf("%w: %s", ErrCorrupt, what) }

// errForeign is a record that another service may open: one with more keys, or of a
// newer version. It is an [ErrCorrupt] as well.
var errForeign = fmt.Errorf("%w: not of this service", ErrCorrupt)

func foreign(what string) error { return fmt.Errorf("%w: %s", errForeign, what) }
