module github.com/authnfsm/authn

go 1.26.0

require github.com/looplab/fsm v1.0.3

// Test dependencies.
require pgregory.net/rapid v1.3.0
