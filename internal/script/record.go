package script

import (
	"context"
	"strings"

	"github.com/authnfsm/authn"
)

// Record plays a scenario on an empty store and returns it with the answers
// replaced by those of the service. It keeps lines that begin with "#" and
// empty lines.
func Record(ctx context.Context, scenario string, s authn.Store) (string, error) {
	stage := New(s)
	var b strings.Builder
	for line := range strings.Lines(scenario) {
		if strings.HasPrefix(line, "=>") || strings.HasPrefix(line, " ") {
			continue
		}
		b.WriteString(line)
		if line == "\n" || line[0] == '#' {
			continue
		}
		r, err := stage.Run(ctx, strings.TrimSpace(line))
		if err != nil {
			return "", err
		}
		if r.Brief != "" {
			b.WriteString("=> " + r.Brief + "\n")
		}
		for _, l := range r.Lines {
			b.WriteString("   " + l + "\n")
		}
	}
	return b.String(), nil
}
