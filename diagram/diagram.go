// Package diagram draws a table of [authn.Transition] as Mermaid, Graphviz DOT,
// PlantUML and SCXML. In Markdown it writes a reference of the rows and a
// matrix of states and events.
//
// [authn.Transitions] is the table that the engine runs. Any other table can be
// drawn too, and so can the history of one transaction, as a path through the
// table or alone.
//
// [Options] select what is shown. [Views] are predefined pictures, one for each
// flow. The output depends only on the rows and the Options.
//
// Any field may contain any text. Quotes, brackets, colons, line breaks and the
// markup of the format are escaped, and control characters are replaced by
// their symbols (U+2400 and on).
package diagram

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/authnfsm/authn"
)

// Direction is the direction in which a drawing grows. The zero value is Down.
type Direction string

// The directions.
const (
	Down  Direction = "TB"
	Right Direction = "LR"
)

// Options select what a drawing shows. The zero value draws a separate arrow
// with guards, updates and effects for every row that is not a refusal.
type Options struct {
	// Title is printed above the drawing; none by default.
	Title string

	// Direction is the direction in which the drawing grows. SCXML and
	// Markdown ignore it.
	Direction Direction

	// Omit names events that are not drawn.
	Omit []authn.EventName

	// Keep selects the rows that are drawn; nil selects all.
	Keep func(authn.Transition) bool

	// Refusals lists in each state the events that it refuses, and why.
	Refusals bool

	// Brief labels a row with its event, and with a guard only if the event
	// leads to more than one state. Rows with the same label are drawn once.
	Brief bool

	// Label returns the host's label of a row. Rows with the same label are
	// drawn once. A line break is kept where there is room. Label takes
	// precedence over Brief.
	Label func(authn.Transition) string

	// Merge draws one arrow from a state to another, with a line for each row.
	// Rows that do the same share a line, with their guards separated by bars.
	Merge bool

	// Inside lists events that do not change the state in the state's box,
	// instead of drawing loops.
	Inside bool

	// Fold names events that are drawn once, from one box that lists the
	// states, if they have the same label and lead to the same state.
	Fold []authn.EventName

	// Groups are drawn as one box each, which lists the states of the group that
	// occur, if there are several. Arrows within a group are those of a state that
	// an event does not change. A state of several groups is in the first of them.
	// Markdown, Matrix and SCXML ignore groups.
	Groups []Group

	// Initial is the initial state; "" means that of the first row.
	Initial authn.State

	// Final lists the terminal states; nil means those of authn that occur,
	// and every state that no row leaves.
	Final []authn.State

	// Lit is the state to highlight, such as a transaction's current one.
	Lit authn.State

	// Path lists rows that were taken or refused, in order. Their arrows are
	// numbered and highlighted. They are drawn regardless of Omit, Keep and
	// Fold, and even if the table does not have them. The Moves of an
	// [authn.Result] are such rows. From an [authn.AuditEvent], use From,
	// Event, To, and Guard as the only text of When.
	Path []authn.Transition

	// Notes are remarks on states, by state.
	Notes map[authn.State]string
}

// A Group is several states that are drawn as one.
type Group struct {
	Name   string // the first line of the box
	States []authn.State
}

// An Arrow is one arrow of a drawing, for tests and for hosts that render their
// own drawings.
type Arrow struct {
	From   []authn.State // several states if Fold or a group has combined them
	To     []authn.State // several states of a group; equals From if the event does not change the box
	Labels []string      // the lines of the label
	Rows   []authn.Transition
}

// Arrows returns the arrows of a drawing of ts: first those inside a state, then
// the others, in the order of the table. The caller owns the result; it shares
// the rows' slices with ts.
func Arrows(ts []authn.Transition, o Options) []Arrow {
	d := draw(ts, o)
	var as []Arrow
	for i := range d.nodes {
		if n := &d.nodes[i]; len(n.inside) > 0 {
			as = append(as, d.export(&arrow{i, i, n.inside}))
		}
	}
	for i := range d.arrows {
		as = append(as, d.export(&d.arrows[i]))
	}
	return as
}

func (d *drawing) export(a *arrow) Arrow {
	x := Arrow{From: d.nodes[a.from].states, To: d.nodes[a.to].states}
	for _, l := range a.lines {
		x.Labels = append(x.Labels, l.String())
		x.Rows = append(x.Rows, l.rows...)
	}
	return x
}

// Digest returns a hash of a table in twelve hexadecimal digits. Pages and
// diagrams include it to identify the table from which they were generated.
func Digest(ts []authn.Transition) string {
	h := sha256.New()
	for _, t := range ts {
		fmt.Fprintf(h, "%+v\n", t)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6])
}

// writer writes until the first error, and keeps it.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) put(ss ...string) {
	for _, s := range ss {
		if w.err == nil {
			_, w.err = io.WriteString(w.w, s)
		}
	}
}
