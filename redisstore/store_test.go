package redisstore_test

import (
	"fmt"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/redisstore"
	"github.com/authnfsm/authn/storetest"
	"github.com/redis/go-redis/v9"
)

// TestStore runs the conformance tests on the shared server, with one client in
// this process and one in another process, which is killed.
func TestStore(t *testing.T) {
	t.Parallel()
	h := &harness{client: dial(t, options(t)), process: storetest.NewProcess(t)}
	storetest.Harness{Open: h.open, Second: h.second, Reopen: h.reopen}.Run(t)
}

// harness gives each subtest a new prefix.
type harness struct {
	client  *redis.Client // of the stores in this process
	process *storetest.Process
	last    *testing.T // the test that uses prefix
	prefix  string
}

func (h *harness) open(t *testing.T) authn.Store {
	if t == h.last { // the model has many runs in one subtest
		wipe(t, h.client, h.prefix)
	} else {
		h.last, h.prefix = t, fresh(t, h.client)
	}
	return h.process.Store(h.prefix)
}

func (h *harness) second(t *testing.T, _ authn.Store) authn.Store {
	return open(t, h.client, h.prefix)
}

func (h *harness) reopen(t *testing.T, _ authn.Store) authn.Store {
	h.process.Kill()
	return open(t, dial(t, options(t)), h.prefix)
}

// TestServerKilled checks that a server with the settings that New requires
// loses nothing when it is killed and restarted.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	n := 0
	sv := serve(t, "--appendonly", "yes", "--appendfsync", "always")
	again := func(t *testing.T) authn.Store {
		s, err := redisstore.New(t.Context(), sv.client(), redisstore.Config{Prefix: fmt.Sprint("p", n)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	storetest.Harness{
		Open: func(t *testing.T) authn.Store {
			n++
			return again(t)
		},
		Reopen: func(t *testing.T, _ authn.Store) authn.Store {
			sv.kill()
			sv.start()
			return again(t)
		},
	}.Run(t)
}

// TestClaimsLookAlike checks that a claim of somebody and of nobody look alike.
func TestClaimsLookAlike(t *testing.T) {
	c := dial(t, options(t))
	testhost.ClaimsLookAlike(t, open(t, c, fresh(t, c)))
}
