module github.com/authnfsm/authn/examples

go 1.26.0

require (
	github.com/authnfsm/authn v0.0.0
	github.com/authnfsm/authn/smtpmail v0.0.0
	golang.org/x/crypto v0.54.0
)

require (
	github.com/looplab/fsm v1.0.3 // indirect
	github.com/wneessen/go-mail v0.8.1 // indirect
	golang.org/x/text v0.40.0 // indirect
)

replace (
	github.com/authnfsm/authn => ..
	github.com/authnfsm/authn/smtpmail => ../smtpmail
)
