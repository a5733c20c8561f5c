// Package model compares a service with an independent reference model.
//
// The model, called the oracle, is written from the specification and shares no
// code with the machine. Its only state is the history of an account, from which
// it computes every verdict. Random histories of users, tabs, clocks, policies,
// keys and failing ports run against a service, and every verdict, answer,
// record, message and audit event is compared with that of the oracle. Fixed
// sequences cover situations that random ones rarely reach. A test with
// irrelevant events shows that refused events, polls, restarts and events of
// other accounts change nothing.
//
// The random histories are TestModel and FuzzModel of the root package, where
// codes can be short enough to collide. The other tests run here:
//
//	go test . -run TestModel
//	RAPID_CHECKS=2000 go test . -run TestModel
//	go test ./internal/proof/model
package model
