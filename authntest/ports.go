package authntest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

var (
	_ authn.Store     = (*World)(nil)
	_ authn.Sweeper   = (*World)(nil)
	_ authn.Sender    = (*World)(nil)
	_ authn.Directory = (*World)(nil)
	_ authn.Auditor   = (*World)(nil)
	_ authn.Limiter   = (*World)(nil)
)

func (w *World) base() authn.Store {
	if w.Base != nil {
		return w.Base
	}
	return &w.mem
}

// Load implements [authn.Store] with the World's Base.
func (w *World) Load(ctx context.Context, key string) (r authn.Record, err error) {
	err = w.call(ctx, Call{Port: Load, Key: key}, func(c *Call, _ Fault) (err error) {
		r, err = w.base().Load(ctx, key)
		c.Record = cloned(r)
		return err
	})
	if err != nil {
		r = authn.Record{}
	}
	return r, err
}

// Save implements [authn.Store] with the World's Base.
func (w *World) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	return w.call(ctx, Call{Port: Save, Key: key, Old: old, Record: cloned(r)}, func(*Call, Fault) error {
		w.mu.Lock()
		if w.keys == nil {
			w.keys = map[string]bool{}
		}
		w.keys[key] = true
		w.mu.Unlock()
		return w.base().Save(ctx, key, old, r)
	})
}

// Due implements [authn.Sweeper] with the World's Base. It fails if Base is
// not a Sweeper.
func (w *World) Due(ctx context.Context, before time.Time, limit int) (keys []string, err error) {
	err = w.call(ctx, Call{Port: Due}, func(*Call, Fault) (err error) {
		s, ok := w.base().(authn.Sweeper)
		if !ok {
			return errors.New("authntest: the store is no authn.Sweeper")
		}
		keys, err = s.Due(ctx, before, limit)
		return err
	})
	if err != nil {
		keys = nil
	}
	return keys, err
}

// Send implements [authn.Sender]. See [World.Messages].
func (w *World) Send(ctx context.Context, m authn.Message) error {
	return w.call(ctx, Call{Port: Send, Key: m.Key, User: m.User, Message: m}, func(*Call, Fault) error { return nil })
}

// Factors implements [authn.Directory].
func (w *World) Factors(ctx context.Context, user string) (fs []authn.Factor, err error) {
	err = w.call(ctx, Call{Port: Factors, User: user}, func(_ *Call, f Fault) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		e := w.users[user]
		switch {
		case e == nil || e.unknown:
			return fmt.Errorf("authntest: %w", authn.ErrNoUser)
		case f.Stale:
			fs = copied(e.before)
		default:
			fs = copied(e.now)
		}
		return nil
	})
	if err != nil {
		fs = nil
	}
	return fs, err
}

// Activated implements [authn.Directory]. The factor with f's ID and address
// becomes active, and its Data and Revision become f's unless those that it has
// are of the same or a higher one; a factor with another address does not change.
func (w *World) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	return w.call(ctx, Call{Port: Activated, Key: key, User: user, Factor: f}, func(*Call, Fault) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		e := w.users[user]
		if e == nil {
			return nil
		}
		i := slices.IndexFunc(e.now, func(g authn.Factor) bool { return g.ID == f.ID && g.Address == f.Address })
		if i < 0 {
			return nil
		}
		e.before, e.now = e.now, slices.Clone(e.now)
		g := &e.now[i]
		if g.Status = authn.Active; len(f.Data) > 0 && f.Revision > g.Revision {
			g.Data, g.Revision, g.Handle = bytes.Clone(f.Data), f.Revision, f.Handle
		}
		return nil
	})
}

// Audit implements [authn.Auditor]. See [World.Calls].
func (w *World) Audit(ctx context.Context, e authn.AuditEvent) error {
	return w.call(ctx, Call{Port: Audit, Key: e.Key, User: e.User, Event: e}, func(*Call, Fault) error { return nil })
}

// Allow implements [authn.Limiter]. It allows every step, unless a [Fault] has
// a RetryAt.
func (w *World) Allow(ctx context.Context, a authn.Attempt) (retryAt time.Time, err error) {
	err = w.call(ctx, Call{Port: Allow, User: a.User, Attempt: a}, func(_ *Call, f Fault) error {
		retryAt = f.RetryAt
		return nil
	})
	if err != nil {
		retryAt = time.Time{}
	}
	return retryAt, err
}

// copied returns a list that shares nothing with fs.
func copied(fs []authn.Factor) []authn.Factor {
	fs = slices.Clone(fs)
	for i := range fs {
		fs[i].Data = bytes.Clone(fs[i].Data)
	}
	return fs
}

func cloned(r authn.Record) authn.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}
