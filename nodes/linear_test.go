package nodes

import (
	"maps"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/examples/places"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/nodes/linear"
	"github.com/authnfsm/authn/storetest"
)

// TestLinearizable checks what clients of two processes did to each kind of
// store, and shows that it would not pass a store that races.
func TestLinearizable(t *testing.T) {
	p := storetest.NewProcess(t)
	kinds := maps.Clone(places.Durable)
	kinds["PostgreSQL/REPEATABLE READ"] = func(tb testing.TB) string {
		return places.PostgreSQL(tb) + "&default_transaction_isolation=repeatable%20read"
	}
	for name, place := range kinds {
		t.Run(name, func(t *testing.T) {
			where := place(t)
			st, err := host.Open(t.Context(), where)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			linear.Check(t, 10, st.Store, p.Store(where))
			linear.CheckRacy(t, racyStore{st.Store, st.Store.(authn.Sweeper)})
		})
	}
	t.Run("memory", func(t *testing.T) {
		s := new(memstore.Store)
		linear.Check(t, 30, s)
		linear.CheckRacy(t, racyStore{s, s})
	})
}
