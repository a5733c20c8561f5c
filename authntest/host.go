package authntest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// Ports are what [Run] gives a host to build its [authn.Service] from: the
// ports that Run watches and breaks, the clock that it moves, and the policy
// that its model knows. A host must use all of them, and may wrap any.
type Ports struct {
	Store     authn.Store // also an [authn.Sweeper]
	Mailer    authn.Sender
	Directory authn.Directory
	Auditor   authn.Auditor
	Limiter   authn.Limiter
	Now       func() time.Time
	Policy    authn.Policy
}

// Config returns a configuration of these ports, with a tenant and keys that
// are good for tests only. The caller owns it.
func (p Ports) Config() authn.Config {
	cfg := new(World).Config()
	cfg.Store, cfg.Mailer, cfg.Directory, cfg.Auditor, cfg.Limiter = p.Store, p.Mailer, p.Directory, p.Auditor, p.Limiter
	cfg.Now, cfg.Policy = p.Now, p.Policy
	return cfg
}

// Password is the right password of every user that [Run] signs in. Run looks
// for it in all that leaves the host.
const Password = "the right password, 7Kq2"

// A Host is the host under test as its clients see it. A test writes it: four
// methods that speak the host's own protocol. They fail the test if the
// protocol itself breaks, such as a connection that cannot be made. Do and
// Redeem are called from two goroutines at once, unless the [Dialect] says
// that the host is Serial.
type Host interface {
	// Start signs in with the user's name and [Password]. The users are in
	// the Directory of the [Ports]; their names and ids are the same.
	Start(user string) Seen

	// Do sends a request of a client that has a state token.
	Do(token string, r Request) Seen

	// Redeem exchanges a session token for a session of the host.
	Redeem(session string) Seen

	// Sessions are the users of all sessions that the host has made since it
	// was opened, in the order in which it made them.
	Sessions() []string
}

// A Request is what a client asks of a transaction.
type Request struct {
	Event  string // "challenge", "verify", …: an [authn.EventName]
	Factor string // the factor's ID; of "enroll" the type
	Code   string // of "verify" and "activate"
	Key    string // the idempotency key; "" unless the [Dialect] has Keys
	State  string // where the transaction stood by the last answer that told the client
}

// Seen is what came back, and what else the host wrote meanwhile.
type Seen struct {
	Class   Class    // what the answer says of the request
	State   string   // where the transaction stands; "" if the answer does not tell
	Token   string   // the state token to go on with; "" if the answer has none
	Session string   // the session token; "" if the answer has none
	Allowed []string // the events that the answer says may come next; nil if it has no such list
	Raw     string   // all that the client got: status, headers, body
	Log     string   // all that the host logged or reported meanwhile
}

// A Class is what an answer says of a request, however the host words it. Its
// text is that of the sentinel error or the [authn.Outcome] that it stands
// for, so that a host that shows those is read by a conversion.
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

// sentinels are the errors that classes stand for.
func sentinels() []error {
	return []error{
		authn.ErrNotAllowed, authn.ErrFinished, authn.ErrMalformed, authn.ErrNotOffered, authn.ErrNoFactor, authn.ErrNoUser,
		authn.ErrNoCode, authn.ErrRequired, authn.ErrExhausted, authn.ErrTooSoon, authn.ErrLocked, authn.ErrKeyReused,
	}
}

// Classify is the class of what [authn.Service] returned. A is nil for
// [authn.Service.Redeem]. An error that is no refusal is [Unavailable].
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

// See is what a host that passes on the answers of [authn.Service] as they are
// shows to its client. Raw is what printing them gives, without the text of
// an error that is no refusal: that is the host's to hide.
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

// A Dialect is what is particular about a host. The zero value is a host that
// passes on what [authn.Service] says and makes a session in Redeem.
type Dialect struct {
	// Means says what a request asks for in a state, where the host's
	// protocol has one request for two events. nil: as it is written.
	Means func(state string, r Request) Request

	// Says is the class of the host's answer where the model has that one,
	// where the host does not tell two classes apart. Event is "start" of
	// Start and "redeem" of Redeem. nil: the same.
	Says func(r Request, c Class) Class

	// AtOnce is for a host that redeems the session token itself, within the
	// request that leads to SUCCESS: no answer has a session token, and
	// Redeem is not called.
	AtOnce bool

	// Keys is for a host that takes the idempotency key of a request.
	Keys bool

	// Serial is for a host, or a test's client of it, that cannot take a
	// request while another is under way.
	Serial bool
}

// A Speaker is a [Host] with a dialect.
type Speaker interface {
	Dialect() Dialect
}
