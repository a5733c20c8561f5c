// Command bench compares the cost of authn with that of alternatives in one
// process, and writes docs/internals/performance.md and its chart.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/authnfsm/authn/internal/servers"
)

const help = `Usage: go run ./bench [-quick] [-only PART [-page FILE]] [-o DIR]

Without -quick it runs every comparison, which takes about five minutes, and writes
DIR/performance.md and DIR/img/performance.svg. With -quick it takes less than a minute,
prints one line for each comparison (name, value, bound, ok or over), writes nothing, and
exits with status 1 if any is over. The bounds tolerate noise, but not a doubling: a part
with a comparison that is over is measured again, and counts if it is over three times.

Comparisons are ratios within one run. AUTHN_TEST_POSTGRES, AUTHN_TEST_MYSQL and
AUTHN_TEST_REDIS are the addresses of a PostgreSQL, MariaDB and Redis for tests, as in
.ci/services. A server that is not named or cannot be reached is skipped, or counts as
over if AUTHN_TEST_SERVICES is "required".

`

func main() { os.Exit(run(os.Args[1:], parts, os.Stdout, os.Stderr)) }

// run runs the program with the given parts and returns its exit status.
func run(args []string, parts []part, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	quick := f.Bool("quick", false, "check for regressions and write nothing")
	only := f.String("only", "", "run one part, print its tables, and write nothing")
	file := f.String("page", "", "with -only, write the part to this `FILE`, as a page of its own")
	dir := f.String("o", "docs/internals", "the `directory` of the page")
	f.Usage = func() { fmt.Fprint(stderr, help); f.PrintDefaults() }
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	p := newPlan(*quick, stderr)
	p.only, p.long = *only, *file != ""
	defer p.close()
	all, err := p.run(parts)
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	if *only != "" {
		var b strings.Builder
		for i := range all[0].tables {
			all[0].tables[i].markdown(&b)
		}
		io.WriteString(stderr, b.String()) //nolint:errcheck // progress
	}
	if *only != "" && *file != "" {
		if err := writePart(p, *file, &all[0]); err != nil {
			fmt.Fprintln(stderr, "bench:", err)
			return 1
		}
	}
	if *quick || *only != "" {
		if !judge(stdout, outcomes(all), servers.Required()) {
			return 1
		}
		return 0
	}
	if err = write(p, *dir, all); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}
