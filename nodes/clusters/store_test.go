package clusters

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// fewer sets how many random histories the model runs, because each call goes to a
// server.
func fewer(t *testing.T, checks string) {
	t.Helper()
	if os.Getenv("RAPID_CHECKS") == "" {
		_ = flag.Set("rapid.checks", checks)
	}
}

// TestStore runs the conformance tests on one member, with a client in this process
// and one in another process, which is killed.
func TestStore(t *testing.T) {
	fewer(t, "10")
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c := startCluster(t, k, 1)
			p := storetest.NewProcess(t)
			const name = "conformance"
			storetest.Harness{
				Open: func(t *testing.T) authn.Store {
					c.open(c.one, name)
					c.await("empty store", func(ctx context.Context) error { return c.one.wipe(ctx, name) })
					return c.open(c.one, name)
				},
				Second: func(t *testing.T, _ authn.Store) authn.Store { return p.Store(c.where(name)) },
				Reopen: func(t *testing.T, _ authn.Store) authn.Store {
					p.Kill()
					c.kill(0)
					c.start(0)
					return c.store(t, name)
				},
			}.Run(t)
		})
	}
}

// TestStoreOnThree runs them on three members, of which the leader is killed.
func TestStoreOnThree(t *testing.T) {
	if testing.Short() {
		t.Skip("three members, with all cases")
	}
	fewer(t, "3")
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel() // each kind waits for elections most of the time
			c := startCluster(t, k, 3)
			other := c.client(t)
			t.Cleanup(func() { other.Close() })
			const name = "three"
			storetest.Harness{
				Open: func(t *testing.T) authn.Store {
					c.open(c.one, name)
					c.await("empty store", func(ctx context.Context) error { return c.one.wipe(ctx, name) })
					return steady(c.open(c.one, name))
				},
				Second: func(t *testing.T, _ authn.Store) authn.Store { return steady(c.open(other, name)) },
				Reopen: func(t *testing.T, _ authn.Store) authn.Store {
					killed, err := c.killLeader(name)
					if err != nil {
						t.Fatal(err)
					}
					s := c.store(t, name)
					c.start(killed)
					return steady(s)
				},
			}.Run(t)
		})
	}
}

// TestClaimsLookAlike checks that a claim of somebody and of nobody look alike.
func TestClaimsLookAlike(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			testhost.ClaimsLookAlike(t, startCluster(t, k, 1).store(t, "claims"))
		})
	}
}
