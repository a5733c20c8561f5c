package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/authnfsm/authn/sqlstore"
)

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
