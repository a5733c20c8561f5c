package main

import (
	"bytes"
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
		if out, err := m.seed(files[m.file]); err != nil {
			faults[i] = err.Error()
			if at := m.elsewhere(files); at != nil {
				faults[i] += "; it applies to " + strings.Join(at, ", ") + " (-check -move)"
			}
		} else if bytes.Equal(out, files[m.file]) {
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

// elsewhere lists the other files that the mutant would apply to.
func (m mutant) elsewhere(files map[string][]byte) (at []string) {
	for f, src := range files {
		if _, err := m.seed(src); err == nil && f != m.file {
			at = append(at, f)
		}
	}
	slices.Sort(at)
	return at
}

const list = "internal/mutants/mutants.txt"

// follow rewrites the headings of the mutants whose text is in one other file
// now, and leaves in ms what is as it should be.
func follow(ms []mutant) error {
	files, err := sources()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	for i := range ms {
		m := &ms[i]
		if _, err := m.seed(files[m.file]); err == nil {
			continue
		}
		if at := m.elsewhere(files); len(at) == 1 {
			fmt.Printf("%s: from %s to %s\n", m.name, m.file, at[0])
			was := m.heading()
			m.file = at[0]
			text = bytes.Replace(text, []byte(was), []byte(m.heading()), 1)
		}
	}
	return os.WriteFile(list, text, 0o644)
}

// note writes with each mutant which test has detected it.
func note(ms []mutant, by []killer) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	for i, m := range ms {
		if k := by[i]; k.test != "" && k.test != hangs && k.test != panics {
			was := m.heading()
			m.by = k
			text = bytes.Replace(text, []byte(was), []byte(m.heading()), 1)
		}
	}
	return os.WriteFile(list, text, 0o644)
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
				if out, err = exec.Command("go", "build", "-o="+os.DevNull, "-overlay="+overlay, m.pkg()).CombinedOutput(); err != nil {
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
