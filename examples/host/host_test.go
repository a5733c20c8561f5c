package host_test

import (
	"context"
	"strings"
	"testing"

	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/examples/places"
)

// A name that is wrong is answered with what is expected, and never with a
// password that may be in it.
func TestWrongName(t *testing.T) {
	for name, want := range map[string]string{
		"":                                   "none of memory, sqlite:FILE, postgres://…, mysql://… and redis://…",
		"demo.db":                            "sqlite:FILE",
		"tape:1":                             `"tape" is none of memory`,
		"sqlite:":                            "a file name is expected",
		"sqlite:a.db?mode=ro":                "without ? and #",
		"sqlite:/no/such/folder/a.db":        "open",
		"postgres:demo":                      "want postgres://USER:PASSWORD@HOST:PORT/DATABASE",
		"postgres://u:hidden@h:port/db":      "want postgres://",
		"mysql:demo":                         "want mysql://USER:PASSWORD@HOST:PORT/DATABASE",
		"mysql://u:hidden@%zz/db":            "want mysql://",
		"redis://u:hidden@127.0.0.1:1/x/y/z": "want redis://",
		"postgres://u:hidden@127.0.0.1:1/db": "connect",
		"mysql://u:hidden@127.0.0.1:1/db":    "connect",
		"redis://u:hidden@127.0.0.1:1/0":     "connect",
	} {
		st, err := host.Open(t.Context(), name)
		if err == nil {
			st.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, want something with %q", name, err, want)
		}
	}
}

// What a person is shown is where the store is, without its password.
func TestName(t *testing.T) {
	st, err := host.Open(context.Background(), places.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if !strings.HasPrefix(st.Name, "kept in sqlite:") {
		t.Errorf("shown as %q", st.Name)
	}
	dsn := places.PostgreSQL(t)
	with := strings.Replace(dsn, "postgres@", "postgres:hidden@", 1)
	if with == dsn {
		t.Skip("the test's own PostgreSQL has a password")
	}
	if st, err = host.Open(t.Context(), with); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if !strings.HasPrefix(st.Name, "kept in postgres://") || strings.Contains(st.Name, "hidden") {
		t.Errorf("shown as %q", st.Name)
	}
}
