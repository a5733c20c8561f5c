// Package places gives tests fresh places to keep a store in, on the servers
// that there are.
package places

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/redis/go-redis/v9"
)

// Durable are the kinds of store that outlive a program. Each makes an empty
// place, which goes when the test does, and returns its name as host.Open
// takes it. Where no server answers, the test is skipped, or fails if
// AUTHN_TEST_SERVICES is "required".
var Durable = map[string]func(testing.TB) string{
	"SQLite":     SQLite,
	"PostgreSQL": PostgreSQL,
	"MariaDB":    MySQL,
	"Redis":      Redis,
}

// SQLite is a file.
func SQLite(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "a store.db") }

// PostgreSQL is a schema of its own.
func PostgreSQL(tb testing.TB) string {
	tb.Helper()
	dsn := cmp.Or(os.Getenv("AUTHN_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test?sslmode=disable")
	schema := "authn_example_" + strings.ToLower(rand.Text()[:8])
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("AUTHN_TEST_POSTGRES cannot be parsed")
	}
	admin(tb, "pgx", dsn, "PostgreSQL with a database for tests", "AUTHN_TEST_POSTGRES",
		"CREATE SCHEMA "+schema, "DROP SCHEMA "+schema+" CASCADE")
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// MySQL is a database of its own on MariaDB or MySQL.
func MySQL(tb testing.TB) string {
	tb.Helper()
	dsn := cmp.Or(os.Getenv("AUTHN_TEST_MYSQL"), "root@tcp(127.0.0.1:3306)/test")
	if u, err := url.Parse(dsn); err == nil && u.Scheme == "mysql" {
		dsn = u.User.String() + "@tcp(" + u.Host + ")" + u.Path
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatal("AUTHN_TEST_MYSQL cannot be parsed")
	}
	name := "authn_example_" + strings.ToLower(rand.Text()[:8])
	admin(tb, "mysql", dsn, "MariaDB or MySQL with a database for tests", "AUTHN_TEST_MYSQL",
		"CREATE DATABASE "+name, "DROP DATABASE "+name)
	u := url.URL{Scheme: "mysql", User: url.UserPassword(c.User, c.Passwd), Host: c.Addr, Path: "/" + name}
	return u.String()
}

// admin makes a place in a server, until the test ends.
func admin(tb testing.TB, driver, dsn, what, variable, create, drop string) {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	reach(tb, what, variable, db.PingContext)
	if _, err := db.Exec(create); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := db.Exec(drop); err != nil {
			tb.Error(err)
		}
	})
}

// Redis is a database that nobody uses, out of the 15 that are not the
// default one.
func Redis(tb testing.TB) string {
	tb.Helper()
	o, err := redis.ParseURL(cmp.Or(os.Getenv("AUTHN_TEST_REDIS"), "redis://127.0.0.1:6379"))
	if err != nil {
		tb.Fatal("AUTHN_TEST_REDIS cannot be parsed")
	}
	for o.DB = 15; o.DB > 0; o.DB-- {
		if claim(tb, *o) {
			u := url.URL{Scheme: "redis", User: url.UserPassword(o.Username, o.Password), Host: o.Addr, Path: fmt.Sprint("/", o.DB)}
			return u.String()
		}
	}
	tb.Fatal("every database of the Redis server is in use")
	return ""
}

// claim takes an empty database, until the test ends. What took it is a key
// in it, so that tests of two processes never take the same one.
func claim(tb testing.TB, o redis.Options) bool {
	tb.Helper()
	const mark = "taken by a test"
	c := redis.NewClient(&o)
	reach(tb, "Redis", "AUTHN_TEST_REDIS", func(ctx context.Context) error { return c.Ping(ctx).Err() })
	mine, err := c.SetNX(tb.Context(), mark, 1, time.Hour).Result()
	if err != nil {
		tb.Fatal(err)
	}
	if !mine {
		c.Close()
		return false
	}
	if n, err := c.DBSize(tb.Context()).Result(); err != nil || n != 1 {
		c.Del(tb.Context(), mark)
		c.Close()
		return false
	}
	tb.Cleanup(func() {
		if err := c.FlushDB(context.Background()).Err(); err != nil {
			tb.Error(err)
		}
		c.Close()
	})
	return true
}

// reach skips the test if a server is not there, or fails it if it should be.
func reach(tb testing.TB, what, variable string, ping func(context.Context) error) {
	tb.Helper()
	ctx, stop := context.WithTimeout(tb.Context(), 5*time.Second)
	defer stop()
	err := ping(ctx)
	if err == nil {
		return
	}
	say := tb.Skipf
	if os.Getenv("AUTHN_TEST_SERVICES") == "required" {
		say = tb.Fatalf
	}
	say("start %s, or say where it is in %s: %s", what, variable, strings.Join(strings.Fields(err.Error()), " "))
}
