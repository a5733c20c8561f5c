// Package authntest tests programs that embed authn. It provides every port in
// memory, with faults, and drives a whole host with random histories.
//
// # A world
//
// A [World] is every port of an [authn.Service]: clock, directory, inbox,
// auditor, limiter and store. A test moves the clock, reads the inbox, makes a
// port fail before or after it takes effect, and inspects the records and the
// journal of all calls:
//
//	var w authntest.World
//	w.SetFactors("ada", authntest.Mail("ada@example.com", authn.Active))
//	svc := w.Service(t)
//	w.Fail(authntest.Send, authntest.Fault{Err: authn.ErrUndeliverable})
//
// # A host under test
//
// The tests of authn cover the machine. What lies between the machine and the
// browser belongs to the host, and so do the mistakes there: a lost verdict, a
// code in a log line, a session that comes from anything but an assertion, too
// many messages. [Run] finds such mistakes. A test implements a [Host] in four
// methods that use the host's own protocol, in process or over a network:
//
//	func TestSignIn(t *testing.T) {
//		authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host { … })
//	}
//
// Run signs users in, continues, makes mistakes, waits, returns, makes two
// requests at once, restarts the host and makes its ports fail. It compares
// each answer, each code that is sent and each session with a small model that
// shares no code with the machine, and it searches everything that leaves the
// host for secrets. A failure names the broken rule and lists the few steps
// that lead there. A [Dialect] describes a host whose protocol differs.
//
// The model covers users with one email factor and sign-ins that require it.
// Test other factors, other requirements and operations such as
// [authn.Service.Revoke] with a World.
//
// # A machine of your own
//
// [Explore] and [Walks] check the [authn.Machine] that a host configures, with
// its policy and its types of factors, instead of the host around it.
//
// The page docs/testing.md has a complete test, all rules, and how to read a
// failure.
package authntest
