package redisstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/redis/go-redis/v9"
)

// cleaning is for how long a probe that failed tries to delete its record.
const cleaning = 5 * time.Second

// farAway is when the record of a probe is due.
var farAway = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// probe probes one shard of each master.
func (s *Store) probe(ctx context.Context) error {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		a, b, done := two(s.client.(*redis.Client))
		defer done()
		return s.probeShard(ctx, a, b, &s.shards[0])
	}
	done := map[*redis.Client]bool{}
	for i := range s.shards {
		master, err := cluster.MasterForKey(ctx, s.shards[i].due)
		if err != nil {
			return err
		}
		if done[master] {
			continue
		}
		done[master] = true
		if err := s.probeShard(ctx, cluster, cluster, &s.shards[i]); err != nil {
			return err
		}
	}
	return nil
}

// two returns two connections of the client, or the client itself twice if its
// pool has no two to spare.
func two(c *redis.Client) (a, b sender, done func()) {
	used := c.PoolStats()
	if c.Options().PoolSize-int(used.TotalConns-used.IdleConns) < 2 {
		return c, c, func() {}
	}
	x, y := c.Conn(), c.Conn()
	return x, y, func() {
		x.Close()
		y.Close()
	}
}

// probeShard saves, loads and deletes a record. Whether the user may delete it
// shows before there is one, so that none is left behind.
func (s *Store) probeShard(ctx context.Context, a, b sender, sh *shard) error {
	key := "probe-" + rand.Text()
	first := authn.Record{Value: make([]byte, 256), Version: 1<<63 | 1, Due: farAway}
	for i := range first.Value {
		first.Value[i] = byte(i) // every byte
	}
	second := authn.Record{Value: slices.Concat(first.Value, []byte("again")), Version: 1<<63 | 2}

	swap := func(on sender, old []byte, r authn.Record, full bool) error {
		c := change{sh, key, old, nil, score(r.Due)}
		if r.Value != nil {
			c.value = encode(r)
		}
		n, err := s.run(ctx, on, &c, full)
		if err == nil && n != 1 {
			err = authn.ErrConflict
		}
		return err
	}
	load := func(on sender, want authn.Record) error {
		r, err := s.get(ctx, on, sh, key)
		if err == nil && (r.Version != want.Version || !r.Due.Equal(want.Due) || !bytes.Equal(r.Value, want.Value)) {
			err = errors.New("it is not what was saved")
		}
		return err
	}
	// The script changes the index before the record, and so does this.
	remove := func(ctx context.Context, on sender) error {
		return cmp.Or(on.ZRem(ctx, sh.due, key).Err(), on.Del(ctx, sh.records+key).Err())
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
	}{
		{"tell the time", func() error { return a.Time(ctx).Err() }, nil},
		{"delete what is not there", func() error { return remove(ctx, a) }, nil},
		{"save", func() error { return swap(a, nil, first, true) }, nil},
		{"load on another connection", func() error { return load(b, first) }, nil},
		{"find what is due", func() error { return b.ZRangeByScoreWithScores(ctx, sh.due, dueBy(farAway, 1)).Err() }, nil},
		{"replace", func() error { return swap(b, head(first.Version), second, false) }, nil},
		{"load on another connection", func() error { return load(a, second) }, nil},
		{"save what is there", func() error { return swap(b, nil, first, false) }, authn.ErrConflict},
		{"look for what is there", func() error { return b.Exists(ctx, sh.records+key).Err() }, nil},
		{"delete", func() error { return swap(b, head(second.Version), authn.Record{}, false) }, nil},
		{"load what was deleted", func() error { return load(a, second) }, authn.ErrNotFound},
	} {
		err := step.do()
		if errors.Is(err, step.want) {
			continue
		}
		if err == nil {
			err = fmt.Errorf("it works, want %w", step.want)
		}
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
		defer stop()
		_, _ = remove(ctx, a), remove(ctx, b)
		what := ErrProbe
		if redis.IsReadOnlyError(err) {
			what = ErrReadOnly
		}
		return fmt.Errorf("%w: %s: %w", what, step.name, err)
	}
	return nil
}
