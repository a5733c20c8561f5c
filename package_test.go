package authn

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The root imports no network, database or operating system package.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skip("the go command is missing: ", err)
	}
	for _, p := range strings.Fields(string(out)) {
		switch p {
		case "net", "net/http", "database/sql", "os/exec", "testing":
			t.Errorf("the root depends on %s", p)
		}
		if strings.HasPrefix(p, "github.com/authnfsm/authn/") {
			t.Errorf("the root imports %s", p)
		}
	}
	out, err = exec.Command("go", "list", "-f", "{{join .Imports \"\\n\"}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "os" || p == "log" || p == "math/rand" {
			t.Errorf("the root imports %s", p)
		}
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(mod), "require "); n != 2 || strings.Contains(string(mod), "indirect") {
		t.Errorf("go.mod:\n%s", mod)
	}
}

// Every exported name is documented, and none has a type of the engine.
func TestExported(t *testing.T) {
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		for _, d := range f.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && fd.Name.IsExported() && strings.Contains(nodeText(fset, fd.Type), "fsm.") {
				t.Errorf("%s has a type of the engine", fd.Name)
			}
		}
	}
	p, err := doc.NewFromFiles(fset, files, "github.com/authnfsm/authn")
	if err != nil {
		t.Fatal(err)
	}
	check := func(name, text string) {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, f := range p.Funcs {
		check(f.Name, f.Doc)
	}
	for _, x := range p.Types {
		check(x.Name, x.Doc)
		for _, f := range append(x.Funcs, x.Methods...) {
			check(x.Name+"."+f.Name, f.Doc)
		}
	}
	for _, v := range append(p.Vars, p.Consts...) {
		check(strings.Join(v.Names, ", "), v.Doc)
	}
}

func nodeText(fset *token.FileSet, n ast.Node) string {
	var b strings.Builder
	ast.Inspect(n, func(x ast.Node) bool {
		if s, ok := x.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok {
				b.WriteString(id.Name + ".")
			}
		}
		return true
	})
	return b.String()
}
