package authn

import (
	"flag"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: the histories and explorations make much that
// is soon dead, and collecting it would be a third of their time. A history that fails is
// shortened for a few seconds only: what that takes would else be many gigabytes.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(2 << 30)
	_ = flag.Set("rapid.shrinktime", "5s") // what the command line says comes later, and counts
	m.Run()
}
