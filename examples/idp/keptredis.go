package main

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// keptInRedis is a hash for each kind.
type keptInRedis struct{ c *redis.Client }

func (k keptInRedis) get(ctx context.Context, kind, name string) ([]byte, error) {
	b, err := k.c.HGet(ctx, "idp:"+kind, name).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return b, err
}

func (k keptInRedis) put(ctx context.Context, kind, name string, value []byte) error {
	return k.c.HSet(ctx, "idp:"+kind, name, value).Err()
}

func (k keptInRedis) remove(ctx context.Context, kind, name string) error {
	return k.c.HDel(ctx, "idp:"+kind, name).Err()
}

func (k keptInRedis) all(ctx context.Context, kind string) (map[string][]byte, error) {
	all, err := k.c.HGetAll(ctx, "idp:"+kind).Result()
	m := map[string][]byte{}
	for name, s := range all {
		m[name] = []byte(s)
	}
	return m, err
}
