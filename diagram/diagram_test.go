package diagram

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
)

var update = flag.Bool("update", false, "write the golden files")

type format func(io.Writer, []authn.Transition, Options) error

// drawn lists the formats with boxes and arrows, and their parsers.
var drawn = []struct {
	ext   string
	write format
	read  func(string) (parsed, error)
}{
	{"mmd", Mermaid, parseMermaid},
	{"dot", DOT, parseDOT},
	{"puml", PlantUML, parsePlantUML},
}

// door is a host's machine, with names that have a meaning in some format.
var door = []authn.Transition{
	{From: "door: \"shut\"", Event: "open; <now>", When: []string{"key [A|B]", "hinge = {oiled}"}, To: "état: ouvert ✓", Then: []string{"swing\\turn"}, Emit: []string{"creak & \"squeal\""}, Why: "it | is\na door"},
	{From: "door: \"shut\"", Event: "open; <now>", When: []string{"no key"}, Refuse: errors.New("lo%%cked -- `really`"), Why: "#1"},
	{From: "état: ouvert ✓", Event: "shut", To: "door: \"shut\"", Others: "open; <now>", Outcome: "bang!", Why: "*why* _not_"},
	{From: "état: ouvert ✓", Event: "wait", To: "état: ouvert ✓", Why: "[link](x) <b>bold</b>"},
	{From: "état: ouvert ✓", Event: "unhinge", To: "off\r\nits\thinges\x00", Why: "日本語 👩‍👩‍👧 \u202e!"},
}

// gate is a small machine with everything that a drawing can show. Its drawings
// change only if the code that draws changes.
var gate = []authn.Transition{
	{From: "SHUT", Event: "knock", When: []string{"porter in"}, To: "ASKED", Then: []string{"light the lamp"}, Emit: []string{"call the porter"}, Why: "Somebody has to come."},
	{From: "SHUT", Event: "knock", When: []string{"porter out"}, Refuse: errors.New("nobody answers"), Why: "Try again later."},
	{From: "ASKED", Event: "say", When: []string{"right word"}, To: authn.Success, Then: []string{"unbolt", "open"}, Emit: []string{"ring the bell"}, Others: "leave", Why: "One at a time."},
	{From: "ASKED", Event: "say", When: []string{"wrong word", "patience left"}, To: "ASKED", Then: []string{"count"}, Outcome: authn.WrongCode, Why: "Everybody may err."},
	{From: "ASKED", Event: "say", When: []string{"wrong word", "patience lost"}, To: authn.LockedOut, Then: []string{"count", "bolt"}, Outcome: authn.WrongCode, Why: "Not everybody may err twice."},
	{From: "ASKED", Event: "say", When: []string{"porter asleep"}, Refuse: errors.New("too soon"), Why: "He did not hear it."},
	{From: "ASKED", Event: "repeat", To: "ASKED", Emit: []string{"call the porter"}, Why: "He may have forgotten."},
	{From: "ASKED", Event: "step back", To: "SHUT", Why: "To think about it."},
	{From: "SHUT", Event: "leave", To: authn.Canceled, Why: "There are other gates."},
	{From: "ASKED", Event: "leave", To: authn.Canceled, Why: "There are other gates."},
}

// row returns the row of gate with the label.
func row(t testing.TB, from authn.State, label string) authn.Transition {
	t.Helper()
	for _, r := range gate {
		if r.From == from && r.Label() == label {
			return r
		}
	}
	t.Fatalf("no row %s: %s", from, label)
	return authn.Transition{}
}

// history is the path of one transaction through gate.
func history(t testing.TB) []authn.Transition {
	return []authn.Transition{
		row(t, "SHUT", "knock [porter out]"),
		row(t, "SHUT", "knock [porter in]"),
		row(t, "ASKED", "say [wrong word, patience left]"),
		row(t, "ASKED", "say [porter asleep]"),
		row(t, "ASKED", "step back"),
		row(t, "SHUT", "knock [porter in]"),
		row(t, "ASKED", "say [right word]"),
	}
}

type picture struct {
	name string
	ts   []authn.Transition
	o    Options
}

// views returns the views as pictures.
func views() (ps []picture) {
	for _, v := range Views() {
		ps = append(ps, picture{v.Name, v.Rows, v.Options})
	}
	return ps
}

// named returns the options of a view.
func named(name string) Options {
	v, ok := Named(name)
	if !ok {
		panic(name)
	}
	return v.Options
}

// toys returns drawings of other tables, with every option.
func toys(t testing.TB) []picture {
	overview, full := named("overview"), named("full")
	overview.Fold, full.Fold = []authn.EventName{"leave"}, []authn.EventName{"leave"}
	past := overview
	past.Path, past.Lit, past.Title = history(t), authn.Success, "One visit: \"7\""
	house := Options{Merge: true, Inside: true, Label: byName, Lit: "ASKED", Path: history(t), Groups: []Group{{"the house", []authn.State{"SHUT", "ASKED", "SHUT", "NOWHERE"}}, {"ended", []authn.State{authn.Canceled, "ASKED", authn.LockedOut}}, {"none", nil}}}
	right := Options{Direction: Right, Refusals: true, Title: "<Door> & co.", Notes: map[authn.State]string{"door: \"shut\"": "a note: <it> is\n\"shut\"; #1 {x}"}}
	return []picture{
		{"gate", gate, overview},
		{"gate_full", gate, full},
		{"past", gate, past},
		{"house", gate, house},
		{"history", nil, Options{Path: history(t), Inside: true}},
		{"door", door, right},
		{"empty", nil, Options{}},
	}
}

func pictures(t testing.TB) []picture { return append(views(), toys(t)...) }

func text(t testing.TB, f format, p picture) string {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b, p.ts, p.o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s differs from what is drawn (%v): go run ./internal/regen", file, err)
	}
}

// TestGolden compares the toys in every format, and the views in one format, with
// recorded drawings. A changed row of the table thus changes few files.
func TestGolden(t *testing.T) {
	for _, p := range toys(t) {
		for _, f := range drawn {
			golden(t, p.name+"."+f.ext, text(t, f.write, p))
		}
		golden(t, p.name+".scxml", text(t, SCXML, p))
		golden(t, p.name+".md", text(t, Markdown, p))
		golden(t, p.name+"_matrix.md", text(t, Matrix, p))
	}
	for _, p := range views() {
		golden(t, p.name+".mmd", text(t, Mermaid, p))
	}
}

// TestReadBack parses every drawing and compares the result with the input.
func TestReadBack(t *testing.T) {
	for _, p := range pictures(t) {
		for _, f := range drawn {
			got, err := f.read(text(t, f.write, p))
			if err != nil {
				t.Errorf("%s.%s: %v", p.name, f.ext, err)
			}
			if want := want(draw(p.ts, p.o), "•"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s.%s: read\n%q\nwant\n%q", p.name, f.ext, got, want)
			}
		}
	}
}

// TestEveryRow checks that a drawing of the whole table has exactly one arrow
// for each row, with everything in the row.
func TestEveryRow(t *testing.T) {
	var moves []edge
	for _, r := range authn.Transitions() {
		if r.Refuse != nil {
			continue
		}
		does := []string{}
		for _, s := range []string{strings.Join(r.Then, ", "), strings.Join(r.Emit, ", ")} {
			if s != "" {
				does = append(does, s)
			}
		}
		if r.Others != "" {
			does = append(does, "others: "+string(r.Others))
		}
		if r.Outcome != "" {
			does = append(does, "says "+string(r.Outcome))
		}
		label := r.Label()
		if len(does) > 0 {
			label += " / " + strings.Join(does, "; ")
		}
		moves = append(moves, edge{string(r.From), string(r.To), label})
	}
	for _, f := range drawn {
		got, err := f.read(text(t, f.write, picture{"", authn.Transitions(), Options{}}))
		if err != nil || !slices.Equal(got.edges, moves) {
			t.Errorf("%s: %v\n%q\nwant\n%q", f.ext, err, got.edges, moves)
		}
	}
}

// TestViewsLeaveNothingOut checks that overview and full show every row that is
// not a refusal, and that full shows every refusal. The overview leaves out GATE and
// what the host denies.
func TestViewsLeaveNothingOut(t *testing.T) {
	for _, name := range []string{"overview", "full"} {
		o := named(name)
		var got, moves int
		for _, a := range Arrows(authn.Transitions(), o) {
			got += len(a.Rows)
			for _, r := range a.Rows {
				if !slices.Contains(a.From, r.From) || !slices.Contains(a.To, r.To) {
					t.Errorf("%s: %s %s on the arrow from %s to %s", name, r.From, r.Label(), a.From, a.To)
				}
			}
		}
		refused := 0
		for _, r := range authn.Transitions() {
			switch {
			case r.Refuse != nil:
				refused++
			case name == "full" || r.From != authn.OtherGate && r.Outcome != authn.Denied:
				moves++
			}
		}
		if got != moves {
			t.Errorf("%s has %d rows, the table %d", name, got, moves)
		}
		in := 0
		d := draw(authn.Transitions(), o)
		for _, n := range d.nodes {
			for _, l := range n.refused {
				in += len(l.rows)
			}
		}
		if name == "full" && in != refused {
			t.Errorf("full has %d refusals, the table %d", in, refused)
		}
	}
}

// TestFlows checks what each picture of a flow shows: its states, and that nothing
// but a final one is a dead end.
func TestFlows(t *testing.T) {
	for name, want := range map[string]string{
		"email":     "MFA_CHALLENGE MFA_ENROLL MFA_ENROLL_ACTIVATE MFA_REQUIRED UNAUTHENTICATED",
		"factors":   "MFA_CHALLENGE MFA_ENROLL MFA_ENROLL_ACTIVATE MFA_REQUIRED UNAUTHENTICATED",
		"passwords": "MFA_CHALLENGE MFA_ENROLL MFA_ENROLL_ACTIVATE MFA_REQUIRED PASSWORD_EXPIRED PASSWORD_RESET PASSWORD_WARN UNAUTHENTICATED",
		"gates":     "MFA_CHALLENGE MFA_ENROLL MFA_ENROLL_ACTIVATE MFA_REQUIRED PASSWORD_EXPIRED PASSWORD_RESET PASSWORD_WARN PROFILE TERMS UNAUTHENTICATED",
	} {
		v, ok := Named(name)
		if !ok || strings.Count(v.About, ". ") != 1 || !strings.HasSuffix(v.About, ".") {
			t.Errorf("%s: %t, not two sentences: %s", name, ok, v.About)
		}
		var from []string
		to := map[authn.State]bool{}
		for _, a := range Arrows(v.Rows, v.Options) {
			for _, s := range a.From {
				from = append(from, string(s))
			}
			for _, s := range a.To {
				to[s] = true
			}
			for _, l := range a.Labels {
				if strings.Contains(l, "[]") || l == "" {
					t.Errorf("%s: label %q", name, l)
				}
			}
		}
		slices.Sort(from)
		if got := strings.Join(slices.Compact(from), " "); got != want {
			t.Errorf("%s has arrows from %s, want %s", name, got, want)
		}
		for s := range to {
			if !slices.Contains(from, string(s)) && !slices.Contains(ends, s) {
				t.Errorf("%s: nothing leaves %s", name, s)
			}
		}
		if !to[authn.Success] || !to[authn.LockedOut] {
			t.Errorf("%s does not end", name)
		}
	}
	if _, ok := Named("none"); ok {
		t.Error("there is a view of no name")
	}
}

// TestViewsOfAnotherTable checks that the options of a view fit a host's table.
func TestViewsOfAnotherTable(t *testing.T) {
	gates, _ := Named("gates")
	for _, name := range []string{"overview", "full"} {
		seen := map[authn.State]bool{}
		for _, a := range Arrows(gates.Rows, named(name)) {
			for _, s := range a.From {
				seen[s] = true
			}
		}
		if !seen["TERMS"] || !seen["PROFILE"] {
			t.Errorf("%s has no gates: %v", name, seen)
		}
	}
}

// TestFolds checks that events that the same states allow share a box, in whatever order
// the table has them.
func TestFolds(t *testing.T) {
	rows := []authn.Transition{
		{From: "A", Event: "on", To: "B"}, {From: "A", Event: "stop", To: "X"}, {From: "B", Event: "stop", To: "X"},
		{From: "B", Event: "end", To: "Y"}, {From: "A", Event: "end", To: "Y"}, {From: "X", Event: "end", To: "Y"}, {From: "X", Event: "rest", To: "Y"}, {From: "A", Event: "rest", To: "Y"},
	}
	var got []string
	for _, a := range Arrows(rows, Options{Fold: []authn.EventName{"stop", "rest"}}) {
		got = append(got, fmt.Sprint(a.From, a.To, a.Labels))
	}
	if want := []string{"[A] [B] [on]", "[A B] [X] [stop]", "[B] [Y] [end]", "[A] [Y] [end]", "[X] [Y] [end]", "[X A] [Y] [rest]"}; !slices.Equal(got, want) {
		t.Errorf("arrows %q, want %q", got, want)
	}
	if n := len(draw(rows[:5], Options{Fold: []authn.EventName{"stop", "end"}}).nodes); n != 5 {
		t.Errorf("%d boxes, want those of four states and one that A and B share", n)
	}
}

// TestGroups checks that a group is one box, and that what happens within it is inside.
func TestGroups(t *testing.T) {
	rows := []authn.Transition{{From: "A", Event: "on", To: "B"}, {From: "B", Event: "back", To: "A"}, {From: "B", Event: "out", To: "C"}, {From: "A", Event: "out", To: "C"}, {From: "C", Event: "in", To: "A"}}
	o := Options{Merge: true, Inside: true, Final: []authn.State{"B", "C"}, Lit: "B", Groups: []Group{{"both", []authn.State{"B", "A", "Z"}}, {"one", []authn.State{"C", "A"}}}}
	d := draw(rows, o)
	if len(d.nodes) != 2 || d.nodes[0].name() != "both" || !slices.Equal(d.nodes[0].items(), []string{"B", "A", "↻ on", "↻ back"}) || d.nodes[1].name() != "C" {
		t.Errorf("boxes %+v", d.nodes)
	}
	if n := d.nodes[0]; !n.initial || n.final || !n.lit {
		t.Errorf("%+v", n)
	}
	var got []string
	for _, a := range Arrows(rows, o) {
		got = append(got, fmt.Sprint(a.From, a.To, a.Labels))
	}
	if want := []string{"[B A] [B A] [on back]", "[B A] [C] [out]", "[C] [B A] [in]"}; !slices.Equal(got, want) {
		t.Errorf("arrows %q, want %q", got, want)
	}
	o.Final = []authn.State{"A", "B"}
	if n := draw(rows, o).nodes; n[0].final || !n[1].final || n[1].name() != "both" {
		t.Error("a group of final states is final, and comes last")
	}
}

func TestOmitKeepPath(t *testing.T) {
	labels := func(o Options) (ss []string) {
		for _, a := range Arrows(gate, o) {
			ss = append(ss, a.Labels...)
		}
		return ss
	}
	o := Options{Brief: true, Keep: func(t authn.Transition) bool { return t.From == "ASKED" }, Omit: []authn.EventName{"leave", "say"}}
	if got := labels(o); !slices.Equal(got, []string{"repeat", "step back"}) {
		t.Errorf("kept %q", got)
	}
	// The path is drawn whatever the options omit.
	o.Path = []authn.Transition{row(t, "ASKED", "leave")}
	if got := labels(o); !slices.Equal(got, []string{"repeat", "step back", "1. leave"}) {
		t.Errorf("with a path %q", got)
	}
}

// TestAuditedPath checks that AuditEvents are sufficient for a path.
func TestAuditedPath(t *testing.T) {
	o := Options{Omit: []authn.EventName{"say", "leave"}, Path: []authn.Transition{
		{From: "ASKED", Event: "say", When: []string{"wrong word, patience left"}, To: "ASKED"},
		{From: "ASKED", Event: "step back", When: []string{""}, To: "SHUT"},
	}}
	var got []string
	for _, a := range Arrows(gate, o) {
		if a.From[0] == "ASKED" {
			got = append(got, a.Labels...)
		}
	}
	want := []string{"1. say [wrong word, patience left] / count; says wrong code", "repeat / call the porter", "2. step back"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCallersKeepTheirs checks that drawing does not change the table, and that
// its output is always the same.
func TestCallersKeepTheirs(t *testing.T) {
	for _, p := range pictures(t) {
		before := make([]authn.Transition, len(p.ts))
		for i, r := range p.ts {
			r.When, r.Then, r.Emit = slices.Clone(r.When), slices.Clone(r.Then), slices.Clone(r.Emit)
			before[i] = r
		}
		for _, f := range []format{Mermaid, DOT, PlantUML, SCXML, Markdown, Matrix} {
			if a, b := text(t, f, p), text(t, f, p); a != b {
				t.Errorf("%s: two drawings differ", p.name)
			}
		}
		if len(p.ts) > 0 && !reflect.DeepEqual(before, p.ts) {
			t.Errorf("%s: drawing changed the table", p.name)
		}
	}
}

// full fails at the n-th write.
type full struct{ n int }

var errFull = errors.New("disk is full")

func (w *full) Write(p []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for _, f := range []format{Mermaid, DOT, PlantUML, SCXML, Markdown, Matrix} {
		for n := range 12 {
			if err := f(&full{n}, door, Options{Refusals: true}); !errors.Is(err, errFull) {
				t.Errorf("write %d: %v", n, err)
			}
		}
	}
}

// Any change of a row changes the digest.
func TestDigest(t *testing.T) {
	seen := map[string]bool{Digest(nil): true}
	for i := range 10 {
		ts := authn.Transitions()
		r := &ts[3]
		switch i {
		case 1:
			r.From += "x"
		case 2:
			r.Event += "x"
		case 3:
			r.When = append(r.When, "x")
		case 4:
			r.To += "x"
		case 5:
			r.Then = append(r.Then, "x")
		case 6:
			r.Emit = append(r.Emit, "x")
		case 7:
			r.Others += "x"
		case 8:
			r.Refuse = authn.ErrEngine
		case 9:
			r.Why += "x"
		}
		if d := Digest(ts); seen[d] || len(d) != 12 {
			t.Errorf("change %d: digest %s", i, d)
		} else {
			seen[d] = true
		}
	}
}
