// Package golden compares the output of a test with a recorded file. The test
// flag -update writes the file: read the difference before you commit it.
package golden

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the recorded files")

// Updating reports whether the flag -update is set.
func Updating() bool { return *update }

// Same fails the test unless the file has this text. With -update it writes the
// file.
func Same(t testing.TB, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || text != string(want) {
		t.Errorf("%s differs (%v): go run ./internal/regen, and read the difference\n%s", path, err, text)
	}
}

// Read returns the text of a file.
func Read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
