package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed mutants.txt
var text string

// mutant is one seeded bug: in file, replace each old by its new.
type mutant struct {
	name, file string
	by         killer // the zero one if none is noted
	edits      []edit
}

type edit struct{ old, new string }

// killer is a test that detects a bug: the first thing to try, and what a reader
// wants to know.
type killer struct {
	pkg, test string
	long      bool // not with -short
}

// String is TestX for a test of the root package and nodes/clusters.TestX for one of
// another; a test that speaks at its full length only has " long" behind it.
func (k killer) String() string {
	text := k.test
	if where := strings.Trim(k.pkg, "./"); where != "" {
		text = where + "." + text
	}
	if k.long {
		text += " long"
	}
	return text
}

func parseKiller(text string) (k killer) {
	text, k.long = strings.CutSuffix(text, " long")
	where, test, ok := strings.Cut(text, ".")
	if !ok {
		where, test = "", text
	}
	if test != "" {
		k.pkg, k.test = "./"+cmp.Or(where, "."), test
	}
	return k
}

// parse reads blocks of
//
//	### name | file | killer
//	-old line
//	+new line
//
// in which a run of - lines and + lines is one replacement; an empty line ends it.
func parse(text string) ([]mutant, error) {
	var ms []mutant
	for _, block := range strings.Split(text, "\n### ")[1:] {
		head, body, ok := strings.Cut(block, "\n")
		fields := strings.Split(head, " | ")
		if !ok || len(fields) < 2 || len(fields) > 3 {
			return nil, fmt.Errorf("bad block %q", head)
		}
		m := mutant{name: fields[0], file: fields[1]}
		if len(fields) == 3 {
			m.by = parseKiller(fields[2])
		}
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
		if len(m.edits) == 0 {
			return nil, fmt.Errorf("bad block %q", head)
		}
		if slices.ContainsFunc(ms, func(o mutant) bool { return o.name == m.name }) {
			return nil, fmt.Errorf("two mutants are named %q", m.name)
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// heading is the first line of the mutant's block.
func (m mutant) heading() string {
	text := "### " + m.name + " | " + m.file
	if m.by.test != "" {
		text += " | " + m.by.String()
	}
	return text + "\n"
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

func (m mutant) pkg() string { return "./" + filepath.ToSlash(filepath.Dir(m.file)) }

// tested are the packages whose tests may speak for the mutant: its own, for one of
// the root those of internal/proof and two that sign in by passkeys too, and for a store
// on a cluster those that run one.
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
	return append(pkgs, "./webauthnfactor", "./httphost")
}

// proofs are the packages of internal/proof with tests. Those that kill the most
// for the least time come first: each costs a build.
var proofs = []string{"scenarios", "service", "sim", "contest", "secrets", "model", "pages"}
