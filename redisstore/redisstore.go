// Package redisstore keeps records in Redis or Valkey. It uses the caller's
// go-redis client of a server, of a server watched by Sentinel, or of a cluster.
//
//	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
//	store, err := redisstore.New(ctx, client, redisstore.Config{}) // an authn.Store
//
// Load is one GET, Save one EVALSHA of a script that compares and swaps
// atomically, Due one batch of range queries, and Now one TIME. A Save is never run twice,
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
// a server that may lose records (see [Config]), and [Store.Save] one that took
// over and has such settings: it does not know the script yet, so it is looked
// at. (A server older than Redis 7 may have got the script as a replica, and is
// then not looked at.) These settings matter:
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
	"iter"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/authnfsm/authn"
	"github.com/redis/go-redis/v9"
)

var (
	_ authn.Store   = (*Store)(nil)
	_ authn.Sweeper = (*Store)(nil)
	_ authn.Clock   = (*Store)(nil)
	_ authn.Lister  = (*Store)(nil)
)

// Store is an [authn.Store], an [authn.Sweeper], an [authn.Clock] and an [authn.Lister]
// in Redis. It is safe for concurrent use, and several processes may share its records. It starts no
// goroutine. The caller owns the client and closes it.
type Store struct {
	client redis.UniversalClient
	cfg    Config
	shards [shards]shard
	script string
	hash   string // of the script
}

// shards is part of the stored form and must not change.
const shards = 16

// shard has the names of one shard's keys.
type shard struct {
	records string // prefix of the records
	due     string // the index
}

// New returns a store in client, which must be a [redis.Client] (also from
// NewFailoverClient) or a [redis.ClusterClient]. It checks the role and the
// settings of each master, and saves, loads and deletes a record of its own on
// each: over two connections, or over one if the client's pool has no second to
// spare; on a cluster, as the client routes it. Its error wraps [ErrClient],
// [ErrReadOnly], [ErrVolatile], [ErrUnverified], [ErrProbe] or the client's
// error, or names a bad field of cfg.
func New(ctx context.Context, client redis.UniversalClient, cfg Config) (*Store, error) {
	s, err := open(ctx, client, cfg)
	if err != nil {
		return nil, fmt.Errorf("redisstore: new: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, client redis.UniversalClient, cfg Config) (*Store, error) {
	if err := cfg.check(client); err != nil {
		return nil, err
	}
	if err := cfg.inspectAll(ctx, client); err != nil {
		return nil, err
	}
	s := &Store{client: client, cfg: cfg, script: cfg.script()}
	s.hash = redis.NewScript(s.script).Hash()
	for i := range s.shards {
		tag := fmt.Sprintf("%s{%02d}:", cfg.Prefix, i)
		s.shards[i] = shard{tag + "r:", tag + "due"}
	}
	return s, s.probe(ctx)
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
	return s.get(ctx, s.client, s.shard(key), key)
}

func (s *Store) get(ctx context.Context, on sender, sh *shard, key string) (authn.Record, error) {
	b, err := on.Get(ctx, sh.records+key).Bytes()
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
// which the save may have happened. If the server is not the one that was
// looked at last, as after a failover, Save looks at it as [New] does, and saves
// nothing if its error wraps [ErrReadOnly], [ErrVolatile] or [ErrUnverified].
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
	value := encode(r)
	switch {
	case len(r.Value) == 0 && old == 0:
		n, err := s.client.Exists(ctx, sh.records+key).Result()
		if err == nil && n > 0 {
			err = authn.ErrConflict
		}
		return err
	case len(r.Value) == 0:
		value, r.Due = nil, time.Time{}
	case r.Version == 0:
		return errors.New("version is 0")
	}
	n, err := s.swap(ctx, &change{sh, key, head(old), value, score(r.Due)})
	if err == nil && n != 1 {
		err = authn.ErrConflict
	}
	return err
}

// score returns the due time as the index has it, or "" for never.
func score(due time.Time) string {
	if due.IsZero() {
		return ""
	}
	return strconv.FormatInt(due.UnixMicro(), 10)
}

// dueBy returns the range of the index that is due, up to limit keys.
func dueBy(before time.Time, limit int) *redis.ZRangeBy {
	return &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(before.UnixMicro(), 10), Count: int64(limit)}
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
//
// A shard that cannot be asked does not hold up the others: Due returns the
// keys of those and logs a warning. If they have no keys that are due, it
// returns an error, which wraps that of the client or of ctx.
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

// due returns the most overdue keys of each shard that can be asked, and an
// error if there are none and one cannot be asked.
func (s *Store) due(ctx context.Context, before time.Time, limit int) ([]redis.Z, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pipe := s.client.Pipeline()
	var replies [shards]*redis.ZSliceCmd
	for i := range s.shards {
		replies[i] = pipe.ZRangeByScoreWithScores(ctx, s.shards[i].due, dueBy(before, limit))
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	var found []redis.Z
	var failed int
	var first error
	for i, r := range replies {
		zs, err := r.Result()
		if err != nil {
			failed++
			first = cmp.Or(first, fmt.Errorf("shard %02d: %w", i, err))
			continue
		}
		found = append(found, zs...)
	}
	if failed > 0 && len(found) == 0 {
		return nil, first
	}
	if failed > 0 {
		s.cfg.Logger.WarnContext(ctx, "redisstore: due: shards cannot be asked", "failed", failed, "of", shards, "first", first)
	}
	return found, nil
}

// page is how many keys [Store.Keys] asks for at a time.
const page = 500

// Keys implements [authn.Lister]: it scans the index, shard by shard, and leaves out
// records that are never due. A key may come twice. A shard that cannot be asked is an
// error: the list would not be whole.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range s.shards {
			for cursor, more := uint64(0), true; more; more = cursor != 0 {
				var found []string // keys, and behind each its score
				err := ctx.Err()
				if err == nil {
					found, cursor, err = s.client.ZScan(ctx, s.shards[i].due, cursor, "", page).Result()
				}
				if err != nil {
					yield("", fmt.Errorf("redisstore: keys: shard %02d: %w", i, err))
					return
				}
				for j := 0; j < len(found); j += 2 {
					if !yield(found[j], nil) {
						return
					}
				}
			}
		}
	}
}

// Now implements [authn.Clock] with the time of the server. On a cluster it is the
// latest of those masters that can be asked: one that is down or behind does not hold
// up the others. Its error wraps that of the client or of ctx.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	t, err := s.now(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("redisstore: now: %w", err)
	}
	return t.UTC(), nil
}

func (s *Store) now(ctx context.Context) (latest time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return latest, err
	}
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.client.Time(ctx).Result()
	}
	var mu sync.Mutex // guards latest
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		t, err := c.Time(ctx).Result()
		mu.Lock()
		defer mu.Unlock()
		if err == nil && t.After(latest) {
			latest = t
		}
		return err
	})
	if !latest.IsZero() {
		return latest, nil
	}
	return latest, err
}
