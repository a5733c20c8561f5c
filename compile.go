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
	row   *row     // of several that goes onward, the one to this stop
	to    State    // "" for a refusal
	from  uint8    // State, as in transaction
	state uint8    // to, as in transaction
	when  []string // the guards in words, but for those that nothing stands in the way
	guard string   // all of them in one text
	label string   // looplab's name of the event: every row is one
}

func (e *edge) transition() Transition {
	t := Transition{From: e.State, Event: e.op.name(), When: e.when, To: e.to, Outcome: e.row.Outcome, Refuse: e.row.Refuse, Why: e.row.Why}
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
	gates []Gate
	roots [maxStates][ops]int16 // as in node; 0 means that the cell has no row
	// refusals are those of cells without a row: they do not depend on the step.
	refusals [maxStates]*[ops]Refusal
}

// expand writes the rows out cell by cell, and those that go onward stop by stop.
func (p *program) expand(table []row) error {
	for i := range table {
		r := &table[i]
		ways := 0
		for _, is := range []bool{r.Refuse != nil, r.To != "", r.Onward != 0} {
			if is {
				ways++
			}
		}
		if ways != 1 || r.Why == "" {
			return fmt.Errorf("authn: row %d: either To, Onward or Refuse, and Why", i)
		}
		if r.Refuse != nil && (r.Then != nil || r.Emit != nil || r.Others != opPrimary || r.Outcome != Done) {
			return fmt.Errorf("authn: row %d: a refusal changes nothing", i)
		}
		timed := slices.ContainsFunc(r.When, func(g guard) bool { return guards[g].until != nil })
		if r.Refuse != nil && timed != (r.Refuse == ErrTooSoon || r.Refuse == ErrLocked || r.Refuse == ErrUsed) {
			return fmt.Errorf("authn: row %d: a refusal has a time if and only if one of its guards says until when it holds", i)
		}
		for _, c := range p.cells(r) {
			for _, r := range p.stops(r, c) {
				p.add(c, r)
			}
		}
	}
	return nil
}

// cells are those of a row, with each gate for anyGate.
func (p *program) cells(r *row) (cs cells) {
	for _, c := range r.At {
		if c.State != anyGate {
			cs = append(cs, c)
			continue
		}
		for _, g := range p.gates {
			cs = append(cs, cell{g.State, c.op})
		}
	}
	return cs
}

// add adds the edge of a row in a cell.
func (p *program) add(c cell, r *row) {
	e := edge{cell: c, row: r, to: r.To, from: p.number(c.State)}
	if r.To == stay {
		e.to = c.State
	}
	for _, g := range r.When {
		if !slices.Contains(passed[:], g) && !p.excludes(g, c) {
			e.when = append(e.when, p.name(g))
		}
	}
	e.state = p.number(e.to)
	e.guard, e.label = strings.Join(e.when, ", "), Transition{Event: c.op.name(), When: e.when}.Label()
	p.edges = append(p.edges, e)
}

// compile proves every cell and builds its tree, for a machine with these gates.
func compile(table []row, gates ...Gate) (*program, error) {
	p := &program{edges: make([]edge, 0, 4*len(table)), nodes: make([]node, 1), gates: gates}
	if err := p.expand(table); err != nil {
		return nil, err
	}
	cells := map[cell][]int16{}
	for i := range p.edges {
		e := &p.edges[i]
		if e.from == 0 || e.to != "" && e.state == 0 {
			return nil, fmt.Errorf("authn: %s, %s: unknown state", e.State, e.label)
		}
		cells[e.cell] = append(cells[e.cell], int16(i))
	}
	for _, st := range p.states() {
		i := p.number(st.State) - 1
		p.refusals[i] = new([ops]Refusal)
		for o := range ops {
			c := cell{st.State, o}
			if len(cells[c]) == 0 {
				if p.refusals[i][o] = (Refusal{State: st.State, Event: o.name(), Err: ErrNotAllowed}); st.Terminal {
					p.refusals[i][o] = Refusal{Event: o.name(), Err: ErrFinished}
				}
				continue
			}
			if st.Terminal && !slices.Contains([]op{opRedeem, opExpire, opLock, opCancel}, o) {
				return nil, fmt.Errorf("authn: %s is terminal and has rows for %s", st.State, o.name())
			}
			var err error
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
func (p *program) tree(c cell, rows []int16, q int, path *trail) (int16, error) {
	for q < len(questions) && !p.asks(c, rows, q) {
		q++
	}
	switch {
	case len(rows) == 0 || q == len(questions) && len(rows) > 1:
		return 0, fmt.Errorf("authn: %d rows, not 1, for %s, %s [%s]", len(rows), c.State, c.op.name(), path)
	case q == len(questions):
		return ^rows[0], nil
	}
	next := make([]int16, 0, 8)
	for g := questions[q].first; g <= p.last(q); g++ {
		if p.excludes(g, c) {
			next = append(next, 0)
			continue
		}
		left := make([]int16, 0, len(rows))
		for _, r := range rows {
			if p.edges[r].row.holds(q, g) {
				left = append(left, r)
			}
		}
		n, err := p.tree(c, left, q+1, &trail{path, p.name(g)})
		if err != nil {
			return 0, err
		}
		next = append(next, n)
	}
	p.nodes = append(p.nodes, node{uint8(q), uint16(len(p.next))})
	p.next = append(p.next, next...)
	return int16(len(p.nodes) - 1), nil
}

// trail is the answers that lead to a node.
type trail struct {
	up *trail
	g  string
}

// String lists the answers.
func (t *trail) String() string {
	switch {
	case t == nil:
		return ""
	case t.up == nil:
		return t.g
	}
	return t.up.String() + ", " + t.g
}

// asks says whether a cell of the event asks question q of the rows still in
// play: because one of them answers it, because it is the host's to say, or because a
// code is judged, so that none of these rows can be forgotten.
func (p *program) asks(c cell, rows []int16, q int) bool {
	o := c.op
	switch questions[q].usual {
	case withinLimits:
		return opInfos[o].limiter && slices.ContainsFunc(rows, func(r int16) bool { return p.edges[r].row.means(q) != 0 })
	case userKnown:
		return opInfos[o].directory
	case claimStands: // wherever something begins in a user's name
		return opInfos[o].directory && c.State == Unauthenticated
	case codeFormed: // wherever a code is judged
		return p.judges(o, rows) && o != opRespond && o != opOpen && o != opPasskey
	case thisChallenge:
		return p.judges(o, rows) && o != opRespond && o != opOpen
	case mayJudge:
		return opInfos[o].judged
	case answered:
		return p.judges(o, rows) && c.State != MFARequired && o != opRespond && o != opPasskey
	case mayReply:
		return p.judges(o, rows) && o == opRespond
	case codeUnused:
		return p.judges(o, rows) && o == opVerify
	}
	return slices.ContainsFunc(rows, func(r int16) bool { return p.edges[r].row.answerTo(q) != 0 })
}

// excludes says that an answer cannot be given in a cell: what the host judges is no
// code, and a gate that was passed is not come to again.
func (p *program) excludes(g guard, c cell) bool {
	switch {
	case g == redeemsAtOnce: // the Directory has not taken the factor yet, or the host not the password
		return c.op == opActivate || c.op == opChangePassword || c.op == opResetPassword
	case g == codeRight || g == codeWrong:
		return opInfos[c.op].judged
	case g >= judgedRight && g <= judgedDenied:
		return !opInfos[c.op].judged
	case g == otherGate:
		return c.op != opPass
	case slices.Contains(claims, c.State) || c.op == opClaim:
		return slices.Contains(notClaimed, g)
	case c.op == opRecover, c.op == opUnlock, c.op == opAnswer, c.op == opPasskey:
		return slices.Contains(notRecovered[c.op], g)
	}
	return p.isBehind(g, c.State)
}

// judges says that a row in play depends on what was submitted.
func (p *program) judges(o op, rows []int16) bool {
	return !opInfos[o].judged && slices.ContainsFunc(rows, func(r int16) bool {
		return slices.ContainsFunc(p.edges[r].row.When, func(g guard) bool { return g == codeRight || g == codeWrong })
	})
}

// holds says that the row is still in play after answer g to question q: the row
// gives it, of several answers any will do, or is silent.
func (r *row) holds(q int, g guard) bool {
	switch a := r.means(q); {
	case a == 0 || a == g:
		return true
	case r.answerTo(q) == 0:
		return false
	}
	return slices.Contains(r.When, g)
}

// means is the row's first answer to the question, or the question's usual answer where
// the row is silent and no earlier answer of its own was an unusual one. The Limiter is asked only
// about what would otherwise be taken: a refusal does not depend on it.
func (r *row) means(q int) guard {
	a := r.answerTo(q)
	if a != 0 || questions[q].usual == 0 || questions[q].usual == withinLimits && r.Refuse != nil && !r.answersAfter(q) {
		return a
	}
	for p := range q {
		if u := questions[p].usual; u != 0 {
			if b := r.answerTo(p); b != 0 && b != u {
				return 0
			}
		}
	}
	return questions[q].usual
}

// answersAfter says that the row answers a question that comes after q.
func (r *row) answersAfter(q int) bool {
	return slices.ContainsFunc(r.When, func(g guard) bool { return g > questions[q].last })
}

// answerTo is the row's first answer to question q; 0 if the row is silent about it.
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
	for _, st := range p.states() {
		if !seen[st.State] && st.State != OtherGate { // which comes from another machine's record
			return fmt.Errorf("authn: %s is not reachable", st.State)
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
