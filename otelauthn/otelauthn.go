// Package otelauthn observes an authn.Service: traces and metrics by
// OpenTelemetry, and audit records in the vocabulary of the Open Cybersecurity
// Schema Framework (OCSF).
//
//	tel, err := otelauthn.New(otelauthn.Config{})
//	…
//	inner, err := authn.New(tel.Ports(cfg))
//	…
//	svc := tel.Service(inner)
//
// [Telemetry.Ports] wraps the ports, and adds an Auditor that counts what happens.
// [Telemetry.Service] wraps the service itself: it makes the span of each step. A
// handler that takes an authn.Service gets the inner one. All counters are the
// same then; step spans and what is measured of whole calls are missing, and what
// happens is noted on the span of the request.
//
// What ports return, and panic with, is passed on unchanged.
//
// # What is exported
//
// No span, metric or record has a code, a token, a key, an address, a user's id, a
// factor's id or the text of an error: error.type is a word of the list below.
// Labels of metrics have words of the table, of the configuration and of this
// package only, so that the number of series is bounded; another word is "_OTHER".
//
// Each step is a span:
//
//	authn.step  authn.event        "verify": see authn.EventName, also "status"
//	            authn.from         state before, if the transaction was found
//	            authn.to           state after
//	            authn.outcome      "done", another authn.Outcome, "refused", "unavailable", "failed" or "panic"
//	            authn.refusal      text of the sentinel that an authn.Refusal wraps
//	            authn.factor.type  type of the factor at hand, if it is a known one
//	            authn.transaction  the transaction's public id, as in audit events
//	            enduser.pseudo.id  the account's pseudonym: the key of its record
//	            error.type         the outcome, if it is "unavailable", "failed" or "panic"
//
// Within it, or within any span that is recorded, each call of a port is a span,
// such as authn.store.load, authn.sender.send or authn.directory.factors, with
// authn.result: "ok", "conflict", "not_found", "no_user", "limited",
// "undeliverable", "timeout", "canceled", "failed" or "panic". The last five are
// errors. What else happened in the step, such as the lock of another transaction,
// is an event authn.audit of the span. [Service.Tend] is a span authn.tend.
//
// The metrics, with their units and labels:
//
//	authn.steps            {step}      rows taken: authn.event, authn.to, authn.outcome
//	authn.refusals         {refusal}   refusals that the Auditor gets: authn.event, authn.refusal
//	authn.lockouts         {lockout}   sign-ins ended by wrong codes: authn.lockout.cause, a guard such as "account exhausted"
//	authn.reports          {report}    other audit events: authn.event, such as "factor_disabled"
//	authn.messages         {message}   attempts to send: authn.channel, authn.message.kind, authn.result
//	authn.store.conflicts  {conflict}  saves that lost to another
//	authn.port.duration    s           calls of ports: authn.port, authn.operation, authn.result
//	authn.step.duration    s           calls of a Service: authn.event, authn.outcome
//	authn.signin.duration  s           from the password to SUCCESS, when the session token is redeemed
//	authn.tended           {item}      what Tend did: authn.tended.kind, such as "unreadable"
//	authn.tend.duration    s           calls of Tend: authn.outcome
//
// A counter that should stay at zero is exported from the start, so that its first
// increase is seen.
//
// # Trace context
//
// A Sender is called with a context that has neither a span nor baggage. Whatever
// its client injects into requests, nothing of a trace is in a message or at a
// gateway.
package otelauthn
