package diagram

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// drawing is the input of every format: boxes, and arrows between them.
type drawing struct {
	o      Options
	rows   []authn.Transition
	nodes  []node
	arrows []arrow
	at     map[authn.State]int
	leads  map[[2]string]authn.State // state and event -> their only destination, or several
	shared map[[4]string][]string    // the guards that all rows of one brief line have
}

type node struct {
	id      string        // a word in every format
	states  []authn.State // several in a group or a fold
	title   string        // of a group or a fold
	inside  []line        // events that do not change the state
	refused []line
	initial, final,
	lit, walked,
	fold bool
}

type arrow struct {
	from, to int
	lines    []line
}

// only reports whether the box is that of one state.
func (n *node) only(s authn.State) bool { return len(n.states) == 1 && n.states[0] == s }

func (a *arrow) walked() bool {
	return slices.ContainsFunc(a.lines, func(l line) bool { return len(l.steps) > 0 })
}

// draw makes the drawing.
func draw(ts []authn.Transition, o Options) *drawing {
	d := &drawing{o: o, at: map[authn.State]int{}, leads: map[[2]string]authn.State{}, shared: map[[4]string][]string{}}
	d.rows = d.kept(ts)
	d.states()
	for i := range d.rows {
		d.learn(&d.rows[i])
	}
	folds := d.folds(d.rows)
	for i := range d.rows {
		d.add(&d.rows[i], folds[i])
	}
	d.walk()
	return d
}

// kept returns the rows to draw, each once: those that the Options select, and
// those of the path.
func (d *drawing) kept(ts []authn.Transition) (rows []authn.Transition) {
	has := func(t authn.Transition) bool {
		return slices.ContainsFunc(rows, func(u authn.Transition) bool { return same(&t, &u) })
	}
	for _, t := range ts {
		if (d.asked(&t) || d.step(&t) != nil) && !has(t) {
			rows = append(rows, t)
		}
	}
	for _, t := range d.o.Path {
		if !has(t) {
			rows = append(rows, t)
		}
	}
	return rows
}

// asked reports whether the Options select the row.
func (d *drawing) asked(t *authn.Transition) bool {
	return !slices.Contains(d.o.Omit, t.Event) && (d.o.Keep == nil || d.o.Keep(*t)) && (t.Refuse == nil || d.o.Refusals)
}

// same reports whether two rows are drawn as one.
func same(t, u *authn.Transition) bool {
	return t.From == u.From && t.Event == u.Event && t.To == u.To && strings.Join(t.When, ", ") == strings.Join(u.When, ", ")
}

// step returns the numbers of the row in the path, from 1.
func (d *drawing) step(t *authn.Transition) (ns []int) {
	for i := range d.o.Path {
		if same(t, &d.o.Path[i]) {
			ns = append(ns, i+1)
		}
	}
	return ns
}

// states makes the boxes, in the order of a walk from the initial state, with
// the terminal states last.
func (d *drawing) states() {
	if d.o.Initial == "" && len(d.rows) > 0 {
		d.o.Initial = d.rows[0].From
	}
	left := map[authn.State]bool{} // states with a row to another state
	named := []authn.State{}
	for _, t := range d.rows {
		left[t.From] = left[t.From] || t.Refuse == nil && t.To != t.From
		if named = append(named, t.From); t.Refuse == nil {
			named = append(named, t.To)
		}
	}
	final := func(s authn.State) bool {
		if d.o.Final == nil {
			return !left[s] || slices.Contains(ends, s)
		}
		return slices.Contains(d.o.Final, s)
	}
	order := slices.DeleteFunc(d.walked(named), final)
	for _, s := range append(order, named...) {
		if _, ok := d.at[s]; !ok {
			n := d.place(s, named)
			n.initial, n.lit = slices.Contains(n.states, d.o.Initial), slices.Contains(n.states, d.o.Lit)
			n.final = !slices.ContainsFunc(n.states, func(s authn.State) bool { return !final(s) })
		}
	}
}

// place makes the box of a state: its own, or that of its group if others of the
// group occur.
func (d *drawing) place(s authn.State, named []authn.State) *node {
	title, in := "", []authn.State{s}
	if g := d.group(s); g != nil {
		var found []authn.State
		for _, m := range g.States {
			if d.group(m) == g && slices.Contains(named, m) && !slices.Contains(found, m) {
				found = append(found, m)
			}
		}
		if len(found) > 1 {
			title, in = g.Name, found
		}
	}
	i := d.box(cmp.Or(title, string(s)), in...)
	for _, m := range in {
		d.at[m] = i
	}
	d.nodes[i].title = title
	return &d.nodes[i]
}

// group returns the first group that a state is in; nil if it is in none.
func (d *drawing) group(s authn.State) *Group {
	for i := range d.o.Groups {
		if g := &d.o.Groups[i]; slices.Contains(g.States, s) {
			return g
		}
	}
	return nil
}

// walked returns the states in the order of a breadth-first walk from the
// initial one. Unreachable states follow, each with those that it leads to.
func (d *drawing) walked(named []authn.State) (ss []authn.State) {
	meet := func(s authn.State) {
		if !slices.Contains(ss, s) {
			ss = append(ss, s)
		}
	}
	if slices.Contains(named, d.o.Initial) {
		named = append([]authn.State{d.o.Initial}, named...)
	}
	i := 0
	for _, s := range named {
		for meet(s); i < len(ss); i++ {
			for _, t := range d.rows {
				if t.From == ss[i] && t.Refuse == nil {
					meet(t.To)
				}
			}
		}
	}
	return ss
}

// ends lists the terminal states of authn.
var ends = []authn.State{authn.LockedOut, authn.Success, authn.Canceled, authn.Expired}

// box makes a box for states, with a unique id, and returns its index.
func (d *drawing) box(name string, ss ...authn.State) int {
	id := name
	for k := len(d.nodes); !word(id) || slices.ContainsFunc(d.nodes, func(n node) bool { return n.id == id }); k++ {
		id = "S" + strconv.Itoa(k)
	}
	d.nodes = append(d.nodes, node{id: id, states: ss})
	return len(d.nodes) - 1
}

// word reports whether a name can be an id in every format. It must be in
// capitals and not a keyword of a format that ignores case.
func word(s string) bool {
	for i, c := range s {
		if !(c >= 'A' && c <= 'Z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != "" && !strings.Contains(s, "__") && !slices.Contains(keywords, s)
}

var keywords = strings.Fields("AS CLASS CLASSDEF CLICK DEFAULT DIGRAPH DIRECTION EDGE END FOLD FORK GRAPH HIDE JOIN LEFT LEGEND LINKSTYLE NODE NOTE NULL RIGHT ROOT SCALE SHOW SKINPARAM STATE STRICT STYLE SUBGRAPH TITLE")

// folds returns, for each row, the index of the shared box from which it is
// drawn, or 0: the first box is never a fold.
func (d *drawing) folds(rows []authn.Transition) []int {
	from := map[[3]string][]authn.State{}
	key := func(t *authn.Transition) [3]string {
		l := d.line(t)
		return [3]string{string(t.Event), string(t.To), l.String()}
	}
	can := func(t *authn.Transition) bool {
		return slices.Contains(d.o.Fold, t.Event) && t.Refuse == nil && t.To != t.From && d.step(t) == nil
	}
	for i := range rows {
		if t := &rows[i]; can(t) && !slices.Contains(from[key(t)], t.From) {
			from[key(t)] = append(from[key(t)], t.From)
		}
	}
	box := make([]int, len(rows))
	for i := range rows {
		ss := from[key(&rows[i])]
		if !can(&rows[i]) || len(ss) < 2 {
			continue
		}
		box[i] = slices.IndexFunc(d.nodes, func(n node) bool { return n.fold && alike(n.states, ss) })
		if box[i] < 0 {
			box[i] = d.box("ANY", ss...)
			d.nodes[box[i]].title, d.nodes[box[i]].fold = "any of", true
		}
	}
	return box
}

// alike reports whether two lists without repetition have the same states.
func alike(a, b []authn.State) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(s authn.State) bool { return !slices.Contains(b, s) })
}

// add draws a row.
func (d *drawing) add(t *authn.Transition, fold int) {
	l := d.line(t)
	from, to := d.at[t.From], d.at[t.To]
	n := &d.nodes[from]
	switch {
	case t.Refuse != nil:
		n.refused = d.join(n.refused, l)
		return
	case from == to && d.o.Inside:
		n.inside = d.join(n.inside, l)
		return
	case fold > 0:
		from = fold
	}
	for i := range d.arrows {
		if a := &d.arrows[i]; a.from == from && a.to == to && (d.o.Merge || a.lines[0].like(&l)) {
			a.lines = d.join(a.lines, l)
			return
		}
	}
	d.arrows = append(d.arrows, arrow{from, to, []line{l}})
}

// walk marks the states on the path.
func (d *drawing) walk() {
	for _, t := range d.o.Path {
		d.nodes[d.at[t.From]].walked = true
		if t.Refuse == nil {
			d.nodes[d.at[t.To]].walked = true
		}
	}
}
