package authntest

import (
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: the histories and explorations make much that
// is soon dead, and collecting it would be a third of their time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}
