// Package diagram draws a table of [authn.Transition]: as Mermaid, Graphviz
// DOT, PlantUML and SCXML, and in Markdown as a reference of its rows and as
// a matrix of states and events.
//
// What is drawn is what runs: [authn.Transitions] is the engine's own table.
// Any other table of Transitions is drawn the same way.
// One transaction's history is drawn through the table as a path, or alone.
//
// [Options] choose what is seen. The views [Email], [Overview] and [Full] are
// ready-made Options. The same rows and Options give the same bytes: nothing
// depends on a clock, on a map's order or on the environment.
//
// Any text may stand in any field. It comes out as text: quotes, brackets,
// colons, line breaks and markup of the format are escaped, and control
// characters are replaced by their pictures (U+2400 and on).
package diagram

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/authnfsm/authn"
)

// Direction is where a drawing grows to. The zero value is down, which fits a
// page.
type Direction string

// The directions.
const (
	Down  Direction = "TB"
	Right Direction = "LR"
)

// Options choose what a drawing shows. The zero value shows every row that
// moves, as an arrow of its own, with guards, updates and effects.
type Options struct {
	// Title stands above the drawing; none by default.
	Title string

	// Direction is where the drawing grows to. SCXML and Markdown have none.
	Direction Direction

	// Omit names events that are left out.
	Omit []authn.EventName

	// Keep chooses the rows that are drawn; nil keeps them all.
	Keep func(authn.Transition) bool

	// Refusals lists in each state the events that it refuses, and why.
	Refusals bool

	// Brief writes a row as its event alone, with a guard only where the
	// event leads to more than one state, and draws rows that then read the
	// same once.
	Brief bool

	// Label writes a row in the host's own words; rows that then read the
	// same are drawn once. A line break in them is kept where there is room.
	// It goes before Brief.
	Label func(authn.Transition) string

	// Merge draws one arrow from a state to another, with a line for each row.
	// Rows that do the same share a line, their guards parted by bars.
	Merge bool

	// Inside lists events that stay in their state within it, instead of
	// drawing a loop.
	Inside bool

	// Fold names events that are drawn once, from one box that lists the
	// states, where they read the same and lead to the same state.
	Fold []authn.EventName

	// Initial is where a walk begins; "" is the first row's state.
	Initial authn.State

	// Final are the ends; nil are those of authn that occur, and every state
	// that no row leaves.
	Final []authn.State

	// Lit is the state that is lit up, such as a transaction's current one.
	Lit authn.State

	// Path are rows that were taken or refused, in order: their arrows are
	// numbered and stand out. They are drawn even where Omit, Keep or Fold say
	// otherwise, and where the table does not have them. An [authn.Result] has
	// them in its Moves, and an [authn.AuditEvent] what they need: From, Event,
	// To and, as the one text of When, Guard.
	Path []authn.Transition

	// Notes are remarks on states, by state.
	Notes map[authn.State]string
}

// An Arrow is one arrow of a drawing, for a host that renders its own and for
// tests.
type Arrow struct {
	From   []authn.State // more than one only for what Fold has drawn together
	To     authn.State   // the same as From for an event that stays
	Labels []string      // what stands on it, line by line
	Rows   []authn.Transition
}

// Arrows returns what a drawing of ts shows, those that stay in their state
// first, then in the order of the table. The caller owns the result; it
// shares the rows' slices with ts.
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
	x := Arrow{From: d.nodes[a.from].states, To: d.nodes[a.to].states[0]}
	for _, l := range a.lines {
		x.Labels = append(x.Labels, l.String())
		x.Rows = append(x.Rows, l.rows...)
	}
	return x
}

// Digest names a table, in twelve hexadecimal digits that any change of a row
// changes: pages and pictures that carry it say what they were made from.
func Digest(ts []authn.Transition) string {
	h := sha256.New()
	for _, t := range ts {
		fmt.Fprintf(h, "%+v\n", t)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6])
}

// writer remembers the first error, so that drawing reads as a list.
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
