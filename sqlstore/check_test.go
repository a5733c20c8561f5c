package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/authnfsm/authn/sqlstore"
	"github.com/go-sql-driver/mysql"
)

// refused checks that New returns the error, and names what is wrong; if the
// database may lose saves, that New warns of the same where this is allowed.
func refused(t *testing.T, db *sql.DB, cfg sqlstore.Config, want error, says string) {
	t.Helper()
	_, err := sqlstore.New(t.Context(), db, cfg)
	if !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %q with %q", err, want, says)
	}
	var log bytes.Buffer
	cfg.AllowVolatile, cfg.Logger = true, slog.New(slog.NewTextHandler(&log, nil))
	_, err = sqlstore.New(t.Context(), db, cfg)
	if volatile := want == sqlstore.ErrVolatile; volatile != (err == nil) || volatile != (strings.Count(log.String(), says) == 1) {
		t.Errorf("with AllowVolatile: got %v, and the log is %q, want %q in it once", err, &log, says)
	}
}

func postgresWith(name, value string) func(t *testing.T) place {
	return func(t *testing.T) place { return postgresPlace(t, url.Values{name: {value}}) }
}

func mysqlWith(name, value string) func(t *testing.T) place {
	return func(t *testing.T) place {
		return mysqlPlace(t, func(c *mysql.Config) { c.Params = map[string]string{name: value} })
	}
}

func sqliteWith(settings string) func(t *testing.T) place {
	return func(t *testing.T) place {
		p := sqlitePlace(t)
		p.DSN, _, _ = strings.Cut(p.DSN, "?")
		p.DSN += "?" + settings
		return p
	}
}

// TestSettings sets up connections in ways in which a store would fail, or
// lose saves, later on.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name  string
		place func(t *testing.T) place
		want  error
		says  string
	}{
		{"PostgreSQL", postgresWith("default_transaction_isolation", "serializable"), sqlstore.ErrSettings, "default_transaction_isolation is"},
		{"PostgreSQL", postgresWith("default_transaction_read_only", "on"), sqlstore.ErrReadOnly, "transaction_read_only is"},
		{"PostgreSQL", postgresWith("synchronous_commit", "off"), sqlstore.ErrVolatile, "synchronous_commit is"},
		{"MariaDB", mysqlWith("autocommit", "0"), sqlstore.ErrSettings, "autocommit is"},
		{"MariaDB", mysqlWith("tx_read_only", "1"), sqlstore.ErrProbe, "READ ONLY"},
		{"SQLite", sqliteWith("_pragma=synchronous(OFF)"), sqlstore.ErrVolatile, "synchronous is"},
		{"SQLite", sqliteWith("_pragma=synchronous(NORMAL)&_pragma=journal_mode(WAL)"), sqlstore.ErrVolatile, "synchronous is"},
		{"SQLite", sqliteWith("_pragma=journal_mode(OFF)"), sqlstore.ErrVolatile, "journal_mode is"},
		{"SQLite", sqliteWith("_pragma=journal_mode(MEMORY)"), sqlstore.ErrVolatile, "journal_mode is"},
		{"SQLite", sqliteWith("_pragma=query_only(1)"), sqlstore.ErrReadOnly, "query_only is"},
		{"SQLite", sqliteWith("mode=ro"), sqlstore.ErrReadOnly, "readonly database"},
	} {
		t.Run(c.name+"/"+c.says, func(t *testing.T) {
			p := c.place(t)
			usual := p
			switch p.Driver {
			case "sqlite":
				usual.DSN, _, _ = strings.Cut(p.DSN, "?")
			case "pgx":
				u, _ := url.Parse(p.DSN)
				u.RawQuery = url.Values{"search_path": u.Query()["search_path"], "sslmode": u.Query()["sslmode"]}.Encode()
				usual.DSN = u.String()
			case "mysql":
				m, _ := mysql.ParseDSN(p.DSN)
				m.Params = nil
				usual.DSN = m.FormatDSN()
			}
			usual.migrated(t)
			refused(t, p.open(t), p.Config, c.want, c.says)
			empty(t, usual)
		})
	}
}

// empty checks that no record is left.
func empty(t *testing.T, p place) {
	t.Helper()
	n := -1
	if err := p.open(t).QueryRow("SELECT count(*) FROM " + p.table()).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d records are left, %v", n, err)
	}
}

// TestTables changes the table into one that a crash empties or damages.
func TestTables(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.migrated(t)
		switch p.Driver {
		case "pgx":
			run(t, db, "ALTER TABLE "+p.table()+" SET UNLOGGED")
			refused(t, db, p.Config, sqlstore.ErrVolatile, "relpersistence of authn_records is")
		case "mysql":
			run(t, db, "ALTER TABLE "+p.table()+" ENGINE=MyISAM")
			refused(t, db, p.Config, sqlstore.ErrVolatile, "engine of "+p.table()+" is")
			// MEMORY has no column that is long enough.
			run(t, db, "ALTER TABLE "+p.table()+" MODIFY value VARBINARY(1000) NOT NULL, ENGINE=MEMORY")
			if _, err := sqlstore.New(t.Context(), db, p.Config); !errors.Is(err, sqlstore.ErrVolatile) || !strings.Contains(err.Error(), "engine of "+p.table()+" is") {
				t.Errorf("in memory: got %v", err)
			}
		}
		newStore(t, p.migratedAnew(t), p.Config)
	})
}

// TestShortColumn makes the column of values too short for the longest one, also where
// a server cuts what does not fit.
func TestShortColumn(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.migrated(t)
		var alter []string
		switch p.Driver {
		case "pgx":
			alter = []string{"ADD CHECK (octet_length(value) < 24576)"}
		case "mysql":
			alter = []string{"MODIFY value BLOB NOT NULL", "MODIFY value VARBINARY(4096) NOT NULL"}
		default:
			alter = []string{"RENAME TO other"} // SQLite has no limit to be made
			run(t, db, "CREATE TABLE short (id TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL CHECK (length(value) < 24576), version INTEGER NOT NULL, due INTEGER) WITHOUT ROWID")
		}
		for _, a := range alter {
			run(t, db, "ALTER TABLE "+p.table()+" "+a)
			if p.Driver == "sqlite" {
				run(t, db, "ALTER TABLE short RENAME TO "+p.table())
			}
			refused(t, db, p.Config, sqlstore.ErrProbe, "replace")
			empty(t, p)
		}
		if c, err := mysql.ParseDSN(p.DSN); p.Driver == "mysql" && err == nil {
			c.Params = map[string]string{"sql_mode": "''"}
			p.DSN = c.FormatDSN()
			refused(t, p.open(t), p.Config, sqlstore.ErrProbe, "it is not what was saved")
			empty(t, p)
		}
	})
}

// migratedAnew drops the tables first.
func (p place) migratedAnew(t *testing.T) *sql.DB {
	db := p.open(t)
	run(t, db, "DROP TABLE "+p.table())
	run(t, db, "DROP TABLE "+strings.TrimSuffix(p.table(), "records")+"schema")
	return p.migrated(t)
}

// TestMemory keeps a database in memory: each connection has one of its own.
func TestMemory(t *testing.T) {
	cfg := sqlstore.Config{Dialect: sqlstore.SQLite}
	shared := "file:" + random() + "?mode=memory&cache=shared"
	for _, c := range []struct {
		dsn         string
		connections int
		strict, any error
	}{
		{":memory:", 0, sqlstore.ErrVolatile, sqlstore.ErrSettings},
		{":memory:", 8, sqlstore.ErrVolatile, sqlstore.ErrSettings},
		{":memory:", 1, sqlstore.ErrVolatile, nil},
		{shared, 8, sqlstore.ErrVolatile, nil},
	} {
		p := place{"sqlite", c.dsn, cfg}
		db := p.open(t)
		db.SetMaxOpenConns(c.connections)
		if err := sqlstore.Migrate(t.Context(), db, cfg); err != nil {
			t.Fatal(err)
		}
		_, strict := sqlstore.New(t.Context(), db, cfg)
		_, any := sqlstore.New(t.Context(), db, sqlstore.Config{Dialect: sqlstore.SQLite, AllowVolatile: true, Logger: silent})
		if !errors.Is(strict, c.strict) || !errors.Is(any, c.any) {
			t.Errorf("%s, %d connections: got %v, and %v with AllowVolatile", c.dsn, c.connections, strict, any)
		}
	}
}

var silent = slog.New(slog.DiscardHandler)

// TestText reads bytea as text, in the form that the driver does not know.
func TestText(t *testing.T) {
	for mode, want := range map[string]error{
		"exec": sqlstore.ErrSettings, "simple_protocol": sqlstore.ErrSettings, "cache_statement": nil,
	} {
		p := postgresPlace(t, url.Values{"bytea_output": {"escape"}, "default_query_exec_mode": {mode}})
		_, err := sqlstore.New(t.Context(), p.migrated(t), p.Config)
		if !errors.Is(err, want) || want != nil && !strings.Contains(err.Error(), "bytea_output is escape") {
			t.Errorf("%s: got %v, want %v", mode, err, want)
		}
		empty(t, p)
		hex := postgresPlace(t, url.Values{"default_query_exec_mode": {mode}})
		if _, err := sqlstore.New(t.Context(), hex.migrated(t), hex.Config); err != nil {
			t.Errorf("%s, hex: %v", mode, err)
		}
	}
}

// TestRights takes each right that a store needs from its user.
func TestRights(t *testing.T) {
	needed := []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	for _, w := range worlds {
		if w.name == "SQLite" || w.setting() {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			p := w.place(t)
			admin := p.migrated(t)
			user := "authn_test_" + random()
			drop := "DROP OWNED BY " + user
			login := p
			switch p.Driver {
			case "pgx":
				run(t, admin, "CREATE ROLE "+user)
				t.Cleanup(func() { run(t, admin, "DROP ROLE "+user) })
				u, _ := url.Parse(p.DSN)
				run(t, admin, "GRANT USAGE ON SCHEMA "+u.Query().Get("search_path")+" TO "+user)
				q := u.Query()
				q.Set("role", user)
				u.RawQuery = q.Encode()
				login.DSN = u.String()
			case "mysql":
				c, _ := mysql.ParseDSN(p.DSN)
				c.User, c.Passwd = user, user
				login.DSN = c.FormatDSN()
				drop = "DROP USER " + user
				run(t, admin, "CREATE USER "+user+" IDENTIFIED BY '"+user+"'")
			}
			t.Cleanup(func() { run(t, admin, drop) })
			run(t, admin, "GRANT SELECT ON "+strings.TrimSuffix(p.table(), "records")+"schema TO "+user)
			for _, right := range needed {
				run(t, admin, "GRANT "+right+" ON "+p.table()+" TO "+user)
			}
			newStore(t, login.open(t), p.Config)
			for _, right := range needed {
				run(t, admin, "REVOKE "+right+" ON "+p.table()+" FROM "+user)
				_, err := sqlstore.New(t.Context(), login.open(t), p.Config)
				if !errors.Is(err, sqlstore.ErrProbe) || !strings.Contains(err.Error(), "denied") {
					t.Errorf("without %s: %v", right, err)
				}
				empty(t, p)
				run(t, admin, "GRANT "+right+" ON "+p.table()+" TO "+user)
			}
		})
	}
}

// TestAnotherServer lets every other connection lead to another database, as a
// proxy may that sends reads to a replica.
func TestAnotherServer(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		replica := p
		switch p.Driver {
		case "sqlite":
			replica = sqlitePlace(t)
		case "pgx":
			replica = postgresPlace(t, nil)
		case "mysql":
			t.Skip("the tables of both have the same prefix")
		}
		replica.migrated(t)
		p.migrated(t)
		db := sql.OpenDB(&turns{opener{p.open(t).Driver(), p.DSN}, replica.DSN, 0})
		defer db.Close()
		if _, err := sqlstore.New(t.Context(), db, p.Config); !errors.Is(err, sqlstore.ErrProbe) || !strings.Contains(err.Error(), "load on another connection") {
			t.Errorf("got %v", err)
		}
		empty(t, p)
		empty(t, replica)
	})
}

// TestNoneToSpare makes a store while other connections of the handle are in
// use: New must not wait for them.
func TestNoneToSpare(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		db := p.migrated(t)
		db.SetMaxOpenConns(2)
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		newStore(t, db, p.Config)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sqlstore.New(over, db, p.Config); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
		if n := db.Stats().InUse; n != 1 {
			t.Errorf("%d connections are in use", n)
		}
		empty(t, p)
	})
}
