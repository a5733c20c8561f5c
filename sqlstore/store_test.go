package sqlstore_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/sqlstore"
	"github.com/authnfsm/authn/storetest"
)

// TestStore holds each kind of database to the contract: a client in another
// process, which is killed, and one in this. What is only a setting gets two
// clients in this process.
func TestStore(t *testing.T) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.unlessShort(t)
			p := w.place(t)
			h := &harness{place: p, db: p.open(t), other: p.open(t)}
			if w.setting() {
				storetest.Harness{Open: h.open, Second: h.second}.Run(t)
				return
			}
			h.process = storetest.NewProcess(t)
			storetest.Harness{Open: h.open, Second: h.second, Reopen: h.reopen}.Run(t)
		})
	}
}

// harness gives each subtest tables of its own.
type harness struct {
	place
	db, other *sql.DB            // of the clients in this process
	process   *storetest.Process // nil: do without
	n         int
	last      *testing.T // whose tables these are
	table     place
}

func (h *harness) open(t *testing.T) authn.Store {
	if t == h.last { // the model: many runs in one subtest
		run(t, h.db, "DELETE FROM "+h.table.table())
	} else {
		h.n++
		h.last, h.table = t, h.place
		h.table.Config.Prefix += fmt.Sprintf("t%d_", h.n)
		if err := sqlstore.Migrate(t.Context(), h.db, h.table.Config); err != nil {
			t.Fatal(err)
		}
	}
	if h.process == nil {
		return newStore(t, h.other, h.table.Config)
	}
	return h.process.Store(h.table.String())
}

func (h *harness) second(t *testing.T, _ authn.Store) authn.Store {
	return newStore(t, h.db, h.table.Config)
}

func (h *harness) reopen(t *testing.T, _ authn.Store) authn.Store {
	h.process.Kill()
	return h.table.store(t)
}

// TestClaimsLookAlike checks that a claim of somebody and of nobody look alike on each kind
// of database.
func TestClaimsLookAlike(t *testing.T) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			w.unlessShort(t)
			p := w.place(t)
			testhost.ClaimsLookAlike(t, newStore(t, p.migrated(t), p.Config))
		})
	}
}
