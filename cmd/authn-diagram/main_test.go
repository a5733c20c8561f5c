package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
	"github.com/go-fonts/dejavu/dejavusans"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
)

func output(t *testing.T, args ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := run(t.Context(), args, &b); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return b.Bytes()
}

func TestEveryFormatOfEveryView(t *testing.T) {
	for _, v := range diagram.Views() {
		view := v.Name
		for name := range formats {
			if name == "png" && view != "email" {
				continue // slow on large pictures, and drawn by the same code
			}
			file := filepath.Join(t.TempDir(), "out")
			if b := output(t, "-format", name, "-view", view, "-o", file, "-omit", "lock, expire", "-lit", "MFA_CHALLENGE", "-title", "A & <b>", "-direction", "LR"); len(b) > 0 {
				t.Errorf("%s %s: also wrote to standard output", view, name)
			}
			if b, err := os.ReadFile(file); err != nil || len(b) < 300 {
				t.Errorf("%s %s: %d bytes, %v", view, name, len(b), err)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	var want bytes.Buffer
	v, ok := diagram.Named("overview")
	if err := diagram.Mermaid(&want, v.Rows, v.Options); err != nil || !ok {
		t.Fatal(err)
	}
	o := output(t, "-direction", "TB")
	if got := output(t); !bytes.Equal(got, want.Bytes()) || !bytes.Equal(got, o) {
		t.Errorf("got\n%s\nwant\n%s", got, want.Bytes())
	}
}

func TestUsage(t *testing.T) {
	if !strings.Contains(viewNames(), "email, factors, ") {
		t.Error(viewNames())
	}
	for want, args := range map[string][]string{
		`unknown format "gif"`:        {"-format", "gif"},
		`unknown view "tiny"`:         {"-view", "tiny"},
		`unknown direction "up"`:      {"-direction", "up"},
		`unknown state "NOWHERE"`:     {"-lit", "NOWHERE"},
		`unknown event "dance"`:       {"-omit", "cancel,dance"},
		`unexpected argument "extra"`: {"extra"},
		"no such file or directory":   {"-o", filepath.Join(t.TempDir(), "no", "file")},
	} {
		if err := run(t.Context(), args, &bytes.Buffer{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	defer func(f *os.File) { os.Stderr = f }(os.Stderr)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	os.Stderr = null
	if err := run(t.Context(), []string{"-h"}, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}

// box is the position of an element in a drawing.
type box struct {
	name   string
	x0, y0 float64
	x1, y1 float64
	start  bool
}

// boxes returns the boxes of states and of arrow labels, measured in a wide font,
// and the arrows.
func boxes(t *testing.T, svg []byte) (nodes, labels []box, arrows []string) {
	t.Helper()
	var doc element
	if err := xml.Unmarshal(svg, &doc); err != nil {
		t.Fatal(err)
	}
	f, err := opentype.Parse(dejavusans.TTF)
	if err != nil {
		t.Fatal(err)
	}
	p := &painter{font: f}
	var graph *element
	for i := range doc.In {
		if doc.In[i].XMLName.Local == "g" {
			graph = &doc.In[i]
		}
	}
	for i := range graph.In {
		g := &graph.In[i]
		class := g.get("class")
		b := box{x0: 1e9, y0: 1e9, x1: -1e9, y1: -1e9, start: strings.Contains(class, "start")}
		for _, e := range g.In {
			switch e.XMLName.Local {
			case "title":
				b.name = e.Text
			case "text":
				p.grow(t, &b, &e, strings.Contains(class, "edge"))
			case "path":
				if strings.Contains(class, "node") {
					p.around(&b, &e)
				}
			}
		}
		switch {
		case b.start || strings.HasPrefix(b.name, "start"):
		case strings.Contains(class, "node"):
			nodes = append(nodes, b)
		case strings.Contains(class, "edge"):
			labels, arrows = append(labels, b), append(arrows, b.name)
		}
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return nodes, labels, arrows
}

func (p *painter) around(b *box, e *element) {
	for _, xy := range p.pairs(strings.NewReplacer("M", " ", "C", " ").Replace(e.get("d"))) {
		b.x0, b.y0, b.x1, b.y1 = min(b.x0, xy[0]), min(b.y0, xy[1]), max(b.x1, xy[0]), max(b.y1, xy[1])
	}
}

// grow extends a label's box by a text, or checks that a text fits into the box
// of its state.
func (p *painter) grow(t *testing.T, b *box, e *element, label bool) {
	face, err := opentype.NewFace(p.font, &opentype.FaceOptions{Size: p.number(e, "font-size") * 0.88, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	x, y := p.number(e, "x"), p.number(e, "y")
	w := float64(font.MeasureString(face, strings.TrimSpace(e.Text))) / 64
	if e.get("text-anchor") == "middle" {
		x -= w / 2
	}
	if label {
		b.x0, b.x1 = min(b.x0, x), max(b.x1, x+w)
		b.y0, b.y1 = min(b.y0, y-8*scale), max(b.y1, y)
	} else if b.x1 > 0 && (x < b.x0 || x+w > b.x1) {
		t.Errorf("%q does not fit into its box", e.Text)
	}
}

// TestPictures checks each view as it is drawn: the arrows are those of the
// table, and no label overlaps another label or a state, even in a wide font.
func TestPictures(t *testing.T) {
	for _, v := range diagram.Views() {
		name := v.Name
		svg := output(t, "-format", "svg", "-view", name)
		if !bytes.Equal(svg, output(t, "-format", "svg", "-view", name)) {
			t.Errorf("%s: two drawings differ", name)
		}
		if bytes.Count(svg, []byte(style)) != 1 {
			t.Errorf("%s has no style", name)
		}
		nodes, labels, arrows := boxes(t, svg)
		var want []string
		for _, a := range diagram.Arrows(v.Rows, v.Options) {
			if from, to := several(a.From), several(a.To); !slices.Equal(a.From, a.To) {
				want = append(want, from+"->"+to)
			}
		}
		for i, a := range arrows {
			from, to, _ := strings.Cut(a, "->")
			arrows[i] = shared.ReplaceAllString(from, "") + "->" + shared.ReplaceAllString(to, "")
		}
		slices.Sort(arrows)
		slices.Sort(want)
		if !slices.Equal(arrows, want) {
			t.Errorf("%s: arrows %q\nwant %q", name, arrows, want)
		}
		for i, a := range labels {
			for _, b := range append(slices.Clone(labels[i+1:]), nodes...) {
				if min(a.x1, b.x1)-max(a.x0, b.x0) > 2 && min(a.y1, b.y1)-max(a.y0, b.y0) > 2 {
					t.Errorf("%s: the label of %s overlaps %s", name, a.name, b.name)
				}
			}
		}
	}
}

// shared are the ids of boxes with several states.
var shared = regexp.MustCompile(`^(ANY|S\d+|PASSWORD)$`)

// several is the name of a box, or nothing for one with several states.
func several(ss []authn.State) string {
	if len(ss) > 1 {
		return ""
	}
	return string(ss[0])
}

// TestDocs checks that the diagrams of the documentation are up to date.
func TestDocs(t *testing.T) {
	for _, v := range diagram.Views() {
		digest := diagram.Digest(v.Rows)
		file := filepath.Join("..", "..", "docs", "img", v.Name+".svg")
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, output(t, "-format", "svg", "-view", v.Name)) {
			t.Errorf("%s differs from the drawing of the table (%v): go run ./internal/regen, and read the difference", file, err)
		}
		if !bytes.Contains(got, []byte(digest)) {
			t.Errorf("%s does not name the table %s", file, digest)
		}
	}
}

func TestPNG(t *testing.T) {
	img, err := png.Decode(bytes.NewReader(output(t, "-format", "png", "-view", "email")))
	if err != nil {
		t.Fatal(err)
	}
	colors := map[[4]uint32]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, a := img.At(x, y).RGBA()
			colors[[4]uint32{r >> 8, g >> 8, b >> 8, a >> 8}]++
		}
	}
	for name, c := range map[string][4]uint32{"transparent": {}, "SUCCESS": {0x1f, 0x88, 0x3d, 255}, "LOCKED_OUT": {0xcf, 0x22, 0x2e, 255}, "states": {0xee, 0xf1, 0xfb, 255}} {
		if colors[c] < 1000 {
			t.Errorf("%s: %d dots", name, colors[c])
		}
	}
}

// TestHostile checks that no name of a state breaks a drawing.
func TestHostile(t *testing.T) {
	h := "a\"b'c<d>&e;\\n\\N[f]{g}|\n-->\x00 é 日本 </svg><script>"
	ts := []authn.Transition{
		{From: authn.State(h), Event: authn.EventName(h), When: []string{h}, To: "B", Then: []string{h}, Why: h},
		{From: "B", Event: authn.EventName(h), To: "B", Why: h},
		{From: "B", Event: "", To: "", Why: h},
	}
	var b bytes.Buffer
	if err := SVG(t.Context(), &b, ts, diagram.Options{Title: h, Inside: true, Notes: map[authn.State]string{"B": h}}); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b.Bytes(), &element{}); err != nil || bytes.Contains(b.Bytes(), []byte("<script")) {
		t.Errorf("%v in\n%s", err, b.Bytes())
	}
	b.Reset()
	if err := PNG(t.Context(), &b, ts, diagram.Options{Title: h, Inside: true}); err != nil {
		t.Fatal(err)
	}
}
