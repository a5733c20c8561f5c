package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unexampled lists functions that need no example: those that fmt, json, slog,
// errors, net/http or the library calls, and a process that tests kill.
var unexampled = []string{
	"Format", "GoString", "GobEncode", "LogValue", "MarshalText", "String", "Error", "Unwrap",
	"Load", "Save", "Due", "Keys", "Send", "Seal", "ServeHTTP",
	"NewProcess", "Serve", "Kill", "Now",
}

// Each exported function of each public package is called by an example that runs.
func TestExamples(t *testing.T) {
	for _, dir := range []string{".", "memstore", "storetest", "memsender", "sendertest", "okta", "httphost", "diagram", "sqlstore", "redisstore", "etcdstore", "natsstore", "smtpmail", "webhooksend", "otelauthn", "webauthnfactor", "questionfactor", "operate"} {
		entries, called := exported(t, dir), exampled(t, dir)
		if len(entries) == 0 {
			t.Errorf("%s exports nothing", dir)
		}
		for _, name := range entries {
			if !called[name] && !slices.Contains(unexampled, name) {
				t.Errorf("%s: no example calls %s", dir, name)
			}
		}
	}
}

func parsed(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") == strings.HasSuffix(f.Name.Name, "_test") {
			files = append(files, f)
		}
	}
	return files
}

// exported returns the exported functions and methods.
func exported(t *testing.T, dir string) (names []string) {
	for _, f := range parsed(t, dir) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Name.IsExported() && !strings.HasSuffix(f.Name.Name, "_test") && (fn.Recv == nil || onExported(fn.Recv)) && !takesT(fn) {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

// takesT reports whether a function has a parameter *testing.T, which no example
// has.
func takesT(fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(fn.Type.Params.List, func(f *ast.Field) bool {
		x := f.Type
		if p, ok := x.(*ast.StarExpr); ok {
			x = p.X
		}
		s, ok := x.(*ast.SelectorExpr)
		return ok && (s.Sel.Name == "T" || s.Sel.Name == "TB")
	})
}

func onExported(recv *ast.FieldList) bool {
	x := recv.List[0].Type
	if p, ok := x.(*ast.StarExpr); ok {
		x = p.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

// exampled returns the names used by examples with an output, directly or in
// functions that they call in their file.
func exampled(t *testing.T, dir string) map[string]bool {
	called := map[string]bool{}
	for _, f := range parsed(t, dir) {
		var bodies []*ast.FuncDecl
		runs := false
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				example := strings.HasPrefix(fn.Name.Name, "Example")
				runs = runs || example
				if example || !strings.HasPrefix(fn.Name.Name, "Test") {
					bodies = append(bodies, fn)
				}
			}
		}
		if !runs || !strings.HasSuffix(f.Name.Name, "_test") {
			continue
		}
		for _, fn := range bodies {
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					called[s.Sel.Name] = true
				}
				return true
			})
		}
	}
	return called
}
