package scenarios

import (
	"testing"

	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// TestPaths replays with a service the paths that the explorer found in the
// machine: internal/walks. The conformance tests do so on every store.
func TestPaths(t *testing.T) { storetest.Replay(t, new(memstore.Store)) }
