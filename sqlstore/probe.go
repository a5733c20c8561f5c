package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// cleaning is for how long a probe that failed tries to delete its record.
const cleaning = 5 * time.Second

// largest is the longest value that a store has to take.
const largest = 64 << 10

// probe saves, loads and deletes a record over two connections. What the user
// may not do shows before there is a record, so that none is left behind, and
// the record is never due. A column that somebody made too short shows too.
func (s *Store) probe(ctx context.Context, a, b *sql.Conn) error {
	key, version := "probe-"+rand.Text(), uint64(1<<63|1)
	signed := int64(version)   // negative
	first := make([]byte, 256) // every byte
	for i := range first {
		first[i] = byte(i)
	}
	second := bytes.Repeat(first, largest/len(first))

	create := func(c *sql.Conn, value []byte) error {
		return s.change(ctx, c, s.query.create, key, value, signed, nil)
	}
	update := func(c *sql.Conn, value []byte) error {
		return s.change(ctx, c, s.query.update, value, signed, nil, key, signed)
	}
	remove := func(c *sql.Conn) error { return s.change(ctx, c, s.query.remove, key, signed) }
	load := func(c *sql.Conn, want []byte) error {
		r, err := s.load(ctx, c, key)
		if err == nil && (r.Version != version || !bytes.Equal(r.Value, want) || !r.Due.IsZero()) {
			err = errors.New("it is not what was saved")
		}
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
	}{
		{"tell the time", func() error { _, err := s.now(ctx, a); return err }, nil},
		{"delete what is not there", func() error { return remove(a) }, authn.ErrConflict},
		{"replace what is not there", func() error { return update(a, first) }, authn.ErrConflict},
		{"save", func() error { return create(a, first) }, nil},
		{"load on another connection", func() error { return load(b, first) }, nil},
		{"replace", func() error { return update(b, second) }, nil},
		{"load on another connection", func() error { return load(a, second) }, nil},
		{"save what is there", func() error { return create(b, first) }, authn.ErrConflict},
		{"delete", func() error { return remove(b) }, nil},
		{"load what was deleted", func() error { return load(a, nil) }, authn.ErrNotFound},
	} {
		err := step.do()
		if errors.Is(err, step.want) {
			continue
		}
		if err == nil {
			err = fmt.Errorf("it works, want %w", step.want)
		}
		err = s.explain(ctx, a, step.name, err)
		s.forget(ctx, []*sql.Conn{a, b}, key, signed)
		return err
	}
	return nil
}

// forget deletes the record of a probe that failed, wherever the connections
// lead to. If one is broken, as after the end of ctx, another one replaces it.
func (s *Store) forget(ctx context.Context, conns []*sql.Conn, key string, version int64) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer stop()
	for _, c := range conns {
		_, err := c.ExecContext(ctx, s.query.remove, key, version)
		c.Close()
		if err != nil {
			_, _ = s.db.ExecContext(ctx, s.query.remove, key, version)
		}
	}
}

// readOnly is in SQLite's own words for a file that it may not write to,
// whichever the driver.
const readOnly = "readonly database"

// explain returns the error of a step of the probe.
func (s *Store) explain(ctx context.Context, db asker, step string, err error) error {
	what := ErrProbe
	if s.dialect == SQLite && strings.Contains(err.Error(), readOnly) {
		what = ErrReadOnly
	}
	if s.dialect == PostgreSQL && strings.HasPrefix(step, "load on") {
		var form string
		if db.QueryRowContext(ctx, "SELECT current_setting('bytea_output')").Scan(&form) == nil && form != "hex" {
			what = fmt.Errorf("%w: bytea_output is %s, which the driver does not read as text: set it to hex", ErrSettings, form)
		}
	}
	return fmt.Errorf("%w: %s: %w", what, step, err)
}
