package authn

import (
	"context"
	"iter"
	"log/slog"
	"time"
)

// A Record is what a [Store] keeps under one key.
type Record struct {
	// Value is the account's stored form: sealed, versioned, at most 4 KiB
	// in practice, and 24 KiB with all that a Directory may not have taken yet.
	// The store neither reads nor changes it. In a call to Save an empty Value
	// deletes the record.
	Value []byte
	// Version names this state of the record. The caller draws it at random
	// and it is never 0, so a version is never used twice, not even after the
	// record was deleted and created again.
	Version uint64
	// Due is when [Service.Tend] should look at the record: a message to send
	// again, a deadline that has passed, 90 days since it was sealed. The zero
	// time means never. A store must never delete a record because of it.
	Due time.Time
	// Relaxed says, in a call to Save, that the save only acknowledges a delivery. The store
	// need not wait until it is durable: if the database crashes before it has answered a
	// later save, this one may be lost, and the delivery is made again, under the same key.
	// A store may ignore it, and never returns it.
	Relaxed bool
}

// A Store keeps records under keys, one compare-and-swap at a time.
//
// Implementations must be safe for concurrent use by many goroutines and
// processes, and must pass storetest.Run. Keys are 40 lower-case hexadecimal
// digits, but an implementation must not rely on that pattern: up to 64
// printable ASCII characters, in which case and blanks count. Values are up to
// 64 KiB. A call whose context is over changes nothing and returns an error
// that is neither sentinel. A store holds no code, token, address or key in
// the clear; it does see who has a record, and when it changed.
type Store interface {
	// Load returns the record under key, as the last successful Save left it
	// (read-after-write, also from another process). The caller owns the
	// returned Value. It returns an error that wraps [ErrNotFound] if there
	// is none. Load never looks at Due: a record that is due is still there.
	Load(ctx context.Context, key string) (Record, error)

	// Save replaces the record under key if its version is still old; old 0
	// means that there is none. Otherwise, and also if old is not 0 and there
	// is no record, it changes nothing and returns an error that wraps
	// [ErrConflict]; it must not do so for any other reason, such as a busy
	// database. A record whose Value is empty deletes; with old 0 and no
	// record, that may be nil or a conflict.
	// Save must be durable before it returns nil, unless r is Relaxed. It must not keep
	// r.Value, and must not try again by itself: after any other error the caller finds
	// out what happened by loading the record and comparing its version.
	Save(ctx context.Context, key string, old uint64, r Record) error
}

// A Sweeper is a [Store] that finds the records that are due. [Service.Tend]
// needs it.
type Sweeper interface {
	// Due returns up to limit keys of records whose Due is neither zero nor
	// after before, the most overdue first; none if limit is 0 or less. Times
	// may be rounded by less than a millisecond. Its cost must depend on what
	// is due, not on what is stored. It may miss a record that is saved
	// meanwhile.
	Due(ctx context.Context, before time.Time, limit int) (keys []string, err error)
}

// A Lister is a [Store] that lists its records, for operators: [Service.Accounts] needs it.
type Lister interface {
	// Keys yields the key of each record whose Due is not zero, in any order: those
	// that are there from the beginning to the end at least once. It may yield others,
	// also of records that are gone. Its cost must depend on what is stored under
	// keys of this Store, and it must not hold up saves, however long the caller
	// takes between two keys. An error is the last that it yields, with the key "";
	// the end of ctx is one.
	Keys(ctx context.Context) iter.Seq2[string, error]
}

// A Clock is a [Store] with a clock of its own, such as that of a server which all
// nodes share. [Service.Tend] asks it how far the clock of its node is ahead. A store
// in memory has no other clock than its node and should not be one. A wrapper that
// does not pass Now on takes the check away, as a test whose time is not the real one
// needs.
type Clock interface {
	// Now returns the time of the store's clock, in any location, rounded by less
	// than a millisecond. It must read the clock anew for each call.
	Now(ctx context.Context) (time.Time, error)
}

// MessageKind says what a [Message] is about.
type MessageKind string

// The kinds of message. Their texts are stable: templates are chosen by them.
const (
	CodeMessage      MessageKind = "code"             // carries a one-time code, or asks another device
	BackoffMessage   MessageKind = "failed_attempts"  // several wrong codes in a row after the right password or a proved claim
	LockedMessage    MessageKind = "account_locked"   // too many wrong codes: see Until
	ActivatedMessage MessageKind = "factor_activated" // a factor was enrolled
	RecoveryMessage  MessageKind = "recovery_code"    // a recovery code was used
	PasswordMessage  MessageKind = "password_changed" // a new password was set
	StartsMessage    MessageKind = "sign_in_limit"    // as many sign-ins were begun with the right password, or by a proved claim, as an hour allows
)

// Purpose says what a code is for.
type Purpose string

// The purposes of a code. A code made for one is worthless for another.
const (
	PurposeSignIn  Purpose = "sign_in"
	PurposeEnroll  Purpose = "enroll"
	PurposeRecover Purpose = "recover" // to reset a password
	PurposeUnlock  Purpose = "unlock"  // an account
	PurposeSignUp  Purpose = "sign_up" // of an address
)

// A Message is one message to send, such as a mail: structured values, never
// free text or headers. Its strings come from the host's own [Directory] and
// [Config]; a [Sender] still has to encode them for the place where it puts them.
type Message struct {
	// Key is the same on every attempt at one message and different between
	// messages: use it to send a message once, for instance as Message-ID.
	Key        string
	Kind       MessageKind
	Channel    string    // how it goes: "email", "sms", "call", or the host's own
	Tenant     string    // as in Config
	User       string    // the host's user id; "" for PurposeSignUp
	To         string    // one address, validated: a phone number is in the form of E.164
	Locale     string    // as the Directory has it; "" is unknown
	Purpose    Purpose   // of a code
	Factor     string    // ID of the factor that it goes to; "" for a [Claim], before which nothing was proved
	Code       Code      // CodeMessage only; string(m.Code) is the text to print
	Link       Secret    // of the code of a [Claim]: what [Service.Open] takes; put it in the fragment of a URL, and have the page there POST it
	Approval   Secret    // CodeMessage of a type that is Awaited, in place of a code: the device answers with it
	Generation int       // CodeMessage only: number of the code, from 1, to tell messages apart
	Expires    time.Time // CodeMessage only: when the code expires
	Until      time.Time // LockedMessage only: zero if only the host can unlock
}

// A Sender sends messages. Implementations must be safe for concurrent use
// and should pass sendertest.Run.
type Sender interface {
	// Send sends m, or hands it to something that will, before ctx ends; it
	// must return when ctx ends. Nil means accepted. An error that wraps
	// [ErrUndeliverable] means that a retry cannot succeed; after any other
	// error the message is tried again later, with the same Key. Send must not
	// log m.Code.
	Send(ctx context.Context, m Message) error
}

// A Directory is the host's list of users and their factors. Implementations
// must be safe for concurrent use.
type Directory interface {
	// Factors returns the user's factors as they are now, in the order in
	// which they are to be shown, or an error that wraps [ErrNoUser] if there
	// is no such user or the user may not sign in. It is called after the
	// account's record was loaded, again on every re-run, once more by
	// [Service.Redeem], and for each answer that shows factors, or lists an event that
	// a closed account is refused. It must not be cached for longer than a host would let
	// a removed factor live. The first 32 count. An empty list means that the user has no
	// second factor.
	Factors(ctx context.Context, user string) ([]Factor, error)

	// Activated hands over a factor exactly as it was confirmed, or as its Data have
	// changed: the user has proved to receive codes at f.Address, or to have what
	// f.Data are proved by. The host makes it [Active] and stores Data, if there
	// are any, with their Revision, unless those that it has are of the same or a
	// higher one. The call is repeated, with the same key, until it returns nil; from then on
	// Factors must return what was kept (read-after-write): a list with an older
	// Revision is taken for "unavailable" for a day.
	Activated(ctx context.Context, key, user string, f Factor) error
}

// Contacts is a [Directory] that says where notices to a user go, such as that of a
// lock. Without it they go to the address of the factor concerned, or if that has none,
// as an authenticator app has none, to the first active factor that codes are sent to.
type Contacts interface {
	Directory
	// Contacts returns where notices go, each as a factor with a Type that codes are
	// sent to, an Address and a Locale. Each gets a message of its own, whose Key ends
	// in its place in the list.
	Contacts(ctx context.Context, user string) ([]Factor, error)
}

// An Auditor receives what happened, after it was committed, and what was refused.
// Refusals of malformed input, of tokens that lead to no account and of claims that are
// not proved are not reported, since anybody can cause any number of them, and no
// [ErrWaiting], since a client polls: count them where requests arrive. Implementations
// must be safe for concurrent use.
type Auditor interface {
	// Audit records e. Sign-ins and factor changes are repeated with the same
	// Key until Audit returns nil; for anything else an error is dropped.
	Audit(ctx context.Context, e AuditEvent) error
}

// An AuditEvent says what happened to one transaction or account. It holds no
// secret and no address.
type AuditEvent struct {
	Time        time.Time
	Tenant      string
	Account     string    // the account's pseudonym: the key of its record
	User        string    // the host's user id; "" if unknown
	Transaction string    // the transaction's public id; "" if unknown
	Event       EventName // "verify"; "revoke", "reinstate", "erase" for the host's own; "signed_in", "factor_activated", "factor_disabled" for what is repeated
	From, To    State     // To is "" for a refusal
	Guard       string    // the guards of the row; of "reinstate" the host's reason
	Factor      string    // id of the factor at hand
	Type        string    // of that factor
	Outcome     Outcome
	Err         string // why it was refused, or what failed; "" if it was taken
	Key         string // same on every repetition of one event; "" if it is never repeated
}

// LogValue lets an event be logged as one group.
func (e AuditEvent) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("event", string(e.Event)), slog.String("from", string(e.From)), slog.String("to", string(e.To)),
		slog.String("guard", e.Guard), slog.String("outcome", string(e.Outcome)), slog.String("err", e.Err),
		slog.String("account", e.Account), slog.String("transaction", e.Transaction), slog.String("factor", e.Factor), slog.String("type", e.Type),
	)
}

// A Limiter enforces the limits that concern more than one account: per client
// address, device, recipient or fleet. It learns about the client from the
// context. Implementations must be safe for concurrent use.
type Limiter interface {
	// Allow is asked before a sign-in begins, a code is sent or a code is looked
	// at; at most once for each event, only about what would otherwise be done,
	// and not for a repeat. It returns the time from which the step may go on:
	// the zero time, or one that has come, is now. The event is then refused with
	// [ErrTooSoon], and nothing is counted. An error is "unavailable".
	//
	// A claim that is proved asks twice: for EventVerify, and for the EventPrimary by
	// which it is carried on. If either is held up, the code stays good: see [Service.Claim].
	Allow(ctx context.Context, a Attempt) (retryAt time.Time, err error)
}

// An Attempt is what a [Limiter] is asked about.
type Attempt struct {
	Tenant    string
	User      string    // "" for a claim, whose user nobody knows yet
	Account   string    // its pseudonym, or that of the claimed name: the key of its record
	Event     EventName // what is to be done, such as "primary", "claim", "resend" or "verify"
	Factor    string    // id of the factor concerned; "" for a claim, and for "primary" unless [Login].Challenge sends a message
	Type      string    // of that factor
	Recipient string    // a pseudonym of its address, the same for all users and factors of the type; "" like Factor
}
