package diagram

import (
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
)

// line is one line on an arrow or in a box: a row, or rows with the same label.
type line struct {
	event string
	when  []string // the guards; alternatives if there are several
	does  string   // " / begin" or ": too soon"
	rows  []authn.Transition
	steps []int // numbers in the path
}

// String returns the line without line breaks.
func (l *line) String() string {
	return strings.ReplaceAll(clean(strings.Join(l.parts(), "")), "\n", " ")
}

// parts returns the parts of the line, between which it may be broken.
func (l *line) parts() []string {
	head := l.event
	for i, n := range slices.Backward(l.steps) {
		sep := ", "
		if i == len(l.steps)-1 {
			sep = ". "
		}
		head = strconv.Itoa(n) + sep + head
	}
	ps := []string{head}
	if l.when != nil {
		ps = append(ps, " ["+strings.Join(l.when, " | ")+"]")
	}
	if l.does != "" {
		ps = append(ps, l.does)
	}
	return ps
}

// stacked returns the label of a separate arrow: the guards and what the row
// does below the event, in lines of n characters.
func (l *line) stacked(n int) string {
	var ls []string
	for _, p := range l.parts() {
		ls = append(ls, wrap(strings.TrimPrefix(p, " "), n)...)
	}
	return strings.Join(ls, "\n")
}

// like reports whether two lines have the same label.
func (l *line) like(m *line) bool {
	return l.event == m.event && l.does == m.does && slices.Equal(l.when, m.when)
}

// join adds l to ls, or its rows to the line with the same label. With Merge,
// lines that differ only in their guards become one.
func (d *drawing) join(ls []line, l line) []line {
	for i := range ls {
		m := &ls[i]
		either := d.o.Merge && m.event == l.event && m.does == l.does && m.when != nil && l.when != nil
		if !either && !m.like(&l) {
			continue
		}
		for _, w := range l.when {
			if !slices.Contains(m.when, w) {
				m.when = append(m.when, w)
			}
		}
		m.rows = append(m.rows, l.rows...)
		m.steps = append(m.steps, l.steps...)
		slices.Sort(m.steps)
		return ls
	}
	return append(ls, l)
}

// line returns the line of a row.
func (d *drawing) line(t *authn.Transition) line {
	l := line{event: string(t.Event), rows: []authn.Transition{*t}, steps: d.step(t)}
	when := t.When
	switch {
	case d.o.Label != nil:
		l.event = d.o.Label(*t)
		return l
	case t.Refuse != nil:
		l.does = ": " + t.Refuse.Error()
	case !d.o.Brief:
		l.does = does(t)
	case d.leads[[2]string{string(t.From), string(t.Event)}] == several:
		when = d.shared[briefly(t)]
	default:
		when = nil
	}
	if len(when) > 0 && (t.Refuse == nil || !d.o.Brief) {
		l.when = []string{strings.Join(when, ", ")}
	}
	return l
}

// does returns what a row does: its updates, its effects, the event for other
// transactions and the outcome.
func does(t *authn.Transition) string {
	var ss []string
	for _, l := range [][]string{t.Then, t.Emit} {
		if len(l) > 0 {
			ss = append(ss, strings.Join(l, ", "))
		}
	}
	if t.Others != "" {
		ss = append(ss, "others: "+string(t.Others))
	}
	if t.Outcome != authn.Done {
		ss = append(ss, "says "+string(t.Outcome))
	}
	if ss == nil {
		return ""
	}
	return " / " + strings.Join(ss, "; ")
}

// learn records where a row leads, and the guards that it shares with others.
func (d *drawing) learn(t *authn.Transition) {
	if t.Refuse != nil {
		return
	}
	k := [2]string{string(t.From), string(t.Event)}
	if to, ok := d.leads[k]; ok && to != t.To {
		d.leads[k] = several
	} else if !ok {
		d.leads[k] = t.To
	}
	b := briefly(t)
	if in, ok := d.shared[b]; ok {
		d.shared[b] = slices.DeleteFunc(slices.Clone(in), func(g string) bool { return !slices.Contains(t.When, g) })
	} else {
		d.shared[b] = t.When
	}
}

// several marks an event that leads to more than one state.
const several authn.State = "\x00"

// briefly returns the key of the brief line to which a row belongs.
func briefly(t *authn.Transition) [4]string {
	first := ""
	if len(t.When) > 0 {
		first = t.When[0]
	}
	return [4]string{string(t.From), string(t.Event), first, string(t.To)}
}
