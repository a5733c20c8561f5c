package authn

import (
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/golden"
	"github.com/looplab/fsm"
)

// T2, T3: every cell of states × events is decided on purpose. A new state or
// event that forgot one shows as a difference here.
func TestMatrix(t *testing.T) {
	p, err := compile(table)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| |")
	for o := range ops {
		fmt.Fprintf(&b, " %s |", o)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", int(ops)) + "\n")
	for i, st := range states {
		fmt.Fprintf(&b, "| %s |", st.State)
		for o := range ops {
			fmt.Fprintf(&b, " %s |", p.cellText(i, o))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for _, e := range p.edges {
		x := e.transition()
		to := string(x.To)
		if x.Refuse != nil {
			to = "refused: " + x.Refuse.Error()
		}
		fmt.Fprintf(&b, "%s: %s -> %s", x.From, x.Label(), to)
		for _, s := range []struct {
			name string
			list []string
		}{{"then", x.Then}, {"emit", x.Emit}} {
			if len(s.list) > 0 {
				fmt.Fprintf(&b, "; %s %s", s.name, strings.Join(s.list, ", "))
			}
		}
		if x.Others != "" {
			fmt.Fprintf(&b, "; others %s", x.Others)
		}
		if x.Outcome != Done {
			fmt.Fprintf(&b, "; say %s", x.Outcome)
		}
		b.WriteString("\n")
	}
	golden.Same(t, "testdata/matrix.txt", b.String())
}

func (p *program) cellText(state int, o op) string {
	if p.roots[state][o] == 0 {
		if p.final[state] {
			return "finished"
		}
		return "not allowed"
	}
	var to []string
	for _, e := range p.edges {
		if e.State != states[state].State || e.op != o {
			continue
		}
		x := string(e.to)
		if e.to == "" {
			x = "refused"
		}
		if !slices.Contains(to, x) {
			to = append(to, x)
		}
	}
	return strings.Join(to, ", ")
}

// T1: what the engine would swallow without a word is refused before.
func TestBadTables(t *testing.T) {
	for name, c := range map[string]struct {
		change func(rows []row) []row
		want   string
	}{
		"two rows for one leaf": {func(rs []row) []row { return append(rs, rs[2]) }, "2 rows for"},
		"an answer left out":    {func(rs []row) []row { return slices.Delete(rs, 3, 4) }, "no row for"},
		"a guard too few": {func(rs []row) []row {
			rs[4].When = nil
			return rs
		}, "2 rows for"},
		"a wait without an end": {func(rs []row) []row { rs[2].Refuse = ErrNoFactor; return rs }, "a refusal has a time"},
		"unknown state":         {func(rs []row) []row { rs[4].To = "NOWHERE"; return rs }, "unknown state"},
		"neither to nor refuse": {func(rs []row) []row {
			rs[4].To = ""
			return rs
		}, "either To or Refuse"},
		"both": {func(rs []row) []row {
			rs[2].To = Success
			return rs
		}, "either To or Refuse"},
		"a refusal that changes": {func(rs []row) []row { rs[2].Then = do{begin}; return rs }, "a refusal changes nothing"},
		"an end with a way out": {func(rs []row) []row {
			return append(rs, row{At: in(verify, Canceled), To: Success, Why: "x"})
		}, "is terminal and has rows"},
	} {
		_, err := compile(c.change(slices.Clone(table)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := slices.DeleteFunc(slices.Clone(table), func(r row) bool { return r.At[0].op == cancel })
	gone = append(gone, row{At: in(cancel, live()...), To: stay, Why: "x"}, row{At: in(cancel, Success), To: stay, Why: "x"})
	if _, err := compile(gone); err == nil || !strings.Contains(err.Error(), "CANCELED is not reachable") {
		t.Errorf("an unreachable state: %v", err)
	}
}

// Removing any one row leaves a hole that New sees.
func TestEveryRowIsNeeded(t *testing.T) {
	for i := range table {
		rest := slices.Delete(slices.Clone(table), i, i+1)
		if _, err := compile(rest); err != nil {
			continue
		}
		// A row without guards is a whole cell: its loss shows in the matrix.
		if len(table[i].When) > 0 {
			t.Errorf("row %d (%s) is not missed", i, table[i].Why)
		}
	}
}

// Every guard is used by a row and explained; so is every update and effect.
func TestNothingUnused(t *testing.T) {
	usedGuards, acts, kinds := map[guard]bool{}, map[update]bool{}, map[EffectKind]bool{}
	for _, q := range questions {
		usedGuards[q.usual] = true
	}
	for _, r := range table {
		for _, g := range r.When {
			usedGuards[g] = true
		}
		for _, u := range r.Then {
			acts[u] = true
		}
		for _, k := range r.Emit {
			kinds[k] = true
		}
	}
	next := guard(1)
	for _, q := range questions {
		if q.first != next || q.text == "" || q.last < q.first {
			t.Errorf("%s: its answers are not numbered in a row", q.text)
		}
		next = q.last + 1
	}
	if next != guardsEnd {
		t.Errorf("%d usedGuards belong to no question", guardsEnd-next)
	}
	for g := guard(1); g < guardsEnd; g++ {
		if !usedGuards[g] || guards[g].name == "" || guards[g].doc == "" {
			t.Errorf("guard %d %q: used %t, or not explained", g, g, usedGuards[g])
		}
	}
	for u := update(1); u < updatesEnd; u++ {
		if !acts[u] || updates[u].name == "" || updates[u].doc == "" || updates[u].do == nil {
			t.Errorf("update %d: used %t, or not explained", u, acts[u])
		}
	}
	for k := EffectKind(1); k < effectKinds; k++ {
		if !kinds[k] || effectDocs[k].name == "" || effectDocs[k].doc == "" {
			t.Errorf("effect %d: used %t, or not explained", k, kinds[k])
		}
	}
	for o := range ops {
		if opInfos[o].name == "" || opInfos[o].doc == "" {
			t.Errorf("event %d is not explained", o)
		}
	}
}

// T5: the engine's own drawing has exactly the edges of the table.
func TestEngineHasTheTable(t *testing.T) {
	p, err := compile(table)
	if err != nil {
		t.Fatal(err)
	}
	f := fsm.NewFSM(string(Unauthenticated), p.events(), nil)
	drawn := strings.Split(fsm.Visualize(f), "\n")
	var got []string
	for _, l := range drawn {
		if strings.Contains(l, "->") {
			got = append(got, strings.TrimSpace(l))
		}
	}
	var want []string
	for _, e := range p.edges {
		if e.to != "" {
			want = append(want, fmt.Sprintf(`"%s" -> "%s" [ label = "%s" ];`, e.State, e.to, e.label))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the engine draws\n%s\nthe table is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An engine that goes elsewhere is an internal error, never a refusal, and
// its instance is not used again.
func TestEngineDisagrees(t *testing.T) {
	m := newMachine(t, Policy{})
	a, h := challenged(t, m)
	m.pool.New = func() any { // an engine with every row leading to MFA_ENROLL
		evs := m.events()
		for i := range evs {
			evs[i].Dst = string(MFAEnroll)
		}
		s := m.fresh()
		s.fsm = fsm.NewFSM(string(Unauthenticated), evs, nil)
		return s
	}
	for range 100 { // whatever good instances are pooled
		s := m.pool.Get().(*step)
		if s.fsm.SetState(string(MFAChallenge)); s.fsm.Can("cancel") {
			if s.fsm.Event(background, "cancel"); s.fsm.Current() == string(MFAEnroll) {
				break
			}
		}
	}
	var r Result
	err := m.Step(&a, h, Cancel{}, env(0, 9), &r)
	var ref *Refusal
	if !errors.Is(err, ErrEngine) || errors.As(err, &ref) {
		t.Errorf("%v", err)
	}
}

// The root imports neither a network, nor a database, nor the system.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skip("the go command is needed: ", err)
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

// Every exported name is documented, and none of them speaks of the engine.
func TestExported(t *testing.T) {
	fset := token.NewFileSet()
	pkgs, err := parser.ParseDir(fset, ".", func(f os.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, f := range pkgs["authn"].Files {
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
