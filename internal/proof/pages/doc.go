// Package pages proves that the documentation is true.
//
// Generated pages are what the table says. Code on a page is code that is compiled
// and tested, links lead to files that exist, each exported function has an
// example that runs, and the page of the proof names tests that exist and counts
// that are taken from them. The list of known mistakes of sign-in systems names,
// for each, the test that would see it.
//
// The tests run in the root directory of the repository.
//
//	go test ./internal/proof/pages
//	go test ./internal/proof/pages -update
package pages
