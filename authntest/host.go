package authntest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// Ports are what a host under test builds its [authn.Service] from: the ports
// that [Run] observes and makes fail, the clock that it moves, and the policy
// that its model uses. A host must use all of them and may wrap them.
type Ports struct {
	Store     authn.Store // also an [authn.Sweeper]
	Mailer    authn.Sender
	Directory authn.Directory
	Auditor   authn.Auditor
	Limiter   authn.Limiter
	Now       func() time.Time
	Policy    authn.Policy
}

// Config returns a configuration with these ports, and with a tenant and keys
// for tests. The caller owns it.
func (p Ports) Config() authn.Config {
	cfg := new(World).Config()
	cfg.Store, cfg.Mailer, cfg.Directory, cfg.Auditor, cfg.Limiter = p.Store, p.Mailer, p.Directory, p.Auditor, p.Limiter
	cfg.Now, cfg.Policy = p.Now, p.Policy
	return cfg
}

// Password is the password of every user of [Run]. Run searches everything
// that leaves the host for it.
const Password = "the right password, 7Kq2"

// A Host is the host under test as its clients see it. The test implements it
// in the host's own protocol. If a request cannot be made at all, a method
// returns a [Seen] whose Class is the error's text. Run calls Do and Redeem
// from two goroutines at the same time, unless the [Dialect] is Serial.
type Host interface {
	// Start signs in with the user's name and [Password]. A user's name and
	// ID are the same, and the Directory of the [Ports] has the user.
	Start(user string) Seen

	// Do sends a request with a state token.
	Do(token string, r Request) Seen

	// Redeem exchanges a session token for a session of the host.
	Redeem(session string) Seen

	// Sessions returns the users of all sessions that the host has created
	// since it was opened, in the order of their creation.
	Sessions() []string
}

// A Request is a client's request about a transaction.
type Request struct {
	Event  string // "challenge", "verify", …: an [authn.EventName]
	Factor string // the factor's ID; of "enroll" the type
	Code   string // of "verify" and "activate"
	Key    string // the idempotency key; "" unless the [Dialect] has Keys
	State  string // the state in the last answer that the client got
}

// Seen is an answer, and what else the host wrote meanwhile.
type Seen struct {
	Class   Class    // the result of the request
	State   string   // the state; "" if the answer does not show it
	Token   string   // the state token to use next; "" if the answer has none
	Session string   // the session token; "" if the answer has none
	Allowed []string // the allowed events; nil if the answer does not list them
	Raw     string   // everything that the client got: status, headers, body
	Log     string   // everything that the host logged or reported meanwhile
}

// A Class is the result of a request, in whatever form the host reports it.
// Its text is that of the error or the [authn.Outcome] behind it, so that the
// test of a host that shows those texts converts them.
type Class string

// The classes of an answer.
const (
	OK          Class = ""
	WrongCode   Class = "wrong code"
	LateCode    Class = "late code"
	NotAllowed  Class = "not allowed in this state"
	Finished    Class = "transaction is unknown or finished"
	Malformed   Class = "malformed input"
	NotOffered  Class = "factor is not offered here"
	NoFactor    Class = "no active factor, and none to enroll"
	NoUser      Class = "no such user, or not allowed to sign in"
	NoCode      Class = "no live code"
	Required    Class = "a required factor is missing"
	Exhausted   Class = "no sends left in this transaction"
	TooSoon     Class = "too soon"
	Locked      Class = "account is locked"
	KeyReused   Class = "idempotency key was used for another event"
	Unavailable Class = "unavailable"
)

// sentinels returns the errors that have a class.
func sentinels() []error {
	return []error{
		authn.ErrNotAllowed, authn.ErrFinished, authn.ErrMalformed, authn.ErrNotOffered, authn.ErrNoFactor, authn.ErrNoUser,
		authn.ErrNoCode, authn.ErrRequired, authn.ErrExhausted, authn.ErrTooSoon, authn.ErrLocked, authn.ErrKeyReused,
	}
}

// Classify returns the class of what [authn.Service] returned. For
// [authn.Service.Redeem], a is nil. An error that is not a refusal is
// [Unavailable].
func Classify(a *authn.Answer, err error) Class {
	for _, e := range sentinels() {
		if errors.Is(err, e) {
			return Class(e.Error())
		}
	}
	switch {
	case err != nil:
		return Unavailable
	case a != nil:
		return Class(a.Outcome)
	}
	return OK
}

// See returns what the client of a host in process sees, one that passes on
// what [authn.Service] returns. Raw is the printed answer or refusal. It lacks
// the text of other errors, which a host hides from its clients.
func See(a *authn.Answer, err error) Seen {
	s := Seen{Class: Classify(a, err)}
	var r *authn.Refusal
	if errors.As(err, &r) {
		s.State, s.Raw, a = string(r.State), r.Error(), r.Answer
	}
	if a == nil {
		return s
	}
	s.State, s.Token, s.Session, s.Allowed = string(a.State), string(a.Token), string(a.Session), []string{}
	for _, x := range a.Allowed {
		s.Allowed = append(s.Allowed, string(x.Event))
	}
	s.Raw = strings.TrimSpace(fmt.Sprintf("%s %+v", s.Raw, *a))
	return s
}

// A Dialect describes how a host differs from the zero value: a host that
// passes on what [authn.Service] returns and creates a session in Redeem.
type Dialect struct {
	// Means translates a request, if the host's protocol has one request for
	// two events. nil: no translation.
	Means func(state string, r Request) Request

	// Says translates the model's class into the host's, if the host reports
	// two classes in the same way. The event of Start is "start", and that of
	// Redeem is "redeem". nil: no translation.
	Says func(r Request, c Class) Class

	// AtOnce is for a host that redeems the session token itself, within the
	// request that leads to SUCCESS. Its answers have no session token, and
	// Run does not call Redeem.
	AtOnce bool

	// Keys is for a host that accepts idempotency keys.
	Keys bool

	// Serial is for a host, or a test's client of it, that cannot accept a
	// request while another is in progress.
	Serial bool
}

// A Speaker is a [Host] with a dialect of its own.
type Speaker interface {
	Dialect() Dialect
}
