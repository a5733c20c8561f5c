// Package model proves that the service decides as an independent reference does.
//
// The oracle was written from the specification without the machine's code. It
// keeps only the history of what happened to an account and counts it anew for
// each question. Random histories of users, tabs, clocks, policies, keys and
// failing ports run against a service, and every verdict, answer, record, message
// and audit event is compared with the oracle's. Fixed sequences cover what
// random ones reach too seldom, and a test with irrelevant events shows that
// refused events, polls, restarts and other accounts' events change nothing.
//
// The random histories are TestModel and FuzzModel of the root package, which can
// make codes short enough to collide; the rest runs here:
//
//	go test . -run TestModel
//	RAPID_CHECKS=2000 go test . -run TestModel
//	go test ./internal/proof/model
package model
