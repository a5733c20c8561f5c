package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"

	"github.com/authnfsm/authn/sqlstore"
)

func openSQLite(ctx context.Context, file string) (*storage, error) {
	if file == "" || strings.ContainsAny(file, "?#") {
		return nil, fmt.Errorf("sqlite: a file name is expected, without ? and #")
	}
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"
	return openSQL(ctx, "sqlite", dsn, sqlstore.SQLite)
}

// openMySQL takes a URL where the driver has a form of its own.
func openMySQL(ctx context.Context, spec string) (*storage, error) {
	u, err := url.Parse(spec)
	if err != nil {
		return nil, fmt.Errorf("mysql: the URL cannot be parsed") // the cause would quote its password
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		c.Addr += ":3306"
	}
	c.InterpolateParams = true
	return openSQL(ctx, "mysql", c.FormatDSN(), sqlstore.MySQL)
}

func openSQL(ctx context.Context, driver, dsn string, dialect sqlstore.Dialect) (*storage, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	cfg := sqlstore.Config{Dialect: dialect}
	s := &storage{close: db.Close}
	if err = sqlstore.Migrate(ctx, db, cfg); err == nil {
		s.store, err = sqlstore.New(ctx, db, cfg)
	}
	if err == nil {
		s.kept, err = newKeptInSQL(ctx, db, dialect)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

// keptInSQL is a table beside those of the store.
type keptInSQL struct {
	db                       *sql.DB
	read, write, delete, sum string
}

func newKeptInSQL(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect) (*keptInSQL, error) {
	const table = "CREATE TABLE IF NOT EXISTS idp_kept (kind VARCHAR(32) NOT NULL, name VARCHAR(128) NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name))"
	if _, err := db.ExecContext(ctx, table); err != nil {
		return nil, err
	}
	put := "INSERT INTO idp_kept (kind, name, body) VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body"
	if dialect == sqlstore.MySQL {
		put = "REPLACE INTO idp_kept (kind, name, body) VALUES (?, ?, ?)"
	}
	say := func(q string) string {
		for n := 1; dialect == sqlstore.PostgreSQL && strings.Contains(q, "?"); n++ {
			q = strings.Replace(q, "?", fmt.Sprint("$", n), 1)
		}
		return q
	}
	return &keptInSQL{
		db:     db,
		read:   say("SELECT body FROM idp_kept WHERE kind = ? AND name = ?"),
		write:  say(put),
		delete: say("DELETE FROM idp_kept WHERE kind = ? AND name = ?"),
		sum:    say("SELECT name, body FROM idp_kept WHERE kind = ?"),
	}, nil
}

func (k *keptInSQL) get(ctx context.Context, kind, name string) ([]byte, error) {
	var body []byte
	err := k.db.QueryRowContext(ctx, k.read, kind, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return body, err
}

func (k *keptInSQL) put(ctx context.Context, kind, name string, value []byte) error {
	_, err := k.db.ExecContext(ctx, k.write, kind, name, string(value))
	return err
}

func (k *keptInSQL) remove(ctx context.Context, kind, name string) error {
	_, err := k.db.ExecContext(ctx, k.delete, kind, name)
	return err
}

func (k *keptInSQL) all(ctx context.Context, kind string) (map[string][]byte, error) {
	rows, err := k.db.QueryContext(ctx, k.sum, kind)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	m := map[string][]byte{}
	for rows.Next() {
		var name string
		var body []byte
		if err := rows.Scan(&name, &body); err != nil {
			return nil, err
		}
		m[name] = body
	}
	return m, rows.Err()
}
