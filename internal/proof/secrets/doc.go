// Package secrets checks that no secret leaves the library except in a message.
//
// The tests take two users through all kinds of events and faults, and collect
// all output: stored bytes, answers, errors, audit events, logs, JSON, every verb
// of fmt, panics and drawings. They search it for every code, token, key and
// address in each form: plain, reversed, hexadecimal, base64, or printed as bytes.
// A second test plants secrets in the output, to show that the search finds them.
//
//	go test ./internal/proof/secrets
package secrets
