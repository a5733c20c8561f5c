package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/walks"
)

// replayKinds walks the shortest paths of factors that no code is sent to: apps,
// recovery codes, other devices, verifiers. It leaves nothing in the store.
func replayKinds(t testing.TB, s authn.Store) {
	t.Helper()
	all := walks.Kinds(t)
	if len(all) < leastWalks {
		t.Errorf("%d walks, want at least %d", len(all), leastWalks)
	}
	left := &remembering{Store: s, records: map[string]uint64{}}
	for _, w := range all {
		authntest.Replay(t, w, func(c authn.Config) (*authn.Service, error) {
			c.Store = left
			return authn.New(c)
		})
	}
	for key, version := range left.records {
		if err := s.Save(context.Background(), key, version, authn.Record{Version: version + 1}); err != nil {
			t.Errorf("a record of a walk cannot be deleted: %v", err)
		}
	}
}

// leastWalks is below the number of walks.
const leastWalks = 50

// remembering is a store that knows which records it has.
type remembering struct {
	authn.Store
	mu      sync.Mutex
	records map[string]uint64 // versions, by key
}

func (r *remembering) Save(ctx context.Context, key string, old uint64, rec authn.Record) error {
	err := r.Store.Save(ctx, key, old, rec)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.records[key] = rec.Version; len(rec.Value) == 0 {
		delete(r.records, key)
	}
	return nil
}
