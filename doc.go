// Package authn runs authentication transactions: once a host has checked a
// password, it makes the user prove a second factor, such as a one-time code
// sent by e-mail, and reports success only after every required factor is
// verified. It decides; the host stores, sends and talks to the browser.
//
// Make a [Service] with [New]. Call [Service.Begin] when the password was
// right, [Service.Do] for each thing that the user does, and [Service.Redeem]
// once the answer says SUCCESS.
//
// # Model
//
// A transaction is in one [State]; an [Event] may move it. One table says which
// event moves it where, under which guards and with which effects (see
// [Transitions]). The diagrams, the documentation and the list of allowed
// events in every [Answer] come from that table. A refused event changes
// nothing, and its [Refusal] says what is allowed instead. A wrong code is not
// a refusal but a counted step: it is saved before it is answered.
//
// # What the host does
//
// The host checks passwords. It gives the service a [Store], which saves by
// compare-and-swap, a [Sender] for messages and a [Directory] of its users and
// their factors. It makes its session from the [Assertion] that Redeem returns
// and from nothing else. It calls [Service.Tend] every few seconds, and
// [Service.Revoke] when a password, a factor or an address changes.
//
// # Order
//
// A step is a pure function of the stored account, the event, the time and
// fresh entropy ([Machine.Step]). The service saves its result, then carries
// out its effects, then answers. A step whose save conflicts with another one
// runs again from the load, so one compare-and-swap decides.
//
// # Time
//
// At its expiry a code is late. No event extends a transaction, no timer
// decides anything, and a clock that is set back by less than a day revives nothing.
//
// # Secrets
//
// Codes and session tokens are derived from keys that the store never sees,
// and are never stored. State tokens are stored as hashes, addresses as keyed
// pseudonyms. [Code], [StateToken], [SessionToken] and [Secret] do not print. What an
// authenticator app or a list of recovery codes is proved by is shown while it is
// enrolled; afterwards only [Factor].Data has it, sealed, in the host's directory.
//
// A code sent by e-mail is not an out-of-band authenticator in the sense of
// NIST SP 800-63B, and it can be relayed: the assertion reports methods and
// channels, and claims no assurance level.
package authn

//go:generate go run ./internal/regen
