package otelauthn

import (
	"context"
	"time"

	"github.com/authnfsm/authn"
)

// store observes a Store.
type store struct {
	inner      authn.Store
	load, save *operation
}

// sweeper and clock are what a Store may be besides.
type (
	sweeper struct {
		inner authn.Sweeper
		due   *operation
	}
	clock struct {
		inner authn.Clock
		now   *operation
	}
)

// store wraps a Store: the wrapper is a Sweeper, a Clock and a Lister if the Store is one,
// and only then. What a Lister yields is not observed: it is for operators.
func (t *Telemetry) store(s authn.Store) authn.Store {
	base := &store{s, t.operation("store", "load"), t.operation("store", "save")}
	sw, sweeps := s.(authn.Sweeper)
	cl, ticks := s.(authn.Clock)
	ls, lists := s.(authn.Lister)
	due, now := &sweeper{sw, t.operation("store", "due")}, &clock{cl, t.operation("store", "now")}
	switch {
	case sweeps && ticks && lists:
		return struct {
			*store
			*sweeper
			*clock
			authn.Lister
		}{base, due, now, ls}
	case sweeps && ticks:
		return struct {
			*store
			*sweeper
			*clock
		}{base, due, now}
	case sweeps && lists:
		return struct {
			*store
			*sweeper
			authn.Lister
		}{base, due, ls}
	case ticks && lists:
		return struct {
			*store
			*clock
			authn.Lister
		}{base, now, ls}
	case sweeps:
		return struct {
			*store
			*sweeper
		}{base, due}
	case ticks:
		return struct {
			*store
			*clock
		}{base, now}
	case lists:
		return struct {
			*store
			authn.Lister
		}{base, ls}
	}
	return base
}

func (s *store) Load(ctx context.Context, key string) (authn.Record, error) {
	var x running
	ctx = x.begin(ctx, s.load)
	defer x.end()
	if x.span != nil {
		x.span.SetAttributes(attrAccount.String(key))
		callOf(ctx).is(key)
	}
	rec, err := s.inner.Load(ctx, key)
	x.result = resultOf(err)
	return rec, err
}

func (s *store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	var x running
	ctx = x.begin(ctx, s.save)
	defer x.end()
	if x.span != nil {
		x.span.SetAttributes(attrAccount.String(key))
	}
	err := s.inner.Save(ctx, key, old, r)
	if x.result = resultOf(err); x.result == "conflict" {
		x.t.conflicts.Add(ctx, 1)
	}
	return err
}

func (s *sweeper) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	var x running
	ctx = x.begin(ctx, s.due)
	defer x.end()
	keys, err := s.inner.Due(ctx, before, limit)
	x.result = resultOf(err)
	return keys, err
}

func (c *clock) Now(ctx context.Context) (time.Time, error) {
	var x running
	ctx = x.begin(ctx, c.now)
	defer x.end()
	now, err := c.inner.Now(ctx)
	x.result = resultOf(err)
	return now, err
}
