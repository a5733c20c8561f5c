package pages

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/golden"
)

// pages returns the text of every page, by file name.
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
	return golden.Read(t, path)
}

// block is a fenced block on a page.
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

// Every block on a page has a language that a test checks.
func TestPagesBlocks(t *testing.T) {
	if n, known := len(blocks(t, "go", "sh", "mermaid", "text", "http", "")), len(blocks(t, "go", "sh", "mermaid", "text")); n != known {
		t.Errorf("%d of %d blocks have no known language", n-known, n)
	}
}

// Code on a page is compiled and run: each of its declarations is in the file that
// the page names, which is a test or has a test in its directory.
func TestPagesCode(t *testing.T) {
	all := blocks(t, "go")
	if len(all) < 10 {
		t.Fatalf("only %d blocks", len(all))
	}
	for _, b := range all {
		if b.from == "" {
			t.Errorf("%s: no file is named for\n%s", b.page, b.text)
			continue
		}
		tests, _ := filepath.Glob(filepath.Join(filepath.Dir(b.from), "*_test.go"))
		if len(tests) == 0 {
			t.Errorf("%s: there is no test for %s", b.page, b.from)
		}
		source := flat(read(t, b.from))
		if b.from == program {
			source = flat(wholeProgram(t))
		}
		for _, part := range strings.Split(b.text, "\n}\n\n") {
			if !strings.Contains(source, flat(part)) {
				t.Errorf("%s: this is not in %s:\n%s", b.page, b.from, part)
			}
		}
	}
}

// The hosting page has the complete files of its host, so that a reader can copy
// it.
func TestPagesWholeFiles(t *testing.T) {
	parts := map[string]string{}
	for _, b := range blocks(t, "go") {
		parts[b.from] += b.text
	}
	for _, name := range []string{"../login/main.go", "main.go", "people/people.go", "client/client.go", "production/main.go", "production/users.go", "production/ports.go"} {
		name = path.Join("examples/hosting", name)
		_, file, _ := strings.Cut("\n"+read(t, name), "\npackage ")
		if got := parts[name]; got != "package "+file {
			t.Errorf("docs/hosting.md does not have all of %s", name)
		}
	}
}

// program is the file that the README shows as a program.
const program = "example_test.go"

func wholeProgram(t *testing.T) string {
	s := strings.NewReplacer("package authn_test", "package main", "func Example()", "func main()").Replace(read(t, program))
	return s
}

// flat removes the indentation, which differs inside a function.
func flat(code string) string {
	lines := strings.Split(strings.TrimRight(code, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, "\n")
}

var links = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// A link leads to an existing file.
func TestPagesLinks(t *testing.T) {
	n := 0
	for page, text := range pages(t) {
		for _, m := range links.FindAllStringSubmatch(text, -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || to == "" {
				continue
			}
			n++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d links were checked", n)
	}
	readme := read(t, "README.md")
	for page := range pages(t) {
		if !strings.Contains(readme, "]("+page+")") && page != "README.md" {
			t.Errorf("README.md does not lead to %s", page)
		}
	}
}
