package sqlstore

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
)

// Errors of [New]: why a database cannot be used as it is.
var (
	ErrNotMigrated = errors.New("the tables are missing or older than this version: run Migrate")
	ErrNewerSchema = errors.New("the tables are newer than this version: upgrade")

	// ErrSettings reports connections that make calls fail, or that do not all
	// lead to the same database.
	ErrSettings = errors.New("the connections are not set up for a store")

	// ErrReadOnly reports a server or a file that takes no saves, such as a
	// standby.
	ErrReadOnly = errors.New("the database is read-only")

	// ErrVolatile reports settings that let the database lose saves that it has
	// acknowledged. The error that wraps it lists them.
	ErrVolatile = errors.New("the database may lose saves")

	// ErrProbe reports that a record of the probe was not saved, loaded and
	// deleted as it should be, for instance because the user lacks a right. The
	// error that wraps it says which step failed, and how.
	ErrProbe = errors.New("the probe failed")
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

	// AllowVolatile accepts a database that may lose saves, instead of
	// [ErrVolatile]: for tests and demos, or because the host knows that it
	// keeps them in another way. New logs a warning for each setting that allows
	// the loss.
	AllowVolatile bool

	// Logger receives the warnings. It defaults to [slog.Default].
	Logger *slog.Logger `json:"-"`
}

var prefixes = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// valid fills in the default and returns an error that names a bad field.
func (c *Config) valid() error {
	if c.Prefix == "" {
		c.Prefix = "authn_"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
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
