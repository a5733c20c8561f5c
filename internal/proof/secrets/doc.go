// Package secrets proves that no secret leaves the library except in a message.
//
// The tests take two users through everything that can happen, collect all that
// comes out (stored bytes, answers, errors, audit events, logs, JSON, every verb
// of fmt, panics, drawings), and look for every code, token, key and address in
// each form: plain, reversed, hexadecimal, base64, or printed as bytes. A second
// test plants secrets in what was collected, to show that the search finds them.
//
//	go test ./internal/proof/secrets
package secrets
