package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const keptEnds = "idp:ends"

// keptInRedis is a hash for each kind, and a sorted set of what ends, by when.
type keptInRedis struct{ c *redis.Client }

func (k keptInRedis) get(ctx context.Context, kind, name string) ([]byte, error) {
	b, err := k.c.HGet(ctx, "idp:"+kind, name).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return b, err
}

func (k keptInRedis) put(ctx context.Context, kind, name string, value []byte, until time.Time) error {
	_, err := k.c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, "idp:"+kind, name, value)
		if member := kind + " " + name; until.IsZero() {
			p.ZRem(ctx, keptEnds, member)
		} else {
			p.ZAdd(ctx, keptEnds, redis.Z{Score: float64(endOf(until)), Member: member})
		}
		return nil
	})
	return err
}

func (k keptInRedis) remove(ctx context.Context, kind, name string) error {
	_, err := k.c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HDel(ctx, "idp:"+kind, name)
		p.ZRem(ctx, keptEnds, kind+" "+name)
		return nil
	})
	return err
}

func (k keptInRedis) all(ctx context.Context, kind string) (map[string][]byte, error) {
	all, err := k.c.HGetAll(ctx, "idp:"+kind).Result()
	m := map[string][]byte{}
	for name, s := range all {
		m[name] = []byte(s)
	}
	return m, err
}

func (k keptInRedis) sweep(ctx context.Context, now time.Time) error {
	over, err := k.c.ZRangeArgs(ctx, redis.ZRangeArgs{Key: keptEnds, ByScore: true, Start: "-inf", Stop: now.Unix()}).Result()
	for _, member := range over {
		kind, name, _ := strings.Cut(member, " ")
		err = errors.Join(err, k.remove(ctx, kind, name))
	}
	return err
}
