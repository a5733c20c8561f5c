package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/redisstore"
	"github.com/authnfsm/authn/storetest"
	"github.com/redis/go-redis/v9"
)

// cluster starts two masters, each with half of the slots, and returns the
// options of a client. To start quickly, the masters do not join each other;
// the options assign the slots. As in any cluster, a master refuses commands
// for slots of others, and for keys in different slots.
func cluster(t *testing.T, tap *tap) *redis.ClusterOptions {
	t.Helper()
	sockets := map[string]string{}
	var slots []redis.ClusterSlot
	for i := range 2 {
		sv := serve(t, "--port", port(t), "--cluster-port", port(t), "--bind", "127.0.0.1",
			"--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
		first, last := i*8192, i*8192+8191
		ctx, c := context.Background(), sv.client()
		if err := c.ClusterAddSlotsRange(ctx, first, last).Err(); err != nil {
			t.Fatal(err)
		}
		for c.Get(ctx, []string{"{06}", "{00}"}[i]).Err() != redis.Nil { // until it owns the slots
		}
		addr := fmt.Sprintf("node%d:1", i)
		sockets[addr] = sv.socket()
		slots = append(slots, redis.ClusterSlot{Start: first, End: last, Nodes: []redis.ClusterNode{{Addr: addr}}})
	}
	o := &redis.ClusterOptions{ContextTimeoutEnabled: true, MaintNotificationsConfig: plain(&redis.Options{}).MaintNotificationsConfig}
	o.ClusterSlots = func(context.Context) ([]redis.ClusterSlot, error) { return slots, nil }
	dial := tap.options(&redis.Options{}).Dialer
	o.Dialer = func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, "unix", sockets[addr]) }
	return o
}

// TestCluster runs the conformance tests on a cluster, and checks that both
// masters have records.
func TestCluster(t *testing.T) {
	t.Parallel()
	var tap tap
	o := cluster(t, &tap)
	c := redis.NewClusterClient(o)
	t.Cleanup(func() { c.Close() })
	n := 0
	storetest.Run(t, func(t *testing.T) authn.Store {
		n++
		return open(t, c, fmt.Sprint("p", n))
	})
	t.Run("both masters", func(t *testing.T) {
		s := open(t, c, "both:")
		want := make([]string, 200)
		for i := range want {
			want[i] = fmt.Sprintf("%032x", i)
			r := authn.Record{Value: []byte("value"), Version: 1, Due: time.Unix(int64(i), 0)}
			if err := s.Save(t.Context(), want[i], 0, r); err != nil {
				t.Fatal(err)
			}
		}
		err := c.ForEachMaster(t.Context(), func(ctx context.Context, c *redis.Client) error {
			if n := len(c.Keys(ctx, "both:*:r:*").Val()); n < len(want)/4 {
				return fmt.Errorf("%d of %d records on %v", n, len(want), c)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		keys, err := s.Due(t.Context(), time.Unix(1000, 0), 150)
		if err != nil || !slices.Equal(keys, want[:150]) {
			t.Error(keys, err)
		}
	})
	t.Run("lost answers", func(t *testing.T) { loseEach(t, &tap, open(t, c, "lost:")) })
	t.Run("settings", func(t *testing.T) {
		_, err := redisstore.New(t.Context(), c, redisstore.Config{})
		if !errors.Is(err, redisstore.ErrVolatile) {
			t.Errorf("got %v", err)
		}
	})
}
