package storetest

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

var brokenValues = []broken{
	{"keeps the caller's slice", "!value given", func(b *bent) {
		kept := sync.Map{} // version -> slice
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			kept.Store(r.Version, r.Value)
			return b.Store.Save(ctx, key, old, r)
		}
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			r, err := b.Store.Load(ctx, key)
			if v, ok := kept.Load(r.Version); ok && err == nil {
				r.Value = bytes.Clone(v.([]byte))
			}
			return r, err
		}
	}},
	{"gives away its own slice", "!value returned", func(b *bent) {
		kept := sync.Map{}
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			r, err := b.Store.Load(ctx, key)
			if err == nil {
				v, _ := kept.LoadOrStore(r.Version, r.Value)
				r.Value = v.([]byte)
			}
			return r, err
		}
	}},
	{"cuts at NUL", "bytes", stored(func(r authn.Record) authn.Record {
		if i := bytes.IndexByte(r.Value, 0); i > 0 {
			r.Value = r.Value[:i]
		}
		return r
	})},
	{"trims blanks", "!bytes", stored(func(r authn.Record) authn.Record {
		r.Value = bytes.TrimSpace(r.Value)
		return r
	})},
	{"replaces invalid UTF-8", "bytes", stored(func(r authn.Record) authn.Record {
		r.Value = bytes.ToValidUTF8(r.Value, []byte("?"))
		return r
	})},
	{"refuses 24 KiB unless they compress", "!bytes", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			var packed bytes.Buffer
			w, _ := flate.NewWriter(&packed, flate.BestSpeed)
			_, _ = w.Write(r.Value)
			_ = w.Close()
			if packed.Len() > 16<<10 {
				return errors.New("value is too long")
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"refuses 32 KiB", "!bytes", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if len(r.Value) >= 32<<10 {
				return errors.New("value is too long")
			}
			return b.Store.Save(ctx, key, old, r)
		}
	}},
	{"cuts at 32 KiB", "!bytes", stored(func(r authn.Record) authn.Record {
		r.Value = r.Value[:min(len(r.Value), 32<<10)]
		return r
	})},
	{"treats Due as time to live", "past due", func(b *bent) {
		gone := func(r authn.Record) bool { return !r.Due.IsZero() && r.Due.Before(time.Now()) }
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			r, err := b.Store.Load(ctx, key)
			if err == nil && gone(r) {
				return authn.Record{}, authn.ErrNotFound
			}
			return r, err
		}
	}},
	{"keeps Due in seconds", "!due round trip, due precision", stored(func(r authn.Record) authn.Record {
		r.Due = r.Due.Truncate(time.Second)
		return r
	})},
	{"keeps Due as local time", "!due round trip", stored(func(r authn.Record) authn.Record {
		y, m, d := r.Due.Date()
		if !r.Due.IsZero() {
			r.Due = time.Date(y, m, d, r.Due.Hour(), r.Due.Minute(), r.Due.Second(), r.Due.Nanosecond(), time.UTC)
		}
		return r
	})},
	{"keeps 31 bits of Due", "!due round trip", stored(func(r authn.Record) authn.Record {
		if r.Due.Unix() > math.MaxInt32 {
			r.Due = time.Unix(math.MaxInt32, 0)
		}
		return r
	})},
	{"folds case", "!keys", folded(strings.ToLower)},
	{"trims keys", "!keys", folded(strings.TrimSpace)},
	{"cuts keys", "!keys", folded(func(k string) string { return k[:min(len(k), 31)] })},
	{"takes keys for numbers", "!keys", folded(func(k string) string { return strings.TrimLeft(k, "0") })},
	{"ignores the context", "!context over", func(b *bent) {
		b.load = func(ctx context.Context, key string) (authn.Record, error) {
			return b.Store.Load(context.WithoutCancel(ctx), key)
		}
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			return b.Store.Save(context.WithoutCancel(ctx), key, old, r)
		}
	}},
	{"looks at the context after the save", "!context over", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			return first(b.Store.Save(context.WithoutCancel(ctx), key, old, r), ctx.Err())
		}
	}},
	{"takes the context's end for a conflict", "!context over", func(b *bent) {
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if b.Store.Save(ctx, key, old, r) != nil {
				return authn.ErrConflict
			}
			return nil
		}
	}},
}

func folded(fold func(string) string) func(b *bent) {
	return func(b *bent) {
		b.load = func(ctx context.Context, key string) (authn.Record, error) { return b.Store.Load(ctx, fold(key)) }
		b.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			return b.Store.Save(ctx, fold(key), old, r)
		}
	}
}
