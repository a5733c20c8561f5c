package redisstore_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestKeysPages lists more records of one shard than come in one answer, of an index
// that is large enough to be scanned in parts.
func TestKeysPages(t *testing.T) {
	t.Parallel()
	c := dial(t, options(t))
	prefix := fresh(t, c)
	s := open(t, c, prefix)
	const n = 3000
	for shard, of := range map[string]int{"{00}": n, "{15}": 1} {
		pipe := c.Pipeline()
		for i := range of {
			pipe.ZAdd(t.Context(), prefix+shard+":due", redis.Z{Score: float64(i), Member: fmt.Sprint(shard, i)})
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for key, err := range s.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		seen[key] = true
	}
	if len(seen) != n+1 {
		t.Errorf("%d keys, want %d", len(seen), n+1)
	}
}
