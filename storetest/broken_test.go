package storetest

import (
	"context"
	"errors"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// bent is a working store with some methods replaced.
type bent struct {
	*memstore.Store
	load func(ctx context.Context, key string) (authn.Record, error)
	save func(ctx context.Context, key string, old uint64, r authn.Record) error
	due  func(ctx context.Context, before time.Time, limit int) ([]string, error)
	keys func(ctx context.Context, yield func(string, error) bool)
}

func (b *bent) Keys(ctx context.Context) iter.Seq2[string, error] {
	if b.keys == nil {
		return b.Store.Keys(ctx)
	}
	return func(yield func(string, error) bool) { b.keys(ctx, yield) }
}

func (b *bent) Load(ctx context.Context, key string) (authn.Record, error) {
	if b.load == nil {
		return b.Store.Load(ctx, key)
	}
	return b.load(ctx, key)
}

func (b *bent) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if b.save == nil {
		return b.Store.Save(ctx, key, old, r)
	}
	return b.save(ctx, key, old, r)
}

func (b *bent) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	if b.due == nil {
		return b.Store.Due(ctx, before, limit)
	}
	return b.due(ctx, before, limit)
}

// broken is a faulty store, and the cases that must detect it.
type broken struct {
	name string
	by   string // names of cases, separated by commas; also the model unless by begins with !
	bend func(b *bent)
}

// takenFor makes a store treat old as the current version if same says so.
func takenFor(same func(old, now uint64) bool) func(b *bent) {
	return func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if now, err := b.Store.Load(ctx, key); err == nil && same(old, now.Version) {
				old = now.Version
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}
}

// stored makes a store change what it saves.
func stored(change func(authn.Record) authn.Record) func(b *bent) {
	return func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			return b.Store.Save(ctx, key, old, change(r))
		}
	}
}

// found replaces the Due of a store.
func found(due func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error)) func(b *bent) {
	return func(b *bent) {
		b.due = func(ctx context.Context, before time.Time, limit int) ([]string, error) {
			return due(ctx, b, before, limit)
		}
	}
}

var brokenVersions = []broken{
	{"last writer wins", "stale version, create, every bit, save race, lost update",
		takenFor(func(old, now uint64) bool { return true })},
	{"compares no version for a relaxed save", "!relaxed", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if now, err := b.Store.Load(ctx, key); err == nil && r.Relaxed {
				old = now.Version
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"leaves relaxed saves for later", "!relaxed", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if r.Relaxed {
				return ctx.Err()
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"creates over what is there", "create", takenFor(func(old, now uint64) bool { return old == 0 })},
	{"compares the low half of a version", "!every bit",
		takenFor(func(old, now uint64) bool { return uint32(old) == uint32(now) })},
	{"compares the high half of a version", "!every bit",
		takenFor(func(old, now uint64) bool { return old>>32 == now>>32 && old != 0 })},
	{"compares versions as floating-point numbers", "!every bit",
		takenFor(func(old, now uint64) bool { return float64(old) == float64(now) })},
	{"keeps versions as floating-point numbers", "any version", stored(func(r authn.Record) authn.Record {
		if r.Version < math.MaxUint64 {
			r.Version = uint64(float64(r.Version))
		}
		return r
	})},
	{"restarts version numbers after a delete", "create again", counted},
	{"creates where there is nothing to replace", "no record to replace, late save", resurrects},
	{"loses deletes", "delete", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if len(r.Value) == 0 {
				return ctx.Err()
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"leaves a tombstone that can be loaded", "delete, create again", stored(func(r authn.Record) authn.Record {
		if len(r.Value) == 0 {
			r.Value, r.Version = []byte("stone"), r.Version|1
		}
		return r
	})},
	{"deletes nothing and leaves a tombstone", "delete nothing", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if len(r.Value) == 0 && old == 0 {
				return b.Store.Save(ctx, key, 0, authn.Record{Value: []byte("stone"), Version: 1})
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"deletes at any version", "delete, create again", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if now, err := b.Store.Load(ctx, key); err == nil && len(r.Value) == 0 && old != 0 {
				old = now.Version
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"retries a save that succeeded", "create, stale version", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			_ = b.Store.Save(ctx, key, old, r) // succeeds, but the connection breaks
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"changes Due on a conflict", "stale version, due changes", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			err := b.Store.Save(ctx, key, old, r)
			if now, lerr := b.Store.Load(ctx, key); errors.Is(err, authn.ErrConflict) && lerr == nil && !r.Due.IsZero() {
				now.Due = r.Due
				_ = b.Store.Save(ctx, key, now.Version, now)
			}
			return err
		}
	}},
	{"does not wrap errors", "absent, create, stale version", func(b *bent) {
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			r, err := b.Store.Load(ctx, key)
			return r, unwrapped(err)
		}
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			return unwrapped(b.Store.Save(ctx, key, old, r))
		}
	}},
}

func unwrapped(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(err.Error())
}

// counted numbers the versions of each record from 1, and again from 1 after a
// delete. It maps the caller's versions to these numbers.
func counted(b *bent) {
	var mu sync.Mutex
	number := map[string]map[uint64]int{}
	last := map[string]int{}
	b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
		mu.Lock()
		defer mu.Unlock()
		if number[key] == nil {
			number[key] = map[uint64]int{}
		}
		if now, err := b.Store.Load(ctx, key); err == nil && number[key][old] == last[key] {
			old = now.Version
		}
		err := b.Store.Save(ctx, key, old, r)
		if err == nil {
			last[key]++
			number[key][r.Version] = last[key]
			if len(r.Value) == 0 {
				last[key] = 0
			}
		}
		return err
	}
}

func resurrects(b *bent) {
	b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
		if _, err := b.Store.Load(ctx, key); errors.Is(err, authn.ErrNotFound) && len(r.Value) > 0 {
			old = 0
		}
		return b.Store.Save(ctx, key, old, r)
	}
}
