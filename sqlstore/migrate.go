package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"
)

// versions of the schema: what leads from the one before to each. MySQL
// commits each statement by itself, so each must bear being run again.
func (c *Config) versions() [][]string {
	var first []string
	switch c.Dialect {
	case PostgreSQL: // with room on each page: a record is saved several times in a row
		first = []string{
			`CREATE TABLE %srecords (id text COLLATE "C" PRIMARY KEY, value bytea NOT NULL, version bigint NOT NULL, due bigint) WITH (fillfactor = 70)`,
			`CREATE INDEX %srecords_due ON %[1]srecords (due, id) WHERE due IS NOT NULL`,
		}
	case SQLite:
		first = []string{
			`CREATE TABLE %srecords (id TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, due INTEGER) WITHOUT ROWID`,
			`CREATE INDEX %srecords_due ON %[1]srecords (due, id) WHERE due IS NOT NULL`,
		}
	case MySQL:
		first = []string{
			`CREATE TABLE IF NOT EXISTS %srecords (id VARBINARY(255) NOT NULL PRIMARY KEY, value LONGBLOB NOT NULL, ` +
				`version BIGINT NOT NULL, due BIGINT NULL, flip TINYINT NOT NULL DEFAULT 0, KEY due_id (due, id)) ENGINE=InnoDB`,
		}
	}
	return [][]string{first}
}

// Schema returns the statements that [Migrate] would run on an empty database,
// for those who change their tables by other means.
func Schema(cfg Config) ([]string, error) {
	if err := cfg.valid(); err != nil {
		return nil, fmt.Errorf("sqlstore: schema: %w", err)
	}
	return cfg.steps(0), nil
}

// steps returns the statements that lead from a version to the last one.
func (c *Config) steps(from int) []string {
	var all []string
	if from == 0 {
		all = append(all, "CREATE TABLE IF NOT EXISTS %sschema (version INTEGER NOT NULL PRIMARY KEY)")
	}
	for i, step := range c.versions() {
		if i >= from {
			all = append(all, step...)
			all = append(all, fmt.Sprintf("INSERT INTO %%sschema (version) VALUES (%d)", i+1))
		}
	}
	for i := range all {
		all[i] = fmt.Sprintf(all[i], c.Prefix)
	}
	return all
}

// Migrate creates the tables, or brings them up to date. It changes nothing if
// they are, and several processes may call it at once. It returns an error
// that wraps [ErrNewerSchema] rather than touch what a newer version made.
func Migrate(ctx context.Context, db *sql.DB, cfg Config) error {
	if err := cfg.valid(); err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	err := cfg.alone(ctx, db, func(conn *sql.Conn) error {
		have, err := cfg.version(ctx, conn)
		if err != nil {
			return err
		}
		if have > len(cfg.versions()) {
			return fmt.Errorf("version %d: %w", have, ErrNewerSchema)
		}
		for _, step := range cfg.steps(have) {
			if _, err := conn.ExecContext(ctx, step); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	return nil
}

// alone calls f while no other process is at it, in a transaction where the
// dialect can create tables in one.
func (c *Config) alone(ctx context.Context, db *sql.DB, f func(*sql.Conn) error) error {
	conn, err := c.connect(ctx, db)
	if err != nil {
		return err
	}
	defer conn.Close()
	end, err := c.begin(ctx, conn)
	if err == nil {
		err = f(conn)
	}
	if err == nil {
		if _, err = conn.ExecContext(ctx, end.good); err == nil {
			return nil
		}
	}
	if _, bad := conn.ExecContext(context.WithoutCancel(ctx), end.bad); bad != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // nobody else shall get it
	}
	return err
}

// Of the processes that meet at a new SQLite file one switches it to WAL. To
// the others SQLite says at once that it is locked, whatever their busy_timeout.
const (
	locked     = "database is locked"  // SQLite's own words, whichever the driver
	connects   = 100                   // at most
	connecting = 20 * time.Millisecond // pause between two
)

// connect returns a connection, which is set up in the course of it.
func (c *Config) connect(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	for try := 1; ; try++ {
		conn, err := db.Conn(ctx)
		if err == nil || c.Dialect != SQLite || try == connects || !strings.Contains(err.Error(), locked) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(connecting):
		}
	}
}

// ending is what ends what begin began.
type ending struct{ good, bad string }

func (c *Config) begin(ctx context.Context, conn *sql.Conn) (end ending, err error) {
	end = ending{"COMMIT", "ROLLBACK"}
	switch c.Dialect {
	case PostgreSQL: // at a higher level it would not see what it has waited for
		_, err = conn.ExecContext(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED")
		if err == nil {
			_, err = conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7022365680606078322)")
		}
	case SQLite:
		_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	case MySQL:
		lock := "'" + c.Prefix + "schema'"
		end = ending{"DO RELEASE_LOCK(" + lock + ")", "DO RELEASE_LOCK(" + lock + ")"}
		var got sql.NullInt64
		err = conn.QueryRowContext(ctx, "SELECT GET_LOCK("+lock+", 3600)").Scan(&got)
		if err == nil && got.Int64 != 1 {
			err = errors.New("another process has been migrating for an hour")
		}
	}
	return end, err
}

// asker is a handle or a connection.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version returns the version of the tables, 0 if there are none.
func (c *Config) version(ctx context.Context, db asker) (int, error) {
	table := c.Prefix + "schema"
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '%s'"
	switch c.Dialect {
	case PostgreSQL:
		exists = "SELECT count(to_regclass('%s'))"
	case MySQL:
		exists = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '%s'"
	}
	var n int
	err := db.QueryRowContext(ctx, fmt.Sprintf(exists, table)).Scan(&n)
	if err == nil && n > 0 {
		err = db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+table).Scan(&n)
	}
	return n, err
}
