// Package sim checks, by deterministic simulation, that a service tolerates
// faults.
//
// One seed determines the actions of two users with several tabs, the clocks of
// three nodes that share a store, and the faults of every port: calls that fail
// before or after they take effect, save conflicts, and nodes that die during a
// call. A user gets codes by mail, has an authenticator app, a list of recovery
// codes or a token whose responses a Verifier judges, or is asked on a phone. A
// ledger sees every stored record, every message and every answer. It fails the
// run if a code, a response or an approval is accepted twice, a limit is refunded,
// an effect is lost, the Directory does not end up with the newest of what it was
// handed, a poll writes, or an answer differs from what was saved. With ports that
// break their contract, the simulation fails within few seeds.
//
//	go test ./internal/proof/sim
//	go test ./internal/proof/sim -run 'TestSimulation$' -seeds 1000
//
// -seeds adds random seeds; -seed replays one that failed.
package sim

// Seeds is the number of fixed seeds in a normal run.
const Seeds = 80
