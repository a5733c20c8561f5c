package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
)

// TestServerCounts asks the server itself what steps have cost: a load and a
// save each, and nothing else.
func TestServerCounts(t *testing.T) {
	const steps = 50
	everywhere(t, func(t *testing.T, p place) {
		count := map[string]func(*testing.T, *sql.Conn, place) [2]int64{"pgx": postgresCounts, "mysql": mysqlCounts}[p.Driver]
		if count == nil {
			t.Skip("has no server")
		}
		p.migrated(t)
		db, tap := p.tapped(t) // one connection
		s := newStore(t, db, p.Config)
		if err := s.Save(t.Context(), "k", 0, record); err != nil {
			t.Fatal(err)
		}
		counts := func() [2]int64 {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			return count(t, c, p)
		}
		before := counts()
		tap.reset()
		for range steps {
			if err := step(t.Context(), s, "k"); err != nil {
				t.Fatal(err)
			}
		}
		if n := tap.statements.Load(); n != 2*steps {
			t.Errorf("%d steps are %d statements of the driver", steps, n)
		}
		after := counts()
		loads, saves := after[0]-before[0], after[1]-before[1]
		if loads != steps || saves != steps {
			t.Errorf("%d steps are %d loads and %d saves of the server", steps, loads, saves)
		}
	})
}

// postgresCounts are of the table, which no other test uses. A save finds its
// row by the index as a load does.
func postgresCounts(t *testing.T, c *sql.Conn, p place) (n [2]int64) {
	t.Helper()
	for _, q := range []string{"SELECT pg_stat_force_next_flush()", "SELECT pg_stat_clear_snapshot()"} {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	var scans, saves int64
	err := c.QueryRowContext(t.Context(), "SELECT seq_scan + idx_scan, n_tup_upd FROM pg_stat_user_tables WHERE relid = $1::regclass", p.table()).Scan(&scans, &saves)
	if err != nil {
		t.Fatal(err)
	}
	return [2]int64{scans - saves, saves}
}

// mysqlCounts are of the connection.
func mysqlCounts(t *testing.T, c *sql.Conn, _ place) (n [2]int64) {
	t.Helper()
	for i, name := range []string{"Com_select", "Com_update"} {
		if err := c.QueryRowContext(context.Background(), fmt.Sprintf("SHOW SESSION STATUS LIKE '%s'", name)).Scan(new(string), &n[i]); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
