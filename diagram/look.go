package diagram

import (
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// class is a style of boxes in every format. The colors are readable on white
// and on black.
type class struct {
	name              string
	in                func(*node) bool
	fill, stroke, ink string
}

// Colors of everything but boxes.
const (
	gray = "#6e7781"
	blue = "#0969da"
)

var classes = []class{
	{"lit", func(n *node) bool { return n.lit }, "#bf8700", "#7d4e00", "#ffffff"},
	{"good", func(n *node) bool { return n.only(authn.Success) }, "#1f883d", "#116329", "#ffffff"},
	{"bad", func(n *node) bool { return n.only(authn.LockedOut) }, "#cf222e", "#a40e26", "#ffffff"},
	{"walked", func(n *node) bool { return n.walked }, blue, "#033d8b", "#ffffff"},
	{"any", func(n *node) bool { return n.fold }, "transparent", gray, gray},
	{"state", func(*node) bool { return true }, "#eef1fb", "#7c86c8", "#1f2328"},
}

// look returns the first class that n is in.
func (n *node) look() class {
	return classes[slices.IndexFunc(classes, func(c class) bool { return c.in(n) })]
}

// looks returns the classes that occur, without the default one.
func (d *drawing) looks() (cs []class) {
	for _, c := range classes {
		if c.name != "state" && slices.ContainsFunc(d.nodes, func(n node) bool { return n.look().name == c.name }) {
			cs = append(cs, c)
		}
	}
	return cs
}

// name returns the first line of the box.
func (n *node) name() string {
	s := n.title
	if len(n.states) == 1 {
		s = string(n.states[0])
	}
	return strings.ReplaceAll(clean(s), "\n", " ")
}

// items returns the lines below the name: the states of several, the events that do
// not change the state, and those that are refused.
func (n *node) items() (ss []string) {
	if len(n.states) > 1 {
		for _, s := range n.states {
			ss = append(ss, strings.ReplaceAll(clean(string(s)), "\n", " "))
		}
	}
	for i := range n.inside {
		ss = append(ss, "↻ "+n.inside[i].String())
	}
	for i := range n.refused {
		ss = append(ss, "✗ "+n.refused[i].String())
	}
	return ss
}

func (d *drawing) direction() Direction {
	if d.o.Direction == Right {
		return Right
	}
	return Down
}

func (d *drawing) note(n *node) string {
	if len(n.states) > 1 {
		return ""
	}
	return d.o.Notes[n.states[0]]
}
