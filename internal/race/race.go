// Package race tells tests that take long whether the race detector, which slows them
// ten times, is on.
package race

import (
	"runtime/debug"
	"slices"
)

// Detector reports whether the program was built with -race.
func Detector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
