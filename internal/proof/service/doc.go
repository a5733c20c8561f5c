// Package service proves how a Service behaves toward clients and toward its
// ports: how a sign-in and an enrollment go, what a refusal says, how often each
// port is asked and told, that a port which fails or panics leads to no verdict,
// that messages are delivered at least once and never with a dead code, and what
// the host's own operations do.
//
//	go test ./internal/proof/service
package service
