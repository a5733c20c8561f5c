// Package sim proves, by deterministic simulation, that a service survives what
// goes wrong around it.
//
// One seed drives two users with several tabs, three nodes that share a store,
// their clocks, and what goes wrong at every port and when: calls that fail
// before or after they take effect, lost conflicts, and nodes that die in the
// middle of a call. A ledger sees every record as it is stored, every message
// and every answer, and fails the run if a code is accepted twice, a limit is
// refunded, an effect is lost or a client is told something else than what was
// saved. With stores that break their contract the simulation fails soon.
//
//	go test ./internal/proof/sim
//	go test ./internal/proof/sim -run 'TestSimulation$' -seeds 1000
//
// -seeds adds random seeds; -seed replays one that failed.
package sim

// Seeds is how many fixed seeds a normal run simulates.
const Seeds = 60
