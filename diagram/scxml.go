package diagram

import (
	"encoding/xml"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// SCXML writes a W3C state chart of the table, for programs that run or read it.
// It uses the Options Title, Omit, Keep, Refusals and Initial. A guard is a
// boolean of the data model, initially false; before an event, the program that
// runs the chart sets the guards that hold. Updates, effects, events for other
// transactions, outcomes and refusals are logged. Names that are not valid ids
// are replaced, and kept in name attributes in a separate name space.
func SCXML(w io.Writer, ts []authn.Transition, o Options) error {
	o.Merge, o.Brief, o.Inside, o.Fold, o.Groups, o.Label, o.Path = false, false, false, nil, nil, nil, nil
	d := draw(ts, o)
	x := &chart{writer: writer{w: w}, d: d, words: map[string]string{}, used: map[string]bool{}}
	x.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" xmlns:t=\"urn:authnfsm:table\" version=\"1.0\" datamodel=\"ecmascript\"")
	for i := range d.nodes {
		if d.nodes[i].initial {
			x.attr("initial", d.nodes[i].id)
		}
	}
	if o.Title != "" {
		x.attr("t:title", o.Title)
	}
	x.put(">\n")
	x.guards(d.rows)
	for i := range d.nodes {
		x.state(&d.nodes[i], d.rows)
	}
	x.put("</scxml>\n")
	return x.err
}

// chart writes SCXML.
type chart struct {
	writer
	d     *drawing
	words map[string]string
	used  map[string]bool
}

// guards writes the data model.
func (x *chart) guards(rows []authn.Transition) {
	var gs []string
	for _, t := range rows {
		for _, g := range t.When {
			if !slices.Contains(gs, g) {
				gs = append(gs, g)
			}
		}
	}
	if gs == nil {
		return
	}
	x.put("  <datamodel>\n")
	for _, g := range gs {
		x.put("    <data")
		x.attr("id", x.word("g_", g))
		x.attr("expr", "false")
		x.attr("t:name", g)
		x.put("/>\n")
	}
	x.put("  </datamodel>\n")
}

func (x *chart) state(n *node, rows []authn.Transition) {
	el := "final"
	if slices.ContainsFunc(rows, func(t authn.Transition) bool { return t.From == n.states[0] }) {
		el = "state"
	}
	x.put("  <", el)
	x.attr("id", n.id)
	if n.id != string(n.states[0]) {
		x.attr("t:name", string(n.states[0]))
	}
	if el == "final" {
		x.put("/>\n")
		return
	}
	x.put(">\n")
	for i := range rows {
		if rows[i].From == n.states[0] {
			x.transition(&rows[i])
		}
	}
	x.put("  </", el, ">\n")
}

func (x *chart) transition(t *authn.Transition) {
	x.put("    <transition")
	event := x.word("e_", string(t.Event))
	x.attr("event", event)
	if event != string(t.Event) {
		x.attr("t:name", string(t.Event))
	}
	if len(t.When) > 0 {
		var gs []string
		for _, g := range t.When {
			gs = append(gs, x.word("g_", g))
		}
		x.attr("cond", strings.Join(gs, " && "))
	}
	if t.Refuse == nil {
		x.attr("target", x.d.nodes[x.d.at[t.To]].id)
	}
	x.put(">\n")
	for _, s := range t.Then {
		x.log("update", s)
	}
	for _, s := range t.Emit {
		x.log("effect", s)
	}
	if t.Others != "" {
		x.log("others", string(t.Others))
	}
	if t.Outcome != authn.Done {
		x.log("outcome", string(t.Outcome))
	}
	if t.Refuse != nil {
		x.log("refused", t.Refuse.Error())
	}
	x.put("    </transition>\n")
}

func (x *chart) log(label, s string) {
	x.put("      <log")
	x.attr("label", label)
	x.attr("expr", "'"+escape(clean(s), func(c rune) string {
		switch c {
		case '\n':
			return `\n`
		case '\'', '\\':
			return `\` + string(c)
		}
		return ""
	})+"'")
	x.put("/>\n")
}

func (x *chart) attr(name, s string) {
	x.put(" ", name, "=\"")
	if x.err == nil {
		x.err = xml.EscapeText(x.w, []byte(clean(s)))
	}
	x.put("\"")
}

// word returns an id for a name: the name in lower case if possible, with a
// suffix if another name has the same id.
func (x *chart) word(kind, name string) string {
	if w, ok := x.words[kind+name]; ok {
		return w
	}
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	w := strings.Trim(b.String(), "_")
	if kind == "g_" || w == "" || w[0] <= '9' || w == "error" || w == "done" {
		w = kind + w
	}
	for n, base := 2, w; x.used[kind+w]; n++ {
		w = base + "_" + strconv.Itoa(n)
	}
	x.words[kind+name], x.used[kind+w] = w, true
	return w
}
