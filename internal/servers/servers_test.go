package servers

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// told is a test that notes what it is told.
type told struct {
	testing.TB
	said string
}

type over struct{}

func (t *told) Helper()                  {}
func (t *told) Logf(f string, a ...any)  { t.said += "log " + fmt.Sprintf(f, a...) }
func (t *told) Skipf(f string, a ...any) { t.said += "skip " + fmt.Sprintf(f, a...); panic(over{}) }
func (t *told) Fatalf(f string, a ...any) {
	t.said += "fail " + fmt.Sprintf(f, a...)
	panic(over{})
}

// named returns the address, and what the test was told.
func named() (address, said string) {
	t := new(told)
	defer func() {
		if r := recover(); r != nil && r != any(over{}) {
			panic(r)
		}
		said = t.said
	}()
	return Named(t, Redis), ""
}

// A server is used only if it is named, whatever listens where servers usually
// do; a skip says how to name one.
func TestNamed(t *testing.T) {
	for _, c := range []struct{ address, required, want, says string }{
		{"", "", "", "skip no server for tests: set AUTHN_TEST_REDIS to"},
		{"", "required", "", "fail no server for tests: set AUTHN_TEST_REDIS to"},
		{"redis://a:hidden@h:1/2?password=hidden", "", "redis://a:hidden@h:1/2?password=hidden", "log AUTHN_TEST_REDIS: using h:1/2"},
		{"redis://h:1", "required", "redis://h:1", "log AUTHN_TEST_REDIS: using redis://h:1"},
		{"a:hid@den@tcp(h:1)/db", "", "a:hid@den@tcp(h:1)/db", "log AUTHN_TEST_REDIS: using tcp(h:1)/db"},
	} {
		t.Setenv(Redis, c.address)
		t.Setenv(required, c.required)
		got, said := named()
		if got != c.want || !strings.HasPrefix(said, c.says) || strings.Contains(said, "hid") {
			t.Errorf("%q, %q: got %q and %q, want %q and %q", c.address, c.required, got, said, c.want, c.says)
		}
	}
}

// No test and no benchmark has the usual address of a server in it, which would
// be used although nobody named it.
func TestNobodyGuesses(t *testing.T) {
	usual := regexp.MustCompile(`(127\.0\.0\.1|localhost):(5432|3306|6379|4222)|nats\.Default` + `URL`)
	shown := []string{"redisstore/example_test.go"} // is compiled, and not run
	files := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		files++
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel("../..", path)
		if found := usual.Find(b); found != nil && !slices.Contains(shown, filepath.ToSlash(name)) {
			t.Errorf("%s: %s", name, found)
		}
		return err
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}

// Ports differ, are free, and are none that a client may be given.
func TestPorts(t *testing.T) {
	seen := map[int]bool{}
	for _, port := range Ports(t, 50) {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if seen[port] || port >= 32768 || port < 1024 {
			t.Error(port, "comes twice, or is one of a client")
		}
		seen[port] = true
	}
}
