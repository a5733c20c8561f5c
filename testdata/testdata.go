// Package testdata holds what tests compare with, for tests in other modules.
package testdata

import "embed"

// Paths are the recorded shortest ways to every event in every state, answered
// by every row: see internal/script.Replay.
//
//go:embed paths/*.txt
var Paths embed.FS
