package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
	"github.com/fogleman/gg"
	"github.com/go-fonts/dejavu/dejavusans"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
)

// scale is the number of pixels for a point.
const scale = 2

// PNG writes the drawing with Graphviz's layout, with two pixels for a point.
func PNG(ctx context.Context, w io.Writer, ts []authn.Transition, o diagram.Options) error {
	b, err := layout(ctx, ts, o)
	if err != nil {
		return err
	}
	var doc element
	if err := xml.Unmarshal(b, &doc); err != nil {
		return err
	}
	f, err := opentype.Parse(dejavusans.TTF)
	if err != nil {
		return err
	}
	p := &painter{font: f, faces: map[float64]font.Face{}}
	box := p.numbers(doc.get("viewBox"))
	if len(box) != 4 {
		return errors.New("graphviz: no size")
	}
	p.c = gg.NewContext(int(box[2]), int(box[3]))
	p.paint(&doc)
	if p.err != nil {
		return p.err
	}
	return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(w, p.c.Image())
}

// element is an SVG element of a kind that Graphviz writes.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	In      []element  `xml:",any"`
}

func (e *element) get(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

type painter struct {
	c     *gg.Context
	font  *opentype.Font
	faces map[float64]font.Face
	err   error
}

func (p *painter) paint(e *element) {
	switch e.XMLName.Local {
	case "g":
		if _, at, ok := strings.Cut(e.get("transform"), "translate("); ok {
			at, _, _ = strings.Cut(at, ")")
			if xy := p.numbers(at); len(xy) == 2 {
				p.c.Translate(xy[0], xy[1])
			}
		}
	case "path":
		p.path(e.get("d"))
		p.finish(e)
	case "polygon", "polyline":
		for i, xy := range p.pairs(e.get("points")) {
			if i == 0 {
				p.c.MoveTo(xy[0], xy[1])
			}
			p.c.LineTo(xy[0], xy[1])
		}
		p.finish(e)
	case "ellipse":
		p.c.DrawEllipse(p.number(e, "cx"), p.number(e, "cy"), p.number(e, "rx"), p.number(e, "ry"))
		p.finish(e)
	case "text":
		p.text(e)
	}
	for i := range e.In {
		p.paint(&e.In[i])
	}
}

// path draws a path with the commands M and C and absolute points, which are
// all that Graphviz writes.
func (p *painter) path(d string) {
	start, curve, _ := strings.Cut(strings.TrimPrefix(d, "M"), "C")
	at, ps := p.pairs(start), p.pairs(curve)
	if len(at) != 1 || len(ps)%3 != 0 {
		p.err = fmt.Errorf("graphviz: path %.40q", d)
		return
	}
	p.c.MoveTo(at[0][0], at[0][1])
	for ; len(ps) > 0; ps = ps[3:] {
		p.c.CubicTo(ps[0][0], ps[0][1], ps[1][0], ps[1][1], ps[2][0], ps[2][1])
	}
}

// finish fills and strokes the current path.
func (p *painter) finish(e *element) {
	if c := e.get("fill"); strings.HasPrefix(c, "#") {
		p.c.SetHexColor(c)
		p.c.FillPreserve()
	}
	if c := e.get("stroke"); strings.HasPrefix(c, "#") {
		width := 1.0 * scale
		if e.get("stroke-width") != "" {
			width = p.number(e, "stroke-width")
		}
		p.c.SetHexColor(c)
		p.c.SetLineWidth(width)
		p.c.SetDash()
		if e.get("stroke-dasharray") != "" {
			p.c.SetDash(5*scale, 3*scale)
		}
		p.c.StrokePreserve()
	}
	p.c.ClearPath()
}

// text draws text a little smaller than Graphviz expects, as in an SVG, because
// the font is wider than the one that Graphviz measures.
func (p *painter) text(e *element) {
	size := p.number(e, "font-size") * 0.88
	if p.faces[size] == nil {
		f, err := opentype.NewFace(p.font, &opentype.FaceOptions{Size: size, DPI: 72})
		if err != nil {
			p.err = err
			return
		}
		p.faces[size] = f
	}
	ax := 0.0
	if e.get("text-anchor") == "middle" {
		ax = 0.5
	}
	p.c.SetFontFace(p.faces[size])
	p.c.SetHexColor(e.get("fill"))
	p.c.DrawStringAnchored(e.Text, p.number(e, "x"), p.number(e, "y"), ax, 0)
}

func (p *painter) number(e *element, name string) float64 {
	if ns := p.numbers(e.get(name)); len(ns) == 1 {
		return ns[0]
	}
	p.err = fmt.Errorf("graphviz: %s %s=%.40q", e.XMLName.Local, name, e.get(name))
	return 0
}

// numbers parses lengths in points and returns pixels.
func (p *painter) numbers(s string) (ns []float64) {
	for _, f := range strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ',' }) {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			p.err = err
		}
		ns = append(ns, n*scale)
	}
	return ns
}

func (p *painter) pairs(s string) (ps [][2]float64) {
	ns := p.numbers(s)
	for ; len(ns) > 1; ns = ns[2:] {
		ps = append(ps, [2]float64{ns[0], ns[1]})
	}
	return ps
}
