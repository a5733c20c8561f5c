package otelauthn

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
)

// constants returns the texts of the constants of package authn, by their type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) < 30 {
		t.Fatal(files, err)
	}
	all := map[string][]string{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST || f.Name.Name != "authn" {
				continue
			}
			for _, s := range g.Specs {
				s := s.(*ast.ValueSpec)
				typ, _ := s.Type.(*ast.Ident)
				for _, v := range s.Values {
					if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING && typ != nil && s.Names[0].IsExported() {
						text, _ := strconv.Unquote(lit.Value)
						all[typ.Name] = append(all[typ.Name], text)
					}
				}
			}
		}
	}
	return all
}

// What package authn can say is known here: a new constant has to be added to
// newVocabulary, unless the table has it.
func TestVocabulary(t *testing.T) {
	v, all := newVocabulary(), constants(t)
	for typ, known := range map[string]words{"EventName": v.events, "State": v.states, "MessageKind": v.kinds} {
		if len(all[typ]) < 6 {
			t.Errorf("only %q are constants of type %s", all[typ], typ)
		}
		for _, text := range all[typ] {
			if bounded(known, text) != text {
				t.Errorf("newVocabulary does not know the %s %q", typ, text)
			}
		}
	}
	for _, o := range all["Outcome"] {
		if word := outcomeOf(authn.Outcome(o)); !v.outcomes[word] {
			t.Errorf("newVocabulary does not know the Outcome %q", o)
		}
	}
	for _, err := range []error{authn.ErrTooSoon, authn.ErrLocked, authn.ErrFinished, authn.ErrMalformed, authn.ErrNotAllowed, authn.ErrKeyReused, authn.ErrWaiting} {
		if !v.refusals[err.Error()] {
			t.Errorf("newVocabulary does not know the refusal %q", err)
		}
	}
	for _, word := range []string{"", "ada@mail.example", other} {
		for _, known := range []words{v.events, v.states, v.kinds, v.outcomes, v.refusals, typesOf(nil)} {
			if bounded(known, word) != other {
				t.Errorf("%q is a word", word)
			}
		}
	}
}

// Each row that locks a user out has one cause, and no other row has any.
func TestCauses(t *testing.T) {
	v := newVocabulary()
	for _, want := range []string{"account exhausted", "factor exhausted", "transaction exhausted"} {
		if !v.causes[want] {
			t.Errorf("%q is no cause: %v", want, v.causes)
		}
	}
	for _, row := range authn.Transitions() {
		n := 0
		for _, guard := range row.When {
			if v.causes[guard] {
				n++
			}
		}
		if want := locksOut(row.To, row.Event); (n == 1) != want || n > 1 {
			t.Errorf("%s in %s has %d causes", row.Label(), row.From, n)
		}
		if got := v.cause(strings.Join(row.When, ", ")); n == 1 != slices.Contains(row.When, got) {
			t.Errorf("the cause of %s is %s", row.Label(), got)
		}
	}
	if v.cause("ada@mail.example") != other {
		t.Error("another text is a cause")
	}
}

// A type of factor is known if the library or the configuration has it.
func TestTypes(t *testing.T) {
	w := typesOf([]authn.FactorType{{Name: "acme:pager"}})
	for typ, want := range map[string]bool{authn.Email: true, authn.SMS: true, authn.Call: true, authn.TOTP: true, authn.RecoveryCodes: true, "acme:pager": true, "acme:other": false} {
		if w[typ] != want {
			t.Errorf("%s: %v", typ, w[typ])
		}
	}
}
