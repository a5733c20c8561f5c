package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// round is one way to run the tests of a package.
type round struct {
	long bool
	only []string // tests; all if it is empty
	skip []string
}

// rounds are what a bug goes through that its noted test does not detect: the quick
// tests, which most bugs do not survive, then all in short, and then all but one that
// runs commands on the sources as they are, without the bug.
var rounds = [...]round{
	{skip: []string{"TestExplore", "TestExploreClaims", "TestExploreRecovery", "TestModel", "TestPagesCommands", "TestRecordTampered"}},
	{},
	{long: true, skip: []string{"TestPagesCommands"}},
}

func (r round) args(skip []string, failfast bool) []string {
	args := []string{fmt.Sprint("-test.short=", !r.long), fmt.Sprint("-test.failfast=", failfast)}
	if len(r.only) > 0 {
		args = append(args, "-test.run="+names(r.only))
	}
	if skip = slices.Concat(r.skip, skip); len(skip) > 0 {
		args = append(args, "-test.skip="+names(skip))
	}
	return args
}

func names(tests []string) string { return "^(" + strings.Join(tests, "|") + ")$" }

// battery is the tests of packages, built with an overlay.
type battery struct {
	dir, overlay string
	healthy      *healthy // how the tests do without a bug

	built once[string] // the test binaries, by package
}

// run looks for a test that detects the bug of that number, if the build holds many: the
// noted one first, and then all of the mutant's packages, round by round. The error says
// that the killer spoke.
func (b *battery) run(m mutant, bug string) (killer, error) {
	if m.by.test != "" {
		usual, err := b.healthy.noted(m.by)
		if err != nil {
			return killer{}, err
		}
		if k, err := b.try(m.by.pkg, round{long: m.by.long, only: []string{m.by.test}}, bug, usual); err != nil {
			return k, err
		}
	}
	for i, r := range rounds {
		for _, pkg := range m.tested() {
			usual, err := b.healthy.round(pkg, i)
			if err != nil {
				return killer{}, err
			}
			if k, err := b.try(pkg, r, bug, usual); err != nil {
				return k, err
			}
		}
	}
	return killer{}, nil
}

// try runs tests of one package with the bug.
func (b *battery) try(pkg string, r round, bug string, usual usual) (killer, error) {
	bin, err := b.build(pkg)
	if err != nil {
		return killer{}, err
	}
	names, _, err := runTests(pkg, bin, r.args(usual.red, true), bug, usual.took)
	if err != nil {
		return killer{pkg, names[0], r.long}, err
	}
	return killer{}, nil
}

// build builds the tests of a package, once.
func (b *battery) build(pkg string) (bin string, err error) {
	return b.built.do(pkg, func() (string, error) { return b.compile(pkg) })
}

// once does what has a name at most once, also for callers at the same time. The zero
// value has done nothing.
type once[T any] struct {
	mu   sync.Mutex
	done map[string]func() (T, error)
}

func (o *once[T]) do(name string, f func() (T, error)) (T, error) {
	o.mu.Lock()
	if o.done == nil {
		o.done = map[string]func() (T, error){}
	}
	if o.done[name] == nil {
		o.done[name] = sync.OnceValues(f)
	}
	do := o.done[name]
	o.mu.Unlock()
	return do()
}

func (b *battery) compile(pkg string) (bin string, err error) {
	dir, err := os.MkdirTemp(b.dir, "tests")
	if err != nil {
		return "", err
	}
	bin = filepath.Join(dir, "tests")
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s", "-o=" + bin}
	if b.overlay != "" {
		args = append(args, "-overlay="+b.overlay)
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "GOGC=off") // a third faster
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %w\n%s", errBuild, err, out)
	}
	return bin, nil
}

var (
	errBuild = errors.New("does not build")
	errSick  = errors.New("the tests are not green without a bug")
)

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// A run that takes far longer than it usually does hangs; one that panics may name no test.
const (
	hangs  = "the time limit"
	panics = "a panic"
)

// runTests runs tests of one package; an error says that some of them, by names, spoke.
func runTests(pkg, bin string, args []string, bug string, usual time.Duration) (names []string, took time.Duration, err error) {
	limit := 10 * time.Minute
	if usual != 0 {
		limit = 20*time.Second + 5*usual
	}
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "RAPID_NOFAILFILE=1", "RAPID_SHRINKTIME=1ms", "GOGC=400", seedEnv+"="+bug)
	cmd.WaitDelay = time.Second
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took = time.Since(start)
	if err == nil {
		return nil, took, nil
	}
	if ctx.Err() != nil {
		return []string{hangs}, took, err
	}
	for _, f := range failed.FindAllSubmatch(out, -1) {
		names = append(names, string(f[1]))
	}
	if names == nil {
		return []string{panics}, took, fmt.Errorf("%w\n%s", err, out)
	}
	return names, took, err
}
