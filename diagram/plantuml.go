package diagram

import (
	"fmt"
	"io"
	"strings"

	"github.com/authnfsm/authn"
)

// PlantUML writes a state diagram between @startuml and @enduml.
func PlantUML(w io.Writer, ts []authn.Transition, o Options) error {
	d := draw(ts, o)
	out := &writer{w: w}
	out.put("@startuml\n")
	if o.Title != "" {
		out.put("title ", umlText(o.Title), "\n")
	}
	if d.direction() == Right {
		out.put("left to right direction\n")
	}
	out.put("hide empty description\nskinparam backgroundColor transparent\nskinparam shadowing false\nskinparam state {\n")
	for _, c := range append(d.looks(), classes[len(classes)-1]) {
		of := "<<" + c.name + ">>"
		if c.name == "state" {
			of = ""
			out.put("  ArrowColor ", gray, "\n  ArrowFontColor ", gray, "\n  StartColor ", gray, "\n  EndColor ", gray, "\n")
		}
		out.put("  BackgroundColor", of, " ", c.fill, "\n  BorderColor", of, " ", c.stroke, "\n  FontColor", of, " ", c.ink, "\n  AttributeFontColor", of, " ", c.ink, "\n")
	}
	out.put("}\n")
	for i := range d.nodes {
		d.umlState(out, &d.nodes[i])
	}
	for i := range d.nodes {
		if n := &d.nodes[i]; n.initial {
			out.put("[*] --> ", n.id, "\n")
		}
	}
	for i := range d.arrows {
		a := &d.arrows[i]
		shaft := " --> "
		if a.walked() {
			shaft = " -[" + blue + ",bold]-> "
		}
		out.put(d.nodes[a.from].id, shaft, d.nodes[a.to].id, after(" : ", umlLines(a.lines)), "\n")
	}
	for i := range d.nodes {
		if n := &d.nodes[i]; n.final {
			out.put(n.id, " --> [*]\n")
		}
	}
	out.put("@enduml\n")
	return out.err
}

func (d *drawing) umlState(out *writer, n *node) {
	out.put("state \"", umlText(n.name()), "\" as ", n.id)
	if c := n.look(); c.name != "state" {
		out.put(" <<", c.name, ">>")
	}
	out.put("\n")
	for _, s := range n.items() {
		out.put(n.id, " : ", umlText(s), "\n")
	}
	if s := d.note(n); s != "" {
		out.put("note right of ", n.id, " : ", umlText(strings.Join(wrap(s, 30), "\n")), "\n")
	}
}

// umlLines returns the label of an arrow: the parts of a single line below one
// another, or a list of lines.
func umlLines(ls []line) string {
	if len(ls) == 1 {
		return umlText(ls[0].stacked(24))
	}
	var ss []string
	for i := range ls {
		ss = append(ss, "• "+strings.Join(wrap(ls[i].String(), 36), "\n"))
	}
	return umlText(strings.Join(ss, "\n"))
}

// umlText escapes text for PlantUML's markup and preprocessor.
func umlText(s string) string {
	return escapeAmong(clean(s), func(before, c, _ rune) string {
		switch {
		case c == '\n':
			return `\n`
		case c == ' ' && before == ' ':
			return "\u00a0"
		case plain(c), strings.ContainsRune("_.,()[]/", c) && c != before:
			return ""
		}
		return fmt.Sprintf("<U+%04X>", c)
	})
}
