package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/authnfsm/authn"
)

// listed replaces the Keys of a store.
func listed(keys func(ctx context.Context, b *bent, yield func(string, error) bool)) func(b *bent) {
	return func(b *bent) {
		b.keys = func(ctx context.Context, yield func(string, error) bool) { keys(ctx, b, yield) }
	}
}

// some yields the keys that want selects by their place.
func some(want func(i int) bool) func(b *bent) {
	return listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		i := 0
		for k, err := range b.Store.Keys(ctx) {
			if i++; (err != nil || want(i)) && !yield(k, err) {
				return
			}
		}
	})
}

var brokenLists = []broken{
	{"lists only a page", "!list", some(func(i int) bool { return i <= 50 })},
	{"forgets the first of a page", "!list, list while saving", some(func(i int) bool { return i%10 != 1 })},
	{"lists only what is due", "!list", listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		due, err := b.Store.Due(ctx, date, 1000)
		if err != nil {
			yield("", err)
			return
		}
		for _, k := range due {
			if !yield(k, nil) {
				return
			}
		}
	})},
	{"lists what was deleted", "!list", func(b *bent) {
		var mu sync.Mutex
		ever := map[string]bool{}
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			mu.Lock()
			defer mu.Unlock()
			ever[key] = true
			return b.Store.Save(ctx, key, old, r)
		}
		b.keys = func(ctx context.Context, yield func(string, error) bool) {
			for k := range ever {
				if !yield(k, nil) {
					return
				}
			}
		}
	}},
	{"pages by a place in the list", "!list while saving", listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		for skip := 0; ; skip++ { // in the order of due times, which a save changes
			due, err := b.Store.Due(ctx, date.AddDate(200, 0, 0), skip+1)
			if err != nil || skip >= len(due) {
				if err != nil {
					yield("", err)
				}
				return
			}
			if !yield(due[skip], nil) {
				return
			}
		}
	})},
	{"lists nothing after the context's end, without an error", "!list context over", listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		if ctx.Err() == nil {
			b.Store.Keys(ctx)(yield)
		}
	})},
	{"goes on after the context's end", "!list context over", listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		b.Store.Keys(context.WithoutCancel(ctx))(yield)
	})},
	{"takes the context's end for a record that is missing", "!list context over", listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		if ctx.Err() != nil {
			yield("", fmt.Errorf("%w", authn.ErrNotFound))
			return
		}
		b.Store.Keys(ctx)(yield)
	})},
	{"says twice that it cannot list", "!list context over", listed(func(ctx context.Context, b *bent, yield func(string, error) bool) {
		for range 2 {
			if err := ctx.Err(); err != nil && !yield("", err) {
				return
			}
		}
		if ctx.Err() == nil {
			b.Store.Keys(ctx)(yield)
		}
	})},
}
