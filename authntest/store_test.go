package authntest_test

import (
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/storetest"
)

// TestStore holds the World to the contract of a store.
func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) authn.Store { return new(authntest.World) })
}
