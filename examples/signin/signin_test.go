package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The first command of the README is for somebody who has just come: it builds
// no driver of a database, no mail client, nothing that it does not need.
func TestBuildsLittle(t *testing.T) {
	const module = "{{if .Module}}{{.Module.Path}} {{.ImportPath}}{{end}}"
	out, err := exec.Command("go", "list", "-deps", "-f", module, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{
		"github.com/authnfsm/authn": true, "github.com/authnfsm/authn/examples": true,
		"github.com/looplab/fsm": true, "golang.org/x/crypto": true, "rsc.io/qr": true,
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		path, pkg, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path == "" {
			continue
		}
		if n++; !needed[path] {
			t.Errorf("it builds %s", pkg)
		}
	}
	if n < 5 {
		t.Errorf("only %d packages were looked at", n)
	}
}
