package sqlstore_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/sqlstore"
)

var now = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// fill makes n records, up to a million, with a value of 250 bytes. Some are
// due at now, spread over all of them, the others in the year after. It goes past the store: that would take minutes.
func fill(tb testing.TB, db *sql.DB, p place, n, due int) {
	tb.Helper()
	key, blob := "printf('%032x', i)", "zeroblob(250)"
	series := fmt.Sprintf("(WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s)", n-1)
	switch p.Config.Dialect {
	case sqlstore.PostgreSQL:
		key, blob = "lpad(to_hex(i), 32, '0')", "decode(repeat('00', 250), 'hex')"
		series = fmt.Sprintf("(SELECT generate_series(0::bigint, %d) AS i)", n-1)
	case sqlstore.MySQL:
		key, blob = "lower(lpad(hex(i), 32, '0'))", "repeat('x', 250)"
		digit := "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL " +
			"SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
		series = fmt.Sprintf("(SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d + 100000*g.d AS i FROM "+
			"%[1]s a, %[1]s b, %[1]s c, %[1]s e, %[1]s f, %[1]s g HAVING i < %[2]d)", digit, n)
	}
	at := fmt.Sprintf("CASE WHEN i %% %d = 0 THEN %d - i * 1000 ELSE %d + i * 31000000 END",
		n/due, now.UnixMicro(), now.Add(time.Minute).UnixMicro())
	run(tb, db, fmt.Sprintf("INSERT INTO %s (id, value, version, due) SELECT %s, %s, i + 1, %s FROM %s s",
		p.table(), key, blob, at, series))
}

// TestDueByIndex asks each database how it would find what is due: by the
// index alone, without sorting.
func TestDueByIndex(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.migrated(t)
		fill(t, db, p, 5000, 20)
		s := newStore(t, db, p.Config)
		for limit, want := range map[int]int{5: 5, 20: 20, 100: 20} {
			keys, err := s.Due(t.Context(), now, limit)
			if err != nil || len(keys) != want || len(slices.Compact(keys)) != want {
				t.Errorf("limit %d: %d keys, %v", limit, len(keys), err)
			}
		}
		for _, analyzed := range []bool{false, true} {
			if analyzed {
				run(t, db, map[string]string{"mysql": "ANALYZE TABLE ", "pgx": "ANALYZE ", "sqlite": "ANALYZE "}[p.Driver]+p.table())
			}
			plan := explain(t, db, p)
			if !strings.Contains(plan, map[string]string{
				"mysql": "due_id", "pgx": "Index Only Scan using authn_records_due", "sqlite": "USING COVERING INDEX authn_records_due",
			}[p.Driver]) {
				t.Errorf("does not use the index:\n%s", plan)
			}
			for _, bad := range []string{"Sort", "filesort", "TEMP B-TREE", "Seq Scan"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s:\n%s", bad, plan)
				}
			}
		}
	})
}

// explain returns the plan, all columns of all rows.
func explain(t *testing.T, db *sql.DB, p place) string {
	explain := "EXPLAIN "
	if p.Driver == "sqlite" {
		explain = "EXPLAIN QUERY PLAN "
	}
	q := strings.NewReplacer("$1", fmt.Sprint(now.UnixMicro()), "$2", "100").Replace(p.Config.DueQuery())
	q = strings.Replace(strings.Replace(q, "?", fmt.Sprint(now.UnixMicro()), 1), "?", "100", 1)
	rows, err := db.QueryContext(t.Context(), explain+q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for rows.Next() {
		row := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i := range row {
			plan.WriteString(row[i].String + " ")
		}
		plan.WriteString("\n")
	}
	return plan.String()
}
