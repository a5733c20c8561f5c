package diagram

import (
	"fmt"
	"io"
	"strings"

	"github.com/authnfsm/authn"
)

// Mermaid writes a stateDiagram-v2. GitHub and others render it in Markdown
// between ```mermaid and ```.
func Mermaid(w io.Writer, ts []authn.Transition, o Options) error {
	d := draw(ts, o)
	out := &writer{w: w}
	if o.Title != "" {
		out.put("---\ntitle: ", mermaidTitle(o.Title), "\n---\n")
	}
	out.put("stateDiagram-v2\n    direction ", string(d.direction()), "\n")
	for _, c := range d.looks() {
		out.put("    classDef ", c.name, " fill:", c.fill, ",stroke:", c.stroke, ",color:", c.ink, "\n")
	}
	for i := range d.nodes {
		d.mermaidState(out, &d.nodes[i])
	}
	for i := range d.nodes {
		if n := &d.nodes[i]; n.initial {
			out.put("    [*] --> ", n.id, "\n")
		}
	}
	for i := range d.arrows {
		a := &d.arrows[i]
		out.put("    ", d.nodes[a.from].id, " --> ", d.nodes[a.to].id, after(": ", mermaidLines(a.lines)), "\n")
	}
	for i := range d.nodes {
		if n := &d.nodes[i]; n.final {
			out.put("    ", n.id, " --> [*]\n")
		}
	}
	for i := range d.nodes {
		if n := &d.nodes[i]; n.look().name != "state" {
			out.put("    class ", n.id, " ", n.look().name, "\n")
		}
	}
	return out.err
}

// mermaidTitle returns a title as a YAML string. Mermaid escapes HTML in it and
// shows the escaped text, so full-width characters replace <, > and &.
func mermaidTitle(s string) string {
	return `"` + escapeAmong(clean(s), func(before, c, _ rune) string {
		switch {
		case c == '\n':
			return " "
		case c == '"', c == '\\':
			return `\` + string(c)
		case c == '<', c == '>', c == '&':
			return string(c - '!' + '\uff01')
		}
		return apart(before, c)
	}) + `"`
}

func (d *drawing) mermaidState(out *writer, n *node) {
	out.put("    state \"", mermaidText(n.name(), " "), "\" as ", n.id, "\n")
	for _, s := range n.items() {
		out.put("    ", n.id, ": ", mermaidText(strings.Join(wrap(s, 40), "\n"), "<br>"), "\n")
	}
	if s := d.note(n); s != "" {
		out.put("    note right of ", n.id, "\n")
		for _, l := range wrap(s, 30) {
			out.put("        ", mermaidNote(l), "\n")
		}
		out.put("    end note\n")
	}
}

// mermaidNote returns a line of a note that does not end the note.
func mermaidNote(s string) string {
	if len(s) > 0 && strings.ContainsRune("eE", rune(s[0])) {
		return fmt.Sprintf("#%d;", s[0]) + mermaidText(s[1:], " ")
	}
	return mermaidText(s, " ")
}

// mermaidLines returns the label of an arrow: the parts of a single line below
// one another, or a list of lines.
func mermaidLines(ls []line) string {
	if len(ls) == 1 {
		return mermaidText(ls[0].stacked(22), "<br>")
	}
	var ss []string
	for i := range ls {
		ss = append(ss, "• "+strings.Join(wrap(ls[i].String(), 28), "\n"))
	}
	return mermaidText(strings.Join(ss, "\n"), "<br>")
}

// mermaidText escapes text with Mermaid's entities, with br for a line break.
func mermaidText(s, br string) string {
	return escapeAmong(s, func(before, c, after rune) string {
		switch {
		case c == '\n':
			return br
		case c == '_' && !inWord(before, after):
		case plain(c):
			return apart(before, c)
		case strings.ContainsRune("_-.,()[]/", c):
			return ""
		}
		return fmt.Sprintf("#%d;", c)
	})
}

// apart separates ﬂ° and ¶ß, which Mermaid uses internally to mark entities.
func apart(before, c rune) string {
	if before == 'ﬂ' && c == '°' || before == '¶' && c == 'ß' {
		return joiner + string(c)
	}
	return ""
}

// joiner is an invisible character, the word joiner.
const joiner = "\u2060"
