package diagram

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// Markdown writes a reference table of the rows, each with its reason. It uses
// the Options Title, Omit, Keep, Refusals, Lit and Path.
func Markdown(w io.Writer, ts []authn.Transition, o Options) error {
	d := draw(ts, o)
	out := &writer{w: w}
	out.title(o.Title)
	head := []string{"From", "Event", "Guards", "To", "Updates", "Effects", "Others", "Outcome", "Why"}
	if o.Path != nil {
		head = append([]string{"Step"}, head...)
	}
	out.row(head)
	out.row(slices.Repeat([]string{"---"}, len(head)))
	for _, t := range d.rows {
		to := d.named(t.To)
		if t.Refuse != nil {
			to = "refused: " + mdText(t.Refuse.Error())
		}
		cells := []string{
			d.named(t.From), mdText(string(t.Event)), mdText(strings.Join(t.When, ", ")), to, mdText(strings.Join(t.Then, ", ")),
			mdText(strings.Join(t.Emit, ", ")), mdText(string(t.Others)), mdText(string(t.Outcome)), mdText(t.Why),
		}
		if o.Path != nil {
			var ns []string
			for _, n := range d.step(&t) {
				ns = append(ns, strconv.Itoa(n))
			}
			cells = append([]string{strings.Join(ns, ", ")}, cells...)
		}
		out.row(cells)
	}
	return out.err
}

// Matrix writes a table of states and events. A cell says where the event leads,
// in how many cases it is refused, or that it has no row. Matrix uses the
// Options Title, Omit, Keep, Final and Lit; it always counts refusals.
func Matrix(w io.Writer, ts []authn.Transition, o Options) error {
	o.Refusals, o.Groups = true, nil
	d := draw(ts, o)
	out := &writer{w: w}
	out.title(o.Title)
	var events []authn.EventName
	for _, t := range d.rows {
		if !slices.Contains(events, t.Event) {
			events = append(events, t.Event)
		}
	}
	head := []string{"State"}
	for _, e := range events {
		head = append(head, mdText(string(e)))
	}
	out.row(head)
	out.row(slices.Repeat([]string{"---"}, len(head)))
	for i := range d.nodes {
		n := &d.nodes[i]
		if n.fold {
			continue
		}
		cells := []string{d.named(n.states[0])}
		for _, e := range events {
			cells = append(cells, d.cell(n, e))
		}
		out.row(cells)
	}
	out.put("\n↻ stays in its state; ✗2: refused in two cases; · not allowed in this state; – the transaction is finished.\n")
	return out.err
}

// cell returns what an event does in a state.
func (d *drawing) cell(n *node, event authn.EventName) string {
	var to []string
	refused := 0
	for _, t := range d.rows {
		switch {
		case t.From != n.states[0] || t.Event != event:
		case t.Refuse != nil:
			refused++
		case t.To == t.From && !slices.Contains(to, "↻"):
			to = append(to, "↻")
		case t.To != t.From && !slices.Contains(to, mdText(string(t.To))):
			to = append(to, mdText(string(t.To)))
		}
	}
	if refused > 0 {
		to = append(to, "✗"+strconv.Itoa(refused))
	}
	switch {
	case to != nil:
		return strings.Join(to, ", ")
	case n.final:
		return "–"
	}
	return "·"
}

// named returns a state's name, in bold if it is lit.
func (d *drawing) named(s authn.State) string {
	if s != "" && s == d.o.Lit {
		return "**" + mdText(string(s)) + "**"
	}
	return mdText(string(s))
}

func (w *writer) title(s string) {
	if s != "" {
		w.put("# ", strings.ReplaceAll(mdText(s), "<br>", " "), "\n\n")
	}
}

func (w *writer) row(cells []string) { w.put("| ", strings.Join(cells, " | "), " |\n") }

// mdText escapes text for a cell of a table.
func mdText(s string) string {
	return escapeAmong(clean(s), func(before, c, after rune) string {
		switch {
		case c == '\n':
			return "<br>"
		case c == '|':
			return "&#124;"
		case c == '_' && inWord(before, after):
			return ""
		case strings.ContainsRune("\\`*_[]<>&~#@", c):
			return `\` + string(c)
		}
		return ""
	})
}
