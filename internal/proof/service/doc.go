// Package service checks how a Service behaves toward clients and ports: sign-in
// and enrollment, the content of refusals, and the number of calls of each port.
// A port that fails or panics leads to no verdict. Messages are delivered at least
// once, and never with an invalid code. The tests also cover the operations of the
// host.
//
//	go test ./internal/proof/service
package service
