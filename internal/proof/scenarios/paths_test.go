package scenarios

import (
	"testing"

	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// TestPaths replays through a whole service what the explorer found in the
// bare machine: internal/walks. Every other store does it too.
func TestPaths(t *testing.T) { storetest.Replay(t, new(memstore.Store)) }
