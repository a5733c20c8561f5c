package diagram

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/authnfsm/authn"
)

// DOT writes a digraph for Graphviz. Boxes and arrows have a class (state,
// good, bad, lit, walked, any, start; arrow, taken), which Graphviz copies to
// SVG, so that a style sheet can color them. The default colors are readable on
// light and dark backgrounds.
func DOT(w io.Writer, ts []authn.Transition, o Options) error {
	d := draw(ts, o)
	out := &writer{w: w}
	out.put("digraph {\n")
	if o.Title != "" {
		out.put("\tlabel=", dotText(clean(o.Title)), " labelloc=t fontsize=19\n")
	}
	out.put("\trankdir=", string(d.direction()), " bgcolor=transparent fontname=\"Helvetica,Arial,sans-serif\" fontcolor=\""+gray+"\" nodesep=0.2 ranksep=0.45\n")
	out.put("\tnode [shape=box style=\"rounded,filled\" fontname=\"Helvetica,Arial,sans-serif\" fontsize=14 penwidth=1.2 margin=\"0.14,0.08\"]\n")
	out.put("\tedge [fontname=\"Helvetica,Arial,sans-serif\" fontsize=13 color=\"" + gray + "\" fontcolor=\"" + gray + "\" arrowsize=0.8]\n")
	for i := range d.nodes {
		d.dotState(out, i)
	}
	if bottom := d.bottom(); bottom != nil {
		out.put("\t{rank=sink; ", strings.Join(bottom, "; "), "}\n")
	}
	for i := range d.arrows {
		a := &d.arrows[i]
		out.put("\t", d.nodes[a.from].id, " -> ", d.nodes[a.to].id, " [label=", d.dotLines(a.lines))
		if a.walked() {
			out.put(" class=taken color=\"" + blue + "\" fontcolor=\"" + blue + "\" penwidth=2.5")
		} else {
			out.put(" class=arrow")
		}
		out.put("]\n")
	}
	out.put("}\n")
	return out.err
}

// bottom returns the terminal states that no arrow leaves.
func (d *drawing) bottom() (ids []string) {
	for i := range d.nodes {
		if d.nodes[i].final && !slices.ContainsFunc(d.arrows, func(a arrow) bool { return a.from == i }) {
			ids = append(ids, d.nodes[i].id)
		}
	}
	return ids
}

func (d *drawing) dotState(out *writer, i int) {
	n := &d.nodes[i]
	c := n.look()
	out.put("\t", n.id, " [label=", d.dotLabel(n), " class=", c.name, " fillcolor=\"", c.fill, "\" color=\"", c.stroke, "\" fontcolor=\"", c.ink, "\"")
	if n.fold {
		out.put(" style=\"rounded,dashed\"")
	}
	if n.final {
		out.put(" peripheries=2")
	}
	out.put("]\n")
	if n.initial {
		out.put("\tstart", strconv.Itoa(i), " [shape=point class=start width=0.18 height=0.18 fillcolor=\""+gray+"\" color=\""+gray+"\"]\n")
		out.put("\tstart", strconv.Itoa(i), " -> ", n.id, " [class=arrow]\n")
	}
	if s := d.note(n); s != "" {
		out.put("\tnote", strconv.Itoa(i), " [label=", dotText(strings.Join(wrap(s, 30), "\n")), " shape=note style=filled class=note fillcolor=\"#fff8c5\" color=\"#9a6700\" fontcolor=\"#3b2300\"]\n")
		out.put("\tnote", strconv.Itoa(i), " -> ", n.id, " [style=dashed arrowhead=none class=arrow]\n")
	}
}

// dotLabel returns a table: the name, and below it the items.
func (d *drawing) dotLabel(n *node) string {
	items := n.items()
	if len(items) == 0 {
		return dotText(cmp.Or(n.name(), " "))
	}
	var b strings.Builder
	b.WriteString("<<TABLE BORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"3\"><TR><TD ALIGN=\"LEFT\">" + dotHTML(n.name()) + "</TD></TR><HR/><TR><TD ALIGN=\"LEFT\" BALIGN=\"LEFT\">")
	for _, s := range items {
		b.WriteString(dotHTML(dotWrapped(s, d.width(24, 60))) + "<BR/>")
	}
	b.WriteString("</TD></TR></TABLE>>")
	return b.String()
}

// blanks indents a line that continues the line above.
const blanks = "\u00a0\u00a0\u00a0\u00a0"

// dotLines returns the label of an arrow: the parts of a single line below one
// another, or a list of lines. Blanks separate it from the arrow.
func (d *drawing) dotLines(ls []line) string {
	if len(ls) == 1 {
		return dotText(" " + strings.ReplaceAll(ls[0].stacked(d.width(22, 24)), "\n", " \n ") + " ")
	}
	s := ""
	for i := range ls {
		s += " " + dotWrapped("• "+ls[i].String(), d.width(24, 38)) + " \n"
	}
	return dotQuoted(s, `\l`)
}

// dotWrapped breaks an item into lines. Blanks at their ends leave room for
// fonts wider than the one that Graphviz measures.
func dotWrapped(s string, n int) string {
	ls := wrap(s, n)
	for i := range ls {
		ls[i] += strings.Repeat("\u00a0", utf8.RuneCountInString(ls[i])/12)
	}
	return strings.Join(ls, "\n"+blanks)
}

// width returns the maximal number of characters in a line.
func (d *drawing) width(brief, whole int) int {
	if d.o.Brief || d.o.Label != nil {
		return brief
	}
	return whole
}

// dotText returns a quoted string of centered lines.
func dotText(s string) string { return dotQuoted(s, `\n`) }

// dotQuoted returns a quoted string. br ends a line: \n centers it, \l aligns it
// to the left. Graphviz reads entities such as &amp; in it.
func dotQuoted(s, br string) string {
	return `"` + escape(s, func(c rune) string {
		switch c {
		case '\n':
			return br
		case '"', '\\':
			return `\` + string(c)
		case '&':
			return "&amp;"
		}
		return ""
	}) + `"`
}

// dotHTML returns text for an HTML-like label, in which a backslash is not an
// escape.
func dotHTML(s string) string {
	return escape(s, func(c rune) string {
		switch c {
		case '\n':
			return "<BR/>"
		case '\\':
			return `\\`
		case '&', '<', '>', '"', '\'', '[', ']':
			return "&#" + strconv.Itoa(int(c)) + ";"
		}
		return ""
	})
}
