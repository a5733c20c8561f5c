// Package scenarios proves the behavior that anybody can read.
//
// Each file of testdata is a scenario: what people do, line by line, and what the
// library answers. The tests play every scenario and compare every answer, and
// replay the paths that the exploration of the machine recorded through a whole
// service.
//
//	go test ./internal/proof/scenarios
//	go test ./internal/proof/scenarios -update
package scenarios
