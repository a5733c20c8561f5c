// Command mutants breaks the library on purpose, one seeded bug at a time, and
// sees whether a test speaks:
//
//	go run ./internal/mutants [-only TEXT] [-j 2] [-v] [-note]
//	go run ./internal/mutants -check [-move] [-build] [-only TEXT]
//
// Each bug of mutants.txt is laid over the sources by go test -overlay; no source on
// disk is touched. The test that is noted with the bug is tried first, and the others
// only if it says nothing; -note writes down which one spoke. It prints "N killed, M
// survived" and fails unless every bug is killed. A bug whose text no longer occurs
// exactly once is stale, and one that does not build proves nothing: both fail the run
// too.
//
// With -check no test runs: it says in a second which bugs are stale, and in
// which file their text occurs now; with -move it follows it there, and with
// -build it builds each bug as well.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

func main() {
	only := flag.String("only", "", "only mutants whose name or file contains `text`, or one of several with | between")
	jobs := flag.Int("j", 2, "how many at a time")
	verbose := flag.Bool("v", false, "say which test killed each")
	write := flag.Bool("note", false, "write down which test killed each, in "+list)
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
		err = run(ms, *jobs, *verbose, *write)
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

func run(ms []mutant, jobs int, verbose, write bool) error {
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	overlay, in, err := together(ms, tmp)
	if err != nil {
		return err
	}
	h, err := newHealthy(ms, tmp, overlay)
	if err != nil {
		return err
	}
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		places = make(chan struct{}, jobs)
		by     = make([]killer, len(ms))
		killed int
		lived  []string
		sick   atomic.Pointer[error]
	)
	for i, m := range ms {
		places <- struct{}{}
		if sick.Load() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			how, fault, err := "", "SURVIVED", error(nil)
			if in[i] {
				by[i], fault, err = verdict(h.seeded.run(m, fmt.Sprint(i)))
			}
			if fault != "" && err == nil {
				how = ", alone"
				by[i], fault, err = m.alone(tmp, h)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				sick.CompareAndSwap(nil, &err)
			case fault != "":
				lived = append(lived, m.name)
				fmt.Printf("%3d/%d %-44s %s\n", i+1, len(ms), m.name, fault)
			default:
				killed++
				if verbose || m.by.test != "" && by[i] != m.by {
					fmt.Printf("%3d/%d %-44s killed by %s%s\n", i+1, len(ms), m.name, by[i], how)
				}
			}
			if done := killed + len(lived); done%25 == 0 && !verbose {
				fmt.Printf("%3d/%d tried\n", done, len(ms))
			}
		})
	}
	wg.Wait()
	if err := sick.Load(); err != nil {
		return *err
	}
	fmt.Printf("%d killed, %d survived\n", killed, len(lived))
	if write {
		err = note(ms, by)
	}
	if len(lived) > 0 {
		err = errors.Join(err, fmt.Errorf("no test speaks for %s", strings.Join(lived, ", ")))
	}
	return err
}

// alone says which test kills the mutant in a build of its own, or what is wrong
// with it.
func (m mutant) alone(tmp string, h *healthy) (by killer, fault string, err error) {
	overlay, err := m.apply(tmp)
	if err != nil {
		return by, err.Error(), nil
	}
	dir := filepath.Dir(overlay)
	defer os.RemoveAll(dir) // many test binaries, of some megabytes each
	return verdict((&battery{dir: dir, overlay: overlay, healthy: h}).run(m, ""))
}

// verdict is what a run of the tests says of the bug in it. An error ends all.
func verdict(by killer, err error) (_ killer, fault string, _ error) {
	switch {
	case errors.Is(err, errSick):
		return by, "", err
	case errors.Is(err, errBuild):
		return by, err.Error(), nil
	case err == nil:
		return by, "SURVIVED", nil
	}
	return by, "", nil
}
