// Command scale simulates very many accounts on several databases, from what was
// measured on one:
//
//	go run ./internal/scale
//
// It prints the figures of docs/scale.md, after half a minute of CPU time. The times
// of one PostgreSQL are those of docs/internals/performance.md.
package main

import (
	"flag"
	"fmt"
	"os"
)

const usage = `Usage: go run ./internal/scale [-q]

It simulates 100 million accounts and 20,000 steps a second on several databases, and
prints the figures of docs/scale.md. Progress goes to standard error.

`

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	quiet := flag.Bool("q", false, "say no progress")
	flag.Parse()
	say := func(what string) { fmt.Fprintf(os.Stderr, "  simulated: %s\n", what) }
	if *quiet {
		say = func(string) {}
	}
	m, err := measured("docs/internals/performance.md")
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err, "- run it where go.work is")
		os.Exit(1)
	}
	fmt.Print(report(m, say))
}
