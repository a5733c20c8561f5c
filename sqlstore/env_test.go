package sqlstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/sqlstore"
	"github.com/authnfsm/authn/storetest"
	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

func TestMain(m *testing.M) {
	storetest.Serve(openWhere())
	flag.Parse()
	if os.Getenv("RAPID_CHECKS") == "" { // each call goes to a server
		_ = flag.Set("rapid.checks", "10")
	}
	os.Exit(m.Run())
}

// A place is where a store is: enough for another process to find it.
type place struct {
	Driver, DSN string
	Config      sqlstore.Config
}

// A world is a kind of database, in some setting.
type world struct {
	name string
	// place returns a fresh place, which goes when the test does.
	place func(tb testing.TB) place
}

var worlds = []world{
	{"SQLite", sqlitePlace},
	{"PostgreSQL", func(tb testing.TB) place { return postgresPlace(tb, nil) }},
	{"PostgreSQL/REPEATABLE READ", func(tb testing.TB) place {
		return postgresPlace(tb, url.Values{"default_transaction_isolation": {"repeatable read"}})
	}},
	{"MariaDB", func(tb testing.TB) place { return mysqlPlace(tb, func(*mysql.Config) {}) }},
	{"MariaDB/found rows", func(tb testing.TB) place {
		return mysqlPlace(tb, func(c *mysql.Config) { c.ClientFoundRows, c.InterpolateParams = true, true })
	}},
}

// setting says whether w is another one in a setting that is not the usual.
func (w world) setting() bool { return strings.Contains(w.name, "/") }

// unlessShort skips settings if the test has little time.
func (w world) unlessShort(t *testing.T) {
	if w.setting() && testing.Short() {
		t.Skip("only a setting")
	}
}

func sqlitePlace(tb testing.TB) place {
	dsn := "file:" + tb.TempDir() + "/authn.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(30000)&_pragma=synchronous(FULL)"
	return place{"sqlite", dsn, sqlstore.Config{Dialect: sqlstore.SQLite}}
}

func postgresPlace(tb testing.TB, settings url.Values) place {
	tb.Helper()
	dsn := servers.Named(tb, servers.PostgreSQL)
	admin := reach(tb, "pgx", dsn)
	schema := "authn_test_" + random()
	run(tb, admin, "CREATE SCHEMA "+schema)
	tb.Cleanup(func() { run(tb, admin, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	for k, v := range settings {
		q[k] = v
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return place{"pgx", u.String(), sqlstore.Config{Dialect: sqlstore.PostgreSQL}}
}

func mysqlPlace(tb testing.TB, set func(*mysql.Config)) place {
	tb.Helper()
	dsn := servers.Named(tb, servers.MySQL)
	if u, err := url.Parse(dsn); err == nil && u.Scheme == "mysql" {
		dsn = u.User.String() + "@tcp(" + u.Host + ")" + u.Path
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	set(c)
	admin := reach(tb, "mysql", dsn)
	prefix := "authn_test_" + random() + "_"
	tb.Cleanup(func() { dropLike(tb, admin, prefix) })
	return place{"mysql", c.FormatDSN(), sqlstore.Config{Dialect: sqlstore.MySQL, Prefix: prefix}}
}

func dropLike(tb testing.TB, db *sql.DB, prefix string) {
	rows, err := db.Query("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE ?",
		strings.ReplaceAll(prefix, "_", `\_`)+"%")
	if err != nil {
		tb.Error(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			tb.Error(err)
		}
		run(tb, db, "DROP TABLE "+table)
	}
}

// reach returns a handle of a server that answers.
func reach(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err == nil {
		tb.Cleanup(func() { db.Close() })
		ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
		defer cancel()
		err = db.PingContext(ctx)
	}
	if err != nil {
		servers.Missing(tb, "the server for tests does not answer: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return db
}

func random() string { return strings.ToLower(rand.Text()[:10]) }

func run(tb testing.TB, db *sql.DB, query string) {
	tb.Helper()
	if _, err := db.Exec(query); err != nil {
		tb.Errorf("%s: %v", query, err)
	}
}

// open returns a handle of the place.
func (p place) open(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := sql.Open(p.Driver, p.DSN)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return db
}

// migrated returns a handle of the place after its tables were made.
func (p place) migrated(tb testing.TB) *sql.DB {
	tb.Helper()
	db := p.open(tb)
	if err := sqlstore.Migrate(tb.Context(), db, p.Config); err != nil {
		tb.Fatal(err)
	}
	return db
}

// store returns a store over a handle of its own.
func (p place) store(tb testing.TB) *sqlstore.Store {
	tb.Helper()
	return newStore(tb, p.migrated(tb), p.Config)
}

func newStore(tb testing.TB, db *sql.DB, cfg sqlstore.Config) *sqlstore.Store {
	tb.Helper()
	s, err := sqlstore.New(tb.Context(), db, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// table returns the name of the table of records.
func (p place) table() string {
	if p.Config.Prefix == "" {
		return "authn_records"
	}
	return p.Config.Prefix + "records"
}

// String is how another process is told the place.
func (p place) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// openWhere is what it does with that. Its stores share their handles.
func openWhere() func(where string) (authn.Store, error) {
	handles := map[string]*sql.DB{}
	return func(where string) (authn.Store, error) {
		var p place
		if err := json.Unmarshal([]byte(where), &p); err != nil {
			return nil, err
		}
		db := handles[p.DSN]
		if db == nil {
			var err error
			if db, err = sql.Open(p.Driver, p.DSN); err != nil {
				return nil, err
			}
			db.SetMaxOpenConns(8)
			db.SetMaxIdleConns(8)
			handles[p.DSN] = db
		}
		return sqlstore.New(context.Background(), db, p.Config)
	}
}
