package authn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/looplab/fsm"
)

// edge is one row in one cell.
type edge struct {
	cell
	row   *row
	to    State  // "" for a refusal
	state uint8  // to, as in transaction
	guard string // all guards in one text
	label string // looplab's name of the event: every row is one
}

func (e *edge) transition() Transition {
	t := Transition{From: e.State, Event: e.op.name(), To: e.to, Outcome: e.row.Outcome, Refuse: e.row.Refuse, Why: e.row.Why}
	for _, g := range e.row.When {
		t.When = append(t.When, g.String())
	}
	for _, u := range e.row.Then {
		t.Then = append(t.Then, updates[u].name)
	}
	for _, k := range e.row.Emit {
		t.Emit = append(t.Emit, k.String())
	}
	if e.row.Others != opPrimary {
		t.Others = e.row.Others.name()
	}
	return t
}

// node asks one question. What follows its answers is in program.next from
// first on: another node (> 0) or the edge ^next (< 0).
type node struct {
	q     uint8
	first uint16
}

// program is the compiled table: one decision tree for each cell.
type program struct {
	edges []edge
	nodes []node
	next  []int16
	roots [len(states)][ops]int16 // as in node; 0 means that the cell has no row
	final [len(states)]bool
	// refusals are those of cells without a row: they do not depend on the step.
	refusals [len(states)][ops]Refusal
}

// expand writes the rows out cell by cell.
func expand(table []row) ([]edge, error) {
	var edges []edge
	for i := range table {
		r := &table[i]
		if (r.Refuse == nil) == (r.To == "") || r.Why == "" {
			return nil, fmt.Errorf("authn: row %d: either To or Refuse, and Why", i)
		}
		if r.Refuse != nil && (r.Then != nil || r.Emit != nil || r.Others != opPrimary || r.Outcome != Done) {
			return nil, fmt.Errorf("authn: row %d: a refusal changes nothing", i)
		}
		timed := slices.ContainsFunc(r.When, func(g guard) bool { return guards[g].until != nil })
		if r.Refuse != nil && timed != (r.Refuse == ErrTooSoon || r.Refuse == ErrLocked) {
			return nil, fmt.Errorf("authn: row %d: a refusal has a time if and only if one of its guards says until when it holds", i)
		}
		for _, c := range r.At {
			e := edge{cell: c, row: r, to: r.To}
			if r.To == stay {
				e.to = c.State
			}
			t := e.transition()
			e.state = uint8(e.to.index() + 1)
			e.guard, e.label = strings.Join(t.When, ", "), t.Label()
			edges = append(edges, e)
		}
	}
	return edges, nil
}

// compile proves every cell and builds its tree.
func compile(table []row) (*program, error) {
	edges, err := expand(table)
	if err != nil {
		return nil, err
	}
	p := &program{edges: edges, nodes: make([]node, 1)}
	cells := map[cell][]int16{}
	for i := range edges {
		c := edges[i].cell
		if c.State.index() < 0 || edges[i].to != "" && edges[i].to.index() < 0 {
			return nil, fmt.Errorf("authn: %s, %s: unknown state", c.State, edges[i].label)
		}
		cells[c] = append(cells[c], int16(i))
	}
	for i := range states {
		st := states[i].State
		p.final[i] = states[i].Terminal
		for o := range ops {
			c := cell{st, o}
			if len(cells[c]) == 0 {
				if p.refusals[i][o] = (Refusal{State: st, Event: o.name(), Err: ErrNotAllowed}); p.final[i] {
					p.refusals[i][o] = Refusal{Event: o.name(), Err: ErrFinished}
				}
				continue
			}
			if p.final[i] && !slices.Contains([]op{opRedeem, opExpire, opLock, opCancel}, o) {
				return nil, fmt.Errorf("authn: %s is terminal and has rows for %s", st, o.name())
			}
			if p.roots[i][o], err = p.tree(c, cells[c], 0, nil); err != nil {
				return nil, err
			}
		}
	}
	return p, p.reachable()
}

// tree builds the decision tree of a cell from question q on, for the rows
// still in play. It fails unless every leaf has exactly one row: this is the
// proof that the guards of a cell exclude each other and leave nothing out.
func (p *program) tree(c cell, rows []int16, q int, path []string) (int16, error) {
	for q < len(questions) && !p.asks(c.op, rows, q) {
		q++
	}
	where := fmt.Sprintf("%s, %s [%s]", c.State, c.op.name(), strings.Join(path, ", "))
	switch {
	case len(rows) == 0:
		return 0, fmt.Errorf("authn: no row for %s", where)
	case q == len(questions) && len(rows) > 1:
		return 0, fmt.Errorf("authn: %d rows for %s", len(rows), where)
	case q == len(questions):
		return ^rows[0], nil
	}
	var next []int16
	for g := questions[q].first; g <= questions[q].last; g++ {
		var left []int16
		for _, r := range rows {
			if a := p.edges[r].row.means(q); a == 0 || a == g {
				left = append(left, r)
			}
		}
		n, err := p.tree(c, left, q+1, append(path[:len(path):len(path)], g.String()))
		if err != nil {
			return 0, err
		}
		next = append(next, n)
	}
	p.nodes = append(p.nodes, node{uint8(q), uint16(len(p.next))})
	p.next = append(p.next, next...)
	return int16(len(p.nodes) - 1), nil
}

// asks says whether a cell of the event asks question q of the rows still in
// play: because one of them answers it, or because it is the host's to say.
func (p *program) asks(o op, rows []int16, q int) bool {
	open := func(r int16) bool { return p.edges[r].row.means(q) != 0 }
	switch questions[q].usual {
	case withinLimits:
		return opInfos[o].limiter && slices.ContainsFunc(rows, open)
	case userKnown:
		return opInfos[o].directory && slices.ContainsFunc(rows, open)
	}
	return slices.ContainsFunc(rows, open)
}

// means is answerTo, or the question's usual answer where the row is silent
// and no earlier answer of its own was an unusual one.
func (r *row) means(q int) guard {
	a := r.answerTo(q)
	if a != 0 || questions[q].usual == 0 {
		return a
	}
	for p := range q {
		if b := r.answerTo(p); questions[p].usual != 0 && b != 0 && b != questions[p].usual {
			return 0
		}
	}
	return questions[q].usual
}

// answerTo is the row's answer to question q; 0 if the row is silent about it.
func (r *row) answerTo(q int) guard {
	for _, g := range r.When {
		if g >= questions[q].first && g <= questions[q].last {
			return g
		}
	}
	return 0
}

// reachable fails unless every state is reached from UNAUTHENTICATED.
func (p *program) reachable() error {
	seen := map[State]bool{Unauthenticated: true}
	for grew := true; grew; {
		grew = false
		for i := range p.edges {
			if e := &p.edges[i]; seen[e.State] && e.to != "" && !seen[e.to] {
				seen[e.to], grew = true, true
			}
		}
	}
	for i := range states {
		if st := states[i].State; !seen[st] {
			return fmt.Errorf("authn: %s is not reachable", st)
		}
	}
	return nil
}

// events are the rows that move, as the engine wants them.
func (p *program) events() (evs fsm.Events) {
	for i := range p.edges {
		if e := &p.edges[i]; e.to != "" {
			evs = append(evs, fsm.EventDesc{Name: e.label, Src: []string{string(e.State)}, Dst: string(e.to)})
		}
	}
	return evs
}
