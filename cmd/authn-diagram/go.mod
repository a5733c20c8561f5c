module github.com/authnfsm/authn/cmd/authn-diagram

go 1.26.0

require (
	github.com/authnfsm/authn v0.0.0
	github.com/fogleman/gg v1.3.0
	github.com/go-fonts/dejavu v0.3.2
	github.com/goccy/go-graphviz v0.2.10
	golang.org/x/image v0.47.0
)

require (
	github.com/disintegration/imaging v1.6.2 // indirect
	github.com/flopp/go-findfont v0.1.0 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/looplab/fsm v1.0.3 // indirect
	github.com/tetratelabs/wazero v1.10.1 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/authnfsm/authn => ../..
