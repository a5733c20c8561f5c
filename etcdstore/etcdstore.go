// Package etcdstore keeps records in etcd, over the caller's client.
//
//	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints})
//	store, err := etcdstore.New(ctx, client, etcdstore.Config{}) // an authn.Store
//
// # What a call costs
//
// Load is one linearizable Range: it sees every save that was answered, at
// whichever member of the cluster it is asked. Save is such a Range and one Txn,
// which compares the revision of the record and changes the record and the index
// together. Due is one Range over the part of the index that is due, without
// values. Keys is one Range for each 500 keys, and at least one for each of the 95
// characters that a key may begin with.
//
// A Txn is never sent twice: the client repeats one only if it had no connection
// to send it on. Any answer but yes and no comes back as the error that it is, a
// timeout and a change of leader among them; such a save may have happened.
// Without a leader a call waits until its context ends, so give it a deadline.
//
// # Durability
//
// A save that was answered is on the disks of a majority of the members. Do not
// weaken that: a member that runs with --unsafe-no-fsync, or on memory, loses
// guesses that were counted, and a used code may be valid again. The members do
// not tell a client, so [New] cannot refuse them. Restoring a snapshot of etcd
// gives back what was used since, like restoring any other backup.
//
// # Sizes
//
// A record has up to 64 KiB, and in practice 4 KiB: far below the 1.5 MiB that
// etcd takes in one request. The whole database is another matter: its quota is
// 2 GiB unless --quota-backend-bytes says otherwise, and etcd suggests no more
// than 8 GiB. That has to hold every record, its entry in the index, and all
// states of it that were not compacted yet. This is a store for hundreds of
// thousands of accounts with something pending, not for hundreds of millions.
//
// Compaction and defragmentation belong to the operator, as with every use of
// etcd: set --auto-compaction-mode and --auto-compaction-retention, and
// defragment one member after another. Without compaction the quota fills, and
// then each save that writes is refused until there is room. This package reads
// only the newest revision, so no compaction disturbs it.
//
// # Rights
//
// With authentication on, the user needs the right to read and write the range
// of the prefix: etcdctl role grant-permission --prefix=true ROLE readwrite PREFIX.
//
// # Layout
//
// A record is PREFIX r/KEY, without the blank. Its entry in the index, with no
// value, is PREFIX d/TIME/KEY, where TIME is the due time in microseconds since
// 1970, plus 2^63, as 16 hexadecimal digits: in the order of time. A record that
// is never due has none.
//
// etcd has no clock to ask, so a Store is no [authn.Clock], and a node whose clock
// is ahead is not kept from tending: watch the clocks by other means.
package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/authnfsm/authn"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	_ authn.Store   = (*Store)(nil)
	_ authn.Sweeper = (*Store)(nil)
	_ authn.Lister  = (*Store)(nil)
)

// A Store is an [authn.Store], an [authn.Sweeper] and an [authn.Lister] in etcd. It
// is safe for concurrent use, and any number of processes may share its records. It
// starts no goroutine. The caller owns the client and closes it.
type Store struct {
	kv     clientv3.KV
	prefix string
}

// New returns a store in kv, such as a [clientv3.Client]. It saves, loads, finds and
// deletes a record of its own. Its error wraps [ErrProbe] and what the step that
// failed returned, or names a bad field of cfg.
func New(ctx context.Context, kv clientv3.KV, cfg Config) (*Store, error) {
	err := cfg.check()
	s := &Store{kv: kv, prefix: cfg.Prefix}
	if err == nil {
		err = s.probe(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("etcdstore: new: %w", err)
	}
	return s, nil
}

// Load implements [authn.Store]. Its error wraps [authn.ErrNotFound] or the error of
// the client or of ctx.
func (s *Store) Load(ctx context.Context, key string) (authn.Record, error) {
	r, _, err := s.load(ctx, key)
	if err != nil {
		return authn.Record{}, fmt.Errorf("etcdstore: load %s: %w", key, err)
	}
	return r, nil
}

// load returns a record and the revision of etcd that made it.
func (s *Store) load(ctx context.Context, key string) (authn.Record, int64, error) {
	if err := ctx.Err(); err != nil {
		return authn.Record{}, 0, err
	}
	got, err := s.kv.Get(ctx, s.record(key))
	if err != nil {
		return authn.Record{}, 0, err
	}
	if len(got.Kvs) == 0 {
		return authn.Record{}, 0, authn.ErrNotFound
	}
	r, err := decode(got.Kvs[0].Value)
	return r, got.Kvs[0].ModRevision, err
}

// Save implements [authn.Store]. Its error wraps [authn.ErrConflict], after which
// nothing has changed, or the error of the client or of ctx, after which the save may
// have happened.
func (s *Store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := s.save(ctx, key, old, r); err != nil {
		return fmt.Errorf("etcdstore: save %s: %w", key, err)
	}
	return nil
}

func (s *Store) save(ctx context.Context, key string, old uint64, r authn.Record) error {
	deletes := len(r.Value) == 0
	if !deletes && r.Version == 0 {
		return errors.New("version is 0")
	}
	// The entry in the index can only be removed by who knows its time.
	now, revision, err := s.load(ctx, key)
	none := errors.Is(err, authn.ErrNotFound) // then the version and the revision are 0
	switch {
	case err != nil && !none:
		return err
	case now.Version != old:
		return authn.ErrConflict
	case none && deletes:
		return nil
	}
	name := s.record(key)
	swap := clientv3.OpPut(name, string(encode(r)))
	if deletes {
		swap, r.Due = clientv3.OpDelete(name), time.Time{}
	}
	ops := append([]clientv3.Op{swap}, s.reindex(key, now.Due, r.Due)...)
	// A revision is never used twice, so it is also the version that is compared.
	done, err := s.kv.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(name), "=", revision)).Then(ops...).Commit()
	if err == nil && !done.Succeeded {
		err = authn.ErrConflict
	}
	return err
}

// reindex moves the entry of a record in the index.
func (s *Store) reindex(key string, from, to time.Time) (ops []clientv3.Op) {
	if micros(from) == micros(to) {
		return nil // etcd refuses two changes of one key
	}
	if !from.IsZero() {
		ops = append(ops, clientv3.OpDelete(s.entry(from, key)))
	}
	if !to.IsZero() {
		ops = append(ops, clientv3.OpPut(s.entry(to, key), ""))
	}
	return ops
}

// Due implements [authn.Sweeper]. A limit below 1 returns no keys. Keys with the same
// due time are in their own order. The cost is that of limit keys on the network, and
// of as many as are due in the memory of etcd, which counts them. A key may be
// returned a microsecond early, but never late.
func (s *Store) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	keys, err := s.due(ctx, before, limit)
	if err != nil {
		return nil, fmt.Errorf("etcdstore: due: %w", err)
	}
	return keys, nil
}

func (s *Store) due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	if err := ctx.Err(); err != nil || limit < 1 {
		return nil, err
	}
	got, err := s.kv.Get(ctx, s.index(), clientv3.WithRange(s.dueEnd(before)),
		clientv3.WithLimit(int64(limit)), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(got.Kvs))
	for i, kv := range got.Kvs {
		keys[i] = s.keyOfEntry(kv.Key)
	}
	return keys, nil
}

// page is how many keys [Store.Keys] asks for at a time.
const page = 500

// Keys implements [authn.Lister]: it walks the records in the order of their keys,
// those that are never due among them. It reads the newest revision at each page, not
// one of the past: a record keeps its place, so none that stays is missed, and no
// compaction ends a long walk. Nothing is held between two pages.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		// etcd counts what is left of a range at every page, so the ranges are
		// parts of the whole: one for each first character.
		from := s.record("")
		for c := byte(' '); c <= '~'; c++ {
			end := s.record(string(c + 1))
			for more := true; more; {
				var got *clientv3.GetResponse
				err := ctx.Err()
				if err == nil {
					got, err = s.kv.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(page), clientv3.WithKeysOnly())
				}
				if err != nil {
					yield("", fmt.Errorf("etcdstore: keys: %w", err))
					return
				}
				for _, kv := range got.Kvs {
					if !yield(string(kv.Key[len(s.record("")):]), nil) {
						return
					}
					from = string(kv.Key) + "\x00"
				}
				more = got.More
			}
			from = end
		}
	}
}
