module github.com/authnfsm/authn/smtpmail

go 1.26.0

require (
	github.com/authnfsm/authn v0.0.0
	github.com/wneessen/go-mail v0.8.1
)

// Test dependencies.
require (
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6
	github.com/emersion/go-smtp v0.25.1
)

require (
	github.com/looplab/fsm v1.0.3 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace github.com/authnfsm/authn => ..
