//go:build unix

package sqlstore_test

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/sqlstore"
)

// A server is one that the test has to itself. It listens on a socket in its
// folder only.
type server struct {
	t   *testing.T
	dir string
	as  *syscall.SysProcAttr // nil: the user of the test
}

// newServer returns a server that is not running yet, or skips the test if
// there is little time. PostgreSQL never runs as root, so then it is nobody.
func newServer(t *testing.T) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server")
	}
	dir, err := os.MkdirTemp("", "authn") // the name of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, dir: dir}
	if os.Getuid() == 0 {
		u, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// program returns the path of a program, or skips the test.
func (s *server) program(name string) string {
	s.t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // where Debian keeps it
	if len(found) == 0 {
		servers.Missing(s.t, "install %s: %v", name, err)
	}
	return found[len(found)-1]
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	c := exec.Command(s.program(name), args...)
	c.Dir, c.SysProcAttr = s.dir, s.as
	return c
}

// run waits for a command to end.
func (s *server) run(name string, args ...string) {
	s.t.Helper()
	if out, err := s.command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start starts a server that ends with the test, and returns a handle once it
// answers.
func (s *server) start(driver, dsn, name string, args ...string) *sql.DB {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	c := s.command(name, args...)
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		db.Close()
		_ = c.Process.Signal(syscall.SIGQUIT) // of PostgreSQL its children end, too
		if name == "mariadbd" {
			_ = c.Process.Kill()
		}
		_ = c.Wait()
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err = db.PingContext(s.t.Context()); err == nil {
			return db
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(log.Name())
			s.t.Fatalf("%s does not answer: %v\n%s", name, err, said)
		}
	}
}

// TestPostgreSQLServer asks a primary that loses saves in a power failure, and
// its standby, before and after that takes over.
func TestPostgreSQLServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.run("initdb", "-D", "data1", "-U", "authn", "--auth=trust", "--no-sync")
	start := func(data, fsync string) *sql.DB {
		return s.start("pgx", "host="+s.dir+" port="+data[len(data)-1:]+" user=authn dbname=postgres", "postgres",
			"-D", data, "-p", data[len(data)-1:], "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync="+fsync)
	}
	cfg := sqlstore.Config{Dialect: sqlstore.PostgreSQL}
	primary := start("data1", "off")
	if err := sqlstore.Migrate(t.Context(), primary, cfg); err != nil {
		t.Fatal(err)
	}
	refused(t, primary, cfg, sqlstore.ErrVolatile, "fsync is")

	s.run("pg_basebackup", "-h", s.dir, "-p", "1", "-U", "authn", "-D", "data2", "-R", "-c", "fast", "--no-sync")
	standby := start("data2", "on")
	refused(t, standby, cfg, sqlstore.ErrReadOnly, "transaction_read_only is")
	run(t, standby, "SELECT pg_promote()")
	newStore(t, standby, cfg)
}

// TestMariaDBServer changes the settings of a server that no other test uses.
func TestMariaDBServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	args := []string{"--no-defaults", "--datadir=" + s.dir + "/data", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"}
	s.run("mariadb-install-db", append(args, "--auth-root-authentication-method=normal", "--skip-test-db")...)
	db := s.start("mysql", "root@unix("+s.dir+"/s)/mysql", "mariadbd",
		append(args, "--socket="+s.dir+"/s", "--pid-file="+s.dir+"/pid", "--skip-networking", "--log-bin="+s.dir+"/log", "--sync-binlog=1")...)
	cfg := sqlstore.Config{Dialect: sqlstore.MySQL}
	if err := sqlstore.Migrate(t.Context(), db, cfg); err != nil {
		t.Fatal(err)
	}
	newStore(t, db, cfg)
	for _, c := range []struct {
		name, bad, good string
		want            error
	}{
		{"read_only", "1", "0", sqlstore.ErrReadOnly}, // although root may write
		{"innodb_flush_log_at_trx_commit", "0", "1", sqlstore.ErrVolatile},
		{"innodb_flush_log_at_trx_commit", "2", "3", sqlstore.ErrVolatile},
		{"sync_binlog", "0", "1", sqlstore.ErrVolatile},
		{"sync_binlog", "1000", "1", sqlstore.ErrVolatile},
	} {
		run(t, db, "SET GLOBAL "+c.name+" = "+c.bad)
		refused(t, db, cfg, c.want, c.name+" is")
		run(t, db, "SET GLOBAL "+c.name+" = "+c.good)
		newStore(t, db, cfg)
	}
	if _, err := sqlstore.New(t.Context(), db, sqlstore.Config{Dialect: sqlstore.MySQL, Prefix: "none_"}); !errors.Is(err, sqlstore.ErrNotMigrated) {
		t.Error(err)
	}
}
