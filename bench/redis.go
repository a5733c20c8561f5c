package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"

	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/redisstore"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// rawSwap compares the version at the start of a record, replaces the record,
// and updates an index of due times, as any store must.
var rawSwap = redis.NewScript(`
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], KEYS[1])
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

func openRedis(ctx context.Context) (*backend, error) {
	address, err := addressOf(servers.Redis)
	if err != nil {
		return nil, err
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, err
	}
	f := new(flights)
	o.Dialer, o.DialerRetries, o.PoolSize, o.ContextTimeoutEnabled = f.dial, 1, pool, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := redis.NewClient(o)
	prefix := unique() + ":"
	b := &backend{flights: f, close: func() {
		for all := c.Scan(context.Background(), 0, prefix+"*", 10_000).Iterator(); all.Next(context.Background()); {
			c.Unlink(context.Background(), all.Val())
		}
		c.Close()
	}}
	info, err := c.InfoMap(ctx, "server").Result()
	if err == nil {
		b.about = fmt.Sprintf("Redis %s, appendonly=%s", info["Server"]["redis_version"], c.ConfigGet(ctx, "appendonly").Val()["appendonly"])
		b.store, err = redisstore.New(ctx, c, redisstore.Config{Prefix: prefix, AllowVolatile: true, Logger: slog.New(slog.DiscardHandler)})
	}
	if err == nil {
		err = rawSwap.Load(ctx, c).Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	b.pair = rawPair(c, prefix)
	return b, nil
}

// rawPair returns a function that runs one GET and one EVALSHA. The first pair
// of a key creates a record of the same size as the store's.
func rawPair(c *redis.Client, prefix string) func(ctx context.Context, key string) error {
	due := prefix + "raw:due"
	return func(ctx context.Context, key string) error {
		key = prefix + "raw:" + key
		value, err := c.Get(ctx, key).Bytes()
		if err == redis.Nil {
			return c.Set(ctx, key, make([]byte, 17+recordSize), 0).Err()
		}
		if err != nil {
			return err
		}
		old := string(value[:8])
		binary.BigEndian.PutUint64(value, version())
		n, err := rawSwap.EvalSha(ctx, c, []string{key, due}, old, value, start.UnixMicro()).Int()
		if err == nil && n != 1 {
			err = errLost
		}
		return err
	}
}
