package pages

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/proof/contest"
	"github.com/authnfsm/authn/internal/proof/sim"
)

// TestProofPage checks docs/internals/proof.md: its figures are computed here, each
// test that it names exists, and it has each invariant that a test names.
func TestProofPage(t *testing.T) {
	page := read(t, "docs/internals/proof.md")
	head, rest, ok1 := strings.Cut(page, "<!-- figures -->\n")
	_, tail, ok2 := strings.Cut(rest, "<!-- /figures -->")
	if !ok1 || !ok2 {
		t.Fatal("docs/internals/proof.md has no place for the figures")
	}
	sameFile(t, "docs/internals/proof.md", head+"<!-- figures -->\n"+figures(t)+"<!-- /figures -->"+tail)

	tests, named := testFunctions(t)
	for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*`).FindAllString(page, -1) {
		if !slices.Contains(tests, name) {
			t.Errorf("docs/internals/proof.md names %s, which does not exist", name)
		}
	}
	for _, name := range named {
		if !strings.Contains(page, name) && !(name[0] == 'T' && name >= "T1" && name <= "T7") {
			t.Errorf("a test names the invariant %s, which is not in docs/internals/proof.md", name)
		}
	}
	if len(tests) < 100 || len(named) < 40 {
		t.Errorf("found only %d tests and %d invariants: does the search cover the right files?", len(tests), len(named))
	}
}

// testFunctions returns the tests and fuzz targets of all modules, and the
// invariants that their comments name.
func testFunctions(t *testing.T) (tests, invariants []string) {
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	comment := regexp.MustCompile(`(?m)^\s*// .*$`)
	invariant := regexp.MustCompile(`\b[SBPKEHTLARFGC][0-9]{1,2}\b`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "internal/proof/model/") {
			return nil
		}
		src, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(src, -1) {
			tests = append(tests, string(m[1]))
		}
		for _, c := range comment.FindAllString(string(src), -1) {
			invariants = append(invariants, invariant.FindAllString(c, -1)...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(invariants)
	return tests, slices.Compact(invariants)
}

func figures(t *testing.T) string {
	var b strings.Builder
	rules, explored, _ := strings.Cut(read(t, "testdata/explored.txt"), " rules\n")
	fmt.Fprintf(&b, "\nExplored exhaustively, with each step checked against %s rules:\n\n| policy | accounts | steps | rows and refusals |\n|---|---:|---:|---:|\n", rules)
	for line := range strings.Lines(explored) {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(strings.Fields(line), " | "))
	}
	stories, err := filepath.Glob("internal/proof/scenarios/testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "\n* %d schedules of %d interleaving tests with two or three clients\n", contest.Schedules, contest.Contests)
	fmt.Fprintf(&b, "* %d seeds of the simulation in a normal run; the flag `-seeds` adds random seeds\n", sim.Seeds)
	fmt.Fprintf(&b, "* %d scenarios\n", len(stories))
	fmt.Fprintf(&b, "* %d mutants\n\n", strings.Count("\n"+read(t, "internal/mutants/mutants.txt"), "\n### "))
	return b.String()
}
