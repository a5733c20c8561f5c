package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
)

var durableCases = []testCase{
	{name: "reopened", check: reopened, reopens: true,
		contract: "Save must be durable before it returns nil."},
	{name: "killed while saving", check: killed, reopens: true,
		contract: "A Save is durable before it returns nil, and an interrupted Save has happened completely or not at all."},
}

func reopened(ctx context.Context, e *env) error {
	const n = 20
	all := map[string]authn.Record{}
	dues := map[string]time.Time{}
	for i := range n {
		a, b := e.record(fmt.Sprint("first ", i)), e.record(fmt.Sprint("second ", i))
		a.Due, b.Due = date, date.Add(time.Duration(i)*time.Second)
		if i%4 == 0 {
			b = authn.Record{}
		}
		err := first(
			must("create", e.s.Save(ctx, key(i), 0, a)),
			must("save", e.s.Save(ctx, key(i), a.Version, b)),
		)
		if err != nil {
			return err
		}
		if all[key(i)] = b; b.Value != nil {
			dues[key(i)] = b.Due
		}
	}
	e.reopen()
	for k, r := range all {
		err := e.wantRecord(ctx, "after reopening", k, r)
		if r.Value == nil {
			err = e.wantNone(ctx, "after reopening", k)
		}
		err = first(err, wantIs("save at a version from before", e.s.Save(ctx, k, 1, e.record("late")), authn.ErrConflict))
		if err != nil {
			return err
		}
	}
	if _, ok := e.s.(authn.Sweeper); !ok {
		return nil
	}
	return e.wantDue(ctx, "after reopening", dues, date.Add(time.Hour), 2*n)
}

// diary holds what one writer of killed knows about its record.
type diary struct {
	saved authn.Record // acknowledged
	tried authn.Record // sent afterwards, not acknowledged
}

// killed reopens the store while writers save. Each writer saves its own
// record in a loop and stops at the first error.
func killed(ctx context.Context, e *env) error {
	const saves = 200 // acknowledged before the kill
	var acks atomic.Int32
	var stop atomic.Bool
	enough := make(chan struct{})
	diaries := make([]diary, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range diaries {
		s := e.client(i)
		wg.Go(func() {
			d := &diaries[i]
			for n := 0; !stop.Load(); n++ {
				d.tried = e.record(strings.Repeat(fmt.Sprintf("%d/%d ", i, n), 200))
				if errs[i] = s.Save(ctx, key(i), d.saved.Version, d.tried); errs[i] != nil {
					return
				}
				if d.saved = d.tried; acks.Add(1) == saves {
					close(enough)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	select {
	case <-enough:
	case <-over:
		return first(append(errs, errors.New("the writers stopped before the store was reopened"))...)
	}
	e.reopen()
	stop.Store(true)
	<-over
	for i, d := range diaries {
		got, err := e.s.Load(ctx, key(i))
		if err != nil && d.saved.Value == nil && errors.Is(err, authn.ErrNotFound) {
			continue // no save was acknowledged
		}
		if err != nil {
			return must("load after the kill", err)
		}
		if same(got, d.tried) != nil && same(got, d.saved) != nil {
			return fmt.Errorf("after the kill, the version is %d, want %d, the last that was acknowledged, or %d, which was sent after it",
				got.Version, d.saved.Version, d.tried.Version)
		}
	}
	return nil
}
