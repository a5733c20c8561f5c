package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
	graphviz "github.com/goccy/go-graphviz"
)

// style is part of every SVG. The text is a little smaller than Graphviz expects,
// so that wider fonts fit.
const style = `<style>
.node text{font-size:13px}
.edge text{font-size:12px;fill:#57606a}
@media (prefers-color-scheme:dark){
.graph>text,.edge text{fill:#9198a1}
.edge path{stroke:#7d8590}
.edge polygon{fill:#7d8590;stroke:#7d8590}
.state path,.state polygon{stroke:#8b94d8}
.state path[fill^="#"]{fill:#1d2333}
.state text{fill:#e6edf3}
.good path{stroke:#3fb950}
.bad path{stroke:#f85149}
.any path{stroke:#7d8590}
.any text{fill:#9198a1}
.start ellipse{fill:#9198a1;stroke:#9198a1}
.taken text{fill:#58a6ff}
.taken path{stroke:#58a6ff}
.taken polygon{fill:#58a6ff;stroke:#58a6ff}
}
</style>
`

// SVG writes the drawing with Graphviz's layout and the table's digest.
func SVG(ctx context.Context, w io.Writer, ts []authn.Transition, o diagram.Options) error {
	b, err := layout(ctx, ts, o)
	if err != nil {
		return err
	}
	i := bytes.Index(b, []byte("<g "))
	if i < 0 {
		return fmt.Errorf("graphviz: no drawing")
	}
	digest := "<!-- Drawn from the table " + diagram.Digest(ts) + ". -->\n"
	for _, p := range [][]byte{b[:i], []byte(digest), []byte(style), b[i:]} {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// layout returns the SVG that Graphviz writes for the drawing.
func layout(ctx context.Context, ts []authn.Transition, o diagram.Options) (svg []byte, err error) {
	var dot, out bytes.Buffer
	if err := diagram.DOT(&dot, ts, o); err != nil {
		return nil, err
	}
	gv, err := graphviz.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("graphviz: %w", err)
	}
	defer gv.Close()
	g, err := graphviz.ParseBytes(dot.Bytes())
	if err != nil {
		return nil, fmt.Errorf("graphviz: %w", err)
	}
	defer g.Close()
	if err := gv.Render(ctx, g, graphviz.SVG, &out); err != nil {
		return nil, fmt.Errorf("graphviz: %w", err)
	}
	return out.Bytes(), nil
}
