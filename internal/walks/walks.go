// Package walks holds recorded walks through the machine: the shortest way to
// every event in every state, answered by every row. The explorer of the root
// package's tests writes them; storetest replays them on every store.
package walks

import "embed"

// Files has one script for each exploration, as internal/script.Replay reads
// them.
//
//go:embed *.txt
var Files embed.FS
