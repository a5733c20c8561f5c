package storetest

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// overlap yields to other goroutines until done reports that one has
// interfered, up to a limit.
func overlap(done func() bool) {
	for i := 0; i < 2000 && !done(); i++ {
		runtime.Gosched()
	}
}

// inside counts the goroutines that are in a section, and all that ever were.
type inside struct{ now, ever atomic.Int32 }

// enter returns a function that reports whether others have entered since.
func (in *inside) enter() (others func() bool) {
	in.now.Add(1)
	mine := in.ever.Add(1)
	return func() bool { return in.now.Load() > 1 || in.ever.Load() > mine }
}

func (in *inside) leave() { in.now.Add(-1) }

var brokenRaces = []broken{
	{"gets, then puts", "!create race, save race, lost update", func(b *bent) {
		var in inside
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			now, err := b.Store.Load(ctx, key)
			if err != nil && !errors.Is(err, authn.ErrNotFound) {
				return err
			}
			if now.Version != old {
				return authn.ErrConflict
			}
			overlap(in.enter())
			defer in.leave()
			for { // an unconditional put
				err := b.Store.Save(ctx, key, now.Version, r)
				if !errors.Is(err, authn.ErrConflict) {
					return err
				}
				if now, err = b.Store.Load(ctx, key); err != nil {
					now = authn.Record{}
				}
			}
		}
	}},
	{"reads the value before the version", "!lost update", func(b *bent) {
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			a, err := b.Store.Load(ctx, key)
			var r authn.Record
			overlap(func() bool { // until there is another version
				r, _ = b.Store.Load(ctx, key)
				return r.Version != a.Version
			})
			r.Value = a.Value
			return r, err
		}
	}},
	{"reports a busy store as a conflict", "!separate keys", func(b *bent) {
		var mu sync.Mutex
		var in inside
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			others := in.enter()
			defer in.leave()
			if !mu.TryLock() {
				return authn.ErrConflict
			}
			defer mu.Unlock()
			overlap(others)
			return b.Store.Save(ctx, key, old, r)
		}
	}},
}

var brokenDues = []broken{
	{"ignores limit", "due order", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		return b.Store.Due(ctx, before, math.MaxInt)
	})},
	{"treats a negative limit as none", "due order", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		if limit < 0 {
			limit = math.MaxInt
		}
		return b.Store.Due(ctx, before, limit)
	})},
	{"the least overdue first", "due order", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		keys, err := b.Store.Due(ctx, before, math.MaxInt)
		slices.Reverse(keys)
		return keys[:min(len(keys), max(0, limit))], err
	})},
	{"returns the last due keys, in order", "due order", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		keys, err := b.Store.Due(ctx, before, math.MaxInt)
		return keys[len(keys)-min(len(keys), max(0, limit)):], err
	})},
	{"excludes before itself", "due", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		return b.Store.Due(ctx, before.Add(-1), limit)
	})},
	{"a second early", "due", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		return b.Store.Due(ctx, before.Add(time.Second), limit)
	})},
	{"up to two milliseconds late", "!due precision", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		return b.Store.Due(ctx, before.Truncate(2*time.Millisecond), limit)
	})},
	{"treats zero as a time long ago", "due, due changes", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if r.Due.IsZero() {
				r.Due = time.Unix(0, 0)
			}
			return b.Store.Save(ctx, key, old, r)
		}
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			r, err := b.Store.Load(ctx, key)
			if r.Due.Equal(time.Unix(0, 0)) {
				r.Due = time.Time{}
			}
			return r, err
		}
	}},
	{"never removes keys from the index", "due changes", unindexed},
	{"fails when others save", "!due race", func(b *bent) {
		var saves atomic.Int32
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			saves.Add(1)
			runtime.Gosched()
			return b.Store.Save(ctx, key, old, r)
		}
		b.due = func(ctx context.Context, before time.Time, limit int) ([]string, error) {
			n := saves.Load()
			changed := func() bool { return saves.Load() != n }
			if overlap(changed); changed() {
				return nil, errors.New("could not serialize")
			}
			return b.Store.Due(ctx, before, limit)
		}
	}},
	{"returns a key twice", "due, due order, due race", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		keys, err := b.Store.Due(ctx, before, limit)
		if len(keys) > 1 {
			keys[1] = keys[0]
		}
		return keys, err
	})},
	{"ignores the context of Due", "!context over", found(func(ctx context.Context, b *bent, before time.Time, limit int) ([]string, error) {
		return b.Store.Due(context.WithoutCancel(ctx), before, limit)
	})},
}

// unindexed keeps the first due time of a record in a separate index, which it
// never updates.
func unindexed(b *bent) {
	var index memstore.Store
	b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
		err := b.Store.Save(ctx, key, old, r)
		if err == nil && !r.Due.IsZero() {
			_ = index.Save(ctx, key, 0, authn.Record{Value: []byte("x"), Version: 1, Due: r.Due})
		}
		return err
	}
	b.due = index.Due
}
