package authn_test

import (
	"os"
	"strings"
	"testing"
)

// The program in the README is the one that the tests run.
func TestReadmeProgram(t *testing.T) {
	readme, source := read(t, "README.md"), read(t, "example_test.go")
	_, program, _ := strings.Cut(source, "\n)\n\n")
	_, shown, _ := strings.Cut(readme, "<!-- program -->\n```go\n")
	shown, _, _ = strings.Cut(shown, "```\n<!-- /program -->")
	if shown != program {
		t.Error("the program of README.md is not that of example_test.go")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
