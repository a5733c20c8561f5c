module github.com/authnfsm/authn/questionfactor

go 1.26.0

require (
	github.com/authnfsm/authn v0.0.0
	golang.org/x/crypto v0.59.0
	golang.org/x/text v0.44.0
)

require (
	github.com/looplab/fsm v1.0.3 // indirect
	golang.org/x/sys v0.50.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/authnfsm/authn => ..
