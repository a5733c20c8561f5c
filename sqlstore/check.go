package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// two returns two connections of the handle, or the same one twice if it has no
// second to spare.
func (c *Config) two(ctx context.Context, db *sql.DB) (a, b *sql.Conn, err error) {
	if a, err = c.connect(ctx, db); err != nil {
		return nil, nil, err
	}
	if s := db.Stats(); s.MaxOpenConnections > 0 && s.InUse >= s.MaxOpenConnections {
		return a, a, nil
	}
	if b, err = c.connect(ctx, db); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

// check returns an error unless both connections lead to a database that is
// ready for a store.
func (c *Config) check(ctx context.Context, a, b *sql.Conn) error {
	var volatile []string
	var have [2]int
	for i, conn := range []*sql.Conn{a, b} {
		for _, s := range c.settings() {
			what, err := s.look(ctx, conn)
			switch {
			case err != nil:
				return err
			case what != "" && !slices.Contains(volatile, what):
				volatile = append(volatile, what)
			}
		}
		var err error
		if have[i], err = c.version(ctx, conn); err != nil {
			return err
		}
	}
	if err := c.judge(ctx, volatile); err != nil {
		return err
	}
	want := len(c.versions())
	switch {
	case have[0] != have[1]:
		return fmt.Errorf("%w: two of them do not lead to the same tables", ErrSettings)
	case have[0] < want:
		return fmt.Errorf("version %d of %d: %w", have[0], want, ErrNotMigrated)
	case have[0] > want:
		return fmt.Errorf("version %d of %d: %w", have[0], want, ErrNewerSchema)
	}
	return nil
}

// judge returns an error for what may lose saves, or logs a warning for each
// if the configuration allows that.
func (c *Config) judge(ctx context.Context, volatile []string) error {
	if len(volatile) > 0 && !c.AllowVolatile {
		return fmt.Errorf("%w: %s", ErrVolatile, strings.Join(volatile, "; "))
	}
	for _, what := range volatile {
		c.Logger.WarnContext(ctx, "sqlstore: the database may lose saves", "why", what)
	}
	return nil
}

// A setting is one that a store depends on.
type setting struct {
	name string
	ask  string // a query for one value; NULL if there is no such thing
	good func(value string) bool
	err  error
	why  string // it matters
}

func is(values ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

func not(values ...string) func(string) bool {
	return func(value string) bool { return !slices.Contains(values, value) }
}

// look returns an error if the setting is bad, or only what is bad about it if
// it may lose saves.
func (s *setting) look(ctx context.Context, db asker) (volatile string, err error) {
	var got sql.NullString
	if err := db.QueryRowContext(ctx, s.ask).Scan(&got); err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	value := strings.ToLower(got.String)
	if !got.Valid || s.good(value) {
		return "", nil
	}
	what := fmt.Sprintf("%s is %q: %s", s.name, value, s.why)
	if s.err == ErrVolatile {
		return what, nil
	}
	return "", fmt.Errorf("%w: %s", s.err, what)
}

func (c *Config) settings() []setting {
	table := c.Prefix + "records"
	switch c.Dialect {
	case PostgreSQL:
		return []setting{
			{"default_transaction_isolation", "SELECT current_setting('default_transaction_isolation')", not("serializable"),
				ErrSettings, "calls that nobody raced would fail"},
			{"transaction_read_only", "SELECT current_setting('transaction_read_only')", not("on"),
				ErrReadOnly, "a standby, or default_transaction_read_only"},
			{"fsync", "SELECT current_setting('fsync', true)", not("off"),
				ErrVolatile, "a power failure loses saves"},
			{"synchronous_commit", "SELECT current_setting('synchronous_commit', true)", not("off"),
				ErrVolatile, "a crash loses the last saves"},
			{"relpersistence of " + table, "SELECT (SELECT relpersistence FROM pg_class WHERE oid = to_regclass('" + table + "'))", is("p"),
				ErrVolatile, "a crash empties the table; make it LOGGED"},
		}
	case MySQL:
		return []setting{
			{"autocommit", "SELECT @@autocommit", not("0"), ErrSettings, "no save would be committed"},
			{"read_only", "SELECT @@read_only", is("0", "off"), ErrReadOnly, "as on a replica"},
			{"innodb_read_only", "SELECT @@innodb_read_only", is("0", "off"), ErrReadOnly, "as on a replica"},
			{"innodb_flush_log_at_trx_commit", "SELECT @@innodb_flush_log_at_trx_commit", is("1", "3"),
				ErrVolatile, "a power failure, or a crash if it is 0, loses the last saves"},
			{"sync_binlog", "SELECT CASE WHEN @@log_bin = 0 THEN 1 ELSE @@sync_binlog END", is("1"),
				ErrVolatile, "a power failure loses the last saves"},
			{"engine of " + table, "SELECT (SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '" + table + "')",
				is("innodb"), ErrVolatile, "a crash may lose saves; use InnoDB"},
		}
	}
	return []setting{
		{"query_only", "PRAGMA query_only", is("0"), ErrReadOnly, "every save would fail"},
		{"file", "SELECT file FROM pragma_database_list WHERE name = 'main'", not(""),
			ErrVolatile, "the database is in memory"},
		{"journal_mode", "PRAGMA journal_mode", not("off", "memory"), ErrVolatile, "a crash may destroy the file"},
		{"synchronous", "PRAGMA synchronous", is("2", "3"), ErrVolatile, "a power failure loses saves; set FULL"},
	}
}
