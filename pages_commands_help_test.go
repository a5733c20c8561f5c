package authn_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// What pages_commands_test.go shares with internal/proof/pages, until it is there.

// pages are all that somebody reads on the way to a first sign-in.
func pages(t *testing.T) map[string]string {
	t.Helper()
	var names []string
	for _, dir := range []string{"docs", "docs/internals"} {
		found, err := filepath.Glob(dir + "/*.md")
		if err != nil || len(found) < 4 {
			t.Fatal(dir, found, err)
		}
		names = append(names, found...)
	}
	all := map[string]string{}
	for _, name := range append(names, "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md") {
		all[name] = read(t, name)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is what stands between fences on a page.
type block struct{ page, from, language, text string }

var fences = regexp.MustCompile("(?m)(?:^<!-- from (\\S+) -->\n)?^```(\\w*)\n((?:[^`]|`[^`]|``[^`])*?)^```\n")

func blocks(t *testing.T, languages ...string) (list []block) {
	t.Helper()
	for page, text := range pages(t) {
		found := fences.FindAllStringSubmatch(text, -1)
		if n := strings.Count(text, "\n```"); n != 2*len(found) {
			t.Errorf("%s: %d fences, %d blocks", page, n, len(found))
		}
		for _, m := range found {
			for _, l := range languages {
				if m[2] == l {
					list = append(list, block{page, m[1], m[2], m[3]})
				}
			}
		}
	}
	return list
}

const program = "example_test.go"

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
