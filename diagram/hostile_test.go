package diagram

import (
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// hostile lists texts that might break out of a label.
var hostile = []string{
	`"`, `'`, "`", `\`, `\n`, `\"`, `\l`, "[", "]", "[[", "]]", "[*]", "{", "}", "{{", "}}", "<", ">", "<<", ">>", "(", ")", ":", ":::", ";", "#", "#59;",
	"%%", "%%{init: {}}%%", "|", "||", "-->", "--", "---", "->", "~", "~~", "**", "//", "__", "*", "_", "/", ".", ",", "!", "$", "@", "&", "&amp;", "&lt;", "=", "+", "^", "?",
	"\n", "\r\n", "\r", "\t", "\x00", "\x07", "\x1b[0m", "\x7f", "\u0085", "\u2028", "\u202e", "\ufeff", "\ufffe", "\xff\xc0", " ", "  ",
	"a", "Z9", "state", "note right of", "end note", "end", "direction", "class", "as", "@enduml", "@startuml", "!include x", "skinparam", "<br>", "</TD>", "<script>alert(1)</script>",
	"<!--", "-->", "]]>", "<![CDATA[", "https://example.test/?a=1&b=2", "javascript:x", "![i](x)", "é", "ü", "ж", "日本", "👩‍👩‍👧", "🏳️‍🌈", "ﬂ°°", "¶ß", "<U+0041>", "&#65;", "__proto__", "constructor",
}

// nasty generates text that contains hostile parts.
func nasty() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(hostile), rapid.String()), 0, 5).Draw(t, "text"), "")
	})
}

// table generates an arbitrary table.
func table(t *rapid.T) []authn.Transition {
	states := rapid.SliceOfN(rapid.OneOf(nasty(), rapid.SampledFrom([]string{"END", "STATE", "A", "S1", "ANY", "NOTE"})), 1, 4).Draw(t, "states")
	state := rapid.Custom(func(t *rapid.T) authn.State { return authn.State(rapid.SampledFrom(states).Draw(t, "state")) })
	list := rapid.SliceOfN(nasty(), 0, 3)
	one := rapid.Custom(func(t *rapid.T) authn.Transition {
		r := authn.Transition{From: state.Draw(t, "from"), Event: authn.EventName(nasty().Draw(t, "event")), When: list.Draw(t, "when"), Why: nasty().Draw(t, "why")}
		if rapid.Bool().Draw(t, "refuse") {
			r.Refuse = errors.New(nasty().Draw(t, "error"))
			return r
		}
		r.To, r.Then, r.Emit = state.Draw(t, "to"), list.Draw(t, "then"), list.Draw(t, "emit")
		r.Others, r.Outcome = authn.EventName(nasty().Draw(t, "others")), authn.Outcome(nasty().Draw(t, "say"))
		return r
	})
	return rapid.SliceOfN(one, 0, 8).Draw(t, "table")
}

func anyOptions(t *rapid.T, ts []authn.Transition) Options {
	o := Options{Title: nasty().Draw(t, "title"), Direction: rapid.SampledFrom([]Direction{"", Down, Right, "\" x"}).Draw(t, "direction"), Lit: authn.State(nasty().Draw(t, "lit"))}
	for _, b := range []*bool{&o.Refusals, &o.Brief, &o.Merge, &o.Inside} {
		*b = rapid.Bool().Draw(t, "option")
	}
	if len(ts) > 0 {
		some := rapid.SliceOfN(rapid.SampledFrom(ts), 0, 4)
		o.Path = some.Draw(t, "path")
		for _, r := range some.Draw(t, "fold") {
			o.Fold = append(o.Fold, r.Event)
		}
		for _, r := range some.Draw(t, "group") {
			o.Groups = append(o.Groups, Group{nasty().Draw(t, "name"), []authn.State{r.From, r.To, ts[0].From}})
		}
		o.Notes = map[authn.State]string{ts[0].From: nasty().Draw(t, "note")}
		o.Lit = ts[0].To
	}
	return o
}

// TestHostile checks that every drawing of an arbitrary table can be parsed back.
func TestHostile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ts := table(t)
		o := anyOptions(t, ts)
		checkAll(t, ts, o)
	})
}

// FuzzText puts one text into every field.
func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, s+s)
	}
	f.Add(strings.Join(hostile, " "), strings.Join(hostile, ""))
	f.Fuzz(func(t *testing.T, a, b string) {
		ts := []authn.Transition{
			{From: authn.State(a), Event: authn.EventName(b), When: []string{a, b}, To: authn.State(b), Then: []string{a, b}, Emit: []string{b, a}, Others: authn.EventName(b), Outcome: authn.Outcome(a), Why: b},
			{From: authn.State(b), Event: authn.EventName(a), When: []string{b}, Refuse: errors.New(a), Why: a},
			{From: authn.State(b), Event: authn.EventName(a), To: authn.State(b), Why: a},
		}
		for _, o := range []Options{{}, named("overview"), named("full")} {
			o.Title, o.Notes = a, map[authn.State]string{authn.State(a): b}
			checkAll(t, ts, o)
		}
	})
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func checkAll(t failer, ts []authn.Transition, o Options) {
	t.Helper()
	for _, f := range drawn {
		var b strings.Builder
		if err := f.write(&b, ts, o); err != nil {
			t.Fatalf("%s: %v", f.ext, err)
		}
		got, err := f.read(b.String())
		if want := want(draw(ts, o), "•"); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %v\nread %q\nwant %q\nin\n%s", f.ext, err, got, want, b.String())
		}
	}
	checkSCXML(t, ts, o)
	checkMarkdown(t, ts, o)
}

// scxml is a chart as an XML parser reads it.
type scxml struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/07/scxml scxml"`
	Initial string   `xml:"initial,attr"`
	Title   string   `xml:"urn:authnfsm:table title,attr"`
	Data    []struct {
		ID   string `xml:"id,attr"`
		Name string `xml:"urn:authnfsm:table name,attr"`
	} `xml:"datamodel>data"`
	States []scxmlState `xml:"state"`
	Finals []scxmlState `xml:"final"`
	Other  []xml.Name   `xml:",any"`
}

type scxmlState struct {
	ID          string  `xml:"id,attr"`
	Name        *string `xml:"urn:authnfsm:table name,attr"`
	Transitions []struct {
		Event  string  `xml:"event,attr"`
		Name   *string `xml:"urn:authnfsm:table name,attr"`
		Cond   string  `xml:"cond,attr"`
		Target string  `xml:"target,attr"`
		Logs   []struct {
			Label string `xml:"label,attr"`
			Expr  string `xml:"expr,attr"`
		} `xml:"log"`
	} `xml:"transition"`
	Other []xml.Name `xml:",any"`
}

var (
	wordID    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	jsString  = regexp.MustCompile(`^'((?:[^'\\\n]|\\[n'\\])*)'$`)
	jsEscaped = strings.NewReplacer(`\n`, "\n", `\'`, "'", `\\`, `\`)
)

// checkSCXML parses a chart as XML and checks that it has every row.
func checkSCXML(t failer, ts []authn.Transition, o Options) {
	t.Helper()
	var b strings.Builder
	if err := SCXML(&b, ts, o); err != nil {
		t.Fatalf("scxml: %v", err)
	}
	var x scxml
	if err := xml.Unmarshal([]byte(b.String()), &x); err != nil || x.Other != nil || x.Title != clean(o.Title) {
		t.Fatalf("scxml: %v, %v, title %q, want %q\n%s", err, x.Other, x.Title, o.Title, b.String())
	}
	o.Path = nil
	rows := draw(ts, o).rows
	guards, names := map[string]string{}, map[string]string{}
	for _, d := range x.Data {
		if !wordID.MatchString(d.ID) || guards[d.ID] != "" {
			t.Fatalf("scxml: data %q", d.ID)
		}
		guards[d.ID] = d.Name
	}
	for _, s := range append(slices.Clone(x.States), x.Finals...) {
		if _, twice := names[s.ID]; twice || !wordID.MatchString(s.ID) || s.Other != nil {
			t.Fatalf("scxml: state %q", s.ID)
		}
		names[s.ID] = either(s.Name, s.ID)
	}
	var got, want []string
	for _, s := range x.States {
		for _, tr := range s.Transitions {
			g := []string{}
			for c := range strings.SplitSeq(tr.Cond, " && ") {
				g = append(g, guards[c])
			}
			if tr.Cond == "" {
				g = nil
			}
			var logs []string
			for _, l := range tr.Logs {
				m := jsString.FindStringSubmatch(l.Expr)
				if m == nil {
					t.Fatalf("scxml: expr %q", l.Expr)
				}
				logs = append(logs, l.Label, jsEscaped.Replace(m[1]))
			}
			got = append(got, fmt.Sprintf("%q %q %q %q %q", names[s.ID], either(tr.Name, tr.Event), g, names[tr.Target], logs))
		}
	}
	for _, r := range rows {
		want = append(want, scxmlRow(&r))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("scxml: read\n%s\nwant\n%s\nin\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), b.String())
	}
}

// either returns the name, or the id if there is none.
func either(name *string, id string) string {
	if name != nil {
		return *name
	}
	return id
}

func scxmlRow(r *authn.Transition) string {
	var g, logs []string
	for _, w := range r.When {
		g = append(g, clean(w))
	}
	for _, s := range r.Then {
		logs = append(logs, "update", clean(s))
	}
	for _, s := range r.Emit {
		logs = append(logs, "effect", clean(s))
	}
	if r.Others != "" {
		logs = append(logs, "others", clean(string(r.Others)))
	}
	if r.Outcome != "" {
		logs = append(logs, "outcome", clean(string(r.Outcome)))
	}
	to := ""
	if r.Refuse != nil {
		logs = append(logs, "refused", clean(r.Refuse.Error()))
	} else {
		to = clean(string(r.To))
	}
	return fmt.Sprintf("%q %q %q %q %q", clean(string(r.From)), clean(string(r.Event)), g, to, logs)
}

var (
	mdCell   = regexp.MustCompile("^(?:[^\\\\`*\\[\\]<>&~#@|\n]|\\\\[\\\\`*_\\[\\]<>&~#@]|<br>|&#124;|\\*\\*)*$")
	mdUnread = regexp.MustCompile(`\\(.)|<br>|&#124;|\*\*`)
)

func mdRead(s string) string {
	return norm(mdUnread.ReplaceAllStringFunc(s, func(e string) string {
		switch e {
		case "<br>":
			return "\n"
		case "&#124;":
			return "|"
		case "**":
			return ""
		}
		return e[1:]
	}))
}

// checkMarkdown compares the cells of the reference with ts, and checks that all
// lines of the matrix have the same number of cells.
func checkMarkdown(t failer, ts []authn.Transition, o Options) {
	t.Helper()
	o.Title, o.Path = "", nil
	var b strings.Builder
	if err := Markdown(&b, ts, o); err != nil {
		t.Fatalf("markdown: %v", err)
	}
	rows := draw(ts, o).rows
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != len(rows)+2 {
		t.Fatalf("markdown: %d lines for %d rows\n%s", len(lines), len(rows), b.String())
	}
	for i, r := range rows {
		to := string(r.To)
		if r.Refuse != nil {
			to = "refused: " + r.Refuse.Error()
		}
		want := []string{string(r.From), string(r.Event), strings.Join(r.When, ", "), to, strings.Join(r.Then, ", "), strings.Join(r.Emit, ", "), string(r.Others), string(r.Outcome), r.Why}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(lines[i+2], "| "), " |"), " | ")
		if len(cells) != len(want) {
			t.Fatalf("markdown: %d cells in %q", len(cells), lines[i+2])
		}
		for k, c := range cells {
			if !mdCell.MatchString(c) || mdRead(c) != norm(clean(want[k])) {
				t.Fatalf("markdown: cell %q, want %q", c, want[k])
			}
		}
	}
	var m strings.Builder
	if err := Matrix(&m, ts, o); err != nil {
		t.Fatalf("matrix: %v", err)
	}
	head, _, _ := strings.Cut(m.String(), "\n")
	for l := range strings.SplitSeq(m.String(), "\n") {
		if strings.HasPrefix(l, "|") && strings.Count(l, "|") != strings.Count(head, "|") {
			t.Fatalf("matrix: line %q", l)
		}
	}
}
