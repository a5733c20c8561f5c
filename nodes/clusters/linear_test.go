package clusters

import (
	"context"
	"errors"
	"fmt"
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
			var stores []authn.Store
			var m moment
			for range c.members {
				stores = append(stores, &unsure{c.store(t, name), &m})
			}
			leader, err := c.findLeader(name) // before the calls, during which it might take until they are over
			if err != nil {
				t.Fatal(err)
			}
			killed := make(chan struct{})
			m.at, m.come = 300, func() {
				defer close(killed)
				c.kill(leader)
				m.over.Store(true)
			}
			linear.Check(t, 5, stores...)
			<-killed
			if m.later.Load() == 0 {
				t.Error("the leader was killed after the last call")
			}
			t.Logf("the leader was killed during %d of %d calls, and %d got no answer", m.during.Load(), m.calls.Load(), m.unknown.Load())
		})
	}
}

// A moment comes with a call.
type moment struct {
	at   int64
	come func()
	over atomic.Bool // it has come

	calls, unknown, during, later atomic.Int64 // all calls; without an answer; that began before it and ended after it; that ended after it
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
		go s.m.come()
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	before := s.m.over.Load()
	err := call(ctx)
	if s.m.over.Load() {
		s.m.later.Add(1)
		if !before {
			s.m.during.Add(1)
		}
	}
	if err == nil || errors.Is(err, authn.ErrConflict) || errors.Is(err, authn.ErrNotFound) {
		return err
	}
	s.m.unknown.Add(1)
	return fmt.Errorf("%w: %w", linear.ErrUnknown, err)
}
