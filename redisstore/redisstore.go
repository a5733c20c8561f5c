// Package redisstore keeps records in Redis or Valkey. It uses the caller's
// go-redis client of a server, of a server watched by Sentinel, or of a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
//	store, err := redisstore.New(ctx, client, redisstore.Config{}) // an authn.Store
//
// Load is one GET, Save one EVALSHA of a script that compares and swaps
// atomically, and Due one batch of range queries. A Save is never run twice,
// whatever the client's options are: retries are off for its command. It is
// sent again only after an answer which shows that it has not run: in full
// (EVAL) if the server does not know the script, and to another node of a
// cluster if the first was the wrong one. Without ContextTimeoutEnabled,
// go-redis ignores the deadline of a context and uses its ReadTimeout.
//
// # Durability
//
// A lost record resets an account: its locks are gone, its budgets of guesses
// are full again, and a used code may be valid again. [New] therefore refuses
// a server that may lose records (see [Config]). These settings matter:
//
//   - maxmemory-policy noeviction keeps all records. The volatile policies do
//     too, because no record has a time to live; the allkeys policies do not.
//   - appendonly yes and appendfsync always: acknowledged saves survive a crash
//     of the server and a power failure.
//   - appendonly yes and appendfsync everysec: they survive a crash of the
//     server; a power failure loses the last second or two.
//   - snapshots alone (save): a crash loses everything since the last one.
//
// A failover or a partition may still lose acknowledged saves, because
// replication is asynchronous. min-replicas-to-write bounds the loss. WAIT,
// which this package does not use, makes it less likely but does not prevent
// it: a replica without the save may still be elected. If no acknowledged
// guess may ever be lost, use a SQL database with synchronous replication.
//
// # Layout
//
// A record is the string PREFIX{NN}:r:KEY. The sorted set PREFIX{NN}:due has
// the due times of all records with the same NN, one of 16 shards chosen by the
// hash of the key. The braces keep both in one slot of a cluster. A cluster
// thus spreads the records over up to 16 masters, and Due queries every shard.
// Due times have microseconds. As a score, a 64-bit float, a due time is exact
// until the year 2255 and a few microseconds off from then on.
package redisstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/authnfsm/authn"
	"github.com/redis/go-redis/v9"
)

var (
	_ authn.Store   = (*Store)(nil)
	_ authn.Sweeper = (*Store)(nil)
)

// Store is an [authn.Store] and an [authn.Sweeper] in Redis. It is safe for
// concurrent use, and several processes may share its records. It starts no
// goroutine. The caller owns the client and closes it.
type Store struct {
	client redis.UniversalClient
	shards [shards]shard
}

// shards is part of the stored form and must not change.
const shards = 16

// shard has the names of one shard's keys.
type shard struct {
	records string // prefix of the records
	due     string // the index
}

// New returns a store in client, which must be a [redis.Client] (also from
// NewFailoverClient) or a [redis.ClusterClient]. It checks the settings of each
// master. Its error wraps [ErrClient], [ErrVolatile], [ErrUnverified] or the
// client's error, or names a bad field of cfg.
func New(ctx context.Context, client redis.UniversalClient, cfg Config) (*Store, error) {
	if err := cfg.check(ctx, client); err != nil {
		return nil, fmt.Errorf("redisstore: new: %w", err)
	}
	s := &Store{client: client}
	for i := range s.shards {
		tag := fmt.Sprintf("%s{%02d}:", cfg.Prefix, i)
		s.shards[i] = shard{tag + "r:", tag + "due"}
	}
	return s, nil
}

// Load implements [authn.Store]. Its error wraps [authn.ErrNotFound] or the
// error of the client or of ctx.
func (s *Store) Load(ctx context.Context, key string) (authn.Record, error) {
	r, err := s.load(ctx, key)
	if err != nil {
		return authn.Record{}, fmt.Errorf("redisstore: load %s: %w", key, err)
	}
	return r, nil
}

func (s *Store) load(ctx context.Context, key string) (authn.Record, error) {
	if err := ctx.Err(); err != nil {
		return authn.Record{}, err
	}
	b, err := s.client.Get(ctx, s.shard(key).records+key).Bytes()
	if errors.Is(err, redis.Nil) {
		return authn.Record{}, authn.ErrNotFound
	}
	if err != nil {
		return authn.Record{}, err
	}
	return decode(b)
}

// Save implements [authn.Store]. Its error wraps [authn.ErrConflict], after
// which the record is unchanged, or the error of the client or of ctx, after
// which the save may have happened.
func (s *Store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := s.save(ctx, key, old, r); err != nil {
		return fmt.Errorf("redisstore: save %s: %w", key, err)
	}
	return nil
}

func (s *Store) save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := s.shard(key)
	value, score := encode(r), ""
	switch {
	case len(r.Value) == 0 && old == 0:
		n, err := s.client.Exists(ctx, sh.records+key).Result()
		if err == nil && n > 0 {
			err = authn.ErrConflict
		}
		return err
	case len(r.Value) == 0:
		value = nil
	case r.Version == 0:
		return errors.New("version is 0")
	case !r.Due.IsZero():
		score = strconv.FormatInt(r.Due.UnixMicro(), 10)
	}
	n, err := s.swap(ctx, sh, key, head(old), value, score)
	if err == nil && n != 1 {
		err = authn.ErrConflict
	}
	return err
}

// shard returns the shard of key, by its FNV-1a hash, which is part of the
// stored form.
func (s *Store) shard(key string) *shard {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return &s.shards[(h^h>>16)%shards]
}

// A record is stored as form, version and due time, 17 bytes, followed by its
// value. The script compares the first 9 bytes as a string, because a number in
// Lua has only 53 bits.
const (
	form   = 1
	prefix = 1 + 8 + 8
	never  = math.MinInt64 // as a due time
)

// head returns the first 9 bytes of a record of the version, or nil for
// version 0.
func head(version uint64) []byte {
	if version == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64([]byte{form}, version)
}

func encode(r authn.Record) []byte {
	due := int64(never)
	if !r.Due.IsZero() {
		due = r.Due.UnixMicro()
	}
	b := make([]byte, 0, prefix+len(r.Value))
	b = binary.BigEndian.AppendUint64(append(b, form), r.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(due))
	return append(b, r.Value...)
}

// decode returns the record with the stored form b, and keeps b.
func decode(b []byte) (authn.Record, error) {
	if len(b) <= prefix || b[0] != form {
		return authn.Record{}, fmt.Errorf("the stored form, %d bytes, is not known to this version", len(b))
	}
	r := authn.Record{Value: b[prefix:], Version: binary.BigEndian.Uint64(b[1:])}
	if due := int64(binary.BigEndian.Uint64(b[9:])); due != never {
		r.Due = time.UnixMicro(due).UTC()
	}
	return r, nil
}

// Due implements [authn.Sweeper]. A limit below 1 returns no keys. Keys with
// the same due time are in their own order. The cost grows with limit or with
// the number of due records, whichever is less, and up to 16 times limit keys
// cross the network. A key may be returned a microsecond early, but never late.
// Its error wraps that of the client or of ctx.
func (s *Store) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	if limit < 1 && ctx.Err() == nil {
		return nil, nil
	}
	found, err := s.due(ctx, before, limit)
	if err != nil {
		return nil, fmt.Errorf("redisstore: due: %w", err)
	}
	slices.SortFunc(found, func(a, b redis.Z) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Member.(string), b.Member.(string)))
	})
	keys := make([]string, min(limit, len(found)))
	for i := range keys {
		keys[i] = found[i].Member.(string)
	}
	return keys, nil
}

// due returns the most overdue keys of each shard.
func (s *Store) due(ctx context.Context, before time.Time, limit int) ([]redis.Z, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	by := &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(before.UnixMicro(), 10), Count: int64(limit)}
	pipe := s.client.Pipeline()
	var replies [shards]*redis.ZSliceCmd
	for i := range s.shards {
		replies[i] = pipe.ZRangeByScoreWithScores(ctx, s.shards[i].due, by)
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	var found []redis.Z
	for _, r := range replies {
		zs, err := r.Result()
		if err != nil {
			return nil, err
		}
		found = append(found, zs...)
	}
	return found, nil
}
