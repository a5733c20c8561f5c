package main

import (
	"fmt"
	"html"
	"io"
)

// A panel is one bar chart.
type panel struct {
	title string
	bars  []bar
}

type bar struct {
	label string
	value spread
	text  string // the value, in words
	ours  bool
}

const (
	chartWidth = 760
	labelWidth = 270
	barsWidth  = 360
	barHeight  = 22
	headHeight = 40
)

// draw writes the panels below one another, for light and dark backgrounds.
func draw(w io.Writer, ps []panel) {
	height := 10
	for _, p := range ps {
		height += headHeight + len(p.bars)*barHeight
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">
<title>Performance</title>
<style>
text{font:13px system-ui,sans-serif;fill:#1f2328}
.head{font-weight:600}
.ours{fill:#5566d6}
.other{fill:#b8bfca}
.whisker{stroke:#1f2328;stroke-width:1}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.ours{fill:#8b94f0}
.other{fill:#57606a}
.whisker{stroke:#e6edf3}
}
</style>
`, chartWidth, height)
	y := 0
	for _, p := range ps {
		fmt.Fprintf(w, "<text class=\"head\" x=\"10\" y=\"%d\">%s</text>\n", y+26, html.EscapeString(p.title))
		y += headHeight
		most := 0.0
		for _, b := range p.bars {
			most = max(most, b.value.high)
		}
		for _, b := range p.bars {
			b.draw(w, y, barsWidth/most)
			y += barHeight
		}
	}
	fmt.Fprintln(w, "</svg>")
}

// draw writes the bar, with a line from quartile to quartile.
func (b *bar) draw(w io.Writer, y int, scale float64) {
	class := "other"
	if b.ours {
		class = "ours"
	}
	at := func(v float64) float64 { return labelWidth + v*scale }
	fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", labelWidth-8, y+14, html.EscapeString(b.label))
	fmt.Fprintf(w, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, class, labelWidth, y+2, max(1, b.value.mid*scale), barHeight-6)
	fmt.Fprintf(w, `<line class="whisker" x1="%.1f" y1="%d" x2="%.1f" y2="%[2]d"/>`, at(b.value.low), y+10, at(b.value.high))
	fmt.Fprintf(w, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", at(b.value.high)+8, y+14, html.EscapeString(b.text))
}

// panels returns the panels of the chart.
func panels(all []section) (ps []panel) {
	for _, s := range all {
		ps = append(ps, s.panels...)
	}
	return ps
}
