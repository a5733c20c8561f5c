package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"go/build"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sqlstore"
)

// everywhere runs f in each kind of database.
func everywhere(t *testing.T, f func(t *testing.T, p place)) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			f(t, w.place(t))
		})
	}
}

var record = authn.Record{Value: []byte("value"), Version: 1}

func TestMigrateTogether(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		const nodes = 6
		handles := make([]*sql.DB, nodes)
		for i := range handles {
			handles[i] = p.open(t)
		}
		errs := make([]error, nodes)
		var wg sync.WaitGroup
		for i, db := range handles {
			wg.Go(func() {
				errs[i] = sqlstore.Migrate(t.Context(), db, p.Config)
				if errs[i] == nil {
					_, errs[i] = sqlstore.New(t.Context(), db, p.Config)
				}
			})
		}
		wg.Wait()
		for i, err := range errs {
			if err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		}
	})
}

func TestMigrateAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.store(t)
		if err := s.Save(t.Context(), "k", 0, record); err != nil {
			t.Fatal(err)
		}
		if r, err := p.store(t).Load(t.Context(), "k"); err != nil || r.Version != 1 {
			t.Error(r, err)
		}
	})
}

func TestUnmigrated(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if _, err := sqlstore.New(t.Context(), p.open(t), p.Config); !errors.Is(err, sqlstore.ErrNotMigrated) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNewerSchema(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.migrated(t)
		run(t, db, "INSERT INTO "+strings.TrimSuffix(p.table(), "records")+"schema VALUES (99)")
		_, err := sqlstore.New(t.Context(), db, p.Config)
		for _, err := range []error{err, sqlstore.Migrate(t.Context(), db, p.Config)} {
			if !errors.Is(err, sqlstore.ErrNewerSchema) || !strings.Contains(err.Error(), "99") {
				t.Errorf("got %v", err)
			}
		}
	})
}

// TestSchema makes the tables by the statements that Schema returns.
func TestSchema(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		all, err := sqlstore.Schema(p.Config)
		if err != nil {
			t.Fatal(err)
		}
		db := p.open(t)
		for _, q := range all {
			run(t, db, q)
		}
		if err := newStore(t, db, p.Config).Save(t.Context(), "k", 0, record); err != nil {
			t.Error(err)
		}
		if err := sqlstore.Migrate(t.Context(), db, p.Config); err != nil {
			t.Error(err)
		}
	})
}

// TestHalfMigrated breaks a migration off after each of its statements: it
// must begin anew, where the dialect has no transactions for tables, and must
// else have left nothing.
func TestHalfMigrated(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		p.Config.Prefix += "half_"
		db := p.open(t)
		all, err := sqlstore.Schema(p.Config)
		if err != nil {
			t.Fatal(err)
		}
		if p.Config.Dialect == sqlstore.MySQL {
			for _, q := range all[:len(all)-1] {
				run(t, db, q)
				if _, err := sqlstore.New(t.Context(), db, p.Config); !errors.Is(err, sqlstore.ErrNotMigrated) {
					t.Errorf("got %v", err)
				}
			}
		} else {
			run(t, db, "CREATE TABLE half_records (something int)") // in the way
			if err := sqlstore.Migrate(t.Context(), db, p.Config); err == nil {
				t.Error("it did not mind another table")
			}
			if _, err := sqlstore.New(t.Context(), db, p.Config); !errors.Is(err, sqlstore.ErrNotMigrated) {
				t.Errorf("got %v", err)
			}
			run(t, db, "DROP TABLE half_records")
		}
		if err := newStore(t, p.migrated(t), p.Config).Save(t.Context(), "k", 0, record); err != nil {
			t.Error(err)
		}
	})
}

// TestOneConnection holds that no call needs a second connection, and that
// each gives its own back.
func TestOneConnection(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.open(t)
		db.SetMaxOpenConns(1)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_ = sqlstore.Migrate(over, db, p.Config)
		if err := sqlstore.Migrate(t.Context(), db, p.Config); err != nil {
			t.Fatal(err)
		}
		s := newStore(t, db, p.Config)
		_ = s.Save(over, "k", 0, record)
		for i := range 3 {
			if err := s.Save(t.Context(), "k", 0, record); (err == nil) != (i == 0) {
				t.Error(err)
			}
			_, load := s.Load(t.Context(), "k")
			_, due := s.Due(t.Context(), record.Due, 10)
			if err := errors.Join(load, due); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSameAgain saves a record as it is: nobody else has changed it, so that
// is no conflict, although some databases count no row then.
func TestSameAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		s := p.store(t)
		for _, old := range []uint64{0, 1, 1} {
			if err := s.Save(t.Context(), "k", old, record); err != nil {
				t.Errorf("at %d: %v", old, err)
			}
		}
	})
}

// TestRefuses holds what a store does not take to a database.
func TestRefuses(t *testing.T) {
	p := sqlitePlace(t)
	s := p.store(t)
	for _, key := range []string{"", strings.Repeat("k", 256)} {
		err := s.Save(t.Context(), key, 0, record)
		if err == nil || errors.Is(err, authn.ErrConflict) {
			t.Errorf("key of %d bytes: %v", len(key), err)
		}
	}
	if err := s.Save(t.Context(), strings.Repeat("k", 255), 0, record); err != nil {
		t.Error(err)
	}
	if err := s.Save(t.Context(), "k", 0, authn.Record{Value: []byte("x")}); err == nil || errors.Is(err, authn.ErrConflict) {
		t.Errorf("version 0: %v", err)
	}
}

// TestStoredForm pins the stored form: records outlive releases. Versions are
// kept as the signed number with the same bits.
func TestStoredForm(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.migrated(t)
		s := newStore(t, db, p.Config)
		for _, c := range []struct {
			version uint64
			due     time.Time
			want    string
		}{
			{1, time.Time{}, "1 never"},
			{math.MaxInt64, time.Unix(0, 0), "9223372036854775807 0"},
			{1 << 63, time.Unix(-1, 500), "-9223372036854775808 -1000000"},
			{math.MaxUint64, time.Unix(2, 1999), "-1 2000001"},
		} {
			key := fmt.Sprint(c.version)
			if err := s.Save(t.Context(), key, 0, authn.Record{Value: []byte("x"), Version: c.version, Due: c.due}); err != nil {
				t.Fatal(err)
			}
			var version int64
			var due sql.NullInt64
			row := db.QueryRow("SELECT version, due FROM " + p.table() + " WHERE id = '" + key + "'")
			if err := row.Scan(&version, &due); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(version, " never")
			if due.Valid {
				got = fmt.Sprint(version, due.Int64)
			}
			if got != c.want {
				t.Errorf("version %d due at %v is stored as %s, want %s", c.version, c.due, got, c.want)
			}
		}
	})
}

// TestImports holds that the caller brings the driver.
func TestImports(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if strings.Contains(path, ".") && path != "github.com/authnfsm/authn" {
			t.Errorf("imports %s", path)
		}
	}
}
