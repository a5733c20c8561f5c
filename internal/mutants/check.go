package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// check says of each mutant whether it still applies, and if build is set
// whether it builds, without running a test.
func check(ms []mutant, jobs int, build bool) error {
	files, err := sources()
	if err != nil {
		return err
	}
	faults := make([]string, len(ms))
	for i, m := range ms {
		if src, ok := files[m.file]; !ok {
			faults[i] = "there is no such file" + m.elsewhere(files)
		} else if out, err := m.seed(src); err != nil {
			faults[i] = err.Error() + m.elsewhere(files)
		} else if string(out) == string(src) {
			faults[i] = "it changes nothing"
		}
	}
	if build {
		if err := buildAll(ms, faults, jobs); err != nil {
			return err
		}
	}
	var bad int
	for i, m := range ms {
		if faults[i] != "" {
			bad++
			fmt.Printf("%s | %s: %s\n", m.name, m.file, faults[i])
		}
	}
	fmt.Printf("%d apply, %d do not\n", len(ms)-bad, bad)
	if bad > 0 {
		return errors.New("mutants.txt no longer fits the sources")
	}
	return nil
}

// sources returns what every Go file of the project holds but tests, by its
// path with slashes.
func sources() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir(), filepath.Ext(name) != ".go", strings.HasSuffix(name, "_test.go"):
			return nil
		}
		src, err := os.ReadFile(path)
		files[filepath.ToSlash(path)] = src
		return err
	})
	return files, err
}

// elsewhere names the other files that the mutant would apply to.
func (m mutant) elsewhere(files map[string][]byte) string {
	var at []string
	for f, src := range files {
		if _, err := m.seed(src); err == nil && f != m.file {
			at = append(at, f)
		}
	}
	if at == nil {
		return "; it occurs nowhere else"
	}
	slices.Sort(at)
	return "; it applies to " + strings.Join(at, ", ")
}

// buildAll builds each mutant that has no fault yet.
func buildAll(ms []mutant, faults []string, jobs int) error {
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var wg sync.WaitGroup
	places := make(chan struct{}, jobs)
	for i, m := range ms {
		if faults[i] != "" {
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			overlay, err := m.apply(tmp)
			if err == nil {
				var out []byte
				if out, err = exec.Command("go", "build", "-overlay="+overlay, m.pkg()).CombinedOutput(); err != nil {
					err = fmt.Errorf("%w: %w\n%s", errBuild, err, out)
				}
			}
			if err != nil {
				faults[i] = err.Error()
			}
		})
		if (i+1)%25 == 0 {
			fmt.Printf("%3d/%d built\n", i+1, len(ms))
		}
	}
	wg.Wait()
	return nil
}
