// Package scenarios checks readable scenarios.
//
// Each file of testdata is a scenario: the actions of users and hosts, line by
// line, with the answers of the library. The tests play every scenario and
// compare every answer. They also replay the paths that the exploration of the
// machine recorded, with a service.
//
//	go test ./internal/proof/scenarios
//	go test ./internal/proof/scenarios -update
package scenarios
