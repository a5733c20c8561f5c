package redisstore_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/redisstore"
	"github.com/redis/go-redis/v9"
)

// TestSettings checks the error and the warnings of New for many settings.
func TestSettings(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	var (
		strict = redisstore.Config{}
		second = redisstore.Config{AllowEverySecond: true}
		assume = redisstore.Config{AssumeDurable: true}
		any    = redisstore.Config{AllowVolatile: true}
	)
	for _, c := range []struct {
		name                       string
		policy, append, fsync      string
		strict, second, assume, ok error  // by kind of Config
		says                       string // in each error, and in the warning with AllowVolatile
	}{
		{"as shipped", "noeviction", "no", "everysec", volatile, volatile, volatile, nil, "appendonly is no"},
		{"durable", "noeviction", "yes", "always", nil, nil, nil, nil, ""},
		{"no record has a time to live", "volatile-lru", "yes", "always", nil, nil, nil, nil, ""},
		{"every second", "noeviction", "yes", "everysec", volatile, nil, volatile, nil, "appendfsync is everysec"},
		{"now and then", "noeviction", "yes", "no", volatile, volatile, volatile, nil, "appendfsync is no"},
		{"a cache", "allkeys-lru", "yes", "always", volatile, volatile, volatile, nil, "maxmemory-policy is allkeys-lru"},
	} {
		sv.set("maxmemory-policy", c.policy, "appendonly", c.append, "appendfsync", c.fsync)
		for i, cfg := range []redisstore.Config{strict, second, assume, any} {
			want := []error{c.strict, c.second, c.assume, c.ok}[i]
			var log bytes.Buffer
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			_, err := redisstore.New(t.Context(), sv.client(), cfg)
			if !errors.Is(err, want) {
				t.Errorf("%s, config %d: got %v, want %v", c.name, i, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, config %d: got %v, want an error with %q", c.name, i, err, c.says)
			}
			if i == 3 && (!strings.Contains(log.String(), c.says) || (c.says == "") != (log.Len() == 0)) {
				t.Errorf("%s: the warning is %q, want %q in it", c.name, &log, c.says)
			}
		}
	}
}

var volatile, unverified = redisstore.ErrVolatile, redisstore.ErrUnverified

// TestSilentServer uses a server that does not return its settings, as a user
// with only the rights that a store needs.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	if err := sv.client().Do(t.Context(), "ACL", "SETUSER", "app", "on", "nopass", "~authn:*", "-@all", "+@connection",
		"+get", "+exists", "+zrangebyscore", "+eval", "+evalsha", "+getrange", "+set", "+del", "+zadd", "+zrem", "+time").Err(); err != nil {
		t.Fatal(err)
	}
	o := sv.options()
	o.Username, o.Password = "app", "any"
	c := redis.NewClient(o)
	defer c.Close()
	for _, x := range []struct {
		cfg  redisstore.Config
		want error
	}{
		{redisstore.Config{}, unverified},
		{redisstore.Config{AllowEverySecond: true}, unverified},
		{redisstore.Config{AssumeDurable: true}, nil},
		{redisstore.Config{AllowVolatile: true}, nil},
	} {
		x.cfg.Logger = silent
		s, err := redisstore.New(t.Context(), c, x.cfg)
		if !errors.Is(err, x.want) {
			t.Errorf("%+v: got %v", x.cfg, err)
		}
		if x.cfg.AssumeDurable && s != nil {
			_, load := s.Load(t.Context(), "none")
			_, due := s.Due(t.Context(), now, 10)
			_, clock := s.Now(t.Context())
			if err := errors.Join(load, due, clock, s.Save(t.Context(), "none", 0, authn.Record{}),
				s.Save(t.Context(), "k", 0, record), s.Save(t.Context(), "k", 1, authn.Record{})); strings.Contains(err.Error(), "NOPERM") {
				t.Errorf("the user's rights are not sufficient: %v", err)
			}
		}
	}
}

// TestClients checks which clients New accepts.
func TestClients(t *testing.T) {
	addr := "127.0.0.1:1"
	var notIt struct{ redis.UniversalClient }
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": addr}})
	defer ring.Close()
	for _, c := range []redis.UniversalClient{
		ring,
		redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}, ReadOnly: true}),
		redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}, RouteRandomly: true}),
		redis.NewClient(plain(&redis.Options{Addr: addr, ClientSideCacheConfig: &redis.ClientSideCacheConfig{MaxEntries: 1}})),
		notIt,
		nil,
	} {
		if _, err := redisstore.New(t.Context(), c, redisstore.Config{AllowVolatile: true}); !errors.Is(err, redisstore.ErrClient) {
			t.Errorf("%T: got %v", c, err)
		}
	}
	c := redis.NewClient(plain(&redis.Options{Addr: addr, MaxRetries: -1}))
	defer c.Close()
	_, err := redisstore.New(t.Context(), c, redisstore.Config{AssumeDurable: true})
	if err == nil || errors.Is(err, redisstore.ErrVolatile) || errors.Is(err, redisstore.ErrUnverified) {
		t.Errorf("a server that is down: got %v", err)
	}
	for _, prefix := range []string{"{a}", "a}", strings.Repeat("p", 65)} {
		if _, err := redisstore.New(t.Context(), c, redisstore.Config{Prefix: prefix}); err == nil || !strings.Contains(err.Error(), "config: Prefix") {
			t.Errorf("prefix %q: got %v", prefix, err)
		}
	}
}
