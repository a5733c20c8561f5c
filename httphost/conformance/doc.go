// Package conformance tests that the description of package httphost is one of OpenAPI, and
// that the handler's requests and answers are what it says. It is a module of its own, for
// the validator.
package conformance
