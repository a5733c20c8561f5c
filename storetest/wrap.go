package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// An Op is a method of a store.
type Op string

// The methods of an [authn.Store] and an [authn.Sweeper].
const (
	Load Op = "load"
	Save Op = "save"
	Due  Op = "due"
)

// A Call is one call of a method of a store.
type Call struct {
	Op  Op
	Key string       // of Load and Save
	Old uint64       // of Save
	New authn.Record // of Save; read-only, and valid until the call returns
	N   int          // number of the call among those of its Op, from 1
	All int          // number of the call among all calls, from 1

	loaded *authn.Record // result of Load
}

// wrap returns s with do around each call: do gets a description of the call
// and a function that makes it. The result is an [authn.Sweeper] if s is, and never
// an [authn.Clock].
func wrap(s authn.Store, do func(ctx context.Context, c Call, call func() error) error) authn.Store {
	w := wrapper{s, do}
	if sw, ok := s.(authn.Sweeper); ok {
		return &sweeper{w, sw}
	}
	return &w
}

type wrapper struct {
	s  authn.Store
	do func(context.Context, Call, func() error) error
}

func (w *wrapper) Load(ctx context.Context, key string) (authn.Record, error) {
	var r authn.Record
	err := w.do(ctx, Call{Op: Load, Key: key, loaded: &r}, func() (err error) {
		r, err = w.s.Load(ctx, key)
		return err
	})
	if err != nil {
		return authn.Record{}, err
	}
	return r, nil
}

func (w *wrapper) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	return w.do(ctx, Call{Op: Save, Key: key, Old: old, New: r}, func() error {
		return w.s.Save(ctx, key, old, r)
	})
}

type sweeper struct {
	wrapper
	sw authn.Sweeper
}

func (s *sweeper) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	var keys []string
	err := s.do(ctx, Call{Op: Due}, func() (err error) {
		keys, err = s.sw.Due(ctx, before, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// A Counter counts the calls of the stores that it wraps. The zero value is
// ready to use. A Counter is safe for concurrent use.
type Counter struct {
	mu    sync.Mutex // guards the fields below
	loads int
	saves int
	dues  int
}

// Wrap returns s with its calls counted, including those that fail. One Counter
// may wrap several stores and counts the calls of all. The store is an
// [authn.Sweeper] if s is.
func (c *Counter) Wrap(s authn.Store) authn.Store {
	return wrap(s, func(_ context.Context, call Call, do func() error) error {
		c.count(call)
		return do()
	})
}

// Loads returns how many calls of Load have begun.
func (c *Counter) Loads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads
}

// Saves returns how many calls of Save have begun.
func (c *Counter) Saves() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saves
}

// Dues returns how many calls of Due have begun.
func (c *Counter) Dues() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dues
}

// count counts the call and returns it with its numbers.
func (c *Counter) count(call Call) Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &c.loads
	switch call.Op {
	case Save:
		n = &c.saves
	case Due:
		n = &c.dues
	}
	*n++
	call.N, call.All = *n, c.loads+c.saves+c.dues
	return call
}
