// Package authn runs authentication transactions: after the password was
// right it makes the user prove a second factor, first of all a one-time code
// sent by e-mail, and says for certain when the sign-in has succeeded. It
// decides; the host stores, sends and talks to the browser.
//
// For most uses make a [Service] with [New], and call [Service.Begin] when the
// password was right, [Service.Do] for each thing the user does, and
// [Service.Redeem] once the answer says SUCCESS.
//
// # Model
//
// A transaction is in one [State]; an [Event] may move it. Which event moves
// it where, under which guards, with which effects, is one table (see
// [Transitions]): the diagrams, the documentation and the list of allowed
// events in every [Answer] come from the table that runs. A refused event
// changes nothing, and its [Refusal] says what is allowed instead. A wrong
// code is not a refusal but a counted step: it is saved before it is answered.
//
// # What the host does
//
// It checks passwords, and it gives the service a [Store] (one
// compare-and-swap at a time), a [Sender] and a [Directory] of its users and
// their factors. It makes its session from the [Assertion] that Redeem
// returns and from nothing else. It calls [Service.Tend] now and then, which
// sends again what a crash interrupted and deletes what has ended, and
// [Service.Revoke] when a password, a factor or an address changes.
//
// # Order
//
// A step is a pure function of the stored account, the event, the time and
// fresh entropy ([Machine.Step]). Service saves its result first, then carries
// out the effects, then answers. No verdict leaves before the save, and one
// compare-and-swap decides: a lost one is run again from the load.
//
// # Time
//
// Deadlines are half-open: at its expiry a code is late. Nothing extends a
// transaction. No timer decides anything; expiry is decided when an event
// comes. A clock that falls back revives nothing.
//
// # Secrets
//
// Codes and session tokens are derived from keys that the store never sees,
// and are never stored; state tokens are stored as hashes, addresses as keyed
// pseudonyms. [Code] values do not print.
//
// A code sent by e-mail is not an out-of-band authenticator in the sense of
// NIST SP 800-63B, and it can be relayed: the assertion reports methods and
// channels truthfully and claims no assurance level.
package authn

//go:generate go run ./internal/regen
