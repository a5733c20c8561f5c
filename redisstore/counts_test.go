package redisstore_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestServerCounts checks, on a separate server, that a step runs one GET and
// one script.
func TestServerCounts(t *testing.T) {
	t.Parallel()
	const steps = 50
	sv := serve(t)
	s := open(t, sv.client(), "")
	if err := s.Save(t.Context(), "k", 0, record); err != nil { // loads the script into the server
		t.Fatal(err)
	}
	admin := sv.client()
	loads, saves := calls(t, admin, "get"), calls(t, admin, "evalsha")
	for range steps {
		if err := step(t.Context(), s, "k"); err != nil {
			t.Fatal(err)
		}
	}
	loads, saves = calls(t, admin, "get")-loads, calls(t, admin, "evalsha")-saves
	if loads != steps || saves != steps || calls(t, admin, "eval") != 1 {
		t.Errorf("%d steps ran %d loads and %d saves, and sent the script %d times", steps, loads, saves, calls(t, admin, "eval"))
	}
}

// calls returns how often the server has run a command.
func calls(t *testing.T, c *redis.Client, command string) (n int) {
	t.Helper()
	stat := c.InfoMap(t.Context(), "commandstats").Val()["Commandstats"]["cmdstat_"+command]
	if _, err := fmt.Sscanf(stat, "calls=%d,", &n); err != nil && stat != "" {
		t.Fatal(err)
	}
	return n
}
