package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn/sqlstore"
)

// keptInSQL is a table beside those of the store.
type keptInSQL struct {
	db                             *sql.DB
	read, write, delete, sum, over string
}

func newKeptInSQL(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect) (*keptInSQL, error) {
	table := "CREATE TABLE IF NOT EXISTS idp_kept (kind VARCHAR(32) NOT NULL, name VARCHAR(128) NOT NULL, body TEXT NOT NULL, ends BIGINT NOT NULL, PRIMARY KEY (kind, name)"
	put := "INSERT INTO idp_kept (kind, name, body, ends) VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body, ends = excluded.ends"
	index := "CREATE INDEX IF NOT EXISTS idp_kept_ends ON idp_kept (ends)"
	if dialect == sqlstore.MySQL {
		put, index = "REPLACE INTO idp_kept (kind, name, body, ends) VALUES (?, ?, ?, ?)", ""
		table += ", INDEX (ends)"
	}
	for _, q := range []string{table + ")", index} {
		if q == "" {
			continue
		}
		if _, err := db.ExecContext(ctx, q); err != nil {
			return nil, err
		}
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
		over:   say("DELETE FROM idp_kept WHERE ends > 0 AND ends <= ?"),
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

func (k *keptInSQL) put(ctx context.Context, kind, name string, value []byte, until time.Time) error {
	_, err := k.db.ExecContext(ctx, k.write, kind, name, string(value), endOf(until))
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

func (k *keptInSQL) sweep(ctx context.Context, now time.Time) error {
	_, err := k.db.ExecContext(ctx, k.over, now.Unix())
	return err
}
