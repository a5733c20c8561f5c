package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
)

// durable are the kinds of store that outlive the program: each gives the
// value of -store for one with nothing in it.
var durable = map[string]func(*testing.T) string{
	"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "an idp.db") },
	"PostgreSQL": postgresPlace,
	"MariaDB":    mysqlPlace,
	"Redis":      redisPlace,
}

// TestRestart ends the server in the middle of two sign-ins; another one on
// the same store goes on with them, and knows what was set up and who is in.
func TestRestart(t *testing.T) {
	for name, place := range durable {
		t.Run(name, func(t *testing.T) {
			args := []string{"-store", place(t), "-keys", filepath.Join(t.TempDir(), "keys")}
			s, stop := serve(t, args...)
			ada, grace, alan := s.browser(t), s.browser(t), s.browser(t)
			r := alan.login("alan"+domain).is(200, "SUCCESS")
			alan.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
			ada.get("/") // so that it is a visitor
			r = ada.login("ada"+domain).is(200, "MFA_REQUIRED")
			verify := ada.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE").str(next)
			r = grace.login("grace"+domain).is(200, "MFA_ENROLL")
			activate := grace.post(r.str(firstEnroll), "factorType", "email", "provider", "OKTA").is(200, "MFA_ENROLL_ACTIVATE").str(next)
			stop()

			s, stop = serve(t, args...)
			for _, b := range []*browser{ada, grace, alan} {
				b.base = s.url
			}
			ada.post("/api/v1/authn").is(200, "MFA_CHALLENGE")
			if state, arrows := lit(ada.get("/machine").body); state != "MFA_CHALLENGE" || arrows != 2 {
				t.Errorf("the machine shows %s and %d arrows", state, arrows)
			}
			ada.post(verify, "passCode", ada.code("ada"+domain)).is(200, "SUCCESS")
			grace.post(activate, "passCode", grace.code("grace"+domain)).is(200, "SUCCESS")
			alan.get("/account").shows("Alan Turing")
			stop()

			s, _ = serve(t, args...)
			s.browser(t).login("grace"+domain).is(200, "MFA_REQUIRED")
		})
	}
}

func TestKept(t *testing.T) {
	for name, place := range durable {
		t.Run(name, func(t *testing.T) { testKept(t, place(t)) })
	}
	t.Run("memory", func(t *testing.T) { testKept(t, "memory") })
}

func testKept(t *testing.T, spec string) {
	ctx := t.Context()
	st, err := openStorage(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { st.close() }()
	if strings.Contains(st.name, "secret") {
		t.Errorf("shown as %s", st.name)
	}
	k := st.kept
	if b, err := k.get(ctx, "a", "x"); b != nil || err != nil {
		t.Errorf("nothing yet: %s, %v", b, err)
	}
	for _, put := range [][3]string{{"a", "x", "1"}, {"a", "y", "2"}, {"b", "x", "3"}, {"a", "x", `{"4":"ä"}`}} {
		if err := k.put(ctx, put[0], put[1], []byte(put[2])); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"y", "z"} {
		if err := k.remove(ctx, "a", name); err != nil {
			t.Error(err)
		}
	}
	if spec != "memory" {
		st.close()
		if st, err = openStorage(ctx, spec); err != nil {
			t.Fatal(err)
		}
		k = st.kept
	}
	all, err := k.all(ctx, "a")
	if names := slices.Sorted(maps.Keys(all)); err != nil || len(names) != 1 || string(all["x"]) != `{"4":"ä"}` {
		t.Errorf("%q, %v", all, err)
	}
	if b, err := k.get(ctx, "b", "x"); string(b) != "3" || err != nil {
		t.Errorf("%s, %v", b, err)
	}
}

func postgresPlace(t *testing.T) string {
	dsn := cmp.Or(os.Getenv("AUTHN_TEST_POSTGRES"), "postgres://postgres@127.0.0.1:5432/test")
	schema := "idp_test_" + strings.ToLower(rand.Text()[:8])
	admin(t, "pgx", dsn, "CREATE SCHEMA "+schema, "DROP SCHEMA "+schema+" CASCADE")
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func mysqlPlace(t *testing.T) string {
	dsn := cmp.Or(os.Getenv("AUTHN_TEST_MYSQL"), "root@tcp(127.0.0.1:3306)/test")
	if u, err := url.Parse(dsn); err == nil && u.Scheme == "mysql" {
		dsn = u.User.String() + "@tcp(" + u.Host + ")" + u.Path
	}
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "idp_test_" + strings.ToLower(rand.Text()[:8])
	admin(t, "mysql", dsn, "CREATE DATABASE "+name, "DROP DATABASE "+name)
	u := url.URL{Scheme: "mysql", User: url.UserPassword(c.User, c.Passwd), Host: c.Addr, Path: "/" + name}
	return u.String()
}

// admin makes a place in a server, until the test ends.
func admin(t *testing.T, driver, dsn, create, drop string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	reach(t, driver, db.PingContext)
	if _, err := db.Exec(create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(drop); err != nil {
			t.Error(err)
		}
	})
}

// redisPlace is a database of the server that nobody uses.
func redisPlace(t *testing.T) string {
	o, err := redis.ParseURL(cmp.Or(os.Getenv("AUTHN_TEST_REDIS"), "redis://127.0.0.1:6379"))
	if err != nil {
		t.Fatal(err)
	}
	for o.DB = 15; o.DB > 0; o.DB-- {
		c := redis.NewClient(o)
		t.Cleanup(func() { c.Close() })
		reach(t, "Redis", func(ctx context.Context) error { return c.Ping(ctx).Err() })
		if n, err := c.DBSize(t.Context()).Result(); err != nil || n > 0 {
			continue
		}
		t.Cleanup(func() { c.FlushDB(context.Background()) })
		u := url.URL{Scheme: "redis", User: url.UserPassword(o.Username, o.Password), Host: o.Addr, Path: fmt.Sprint("/", o.DB)}
		return u.String()
	}
	t.Skip("every database of the Redis server is in use")
	return ""
}

// reach skips the test if a server is not there, or fails it if it should be.
func reach(t *testing.T, what string, ping func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if err := ping(ctx); err != nil && os.Getenv("AUTHN_TEST_SERVICES") == "required" {
		t.Fatalf("%s: %v", what, err)
	} else if err != nil {
		t.Skipf("no %s: %v", what, err)
	}
}
