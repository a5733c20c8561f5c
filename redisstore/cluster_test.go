package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
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
func cluster(t *testing.T, tap *tap) (o *redis.ClusterOptions, masters []*server) {
	t.Helper()
	sockets := map[string]string{}
	var slots []redis.ClusterSlot
	for i := range 2 {
		sv := serve(t, "--port", port(t), "--cluster-port", port(t), "--bind", "127.0.0.1",
			"--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
		first, last := i*8192, i*8192+8191
		masters = append(masters, sv)
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
	o = &redis.ClusterOptions{ContextTimeoutEnabled: true, MaintNotificationsConfig: plain(&redis.Options{}).MaintNotificationsConfig}
	o.ClusterSlots = func(context.Context) ([]redis.ClusterSlot, error) { return slots, nil }
	dial := tap.options(&redis.Options{}).Dialer
	o.Dialer = func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, "unix", sockets[addr]) }
	return o, masters
}

// TestClusterWithoutMaster kills one of two masters: Due returns what the other
// one has.
func TestClusterWithoutMaster(t *testing.T) {
	t.Parallel()
	o, masters := cluster(t, new(tap))
	o.MaxRedirects, o.DialerRetries = -1, 1
	c := redis.NewClusterClient(o)
	t.Cleanup(func() { c.Close() })
	s := open(t, c, "")
	all := due(t, s, 200)
	masters[0].kill()
	left := masters[1].client().Keys(t.Context(), "*:r:*").Val()
	want := slices.DeleteFunc(slices.Clone(all), func(key string) bool {
		return !slices.ContainsFunc(left, func(name string) bool { return strings.HasSuffix(name, key) })
	})
	got, err := s.Due(t.Context(), time.Unix(1000, 0), 1000)
	if err != nil || len(want) < 50 || len(want) > 150 || !slices.Equal(got, want) {
		t.Errorf("%d keys of %d, want %d, %v", len(got), len(all), len(want), err)
	}
	if now, err := s.Now(t.Context()); err != nil || time.Since(now).Abs() > 30*time.Second {
		t.Errorf("the time is %v, %v", now, err)
	}
	masters[1].kill()
	if now, err := s.Now(t.Context()); err == nil || !now.IsZero() {
		t.Errorf("without any master: the time is %v, %v", now, err)
	}
	if got, err := s.Due(t.Context(), time.Unix(1000, 0), 1000); err == nil || got != nil {
		t.Errorf("without any master: %d keys, %v", len(got), err)
	}
}

// slow is a hook of a client: its server's clock is behind.
type slow struct{ redis.Hook }

func (slow) DialHook(next redis.DialHook) redis.DialHook { return next }

func (slow) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (slow) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if c, ok := cmd.(*redis.TimeCmd); ok {
			c.SetVal(c.Val().Add(-time.Hour))
		}
		return err
	}
}

// TestClusterClocks asks two masters for the time, of which one is behind.
func TestClusterClocks(t *testing.T) {
	t.Parallel()
	o, _ := cluster(t, new(tap))
	for _, behind := range []string{"node0:1", "node1:1"} {
		c := redis.NewClusterClient(o)
		t.Cleanup(func() { c.Close() })
		slows := 0
		c.OnNewNode(func(node *redis.Client) {
			if node.Options().Addr == behind {
				node.AddHook(slow{})
				slows++
			}
		})
		now, err := open(t, c, "").Now(t.Context())
		if err != nil || time.Since(now).Abs() > 30*time.Second || slows != 1 {
			t.Errorf("%d masters are behind: the time is %v, %v", slows, now, err)
		}
	}
}

// TestCluster runs the conformance tests on a cluster, and checks that both
// masters have records.
func TestCluster(t *testing.T) {
	t.Parallel()
	var tap tap
	o, _ := cluster(t, &tap)
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
