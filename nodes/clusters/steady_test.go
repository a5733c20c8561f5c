package clusters

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/natsstore"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
)

// steady is a client that waits while the members elect a leader, which they may do at
// any time where the machine is busy: what comes after is the store's answer, and that
// is judged.
func steady(s authn.Store) authn.Store {
	w := waiting{s}
	listed := struct {
		waiting
		authn.Lister
	}{w, s.(authn.Lister)}
	if sweeper, ok := s.(authn.Sweeper); ok {
		return struct {
			waiting
			authn.Lister
			authn.Sweeper
		}{w, listed, sweeper}
	}
	return listed
}

type waiting struct{ authn.Store }

const election = 30 * time.Second

func (w waiting) Load(ctx context.Context, key string) (r authn.Record, err error) {
	for end := time.Now().Add(election); ; {
		if r, err = w.Store.Load(ctx, key); !leaderless(err) || !pause(ctx, end) {
			return r, err
		}
	}
}

// Save finds out what became of a save that was not answered. If the record went on from
// there, that cannot be told any more, and the error comes back.
func (w waiting) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	asked := false
	for end := time.Now().Add(election); ; asked = true {
		err := w.Store.Save(ctx, key, old, r)
		if asked && errors.Is(err, authn.ErrConflict) {
			now, err2 := w.Load(ctx, key)
			if err2 == nil && now.Version == r.Version || errors.Is(err2, authn.ErrNotFound) && len(r.Value) == 0 {
				return nil // it was the save before
			}
		}
		if !leaderless(err) || !pause(ctx, end) {
			return err
		}
		now, err2 := w.Load(ctx, key)
		if none := errors.Is(err2, authn.ErrNotFound); err2 != nil && !none || now.Version != old && now.Version != r.Version {
			return err
		}
	}
}

func pause(ctx context.Context, end time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(100 * time.Millisecond):
		return time.Now().Before(end)
	}
}

// leaderless reports an answer, or none, of members that have no leader.
func leaderless(err error) bool {
	var of rpctypes.EtcdError
	var js *jetstream.APIError
	return errors.As(err, &of) && of.Code() == codes.Unavailable ||
		errors.As(err, &js) && js.Code == 503 ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, context.DeadlineExceeded)
}

// electing has no leader for so many calls. Saves of that time may have happened.
type electing struct {
	memstore.Store
	loads, saves int
	happens      bool
	err          error
}

func (e *electing) Load(ctx context.Context, key string) (authn.Record, error) {
	if e.loads--; e.loads >= 0 {
		return authn.Record{}, e.err
	}
	return e.Store.Load(ctx, key)
}

func (e *electing) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if e.saves--; e.saves < 0 {
		return e.Store.Save(ctx, key, old, r)
	}
	if e.happens {
		_ = e.Store.Save(ctx, key, old, r)
	}
	return e.err
}

// A steady client waits for a leader, and for nothing else; it tells the truth about a save
// that was not answered.
func TestSteady(t *testing.T) {
	noLeader := &jetstream.APIError{Code: 503}
	r := authn.Record{Value: []byte("x"), Version: 7}
	for name, x := range map[string]struct {
		*electing
		want error
	}{
		"it did not happen":   {&electing{loads: 1, saves: 2, err: noLeader}, nil},
		"it happened":         {&electing{loads: 2, saves: 2, happens: true, err: noLeader}, nil},
		"it is another fault": {&electing{saves: 1, err: natsstore.ErrBusy}, natsstore.ErrBusy},
	} {
		s := steady(x.electing)
		if err := s.Save(t.Context(), "k", 0, r); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
		got, err := s.Load(t.Context(), "k")
		if x.want == nil && (err != nil || got.Version != r.Version) || x.want != nil && !errors.Is(err, authn.ErrNotFound) {
			t.Errorf("%s: loaded %v, %v", name, got, err)
		}
		if err := s.Save(t.Context(), "k", 5, r); !errors.Is(err, authn.ErrConflict) {
			t.Errorf("%s: over another version: %v", name, err)
		}
	}
	if _, ok := steady(&electing{}).(authn.Sweeper); !ok {
		t.Error("it hides the Sweeper")
	}
}
