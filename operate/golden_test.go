package operate_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/golden"
)

var hex32 = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// TestGolden compares what people read with what was recorded.
func TestGolden(t *testing.T) {
	r := newRig(t)
	r.town()
	names := map[string]string{} // of transactions, whose ids are random
	for name, commands := range map[string][][]string{
		"show": {
			{"show", "ada"}, {"show", "bob o'neil"}, {"show", "carol"}, {"show", "dora"}, {"show", "erin"}, {"show", "fay"}, {"show", "gus"},
		},
		"list":    {{"list", "-locked"}},
		"explain": {{"explain", "ada"}, {"explain", "carol"}},
		"help":    {{"help"}, {"help", "unlock"}},
	} {
		var b strings.Builder
		for _, c := range commands {
			code, out, errs := r.run(c...)
			fmt.Fprintf(&b, "$ authnctl %s\n%s%sexit code %d\n\n", strings.Join(c, " "), out, errs, code)
		}
		text := b.String()
		if name == "list" { // in no order
			text = strings.Join(sorted(strings.Split(text, "\n")), "\n")
		}
		text = hex32.ReplaceAllStringFunc(text, func(id string) string {
			if names[id] == "" {
				names[id] = "TRANSACTION"
			}
			return names[id]
		})
		golden.Same(t, "testdata/"+name+".txt", text)
	}
}
