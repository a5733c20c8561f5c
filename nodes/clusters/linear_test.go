package clusters

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/nodes/linear"
)

// TestLinearizableKilled checks what clients of three members did while the leader was
// killed.
func TestLinearizableKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("three members, of which one is killed")
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			c := startCluster(t, k, 3)
			const name = "linear"
			killed := make(chan error, 1)
			m := moment{at: 300, come: func() {
				_, err := c.killLeader(name)
				killed <- err
			}}
			var stores []authn.Store
			for range c.members {
				stores = append(stores, &unsure{c.store(t, name), &m})
			}
			linear.Check(t, 5, stores...)
			if err := <-killed; err != nil {
				t.Error(err)
			}
			if n := m.unknown.Load(); n == 0 {
				t.Error("no call was disturbed")
			} else {
				t.Logf("%d of %d calls were disturbed", n, m.calls.Load())
			}
		})
	}
}

// A moment comes with a call.
type moment struct {
	at             int64
	come           func()
	once           sync.Once
	calls, unknown atomic.Int64
}

// unsure is a store whose errors say nothing, unless they are answers.
type unsure struct {
	authn.Store
	m *moment
}

func (s *unsure) Load(ctx context.Context, key string) (r authn.Record, err error) {
	err = s.do(ctx, func(ctx context.Context) (err error) {
		r, err = s.Store.Load(ctx, key)
		return err
	})
	return r, err
}

func (s *unsure) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	return s.do(ctx, func(ctx context.Context) error { return s.Store.Save(ctx, key, old, r) })
}

func (s *unsure) do(ctx context.Context, call func(context.Context) error) error {
	if s.m.calls.Add(1) == s.m.at {
		s.m.once.Do(func() { go s.m.come() })
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	err := call(ctx)
	if err == nil || errors.Is(err, authn.ErrConflict) || errors.Is(err, authn.ErrNotFound) {
		return err
	}
	s.m.unknown.Add(1)
	return fmt.Errorf("%w: %w", linear.ErrUnknown, err)
}
