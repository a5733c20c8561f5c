package redisstore_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/redisstore"
	"github.com/authnfsm/authn/storetest"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

func TestMain(m *testing.M) {
	storetest.Serve(openWhere())
	flag.Parse()
	if os.Getenv("RAPID_CHECKS") == "" { // fewer, because each call goes to a server
		_ = flag.Set("rapid.checks", "20")
	}
	os.Exit(m.Run())
}

// options returns the options of a client of the shared server, which most
// tests use.
func options(tb testing.TB) *redis.Options {
	tb.Helper()
	o, err := redis.ParseURL(servers.Named(tb, servers.Redis))
	if err != nil {
		tb.Fatal(err)
	}
	return plain(o)
}

// plain disables features that the tests do not use.
func plain(o *redis.Options) *redis.Options {
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o
}

// dial returns a client of the shared server.
func dial(tb testing.TB, o *redis.Options) *redis.Client {
	tb.Helper()
	c := redis.NewClient(o)
	tb.Cleanup(func() { c.Close() })
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	if err := c.Ping(ctx).Err(); err != nil {
		servers.Missing(tb, "the server for tests does not answer: %v", err)
	}
	return c
}

// fresh returns a new prefix, whose keys are deleted after the test.
func fresh(tb testing.TB, c *redis.Client) string {
	prefix := "authn-test-" + strings.ToLower(rand.Text()[:10]) + ":"
	tb.Cleanup(func() { wipe(tb, c, prefix) })
	return prefix
}

// wipe deletes all keys with the prefix.
func wipe(tb testing.TB, c *redis.Client, prefix string) {
	ctx := context.Background() // the test's context has ended
	for all := c.Scan(ctx, 0, prefix+"*", 10_000).Iterator(); all.Next(ctx); {
		if err := c.Unlink(ctx, all.Val()).Err(); err != nil {
			tb.Error(err)
		}
	}
}

// silent is a logger for servers that the tests make volatile.
var silent = slog.New(slog.DiscardHandler)

// open returns a store that accepts any server.
func open(tb testing.TB, c redis.UniversalClient, prefix string) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(tb.Context(), c, redisstore.Config{Prefix: prefix, AllowVolatile: true, Logger: silent})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// openWhere returns a function for storetest.Serve. Its stores share a client.
func openWhere() func(prefix string) (authn.Store, error) {
	client := sync.OnceValues(func() (*redis.Client, error) {
		o, err := redis.ParseURL(os.Getenv(servers.Redis))
		if err != nil {
			return nil, err
		}
		return redis.NewClient(plain(o)), nil
	})
	return func(prefix string) (authn.Store, error) {
		c, err := client()
		if err != nil {
			return nil, err
		}
		return redisstore.New(context.Background(), c, redisstore.Config{Prefix: prefix, AllowVolatile: true, Logger: silent})
	}
}

// A server is a separate server, which a test can configure and kill.
type server struct {
	tb   testing.TB
	dir  string
	args []string
	cmd  *exec.Cmd // nil: not running
}

// serve starts a server. It listens on a socket in the file system.
func serve(tb testing.TB, args ...string) *server {
	tb.Helper()
	if !slices.Contains(args, "--port") {
		args = append(args, "--port", "0")
	}
	s := &server{tb: tb, dir: tb.TempDir(), args: args}
	tb.Cleanup(s.kill)
	s.start()
	return s
}

func (s *server) start() {
	s.tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		servers.Missing(s.tb, "install redis-server: %v", err)
	}
	s.cmd = exec.Command(path, append([]string{"--unixsocket", s.socket(), "--dir", s.dir, "--save", ""}, s.args...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	s.tb.Fatalf("redis-server ended:\n%s", said.String())
}

// kill ends the server as a crash would.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) socket() string { return s.dir + "/s" }

// options returns the options of a client of the server.
func (s *server) options() *redis.Options {
	return plain(&redis.Options{Network: "unix", Addr: s.socket()})
}

// client returns a client of the server.
func (s *server) client() *redis.Client {
	s.tb.Helper()
	c := redis.NewClient(s.options())
	s.tb.Cleanup(func() { c.Close() })
	return c
}

// set changes settings of the server.
func (s *server) set(pairs ...string) {
	s.tb.Helper()
	c := s.client()
	for i := 0; i < len(pairs); i += 2 {
		if err := c.ConfigSet(context.Background(), pairs[i], pairs[i+1]).Err(); err != nil {
			s.tb.Fatal(err)
		}
	}
}

// port returns a free port.
func port(tb testing.TB) string {
	tb.Helper()
	return strconv.Itoa(servers.Ports(tb, 1)[0])
}
