package authn

import (
	"context"
	"log/slog"
	"time"
)

// A Record is what a [Store] keeps under one key.
type Record struct {
	// Value is the account's stored form: sealed, versioned, at most 4 KiB
	// in practice. The store neither reads nor changes it. In a call to Save
	// an empty Value deletes the record.
	Value []byte
	// Version names this state of the record. The caller draws it at random
	// and it is never 0, so a version is never used twice, not even after the
	// record was deleted and created again.
	Version uint64
	// Due is when [Service.Tend] should look at the record: a message to send
	// again, a deadline that has passed. The zero time means never. A store must
	// never delete a record because of it.
	Due time.Time
}

// A Store keeps records under keys, one compare-and-swap at a time.
//
// Implementations must be safe for concurrent use by many goroutines and
// processes, and must pass storetest.Run. Keys are 32 lower-case hexadecimal
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
	// Save must be durable before it returns nil, must not keep r.Value, and
	// must not try again by itself: after any other error the caller finds
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

// MessageKind says what a [Message] is about.
type MessageKind string

// The kinds of message. Their texts are stable: templates are chosen by them.
const (
	CodeMessage      MessageKind = "code"             // carries a one-time code
	BackoffMessage   MessageKind = "failed_attempts"  // several wrong codes in a row after the right password
	LockedMessage    MessageKind = "account_locked"   // too many wrong codes: see Until
	ActivatedMessage MessageKind = "factor_activated" // a factor was enrolled
)

// Purpose says what a code is for.
type Purpose string

// The keyUses of a code. A code made for one is worthless for another.
const (
	PurposeSignIn Purpose = "sign_in"
	PurposeEnroll Purpose = "enroll"
)

// A Message is one message to send, such as a mail: structured values, never
// free text or headers. Its strings come from the host's own [Directory] and
// [Config]; a [Sender] still has to encode them for the place where it puts them.
type Message struct {
	// Key is the same on every attempt at one message and different between
	// messages: use it to send a message once, for instance as Message-ID.
	Key        string
	Kind       MessageKind
	Channel    string    // how it goes: "email"
	Tenant     string    // as in Config
	User       string    // the host's user id
	To         string    // one address, validated
	Locale     string    // as the Directory has it; "" is unknown
	Purpose    Purpose   // of a code
	Code       Code      // CodeMessage only; string(m.Code) is the text to print
	Generation int       // CodeMessage only: number of the code, from 1, to tell messages apart
	Expires    time.Time // CodeMessage only: when the code expires
	Until      time.Time // LockedMessage only: zero if only the host can unlock
}

// A Sender sends messages. Implementations must be safe for concurrent use
// and should pass sendertest.Run.
type Sender interface {
	// Mail sends m, or hands it to something that will, before ctx ends; it
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
	// account's record was loaded, again on every re-run, and once more by
	// [Service.Redeem]: it must not be cached for longer than a host would
	// let a removed factor live. Only three usable factors count:
	// active ones before others, required ones before the rest, and then in
	// their order.
	Factors(ctx context.Context, user string) ([]Factor, error)

	// Activated hands over a factor exactly as it was confirmed: the user
	// has proved to read mail at f.Address. The host makes it [Active]. The
	// call is repeated, with the same key, until it returns nil.
	Activated(ctx context.Context, key, user string, f Factor) error
}

// An Auditor receives what happened, after it was committed. Implementations
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
	Outcome     Outcome
	Err         string // why it was refused, or what failed; "" if it was taken
	Key         string // same on every repetition of one event; "" if it is never repeated
}

// LogValue lets an event be logged as one group.
func (e AuditEvent) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("event", string(e.Event)), slog.String("from", string(e.From)), slog.String("to", string(e.To)),
		slog.String("guard", e.Guard), slog.String("outcome", string(e.Outcome)), slog.String("err", e.Err),
		slog.String("account", e.Account), slog.String("transaction", e.Transaction), slog.String("factor", e.Factor),
	)
}

// A Limiter enforces the limits that concern more than one account: per client
// address, device, recipient or fleet. It learns about the client from the
// context. Implementations must be safe for concurrent use.
type Limiter interface {
	// Allow is asked, once for each call, before a step that may send
	// something. It returns the time from which the step may go on: the zero
	// time, or one that has come, is now.
	Allow(ctx context.Context, a Attempt) (retryAt time.Time, err error)
}

// An Attempt is what a [Limiter] is asked about.
type Attempt struct {
	Tenant string
	User   string
	Event  EventName // "enroll", "challenge" or "resend"
}
