// Package authntest tests programs that embed authn: it gives their tests a
// world to run in, and drives a whole host with random histories.
//
// # A world
//
// A [World] is every port of an [authn.Service] at once, in memory: clock,
// directory, inbox, auditor, limiter and store. A test moves the clock, reads
// the inbox, makes a port fail before or after it has done its work, and looks
// into the records and the journal of all calls:
//
//	var w authntest.World
//	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
//	svc := w.Service(t)
//	w.Fail(authntest.Send, authntest.Fault{Err: authn.ErrUndeliverable})
//
// # A host under test
//
// The machine is proved by its own tests. What goes wrong between it and the
// browser is the host's: a verdict lost on the way, a code in a log line, a
// session made of anything but an assertion, a mail too many. [Run] finds
// such mistakes. A test describes the host in four methods, [Host], that
// speak its own protocol, in process or over a network:
//
//	func TestSignIn(t *testing.T) {
//		authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host { … })
//	}
//
// Run signs users in, goes on, errs, waits, comes back, makes two requests at
// once, restarts the host and lets its ports fail. It compares each answer,
// code sent and session made with a small model, which shares no code with the
// machine, and looks for secrets in all that leaves the host. A failure
// names the rule that was broken, after the few steps that lead there.
// A [Dialect] tells Run where a host's protocol differs from authn's.
//
// The model knows users with one e-mail factor each, and sign-ins that demand
// it. Other factors, requirements and the host's own operations, such as
// [authn.Service.Revoke], are for tests of the host's own.
//
// The page docs/testing.md has a whole test, every rule, and how to read a
// failure.
package authntest
