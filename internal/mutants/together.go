package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// seedEnv names the environment variable whose number chooses the bug of a test
// binary that holds many.
const seedEnv = "AUTHN_SEEDED_BUG"

// together lays as many of the bugs over the sources as fit into one build: a
// function or a value with bugs chooses by the number in seedEnv which of them it
// has. That saves most of the time, which goes into building. It returns the bugs
// that are in, by their index in ms.
//
// A bug fits if it changes bodies of functions, composite literals and imports only.
func together(ms []mutant, tmp string) (overlay string, in []bool, err error) {
	in = make([]bool, len(ms))
	byFile := map[string][]int{}
	for i, m := range ms {
		byFile[m.file] = append(byFile[m.file], i)
	}
	replace := map[string]string{}
	add := func(path string, src []byte) error {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		file := filepath.Join(tmp, fmt.Sprintf("together%d.go", len(replace)))
		replace[abs] = file
		return os.WriteFile(file, src, 0o600)
	}
	chooser := map[string]string{} // by directory, the file that reads the number
	for _, path := range slices.Sorted(maps.Keys(byFile)) {
		src, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			return "", nil, err
		}
		orig, err := split(src)
		if err != nil {
			return "", nil, err
		}
		alternatives := map[string][]alternative{}
		imports := map[string]bool{}
		for _, i := range byFile[path] {
			seeded, err := ms[i].seed(src)
			if err != nil {
				return "", nil, fmt.Errorf("%s: %w", ms[i].name, err)
			}
			diff, imp, ok := orig.compare(seeded)
			if !ok {
				continue
			}
			in[i] = true
			for name, text := range diff {
				alternatives[name] = append(alternatives[name], alternative{i, ms[i].name, text})
			}
			for _, p := range imp {
				imports[p] = true
			}
		}
		if len(alternatives) == 0 {
			continue
		}
		if err := add(path, orig.join(alternatives, slices.Sorted(maps.Keys(imports)))); err != nil {
			return "", nil, err
		}
		chooser[filepath.Dir(path)] = orig.pkg
	}
	for dir, pkg := range chooser {
		src := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar seededBug = os.Getenv(%q)\n", pkg, seedEnv)
		if err := add(filepath.Join(dir, "seeded_bug.go"), []byte(src)); err != nil {
			return "", nil, err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	overlay = filepath.Join(tmp, "together.json")
	return overlay, in, os.WriteFile(overlay, list, 0o600)
}

// alternative is what a function or a value is with bug number bug. If it does not
// build, the error has the bug's name instead of a file's.
type alternative struct {
	bug        int
	name, text string
}

// parts is a file, taken apart into what a bug may change.
type parts struct {
	pkg     string
	src     []byte
	imports []string
	// by name, where the parts are in src
	where map[string]part
	rest  string // all of src but the parts
}

type part struct {
	from, to int
	// kind is the type of a composite literal, "return" for a function with results
	// and "" for one without.
	kind    string
	labeled bool
}

func (p part) literal() bool { return p.kind != "" && p.kind != "return" }

// split takes src apart.
func split(src []byte) (*parts, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	at := func(p token.Pos) int { return set.Position(p).Offset }
	ps := &parts{pkg: file.Name.Name, src: src, where: map[string]part{}}
	var rest strings.Builder
	done := 0
	cut := func(name string, p part) {
		ps.where[name] = p
		rest.Write(src[done:p.from])
		fmt.Fprintf(&rest, "<%s>", name)
		done = p.to
	}
	for _, spec := range file.Imports {
		ps.imports = append(ps.imports, string(src[at(spec.Pos()):at(spec.End())]))
	}
	inits := 0
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body == nil {
				continue
			}
			name := d.Name.Name
			if name == "init" {
				inits++
				name = fmt.Sprint("init", inits)
			}
			if d.Recv != nil {
				name = string(src[at(d.Recv.Pos()):at(d.Recv.End())]) + name
			}
			p := part{from: at(d.Body.Lbrace), to: at(d.Body.Rbrace) + 1, labeled: hasLabels(d.Body)}
			if d.Type.Results != nil {
				p.kind = "return"
			}
			cut(name, p)
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				rest.Write(src[done:at(d.Pos())])
				done = at(d.End())
			}
			if d.Tok != token.VAR {
				continue
			}
			for _, s := range d.Specs {
				v := s.(*ast.ValueSpec)
				if len(v.Names) != 1 || len(v.Values) != 1 {
					continue
				}
				lit, ok := v.Values[0].(*ast.CompositeLit)
				if !ok || lit.Type == nil {
					continue
				}
				if a, ok := lit.Type.(*ast.ArrayType); ok {
					if _, ok := a.Len.(*ast.Ellipsis); ok {
						continue
					}
				}
				cut(v.Names[0].Name, part{
					from: at(lit.Pos()), to: at(lit.End()), labeled: hasLabels(lit),
					kind: string(src[at(lit.Type.Pos()):at(lit.Type.End())]),
				})
			}
		}
	}
	rest.Write(src[done:])
	ps.rest = strings.TrimSpace(rest.String())
	return ps, nil
}

func hasLabels(n ast.Node) (yes bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		_, label := n.(*ast.LabeledStmt)
		yes = yes || label
		return true
	})
	return yes
}

// compare returns the parts that differ in seeded and the imports that it has
// besides. ok is false if anything else differs, or if a part has a label, which
// may stand in a function only once.
func (ps *parts) compare(seeded []byte) (diff map[string]string, imports []string, ok bool) {
	other, err := split(seeded)
	if err != nil || squeeze(other.rest) != squeeze(ps.rest) {
		return nil, nil, false
	}
	diff = map[string]string{}
	for name, p := range ps.where {
		q := other.where[name]
		if text := seeded[q.from:q.to]; !bytes.Equal(text, ps.src[p.from:p.to]) {
			if p.labeled || q.labeled || p.kind != q.kind {
				return nil, nil, false
			}
			diff[name] = string(text)
		}
	}
	for _, spec := range other.imports {
		if !slices.Contains(ps.imports, spec) {
			imports = append(imports, spec)
		}
	}
	return diff, imports, len(diff) > 0
}

// squeeze drops blanks and line ends, which follow from what else is there.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }

// join puts the file together again, with the alternatives and imports in it.
func (ps *parts) join(alternatives map[string][]alternative, imports []string) []byte {
	type insertion struct {
		at   int
		text string
	}
	var ins []insertion
	var values strings.Builder // each in a function of its own: one that had them all would take minutes to compile
	for name, as := range alternatives {
		p := ps.where[name]
		var b strings.Builder
		b.WriteString("switch seededBug {\n")
		for _, a := range as {
			switch fmt.Fprintf(&b, "case \"%d\":\n//line %s:1\n", a.bug, a.name); {
			case p.literal():
				fmt.Fprintf(&b, "return %s_seeded%d()\n", name, a.bug)
				fmt.Fprintf(&values, "\nfunc %s_seeded%d() %s {\n//line %s:1\nreturn %s\n}\n", name, a.bug, p.kind, a.name, a.text)
			case p.kind == "return":
				fmt.Fprintf(&b, "%s\n", a.text)
			default:
				fmt.Fprintf(&b, "%s\nreturn\n", a.text)
			}
		}
		b.WriteString("}\n")
		if p.literal() {
			ins = append(ins, insertion{p.from, "func() " + p.kind + " {\n" + b.String() + "return "}, insertion{p.to, "\n}()"})
		} else {
			ins = append(ins, insertion{p.from + 1, "\n" + b.String()})
		}
	}
	if len(imports) > 0 {
		clause := "package " + ps.pkg + "\n"
		at := bytes.Index(ps.src, []byte("\n"+clause)) + 1 + len(clause)
		if bytes.HasPrefix(ps.src, []byte(clause)) {
			at = len(clause)
		}
		ins = append(ins, insertion{at, "import " + strings.Join(imports, "\nimport ") + "\n"})
	}
	slices.SortFunc(ins, func(a, b insertion) int { return a.at - b.at })
	var out bytes.Buffer
	done := 0
	for _, i := range ins {
		out.Write(ps.src[done:i.at])
		out.WriteString(i.text)
		done = i.at
	}
	out.Write(ps.src[done:])
	out.WriteString(values.String())
	return out.Bytes()
}
