package pages

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var literalKey = regexp.MustCompile(`(Secret|[kK]ey): *\[\]byte\("`)

// Examples are copied: none has a key that could be copied with it.
func TestPagesKeys(t *testing.T) {
	n := 0
	for _, dir := range []string{"examples", "docs"} {
		visitFiles(t, dir, func(path string) {
			if ext := filepath.Ext(path); ext != ".go" && ext != ".md" {
				return
			}
			n++
			for line := range strings.Lines(read(t, path)) {
				if literalKey.MatchString(line) {
					t.Errorf("%s: make the key with crypto/rand, or read it: %s", path, strings.TrimSpace(line))
				}
			}
		}, func(string) bool { return true })
	}
	if n < 50 {
		t.Errorf("only %d files were looked at", n)
	}
}
