module github.com/authnfsm/authn/webhooksend

go 1.26.0

require github.com/authnfsm/authn v0.0.0

require github.com/looplab/fsm v1.0.3 // indirect

replace github.com/authnfsm/authn => ..
