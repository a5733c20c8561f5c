package diagram

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
)

// need finds a tool. If it is not installed, the test is skipped, or fails if
// the environment requires all tools.
func need(t *testing.T, install string, names ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped by -short: it runs a tool")
	}
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
		if _, err := os.Stat(n); err == nil && filepath.IsAbs(n) {
			return n
		}
	}
	if os.Getenv("AUTHN_TEST_TOOLS") == "required" {
		t.Fatalf("no %s: %s, or diagram/tools.sh", names[0], install)
	}
	t.Skipf("no %s: %s, or diagram/tools.sh", names[0], install)
	return ""
}

func pipe(t *testing.T, in, tool string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", filepath.Base(tool), err, errs.String(), in)
	}
	return out.String()
}

// trials returns all pictures, and pictures with every hostile text in every
// field.
func trials(t *testing.T) []picture {
	ps := pictures(t)
	for i, o := range []Options{{Title: strings.Join(hostile, " ")}, {Brief: true, Merge: true, Inside: true, Refusals: true}} {
		var ts []authn.Transition
		for n, h := range slices.Collect(slices.Chunk(hostile, 5)) {
			s := strings.Join(h, "s")
			here := authn.State(fmt.Sprint("s", n%10, s, "s"))
			ts = append(ts,
				authn.Transition{From: here, Event: authn.EventName("e" + s + "e"), When: []string{s, "w" + s + "w"}, To: "next", Then: []string{s, "u" + s + "u"}, Outcome: authn.Outcome(s), Why: s},
				authn.Transition{From: here, Event: "r", Refuse: errors.New("f" + s + s + "f"), Why: s})
			for _, h := range h {
				ts = append(ts, authn.Transition{From: "next", Event: authn.EventName(h), To: here, Why: h})
			}
		}
		o.Notes = map[authn.State]string{"next": strings.Join(hostile, " ")}
		ps = append(ps, picture{fmt.Sprint("hostile", i), ts, o})
	}
	return ps
}

// loose removes blanks, which tools change, and invisible characters.
func loose(s string) string {
	return strings.Map(func(c rune) rune {
		if string(c) == joiner || c == '\u202e' || c == '\ufeff' || c == '\u200d' || c == '\ufe0f' {
			return -1
		}
		return c
	}, strings.Join(strings.Fields(norm(s)), ""))
}

// svgGroup is one box or arrow in Graphviz's SVG.
type svgGroup struct {
	ID    string     `xml:"id,attr"`
	Class string     `xml:"class,attr"`
	Title string     `xml:"title"`
	Texts []string   `xml:"text"`
	In    []svgGroup `xml:"g"`
}

// TestDot checks that Graphviz draws the expected boxes and arrows.
func TestDot(t *testing.T) {
	dot := need(t, "apt-get install graphviz", "dot")
	for _, p := range trials(t) {
		var pic svgGroup
		if err := xml.Unmarshal([]byte(pipe(t, text(t, DOT, p), dot, "-Tsvg")), &pic); err != nil {
			t.Fatal(err)
		}
		d := draw(p.ts, p.o)
		w := want(d, "•")
		boxes, arrows := map[string]string{}, []edge{}
		for _, g := range pic.In[0].In {
			label := loose(strings.Join(g.Texts, ""))
			from, to, isArrow := strings.Cut(g.Title, "->")
			switch {
			case strings.HasPrefix(g.Title, "start"), strings.HasPrefix(g.Title, "note"):
			case isArrow:
				arrows = append(arrows, edge{from, to, label})
			default:
				boxes[g.Title] = label
			}
		}
		for id, name := range w.names {
			if want := loose(name + strings.Join(w.inside[id], "")); boxes[id] != want {
				t.Errorf("%s: box %s reads %q, want %q", p.name, id, boxes[id], want)
			}
		}
		for i := range w.edges {
			w.edges[i].label = loose(w.edges[i].label)
		}
		sortEdges(arrows)
		sortEdges(w.edges)
		if !slices.Equal(arrows, w.edges) {
			t.Errorf("%s: arrows %q\nwant %q", p.name, arrows, w.edges)
		}
		if len(boxes) != len(w.names) {
			t.Errorf("%s: %d boxes, want %d", p.name, len(boxes), len(w.names))
		}
	}
}

func sortEdges(es []edge) {
	slices.SortFunc(es, func(a, b edge) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

var svgText = regexp.MustCompile(`<text[^>]*>([^<]*)</text>`)

// TestPlantUML checks that PlantUML reports no error and shows every text.
func TestPlantUML(t *testing.T) {
	uml := need(t, "apt-get install plantuml", "plantuml")
	need(t, "apt-get install graphviz", "dot")
	dir := t.TempDir()
	var ps []picture
	args := []string{"-Djava.awt.headless=true", "-tsvg"}
	for _, p := range trials(t) {
		if len(p.ts)+len(p.o.Path) == 0 {
			continue // PlantUML rejects an empty drawing
		}
		file := filepath.Join(dir, fmt.Sprintf("%03d.puml", len(ps)))
		if err := os.WriteFile(file, []byte(text(t, PlantUML, p)), 0o666); err != nil {
			t.Fatal(err)
		}
		ps, args = append(ps, p), append(args, file)
	}
	pipe(t, "", uml, args...)
	for i, p := range ps {
		pic, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%03d.svg", i)))
		if err != nil {
			t.Fatal(err)
		}
		shown := ""
		for _, m := range svgText.FindAllStringSubmatch(string(pic), -1) {
			shown += loose(html.UnescapeString(m[1]))
		}
		w := want(draw(p.ts, p.o), "•")
		for id, name := range w.names {
			for _, s := range append(w.inside[id], name) {
				if !strings.Contains(shown, loose(s)) {
					t.Errorf("%s: no %q in %q", p.name, loose(s), shown)
				}
			}
		}
		for _, e := range w.edges {
			if !strings.Contains(shown, loose(e.label)) {
				t.Errorf("%s: no %q in %q", p.name, loose(e.label), shown)
			}
		}
	}
}

// TestSCXMLCompiles checks that Qt's compiler accepts every chart.
func TestSCXMLCompiles(t *testing.T) {
	qscxmlc := need(t, "apt-get install libqt5scxml5-bin", "qscxmlc", "/usr/lib/qt5/bin/qscxmlc", "/usr/lib/qt6/libexec/qscxmlc")
	for _, p := range trials(t) {
		dir := t.TempDir()
		file := filepath.Join(dir, "chart.scxml")
		if err := os.WriteFile(file, []byte(text(t, SCXML, p)), 0o666); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), qscxmlc, "-o", filepath.Join(dir, "chart"), file).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("arning")) || bytes.Contains(out, []byte("rror")) {
			t.Errorf("%s: %v\n%s", p.name, err, out)
		}
	}
}

// shown is a drawing as Mermaid renders it: see mermaidcheck/check.js.
type shown struct {
	Error    string
	Title    string
	Arrows   []struct{ From, To string }
	Labels   []string
	States   []string
	Extra    int
	Overlaps []string
}

// TestMermaid checks that Mermaid parses and shows the expected content, and
// that no labels overlap in the views, but for the big one.
func TestMermaid(t *testing.T) {
	chromium := need(t, "apt-get install chromium", "chromium", "chromium-browser", "google-chrome")
	lib, err := filepath.Abs("mermaidcheck/node_modules/mermaid/dist/mermaid.min.js")
	if err != nil {
		t.Fatal(err)
	}
	need(t, "npm ci in diagram/mermaidcheck", lib)
	ps := trials(t)
	var texts []string
	for _, p := range ps {
		texts = append(texts, text(t, Mermaid, p))
	}
	for i, got := range mermaid(t, chromium, lib, texts) {
		if got.Error != "" {
			t.Errorf("%s: %s\n%s", ps[i].name, got.Error, texts[i])
			continue
		}
		compareMermaid(t, ps[i], got)
	}
}

func compareMermaid(t *testing.T, p picture, got shown) {
	w := want(draw(p.ts, p.o), "•")
	var arrows, wantArrows, labels, states []string
	for _, a := range got.Arrows {
		if !strings.HasPrefix(a.From, "root_") && !strings.HasPrefix(a.To, "root_") {
			arrows = append(arrows, a.From+" -> "+a.To)
		}
	}
	for _, e := range w.edges {
		wantArrows = append(wantArrows, e.from+" -> "+e.to)
		if s := loose(e.label); s != "" {
			labels = append(labels, s)
		}
	}
	if loose(got.Title) != loose(strings.NewReplacer("<", "＜", ">", "＞", "&", "＆").Replace(clean(p.o.Title))) {
		t.Errorf("%s: title %q, want %q", p.name, got.Title, p.o.Title)
	}
	if !slices.Equal(arrows, wantArrows) {
		t.Errorf("%s: arrows %q\nwant %q", p.name, arrows, wantArrows)
	}
	for i := range got.Labels {
		got.Labels[i] = loose(got.Labels[i])
	}
	got.Labels = slices.DeleteFunc(got.Labels, func(s string) bool { return s == "" })
	slices.Sort(got.Labels)
	slices.Sort(labels)
	if !slices.Equal(got.Labels, labels) {
		t.Errorf("%s: labels %q\nwant %q", p.name, got.Labels, labels)
	}
	for id, name := range w.names {
		states = append(states, name)
		states = append(states, w.inside[id]...)
	}
	all := loose(strings.Join(got.States, ""))
	for _, s := range states {
		if !strings.Contains(all, loose(s)) {
			t.Errorf("%s: no %q in %q", p.name, loose(s), got.States)
		}
	}
	if got.Extra > 0 {
		t.Errorf("%s: a label created %d elements", p.name, got.Extra)
	}
	if _, view := Named(p.name); view && p.name != "full" && got.Overlaps != nil {
		t.Errorf("%s: overlapping: %q", p.name, got.Overlaps)
	}
}

// mermaid runs Mermaid on the texts in Chromium, offline.
func mermaid(t *testing.T, chromium, lib string, texts []string) (out []shown) {
	t.Helper()
	js, err := os.ReadFile("mermaidcheck/check.js")
	if err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	src := url.URL{Scheme: "file", Path: lib}
	page := `<!doctype html><meta charset="utf-8"><div id="place"></div><pre id="result"></pre>` +
		`<script type="application/json" id="texts">` + string(in) + `</script><script src="` + src.String() + `"></script><script>` + string(js) + `</script>`
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o666); err != nil {
		t.Fatal(err)
	}
	dom := pipe(t, "", chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"), "--virtual-time-budget=120000", "--dump-dom", "file://"+file)
	_, result, _ := strings.Cut(dom, `<pre id="result">`)
	result, _, _ = strings.Cut(result, "</pre>")
	if err := json.Unmarshal([]byte(html.UnescapeString(result)), &out); err != nil || len(out) != len(texts) {
		t.Fatalf("chromium: %v, %d of %d drawings\n%.2000s", err, len(out), len(texts), result)
	}
	return out
}
