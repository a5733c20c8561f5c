package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sqlstore"
	"github.com/go-sql-driver/mysql"
)

// operation is a call whose cost is counted.
type operation struct {
	name string
	call func(ctx context.Context, s *sqlstore.Store) error
	want error
}

// operations are all kinds of calls, one after another on one record.
func operations() []operation {
	save := func(old uint64, r authn.Record) func(context.Context, *sqlstore.Store) error {
		return func(ctx context.Context, s *sqlstore.Store) error { return s.Save(ctx, "counted", old, r) }
	}
	load := func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Load(ctx, "counted")
		return err
	}
	due := func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Due(ctx, time.Now(), 10)
		return err
	}
	a, b := rand.Uint64()|1, rand.Uint64()|1
	r := authn.Record{Value: make([]byte, 300), Version: a, Due: time.Now()}
	next := authn.Record{Value: make([]byte, 300), Version: b}
	return []operation{
		{"load nothing", load, authn.ErrNotFound},
		{"delete nothing", save(0, authn.Record{}), nil},
		{"create", save(0, r), nil},
		{"lost create", save(0, next), authn.ErrConflict},
		{"load", load, nil},
		{"save", save(a, next), nil},
		{"lost save", save(a, next), authn.ErrConflict},
		{"due", due, nil},
		{"lost delete", save(a, authn.Record{}), authn.ErrConflict},
		{"delete", save(b, authn.Record{}), nil},
	}
}

// TestOneStatement counts what each call does on a connection that has done
// it before, as most have: one statement, and on the wire what a driver at its
// best needs.
func TestOneStatement(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		flights := map[string]int64{"sqlite": 0, "pgx": 1, "mysql": 2}[p.Driver]
		if c, err := mysql.ParseDSN(p.DSN); p.Driver == "mysql" && err == nil && c.InterpolateParams {
			flights = 1
		}
		p.migrated(t)
		db, tap := p.tapped(t)
		s := newStore(t, db, p.Config)
		for warm := range 2 {
			for _, op := range operations() {
				tap.reset()
				if err := op.call(t.Context(), s); !errors.Is(err, op.want) {
					t.Fatalf("%s: %v", op.name, err)
				}
				if n := tap.statements.Load(); n != 1 {
					t.Errorf("%s: %d statements", op.name, n)
				}
				if n := tap.flights.Load(); warm > 0 && n != flights {
					t.Errorf("%s: %d flights, want %d", op.name, n, flights)
				}
			}
		}
	})
}

// TestNowIsOneStatement is beside [TestOneStatement] because a query without
// arguments crosses the network once in every driver.
func TestNowIsOneStatement(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		p.migrated(t)
		db, tap := p.tapped(t)
		s := newStore(t, db, p.Config)
		for warm := range 2 {
			tap.reset()
			if _, err := s.Now(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := tap.statements.Load(); n != 1 {
				t.Errorf("%d statements", n)
			}
			if n := tap.flights.Load(); warm > 0 && n > 1 {
				t.Errorf("%d flights, want 1 at most", n)
			}
		}
	})
}

// TestNoRepeat meets a driver that says too late that its connection was bad:
// after the statement was carried out. Save must not carry it out again, or it
// would collide with itself.
func TestNoRepeat(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		p.migrated(t)
		db, tap := p.tapped(t)
		s := newStore(t, db, p.Config)
		a := authn.Record{Value: []byte("first"), Version: 1}
		b := authn.Record{Value: []byte("second"), Version: 2}
		for _, c := range []struct {
			name string
			old  uint64
			r    authn.Record
		}{{"create", 0, a}, {"save", 1, b}, {"delete", 2, authn.Record{}}} {
			tap.reset()
			tap.after = func() error { return driver.ErrBadConn }
			err := s.Save(t.Context(), "k", c.old, c.r)
			tap.after = nil
			if n := tap.statements.Load(); n != 1 {
				t.Errorf("%s: carried out %d times", c.name, n)
			}
			if !errors.Is(err, driver.ErrBadConn) || errors.Is(err, authn.ErrConflict) {
				t.Errorf("%s: %v", c.name, err)
			}
			r, err := s.Load(t.Context(), "k")
			if r.Version != c.r.Version || (err != nil) != (c.r.Version == 0) {
				t.Errorf("%s: there is version %d, %v", c.name, r.Version, err)
			}
		}
	})
}

// TestHandleRepeats shows why: what database/sql does by itself.
func TestHandleRepeats(t *testing.T) {
	p := sqlitePlace(t)
	p.migrated(t)
	db, tap := p.tapped(t)
	tap.after = func() error { return driver.ErrBadConn }
	if _, err := db.ExecContext(t.Context(), "DELETE FROM authn_records"); !errors.Is(err, driver.ErrBadConn) {
		t.Error(err)
	}
	if n := tap.statements.Load(); n < 2 {
		t.Errorf("carried out %d times: then Save needs no connection of its own", n)
	}
}

// TestContext ends a context while the database makes a save wait: the call
// must return, and say nothing of a conflict.
func TestContext(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if p.Driver == "sqlite" {
			p.DSN += "&_txlock=immediate"
		}
		s := p.store(t)
		if err := s.Save(t.Context(), "k", 0, record); err != nil {
			t.Fatal(err)
		}
		tx, err := p.open(t).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(t.Context(), "UPDATE "+p.table()+" SET version = 7"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err = s.Save(ctx, "k", 1, authn.Record{Value: []byte("next"), Version: 2})
		if err == nil || errors.Is(err, authn.ErrConflict) || ctx.Err() == nil {
			t.Errorf("save behind a lock: %v", err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Load(t.Context(), "k"); err != nil || r.Version != 7 {
			t.Errorf("there is version %d, %v", r.Version, err)
		}
	})
}

// TestWaits lets a save wait for another that then is committed, or not.
func TestWaits(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if p.Driver == "sqlite" {
			t.Skip("has no row locks")
		}
		s, db := p.store(t), p.open(t)
		for i, commit := range []bool{true, false} {
			key := string(rune('a' + i))
			if err := s.Save(t.Context(), key, 0, record); err != nil {
				t.Fatal(err)
			}
			err := saveBehind(t, s, db, p, key, commit)
			if commit && !errors.Is(err, authn.ErrConflict) {
				t.Errorf("behind a save that was committed: %v", err)
			}
			if !commit && err != nil {
				t.Errorf("behind a save that was rolled back: %v", err)
			}
		}
	})
}

// saveBehind saves while another client has written to the record, and ends
// that client's transaction once the save is seen to wait.
func saveBehind(t *testing.T, s *sqlstore.Store, db *sql.DB, p place, key string, commit bool) error {
	t.Helper()
	waiting := "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE " + p.table() + " SET flip%'"
	if p.Driver == "pgx" {
		waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE authn_records%'"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "UPDATE "+p.table()+" SET version = 7 WHERE id = '"+key+"'"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Save(ctx, key, 1, authn.Record{Value: []byte("next"), Version: 2}) }()
	for n := 0; n == 0; {
		if err := db.QueryRowContext(ctx, waiting).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if commit {
		err = tx.Commit()
	} else {
		err = tx.Rollback()
	}
	if err != nil {
		t.Fatal(err)
	}
	return <-done
}
