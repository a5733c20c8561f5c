// Package pages checks the documentation.
//
// Generated pages are up to date. Code on a page is compiled and tested. Links
// lead to existing files. Each exported function has an example that runs. The
// page of verification names existing tests, and its numbers are computed from
// them. A list of known mistakes of sign-in systems names the tests that detect
// each.
//
// The tests run in the root directory of the repository.
//
//	go test ./internal/proof/pages
//	go test ./internal/proof/pages -update
package pages
