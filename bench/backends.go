package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/sqlstore"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // driver "sqlite"
)

// A backend is a store and its database.
type backend struct {
	store authn.Store
	db    *sql.DB // nil if it is none
	// pair is one load and one compare-and-swap that writes the value back,
	// directly on the database, over the same connections.
	pair    func(ctx context.Context, key string) error
	flights *flights // nil if there is no network
	about   string   // version and settings
	close   func()
}

// A kindOf backend opens one with a new schema, prefix or file. It fails if the
// database cannot be reached.
type kindOf struct {
	name string
	open func(context.Context) (*backend, error)
}

var kinds = []kindOf{
	{"memstore", openMemory},
	{"SQLite", openSQLite},
	{"PostgreSQL", openPostgres},
	{"MariaDB", openMySQL},
	{"Redis", openRedis},
}

// pool is the number of connections that all clients share. More would only
// queue in the server.
const pool = 16

var errLost = errors.New("a swap failed without another client")

func openMemory(context.Context) (*backend, error) {
	s := new(memstore.Store)
	return &backend{store: s, close: func() {}, pair: func(ctx context.Context, key string) error {
		r, err := s.Load(ctx, key)
		if err != nil {
			return err
		}
		old := r.Version
		r.Version = version()
		return s.Save(ctx, key, old, r)
	}}, nil
}

func openSQLite(ctx context.Context) (*backend, error) {
	dir, err := os.MkdirTemp("", "authn-bench-")
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+dir+"/authn.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(30000)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4) // SQLite has one writer at a time
	db.SetMaxIdleConns(4)
	return openSQL(ctx, db, sqlstore.Config{Dialect: sqlstore.SQLite}, "SELECT 'SQLite ' || sqlite_version() || ', journal_mode=WAL, synchronous=FULL'",
		func() { os.RemoveAll(dir) })
}

func openPostgres(ctx context.Context) (*backend, error) {
	dsn, err := addressOf(servers.PostgreSQL)
	if err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	schema := unique()
	admin := stdlib.OpenDB(*cfg)
	if _, err := admin.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, errors.Join(err, admin.Close())
	}
	f := new(flights)
	cfg.RuntimeParams["search_path"], cfg.DialFunc = schema, f.dial
	return openSQL(ctx, networked(stdlib.OpenDB(*cfg)), sqlstore.Config{Dialect: sqlstore.PostgreSQL},
		"SELECT 'PostgreSQL ' || current_setting('server_version') || ', synchronous_commit=' || current_setting('synchronous_commit') || ', fsync=' || current_setting('fsync')",
		func() {
			admin.Exec("DROP SCHEMA " + schema + " CASCADE") //nolint:errcheck // a test database
			admin.Close()
		}, f)
}

func openMySQL(ctx context.Context) (*backend, error) {
	dsn, err := addressOf(servers.MySQL)
	if err != nil {
		return nil, err
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	f := new(flights)
	cfg.InterpolateParams, cfg.DialFunc = true, f.dial // one round trip for a statement
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := networked(sql.OpenDB(c))
	name := unique() + "_"
	return openSQL(ctx, db, sqlstore.Config{Dialect: sqlstore.MySQL, Prefix: name},
		"SELECT concat('MariaDB or MySQL ', version(), ', innodb_flush_log_at_trx_commit=', @@innodb_flush_log_at_trx_commit, ', sync_binlog=', @@sync_binlog, ', interpolateParams=true')",
		func() {
			if db, err := sql.Open("mysql", dsn); err == nil {
				db.Exec("DROP TABLE IF EXISTS " + name + "records, " + name + "schema") //nolint:errcheck // a test database
				db.Close()
			}
		}, f)
}

func networked(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(pool)
	db.SetMaxIdleConns(pool)
	return db
}

// openSQL creates the tables, and the statements that bypass the store.
func openSQL(ctx context.Context, db *sql.DB, cfg sqlstore.Config, about string, clean func(), f ...*flights) (*backend, error) {
	b := &backend{db: db, close: func() { db.Close(); clean() }}
	if len(f) > 0 {
		b.flights = f[0]
	}
	err := db.QueryRowContext(ctx, about).Scan(&b.about)
	if err == nil {
		err = sqlstore.Migrate(ctx, db, cfg)
	}
	if err == nil {
		b.store, err = sqlstore.New(ctx, db, cfg)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	load := "SELECT value, version, due FROM %srecords WHERE id = ?"
	swap := "UPDATE %srecords SET value = ?, version = ?, due = ? WHERE id = ? AND version = ?"
	for _, q := range []*string{&load, &swap} {
		*q = fmt.Sprintf(*q, cmp.Or(cfg.Prefix, "authn_"))
		for n := 1; cfg.Dialect == sqlstore.PostgreSQL && strings.Contains(*q, "?"); n++ {
			*q = strings.Replace(*q, "?", fmt.Sprint("$", n), 1)
		}
	}
	b.pair = func(ctx context.Context, key string) error {
		var value []byte
		var old int64
		var due sql.NullInt64
		if err := db.QueryRowContext(ctx, load, key).Scan(&value, &old, &due); err != nil {
			return err
		}
		res, err := db.ExecContext(ctx, swap, value, int64(version()), due, key, old)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errLost, err)
		}
		return nil
	}
	return b, nil
}

// version returns a random version, as the Service does.
func version() uint64 {
	var b [8]byte
	rand.Read(b[:])
	v := uint64(1)
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v | 1
}

func unique() string { return "authn_bench_" + strings.ToLower(rand.Text()[:10]) }

// addressOf returns the address of a server for tests.
func addressOf(variable string) (string, error) {
	if address := os.Getenv(variable); address != "" {
		return address, nil
	}
	return "", fmt.Errorf("%s is not set", variable)
}

// reach opens a backend within a few seconds.
func (k kindOf) reach() (*backend, error) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	return k.open(ctx)
}
