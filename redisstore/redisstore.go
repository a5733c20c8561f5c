// Package redisstore keeps records in Redis or Valkey, over the caller's
// go-redis client: of one server, of one that Sentinel watches, or of a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
//	store, err := redisstore.New(ctx, client, redisstore.Config{}) // an authn.Store
//
// Load is one GET, Save one EVALSHA of a script that compares and swaps in one
// go, and Due one batch of range queries. A Save is never sent twice, whatever
// the client's options say: that command has its retries off. It is sent in
// full (EVAL) after the server has said that it does not know the script, and
// to another node after one has said that it is the wrong one; neither has run
// it then. Without ContextTimeoutEnabled, go-redis does not end a call when
// its context's deadline passes, but by its ReadTimeout.
//
// # Durability
//
// A record that is lost is a fresh account: its locks are gone, guesses are
// given back, and after a failover a used code may live again. [New] therefore
// refuses a server that is set up to forget (see [Config]). What a server can
// promise depends on these settings:
//
//   - maxmemory-policy noeviction. The volatile policies are as good, since no
//     record has a time to live; the allkeys policies evict records.
//   - appendonly yes and appendfsync always: what was acknowledged survives a
//     crash of the server and a power cut.
//   - appendonly yes and appendfsync everysec: it survives a crash of the
//     server, but a power cut takes the last second or two.
//   - snapshots alone (save): a crash takes everything since the last one.
//
// It cannot promise more, because replication is asynchronous: a replica that
// takes over may lack saves that were acknowledged, and so may the whole side
// of a partition that loses. min-replicas-to-write bounds how much is lost
// that way. WAIT, which this package does not use, makes it less likely; it is
// no consensus, and a replica without the save may still be elected. Where no
// acknowledged guess may ever be given back, use a SQL database with
// synchronous replication.
//
// # Layout
//
// A record is the string PREFIX{NN}:r:KEY, and PREFIX{NN}:due is the sorted set
// of the due times of all records with the same NN, one of 16 shards that the
// key's hash chooses. The braces keep both in one slot of a cluster; so a
// cluster spreads the records over up to 16 masters, and Due asks for each
// shard. A due time is kept in whole microseconds; as a score, a 64-bit float,
// it is exact until the year 2255 and off by a few microseconds from then on.
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
// concurrent use, also by many processes. It starts no goroutine, and neither
// opens nor closes the client it was given.
type Store struct {
	client redis.UniversalClient
	shards [shards]shard
}

// shards is part of the stored form: it can never change.
const shards = 16

// shard is where the records of one shard are.
type shard struct {
	records string // what begins their names
	due     string // the name of the index
}

// New returns a store in client, which must be a [redis.Client] (also one of
// NewFailoverClient) or a [redis.ClusterClient]. It asks each master how it is
// set up. Its error wraps [ErrClient] or [ErrVolatile] or [ErrUnverified], or
// is the client's.
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

// Load implements [authn.Store]. Its error wraps [authn.ErrNotFound], or is
// the client's or the context's.
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

// Save implements [authn.Store]. If its error wraps [authn.ErrConflict],
// nothing has changed; after any other that is the client's or the context's,
// the save may have happened.
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

// shard returns where the record of key is (FNV-1a, which is part of the
// stored form and spreads random keys well).
func (s *Store) shard(key string) *shard {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return &s.shards[(h^h>>16)%shards]
}

// A record is stored as form, version and due time, 17 bytes in all, and its
// value. The script compares the first 9 as they are: a number in Lua has
// 53 bits.
const (
	form   = 1
	prefix = 1 + 8 + 8
	never  = math.MinInt64 // as a due time
)

// head returns how a record of the version begins, or nothing for version 0.
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

// decode returns the record of which b is the stored form. It takes b over.
func decode(b []byte) (authn.Record, error) {
	if len(b) <= prefix || b[0] != form {
		return authn.Record{}, fmt.Errorf("%d bytes that are no record of this version", len(b))
	}
	r := authn.Record{Value: b[prefix:], Version: binary.BigEndian.Uint64(b[1:])}
	if due := int64(binary.BigEndian.Uint64(b[9:])); due != never {
		r.Due = time.UnixMicro(due).UTC()
	}
	return r, nil
}

// Due implements [authn.Sweeper]. A limit below 1 gives no keys. Records that
// are due at the same time come in the order of their keys. The cost grows
// with limit or with what is due, whichever is less, and up to 16 times limit
// keys cross the network. A record may come back a microsecond early, but
// never late.
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

// due returns the most overdue of each shard.
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
