// Package sqlstore keeps records in a SQL database: PostgreSQL, SQLite, MySQL
// or MariaDB, over the caller's [sql.DB] and whatever driver that has.
//
//	db, err := sql.Open("pgx", url)
//	cfg := sqlstore.Config{Dialect: sqlstore.PostgreSQL}
//	err = sqlstore.Migrate(ctx, db, cfg)      // once, or at every start
//	store, err := sqlstore.New(ctx, db, cfg)  // an authn.Store
//
// # What a call costs
//
// Load, Save, Due and Now are one statement each, Keys is one for each 500 keys. All
// are outside any transaction, and
// never sent twice by this package: Save uses a connection of its own, so that
// database/sql does not repeat it either. How often a statement crosses the
// network is the driver's business. pgx prepares it once for each connection,
// then it crosses once; after a pause of a second pgx also asks the connection
// whether it is alive. go-sql-driver/mysql crosses twice unless its DSN says
// interpolateParams=true.
//
// # Isolation
//
// A compare-and-swap is one conditional statement whose affected rows are
// counted, so READ COMMITTED is enough, and REPEATABLE READ is as good. There,
// PostgreSQL refuses a save with SQLSTATE 40001 where it would else have changed
// no row; then nothing was saved, and Save returns [authn.ErrConflict]. At
// SERIALIZABLE it would also refuse calls that nobody raced, loads among them,
// so [New] refuses that. Any other error, a lock or deadlock among them, comes
// back as it is.
//
// # Durability
//
// A record lives as long as what the database calls committed. Do not weaken
// that: a save that is lost gives guesses back and lets a used code live again.
// [New] returns [ErrVolatile] unless these hold:
//
//   - PostgreSQL: fsync is on, synchronous_commit is not off, and the table is
//     neither temporary nor unlogged.
//   - MySQL, MariaDB: innodb_flush_log_at_trx_commit is 1, or 3 in MariaDB;
//     sync_binlog is 1 if there is a binary log; the table's engine is InnoDB.
//   - SQLite: a file; synchronous is FULL, its default, or EXTRA, since NORMAL
//     may lose the last saves in a power cut; journal_mode is neither OFF nor
//     MEMORY. One machine, a local disk.
//
// In PostgreSQL a save that is [authn.Record].Relaxed is committed with synchronous_commit
// off: it alone does not wait for the disk, nor for a standby.
//
// New cannot see whether a standby that takes over has every save. In
// PostgreSQL it has them if synchronous_standby_names made them wait for it and
// synchronous_commit is not local.
//
// Load must see the last Save, so the handle must reach the primary: no
// read-only replica, and no proxy that sends reads to one. New returns
// [ErrReadOnly] for a server that takes no saves.
//
// # SQLite
//
// Set journal_mode=WAL, so that readers do not wait, and a busy_timeout of
// 10 seconds or so, on every connection. There is one writer at a time in any
// case, so a handful of connections is plenty. A save that had to wait for
// longer fails with SQLITE_BUSY, which is an error and no conflict.
//
// A test may keep its database in memory with [Config].AllowVolatile. Each
// connection to ":memory:" has a database of its own, so the handle then needs
// SetMaxOpenConns(1), and no limit on the life of that connection.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/authnfsm/authn"
)

var (
	_ authn.Store   = (*Store)(nil)
	_ authn.Sweeper = (*Store)(nil)
	_ authn.Clock   = (*Store)(nil)
	_ authn.Lister  = (*Store)(nil)
)

// maxKey is how many bytes a key may have: what every dialect can index.
const maxKey = 255

// Store is an [authn.Store], an [authn.Sweeper], an [authn.Clock] and an
// [authn.Lister] in a SQL database. It is safe for concurrent use, also by many processes on one
// database. It starts no goroutine, and neither opens nor closes the handle it was
// given. Keys may have 1 to 255 bytes. A due time is kept in whole microseconds.
type Store struct {
	db      *sql.DB
	dialect Dialect
	query   statements
}

// New returns a store in db, after it has looked at the settings, and has
// saved, loaded and deleted a record of its own, as long as one can be, over two
// connections, or over one if the handle has no second to spare. Its error wraps [ErrNotMigrated] or
// [ErrNewerSchema] if the tables are not those of this package's version,
// [ErrSettings], [ErrReadOnly], [ErrVolatile] or [ErrProbe], or is the driver's
// or the context's. The store works for as long as db is open, which remains
// the caller's business.
func New(ctx context.Context, db *sql.DB, cfg Config) (*Store, error) {
	s, err := open(ctx, db, &cfg)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: new: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, db *sql.DB, cfg *Config) (*Store, error) {
	if err := cfg.valid(); err != nil {
		return nil, err
	}
	s := &Store{db, cfg.Dialect, cfg.statements()}
	a, b, err := cfg.two(ctx, db)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	defer b.Close()
	if err := cfg.check(ctx, a, b); err != nil {
		return nil, err
	}
	return s, s.probe(ctx, a, b)
}

// Load implements [authn.Store]. Its error wraps [authn.ErrNotFound], or is
// the driver's or the context's.
func (s *Store) Load(ctx context.Context, key string) (authn.Record, error) {
	r, err := s.load(ctx, s.db, key)
	if err != nil {
		return authn.Record{}, fmt.Errorf("sqlstore: load %s: %w", key, err)
	}
	return r, nil
}

func (s *Store) load(ctx context.Context, db asker, key string) (r authn.Record, err error) {
	var version int64
	var due sql.NullInt64
	err = db.QueryRowContext(ctx, s.query.load, key).Scan(&r.Value, &version, &due)
	if errors.Is(err, sql.ErrNoRows) {
		err = authn.ErrNotFound
	}
	if err != nil {
		return authn.Record{}, err
	}
	r.Version = uint64(version)
	if due.Valid {
		r.Due = time.UnixMicro(due.Int64).UTC()
	}
	return r, nil
}

// Save implements [authn.Store]. If its error wraps [authn.ErrConflict],
// nothing has changed; after any other that is the driver's or the context's,
// the save may have happened.
func (s *Store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := s.save(ctx, key, old, r); err != nil {
		return fmt.Errorf("sqlstore: save %s: %w", key, err)
	}
	return nil
}

func (s *Store) save(ctx context.Context, key string, old uint64, r authn.Record) error {
	version, value := int64(r.Version), r.Value
	switch {
	case len(key) == 0 || len(key) > maxKey:
		return fmt.Errorf("key has %d bytes, want 1 to %d", len(key), maxKey)
	case len(value) == 0 && old == 0:
		return s.absent(ctx, key)
	case len(value) == 0:
		return s.swap(ctx, s.query.remove, key, int64(old))
	case r.Version == 0:
		return errors.New("version is 0")
	case old == 0:
		return s.swap(ctx, s.query.create, key, value, version, micros(r.Due))
	case r.Relaxed:
		return s.swap(ctx, s.query.relaxed, value, version, micros(r.Due), key, int64(old))
	default:
		return s.swap(ctx, s.query.update, value, version, micros(r.Due), key, int64(old))
	}
}

// swap carries out a statement that changes one row or, if the record is not
// as expected, none. The connection is held because a call of the handle itself
// is repeated, up to twice, if the driver says that the connection was bad: a
// driver that says so too late would make a save collide with itself.
func (s *Store) swap(ctx context.Context, query string, args ...any) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // gives it back
	return s.change(ctx, conn, query, args...)
}

// change is swap on a connection.
func (s *Store) change(ctx context.Context, conn *sql.Conn, query string, args ...any) error {
	res, err := conn.ExecContext(ctx, query, args...)
	if err != nil {
		return s.refused(err)
	}
	n, err := res.RowsAffected()
	switch {
	case err != nil:
		return err
	case n == 1:
		return nil
	case n == 0, n == clashed && s.dialect == MySQL:
		return authn.ErrConflict
	}
	return fmt.Errorf("the driver counts %d affected rows", n)
}

// absent answers a delete of what should not be there.
func (s *Store) absent(ctx context.Context, key string) error {
	var n int
	err := s.db.QueryRowContext(ctx, s.query.count, key).Scan(&n)
	if err == nil && n > 0 {
		err = authn.ErrConflict
	}
	return err
}

// refused adds [authn.ErrConflict] to an error with which PostgreSQL ended a
// save because of a concurrent one. The methods of pgx's and lib/pq's errors
// are enough to see it.
func (s *Store) refused(err error) error {
	var state interface{ SQLState() string }
	if s.dialect == PostgreSQL && errors.As(err, &state) && state.SQLState() == "40001" {
		return fmt.Errorf("%w: %w", authn.ErrConflict, err)
	}
	return err
}

// Due implements [authn.Sweeper]. A limit below 1 gives no keys. Records that
// are due at the same time come in the order of their keys. The cost grows
// with the number of keys returned: an index leads to them.
func (s *Store) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	keys, err := s.due(ctx, before, limit)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: due: %w", err)
	}
	return keys, nil
}

func (s *Store) due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	if limit < 1 || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.ids(ctx, s.query.due, before.UnixMicro(), limit)
}

// page is how many keys [Store.Keys] asks for at a time.
const page = 500

// Keys implements [authn.Lister], in the order of the keys. Between two statements,
// which the primary key leads to, it holds no connection.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for last, more := "", true; more; {
			keys, err := s.ids(ctx, s.query.list, last, page)
			if err != nil {
				yield("", fmt.Errorf("sqlstore: keys: %w", err))
				return
			}
			for _, last = range keys {
				if !yield(last, nil) {
					return
				}
			}
			more = len(keys) == page
		}
	}
}

// ids returns what a query for keys finds.
func (s *Store) ids(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// Now implements [authn.Clock] with the time of the server. SQLite is no server:
// its time is that of this machine, in milliseconds.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	t, err := s.now(ctx, s.db)
	if err != nil {
		return time.Time{}, fmt.Errorf("sqlstore: now: %w", err)
	}
	return t, nil
}

func (s *Store) now(ctx context.Context, db asker) (time.Time, error) {
	var us int64
	if err := db.QueryRowContext(ctx, s.query.now).Scan(&us); err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(us).UTC(), nil
}

// micros returns t as it is stored: NULL for the zero time, else microseconds
// since 1970. Rounding is downwards, of what is asked for by [Store.Due] too:
// a record may come back a microsecond early, but never late.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
