package storetest

import (
	"context"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

// TestReplayNotices checks that the recorded paths detect broken stores.
func TestReplayNotices(t *testing.T) {
	m := new(memstore.Store)
	for name, s := range map[string]*bent{
		"keeps nothing": {save: func(context.Context, string, uint64, authn.Record) error { return nil }},
		"keeps the first record only": {save: func(ctx context.Context, key string, old uint64, r authn.Record) error {
			if old == 0 || len(r.Value) == 0 {
				return m.Save(ctx, key, old, r)
			}
			return nil
		}},
	} {
		s.Store = m
		if answers, err := replay(t.Context(), s); err == nil || answers < leastAnswers {
			t.Errorf("a store that %s: %d answers, %v", name, answers, err)
		}
	}
	if answers, err := replay(t.Context(), m); err != nil || m.Len() != 0 {
		t.Errorf("%d answers, %v; %d records are left", answers, err, m.Len())
	}
}
