// Package places gives tests fresh places to keep a store in, on the servers
// that the environment names.
package places

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/redis/go-redis/v9"

	"github.com/authnfsm/authn/internal/servers"
)

// Durable are the kinds of store that outlive a program. Each makes an empty
// place, which goes when the test does, and returns its name as host.Open
// takes it. Where no server is named, the test is skipped, or fails if
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
	dsn := servers.Named(tb, servers.PostgreSQL)
	schema := "authn_example_" + strings.ToLower(rand.Text()[:8])
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("AUTHN_TEST_POSTGRES cannot be parsed")
	}
	admin(tb, "pgx", dsn, "CREATE SCHEMA "+schema, "DROP SCHEMA "+schema+" CASCADE")
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// MySQL is a database of its own on MariaDB or MySQL.
func MySQL(tb testing.TB) string {
	tb.Helper()
	dsn := servers.Named(tb, servers.MySQL)
	if u, err := url.Parse(dsn); err == nil && u.Scheme == "mysql" {
		dsn = u.User.String() + "@tcp(" + u.Host + ")" + u.Path
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		tb.Fatal("AUTHN_TEST_MYSQL cannot be parsed")
	}
	name := "authn_example_" + strings.ToLower(rand.Text()[:8])
	admin(tb, "mysql", dsn, "CREATE DATABASE "+name, "DROP DATABASE "+name)
	u := url.URL{Scheme: "mysql", User: url.UserPassword(c.User, c.Passwd), Host: c.Addr, Path: "/" + name}
	return u.String()
}

// admin makes a place in a server, until the test ends.
func admin(tb testing.TB, driver, dsn, create, drop string) {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	reach(tb, db.PingContext)
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
	o, err := redis.ParseURL(servers.Named(tb, servers.Redis))
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
	reach(tb, func(ctx context.Context) error { return c.Ping(ctx).Err() })
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

// reach skips the test if a server does not answer, or fails it if it has to.
func reach(tb testing.TB, ping func(context.Context) error) {
	tb.Helper()
	ctx, stop := context.WithTimeout(tb.Context(), 30*time.Second)
	defer stop()
	if err := ping(ctx); err != nil {
		servers.Missing(tb, "the server for tests does not answer: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
}
