// Command authn-diagram draws the state machine of authn from its table.
//
//	go run ./cmd/authn-diagram -format svg -view overview -o overview.svg
//
// Flags:
//
//	-format     mermaid, dot, plantuml, scxml, markdown, matrix, svg or png; mermaid by default
//	-view       email, factors, passwords, claims, gates, overview or full; overview by default
//	-o          the file to write; standard output by default
//	-direction  TB or LR, the direction in which the drawing grows; that of the view by default
//	-omit       events to omit, separated by commas
//	-lit        the state to highlight
//	-title      the title above the drawing
//
// SVG and PNG do not need an installed Graphviz: it is built in, as WebAssembly
// that runs in pure Go. An SVG adapts to light and dark color schemes; a PNG has
// a transparent background.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/diagram"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "authn-diagram:", err)
		}
		os.Exit(2)
	}
}

// A format writes a drawing.
type format func(context.Context, io.Writer, []authn.Transition, diagram.Options) error

var formats = map[string]format{
	"mermaid":  plain(diagram.Mermaid),
	"dot":      plain(diagram.DOT),
	"plantuml": plain(diagram.PlantUML),
	"scxml":    plain(diagram.SCXML),
	"markdown": plain(diagram.Markdown),
	"matrix":   plain(diagram.Matrix),
	"svg":      SVG,
	"png":      PNG,
}

func plain(f func(io.Writer, []authn.Transition, diagram.Options) error) format {
	return func(_ context.Context, w io.Writer, ts []authn.Transition, o diagram.Options) error {
		return f(w, ts, o)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("authn-diagram", flag.ContinueOnError)
	name := fs.String("format", "mermaid", "mermaid, dot, plantuml, scxml, markdown, matrix, svg or png")
	view := fs.String("view", "overview", viewNames())
	file := fs.String("o", "", "the `file` to write; standard output by default")
	direction := fs.String("direction", "", "TB or LR, the direction in which the drawing grows; that of the view by default")
	omit := fs.String("omit", "", "`events` to omit, separated by commas")
	lit := fs.String("lit", "", "the `state` to highlight")
	title := fs.String("title", "", "the `title` above the drawing")
	if err := fs.Parse(args); err != nil {
		return err
	}
	draw := formats[*name]
	v, known := diagram.Named(*view)
	switch {
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case draw == nil:
		return fmt.Errorf("unknown format %q", *name)
	case !known:
		return fmt.Errorf("unknown view %q", *view)
	case *direction != "" && *direction != string(diagram.Down) && *direction != string(diagram.Right):
		return fmt.Errorf("unknown direction %q", *direction)
	}
	o := &v.Options
	o.Title, o.Direction, o.Lit = *title, cmp.Or(diagram.Direction(*direction), o.Direction), authn.State(*lit)
	if err := checkNames(v.Rows, *lit, *omit, o); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := draw(ctx, &out, v.Rows, *o); err != nil {
		return err
	}
	if *file == "" {
		_, err := out.WriteTo(stdout)
		return err
	}
	return os.WriteFile(*file, out.Bytes(), 0o666)
}

// viewNames lists the views.
func viewNames() string {
	var names []string
	for _, v := range diagram.Views() {
		names = append(names, v.Name)
	}
	return strings.Join(names, ", ")
}

// checkNames sets the events to omit, and fails on states and events that the table
// does not have.
func checkNames(ts []authn.Transition, lit, omit string, o *diagram.Options) error {
	names := map[string]bool{"": true}
	for _, t := range ts {
		names[string(t.From)], names[string(t.To)] = true, true
	}
	if !names[lit] {
		return fmt.Errorf("unknown state %q", lit)
	}
	clear(names)
	for _, t := range ts {
		names[string(t.Event)] = true
	}
	for e := range strings.SplitSeq(omit, ",") {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		if !names[e] {
			return fmt.Errorf("unknown event %q", e)
		}
		o.Omit = append(o.Omit, authn.EventName(e))
	}
	return nil
}
