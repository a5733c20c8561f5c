package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
)

// Why a database cannot be used as it is.
var (
	ErrNotMigrated = errors.New("the tables are missing or older than this version: run Migrate")
	ErrNewerSchema = errors.New("the tables are newer than this version: upgrade")
	ErrSettings    = errors.New("the connections are not set up for a store")
)

// Dialect is the kind of database.
type Dialect string

// The dialects.
const (
	PostgreSQL Dialect = "postgresql"
	SQLite     Dialect = "sqlite"
	MySQL      Dialect = "mysql" // also MariaDB; InnoDB
)

// Config says what database it is and where in it the records are. Every
// process that shares the records must use the same.
type Config struct {
	// Dialect is required.
	Dialect Dialect

	// Prefix begins the names of the two tables, PREFIXrecords and
	// PREFIXschema. It defaults to "authn_", and may have up to 40 lower-case
	// letters, digits and underscores, a letter first. What schema or database
	// the tables are in is the connection's business (its search_path, say).
	Prefix string
}

var prefixes = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// valid fills in the default and returns an error that names a bad field.
func (c *Config) valid() error {
	if c.Prefix == "" {
		c.Prefix = "authn_"
	}
	if !prefixes.MatchString(c.Prefix) {
		return fmt.Errorf("config: Prefix %q: want up to 40 of a-z, 0-9 and _, a letter first", c.Prefix)
	}
	switch c.Dialect {
	case PostgreSQL, SQLite, MySQL:
		return nil
	}
	return fmt.Errorf("config: Dialect %q: want one of %q", c.Dialect, []Dialect{PostgreSQL, SQLite, MySQL})
}

// check returns an error unless the database is ready for a store.
func check(ctx context.Context, db *sql.DB, cfg *Config) error {
	if err := cfg.valid(); err != nil {
		return err
	}
	if err := cfg.settings(ctx, db); err != nil {
		return err
	}
	have, err := cfg.version(ctx, db)
	want := len(cfg.versions())
	switch {
	case err != nil:
		return err
	case have < want:
		return fmt.Errorf("version %d of %d: %w", have, want, ErrNotMigrated)
	case have > want:
		return fmt.Errorf("version %d of %d: %w", have, want, ErrNewerSchema)
	}
	return nil
}

// settings returns an error unless connections are set up for a store.
func (c *Config) settings(ctx context.Context, db asker) error {
	name, bad := "autocommit", "0"
	ask := "SELECT @@autocommit"
	switch c.Dialect {
	case PostgreSQL:
		name, bad = "default_transaction_isolation", "serializable"
		ask = "SELECT current_setting('default_transaction_isolation')"
	case SQLite:
		return nil
	}
	var got string
	err := db.QueryRowContext(ctx, ask).Scan(&got)
	if err == nil && got == bad {
		err = fmt.Errorf("%w: %s is %s", ErrSettings, name, got)
	}
	return err
}
