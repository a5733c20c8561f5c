// Command mutants breaks the library on purpose, one seeded bug at a time, and
// sees whether a test speaks:
//
//	go run ./internal/mutants [-only TEXT] [-j 2] [-v]
//	go run ./internal/mutants -check [-move] [-build] [-only TEXT]
//
// Each bug of mutants.txt is laid over the sources by go test -overlay; nothing
// on disk is touched. It prints "N killed, M survived" and fails unless every
// bug is killed. A bug whose text no longer occurs exactly once is stale, and
// one that does not build proves nothing: both fail the run too.
//
// With -check no test runs: it says in a second which bugs are stale, and in
// which file their text occurs now; with -move it follows it there, and with
// -build it builds each bug as well.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed mutants.txt
var text string

// mutant is one seeded bug: in file, replace each old by its new.
type mutant struct {
	name, file string
	edits      []edit
}

type edit struct{ old, new string }

// parse reads blocks of
//
//	### name | file
//	-old line
//	+new line
//
// in which a run of - lines and + lines is one replacement; an empty line ends it.
func parse(text string) ([]mutant, error) {
	var ms []mutant
	for _, block := range strings.Split(text, "\n### ")[1:] {
		head, body, ok := strings.Cut(block, "\n")
		name, file, ok2 := strings.Cut(head, " | ")
		m := mutant{name: name, file: file}
		var e edit
		for line := range strings.Lines(body + "\n\n") {
			switch {
			case strings.HasPrefix(line, "-"):
				e.old += line[1:]
			case strings.HasPrefix(line, "+"):
				e.new += line[1:]
			case e.old != "":
				e.old, e.new = strings.TrimSuffix(e.old, "\n"), strings.TrimSuffix(e.new, "\n")
				m.edits, e = append(m.edits, e), edit{}
			}
		}
		if !ok || !ok2 || len(m.edits) == 0 {
			return nil, fmt.Errorf("bad block %q", head)
		}
		if slices.ContainsFunc(ms, func(o mutant) bool { return o.name == name }) {
			return nil, fmt.Errorf("two mutants are named %q", name)
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// seed returns the source with the bug in it.
func (m mutant) seed(src []byte) ([]byte, error) {
	for _, e := range m.edits {
		if n := bytes.Count(src, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("stale: its text occurs %d times", n)
		}
		src = bytes.Replace(src, []byte(e.old), []byte(e.new), 1)
	}
	return src, nil
}

// apply writes the mutated file and the overlay that puts it in place.
func (m mutant) apply(tmp string) (overlay string, err error) {
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if src, err = m.seed(src); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(tmp, "")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, filepath.Base(m.file))
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{path: file}})
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, errors.Join(err, os.WriteFile(file, src, 0o600), os.WriteFile(overlay, list, 0o600))
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// rounds are how the tests of a package are run: the quick ones, which most bugs do not
// survive, then all in short, and then all but one that runs commands on the sources as
// they are, without the bug.
var rounds = [...]round{
	{short: true, skip: []string{"TestExplore", "TestExploreClaims", "TestExploreRecovery", "TestModel", "TestPagesCommands", "TestRecordTampered"}},
	{short: true},
	{skip: []string{"TestPagesCommands"}},
}

type round struct {
	short bool
	skip  []string
}

// times are how long each round takes.
type times [len(rounds)]time.Duration

// battery is the tests of packages, built with an overlay.
type battery struct {
	dir, overlay string
	built        map[string]string   // the test binaries, by package
	skip         map[string][]string // tests that say nothing in this build, by package
	usual        map[string]times
}

// run runs the tests of packages, round by round, with the bug of that number if the
// build holds many; an error says that one of them spoke.
func (b *battery) run(pkgs []string, bug string) (by string, err error) {
	for i, r := range rounds {
		for _, pkg := range pkgs {
			bin, err := b.build(pkg)
			if err != nil {
				return "", err
			}
			names, _, err := runTests(pkg, bin, r.args(b.skip[pkg], true), bug, b.usual[pkg][i])
			if err != nil {
				if where := strings.Trim(pkg, "./"); where != "" {
					return where + "." + names[0], err
				}
				return names[0], err
			}
		}
	}
	return "", nil
}

func (r round) args(skip []string, failfast bool) []string {
	args := []string{fmt.Sprint("-test.short=", r.short), fmt.Sprint("-test.failfast=", failfast)}
	if skip = slices.Concat(r.skip, skip); len(skip) > 0 {
		args = append(args, "-test.skip=^("+strings.Join(skip, "|")+")$")
	}
	return args
}

// build builds the tests of a package, once.
func (b *battery) build(pkg string) (bin string, err error) {
	if bin, ok := b.built[pkg]; ok {
		return bin, nil
	}
	dir, err := os.MkdirTemp(b.dir, "tests")
	if err != nil {
		return "", err
	}
	bin = filepath.Join(dir, "tests")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s", "-overlay="+b.overlay, "-o="+bin, pkg)
	cmd.Env = append(os.Environ(), "GOGC=off") // a third faster
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %w\n%s", errBuild, err, out)
	}
	b.built[pkg] = bin
	return bin, nil
}

// runTests runs the tests of one package; an error says that some of them, by names,
// spoke. A run that takes far longer than it usually does hangs, and has spoken too.
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
		return []string{"the time limit"}, took, err
	}
	for _, f := range failed.FindAllSubmatch(out, -1) {
		names = append(names, string(f[1]))
	}
	if names == nil {
		return []string{"a panic"}, took, fmt.Errorf("%w\n%s", err, out)
	}
	return names, took, err
}

var errBuild = errors.New("does not build")

func main() {
	only := flag.String("only", "", "only mutants whose name or file contains `text`, or one of several with | between")
	jobs := flag.Int("j", 2, "how many at a time")
	verbose := flag.Bool("v", false, "say which test killed each")
	look := flag.Bool("check", false, "only say which mutants are stale, and where their text is now")
	build := flag.Bool("build", false, "with -check: build each as well")
	move := flag.Bool("move", false, "with -check: name the file in which the text of each is now")
	flag.Parse()
	ms, err := seeded(*only)
	if err == nil && *look && *move {
		err = follow(ms)
	}
	switch {
	case err != nil:
	case *look:
		err = check(ms, *jobs, *build)
	default:
		err = run(ms, *jobs, *verbose)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// seeded returns the mutants whose name or file contains only, or one of its texts
// with | between.
func seeded(only string) ([]mutant, error) {
	ms, err := parse("\n" + text)
	texts := strings.Split(only, "|")
	return slices.DeleteFunc(ms, func(m mutant) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(m.name+" "+m.file, text) })
	}), err
}

func run(ms []mutant, jobs int, verbose bool) error {
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	overlay, in, err := together(ms, tmp)
	if err != nil {
		return err
	}
	all := &battery{dir: tmp, overlay: overlay, built: map[string]string{}, skip: map[string][]string{}, usual: map[string]times{}}
	if err := all.baseline(ms, jobs); err != nil {
		return err
	}
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		places = make(chan struct{}, jobs)
		killed int
		lived  []string
	)
	for i, m := range ms {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			by, fault := "", "SURVIVED"
			if in[i] {
				by, fault = verdict(all.run(m.tested(), fmt.Sprint(i)))
			}
			if fault != "" {
				by, fault = m.alone(tmp, all.usual)
				by += ", alone"
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case fault != "":
				lived = append(lived, m.name)
				fmt.Printf("%3d/%d %-44s %s\n", i+1, len(ms), m.name, fault)
			default:
				killed++
				if verbose {
					fmt.Printf("%3d/%d %-44s killed by %s\n", i+1, len(ms), m.name, by)
				}
			}
			if done := killed + len(lived); done%25 == 0 && !verbose {
				fmt.Printf("%3d/%d tried\n", done, len(ms))
			}
		})
	}
	wg.Wait()
	fmt.Printf("%d killed, %d survived\n", killed, len(lived))
	if len(lived) > 0 {
		return fmt.Errorf("no test speaks for %s", strings.Join(lived, ", "))
	}
	return nil
}

// alone says which test kills the mutant in a build of its own, or what is wrong
// with it.
func (m mutant) alone(tmp string, usual map[string]times) (by, fault string) {
	overlay, err := m.apply(tmp)
	if err != nil {
		return "", err.Error()
	}
	dir := filepath.Dir(overlay)
	defer os.RemoveAll(dir) // many test binaries, of some megabytes each
	b := &battery{dir: dir, overlay: overlay, built: map[string]string{}, usual: usual}
	return verdict(b.run(m.tested(), ""))
}

// verdict is what a run of the tests says of the bug in it.
func verdict(by string, err error) (_, fault string) {
	switch {
	case errors.Is(err, errBuild):
		return "", err.Error()
	case err == nil:
		return "", "SURVIVED"
	}
	return by, ""
}

func (m mutant) pkg() string { return "./" + filepath.ToSlash(filepath.Dir(m.file)) }

// tested are the packages whose tests may speak for the mutant: its own, for one of
// the root those of internal/proof too, and for a store on a cluster those that run one.
func (m mutant) tested() []string {
	pkgs := []string{m.pkg()}
	switch m.pkg() {
	case "./.":
	case "./etcdstore", "./natsstore":
		return append(pkgs, "./nodes/clusters")
	default:
		return pkgs
	}
	for _, name := range proofs {
		pkgs = append(pkgs, "./internal/proof/"+name)
	}
	return pkgs
}

// proofs are the packages of internal/proof with tests. Those that kill the most
// for the least time come first: each costs a build.
var proofs = []string{"scenarios", "service", "sim", "contest", "secrets", "model", "pages"}

// baseline makes sure that the tests are green without a bug, and learns how long they
// take. A test that is green in an ordinary build and red in this one, as one that
// counts allocations may be, says nothing here and is skipped.
func (b *battery) baseline(ms []mutant, jobs int) error {
	files, err := filepath.Glob("internal/proof/*/*_test.go")
	if err != nil {
		return err
	}
	for _, f := range files {
		if name := filepath.Base(filepath.Dir(f)); !slices.Contains(proofs, name) {
			return fmt.Errorf("proofs lacks %s", name)
		}
	}
	for _, m := range ms {
		for _, pkg := range m.tested() {
			if _, err := b.build(pkg); err != nil {
				return err
			}
		}
	}
	var (
		plain  = &battery{dir: b.dir, built: map[string]string{}}
		mu     sync.Mutex // guards plain, and what b learns
		wg     sync.WaitGroup
		places = make(chan struct{}, jobs)
		errs   error
	)
	for _, pkg := range slices.Sorted(maps.Keys(b.built)) {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			usual, skip, err := b.measure(pkg, func(r round, names []string) error {
				mu.Lock()
				defer mu.Unlock()
				return plain.green(pkg, r, names)
			})
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
			b.usual[pkg], b.skip[pkg] = usual, skip
			fmt.Printf("%s without a bug: %s\n", pkg, usual[len(usual)-1].Round(time.Millisecond))
		})
	}
	wg.Wait()
	return errs
}

// measure runs the tests of a package without a bug. Those that are red have to be
// green in an ordinary build.
func (b *battery) measure(pkg string, green func(r round, names []string) error) (usual times, skip []string, err error) {
	for i, r := range rounds {
		names, took, err := runTests(pkg, b.built[pkg], r.args(skip, false), "", 0)
		usual[i] = took
		if err != nil && strings.Contains(names[0], " ") {
			return usual, skip, fmt.Errorf("the tests of %s without a bug: %s: %w", pkg, names[0], err)
		}
		if err != nil {
			if err := green(r, names); err != nil {
				return usual, skip, err
			}
			skip = append(skip, names...)
		}
	}
	return usual, skip, nil
}

// green says whether the tests of those names pass in a build without an overlay.
func (b *battery) green(pkg string, r round, names []string) error {
	bin, err := b.build(pkg)
	if err != nil {
		return err
	}
	args := append(r.args(nil, false), "-test.run=^("+strings.Join(names, "|")+")$")
	if by, _, err := runTests(pkg, bin, args, "", 0); err != nil {
		return fmt.Errorf("the tests of %s are not green without a bug: %s: %w", pkg, by, err)
	}
	return nil
}
