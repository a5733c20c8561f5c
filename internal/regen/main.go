// Command regen writes every file that is made from the machine: recorded
// walks and answers, pages, drawings, pictures and mails.
//
//	go run ./internal/regen
//
// It works from any state of the tree: what is made from other made files
// comes after them, and as long as a step fails and files still change all of
// them run once more. Read what has changed before you commit it: it is the
// change, in words. A step that still fails then wants something by hand, and
// says what.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn/diagram"
)

// A step runs go with these arguments.
type step struct {
	name string
	args []string
}

// steps in their order: pages show recorded walks, so these come first. A picture of
// each view follows.
var steps = []step{
	record("walks, matrix, counts and records", ".", "TestExplore|TestMatrix|TestRecordGolden"),
	record("scenarios", "./internal/proof/scenarios", "TestScenarios"),
	record("exchanges with Okta's clients", "./okta", "TestWalk"),
	record("description for clients", "./httphost", "TestOpenAPI"),
	record("mails", "./smtpmail", "TestDefaultMails"),
	record("pages", "./internal/proof/pages", "TestDocs|TestProofPage"),
	record("a host's own machine", "./examples/hosting/gates", "TestPage"),
	record("an operator's output", "./operate", "TestGolden"),
	record("drawings", "./diagram", "TestGolden"),
	record("figures of very many accounts", "./internal/scale", "TestPage"),
}

// record runs tests that record anew what they compare with.
func record(name, pkg, tests string) step {
	return step{name, []string{"test", pkg, "-count=1", "-run", "^(" + tests + ")", "-update"}}
}

func picture(view string) step {
	return step{"picture " + view, []string{"run", "./cmd/authn-diagram", "-format", "svg", "-view", view, "-o", "docs/img/" + view + ".svg"}}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "regen:", err)
		os.Exit(1)
	}
}

// rounds are more than files that depend on each other can take.
const rounds = 4

func run() error {
	if _, err := os.Stat("go.work"); err != nil {
		return errors.New("run it where go.work is")
	}
	first, err := tree()
	if err != nil {
		return err
	}
	all := slices.Clip(steps)
	for _, v := range diagram.Views() {
		all = append(all, picture(v.Name))
	}
	before := first
	for round := 1; ; round++ {
		failed := 0
		for _, s := range all {
			if !s.run() {
				failed++
			}
		}
		now, err := tree()
		if err != nil {
			return err
		}
		same := maps.Equal(before, now)
		switch before = now; {
		case failed == 0:
			report(first, now)
			return nil
		case same || round == rounds:
			report(first, now)
			return fmt.Errorf("%d steps failed, and running them again changes nothing", failed)
		}
		fmt.Printf("%d steps failed; once more, from what is written now\n", failed)
	}
}

// run says how the step went, and shows what it printed if it failed.
func (s *step) run() (ok bool) {
	fmt.Printf("%-36s ", s.name)
	start := time.Now()
	out, err := exec.Command("go", s.args...).CombinedOutput()
	if err == nil && strings.Contains(string(out), "[no tests to run]") {
		err = errors.New("there is no such test")
	}
	took := time.Since(start).Round(time.Second / 10)
	if err == nil {
		fmt.Printf("ok     %5s\n", took)
		return true
	}
	fmt.Printf("FAILED %5s: %v\n%s\n", took, err, out)
	return false
}

// tree is the digest of every file, by path.
func tree() (map[string][32]byte, error) {
	sums := map[string][32]byte{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		sums[path] = sha256.Sum256(text)
		return err
	})
	return sums, err
}

// report lists the files that are others now.
func report(first, now map[string][32]byte) {
	all := maps.Clone(first)
	maps.Copy(all, now)
	var changed []string
	for path := range all {
		if old, ok := first[path]; !ok || old != now[path] {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	for _, path := range changed {
		fmt.Println("changed:", path)
	}
	fmt.Printf("%d files changed\n", len(changed))
}
