package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	graphviz "github.com/goccy/go-graphviz"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
)

// drawing is the table as Graphviz lays it out, once: a sign-in changes what
// is lit and not where things are.
type drawing struct {
	svg    string
	groups []group                // in the order of svg
	arrows []diagram.Arrow        // those that are drawn as such
	first  int                    // number of the first arrow's group
	boxes  map[authn.State]string // the titles of boxes that several states share
}

// group is a box or an arrow of the drawing.
type group struct {
	at    int    // where its class ends in svg
	edge  int    // number of an arrow; 0: a box
	title string // a state's name, or "ANY" for what may happen anywhere
}

// laidOut takes half a second at the first call.
var laidOut = sync.OnceValues(func() (*drawing, error) { return layOut(context.Background()) })

var groupForm = regexp.MustCompile(`<g id="(node|edge)(\d+)" class="[^"]*(")>\s*<title>([^<]*)</title>`)

func layOut(ctx context.Context) (*drawing, error) {
	view, _ := diagram.Named("overview")
	d := &drawing{boxes: map[authn.State]string{}}
	for _, g := range view.Options.Groups {
		for _, st := range g.States {
			d.boxes[st] = g.Name
		}
	}
	for _, a := range diagram.Arrows(table, view.Options) {
		if !slices.Equal(a.From, a.To) {
			d.arrows = append(d.arrows, a)
		}
	}
	raw, err := renderSVG(ctx, view.Options)
	if err != nil {
		return nil, fmt.Errorf("graphviz: %w", err)
	}
	from, size := strings.Index(raw, "<svg"), regexp.MustCompile(` (width|height)="[^"]*"`)
	if from < 0 {
		return nil, fmt.Errorf("graphviz: no drawing")
	}
	head, rest, _ := strings.Cut(raw[from:], ">")
	d.svg = size.ReplaceAllString(head, "") + ` role="img" aria-labelledby="drawing-title">` + rest
	edges := 0
	for _, m := range groupForm.FindAllStringSubmatchIndex(d.svg, -1) {
		g := group{at: m[6], title: d.svg[m[8]:m[9]]}
		if d.svg[m[2]:m[3]] == "edge" {
			g.edge, _ = strconv.Atoi(d.svg[m[4]:m[5]])
			edges = max(edges, g.edge)
		}
		d.groups = append(d.groups, g)
	}
	if d.first = edges - len(d.arrows) + 1; d.first < 1 {
		return nil, fmt.Errorf("graphviz: %d arrows of %d", edges, len(d.arrows))
	}
	return d, nil
}

func renderSVG(ctx context.Context, o diagram.Options) (string, error) {
	var dot, svg bytes.Buffer
	if err := diagram.DOT(&dot, table, o); err != nil {
		return "", err
	}
	gv, err := graphviz.New(ctx)
	if err != nil {
		return "", err
	}
	defer gv.Close()
	g, err := graphviz.ParseBytes(dot.Bytes())
	if err != nil {
		return "", err
	}
	defer g.Close()
	err = gv.Render(ctx, g, graphviz.SVG, &svg)
	return svg.String(), err
}

// picture is the drawing with a state lit, and what led to it.
func picture(lit authn.State, taken []authn.Transition) (template.HTML, error) {
	d, err := laidOut()
	if err != nil {
		return "", err
	}
	walked := map[string]bool{}
	for _, t := range taken {
		walked[d.box(t.From)], walked[d.box(t.To)] = true, true
	}
	var b strings.Builder
	last := 0
	for _, g := range d.groups {
		mark := ""
		switch {
		case g.edge > 0:
			if i := g.edge - d.first; i >= 0 && i < len(d.arrows) && slices.ContainsFunc(taken, drawnAs(d.arrows[i])) {
				mark = " taken"
			}
		case g.title == d.box(lit):
			mark = " lit"
		case walked[g.title]:
			mark = " walked"
		}
		b.WriteString(d.svg[last:g.at] + mark)
		last = g.at
	}
	return template.HTML(b.String() + d.svg[last:]), nil // nothing in it but the table's words, escaped by Graphviz
}

// box is the title of the box that a state is in.
func (d *drawing) box(st authn.State) string { return cmp.Or(d.boxes[st], string(st)) }

// drawnAs says which rows an arrow stands for.
func drawnAs(a diagram.Arrow) func(authn.Transition) bool {
	return func(t authn.Transition) bool {
		return slices.ContainsFunc(a.Rows, func(r authn.Transition) bool {
			return r.From == t.From && r.Label() == t.Label() && r.To == t.To
		})
	}
}
