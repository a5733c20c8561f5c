package httphost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/golden"
)

// The recorded description is that of the table that runs.
func TestOpenAPI(t *testing.T) {
	golden.Same(t, "../docs/openapi.json", string(OpenAPI()))
}

// Each member of an answer is described, and nothing else is.
func TestSaid(t *testing.T) {
	n := 0
	for name, schema := range typeSchemas() {
		for member := range schema.(object)["properties"].(object) {
			if n++; said[name+"."+member] == "" {
				t.Errorf("nothing is said of %s.%s", name, member)
			}
		}
	}
	if n != len(said) {
		t.Errorf("%d members, %d descriptions", n, len(said))
	}
}

// The page on hosting has the bound of bodies.
func TestBoundOnPage(t *testing.T) {
	if want := fmt.Sprintf("of at most %d KiB, and", maxBody>>10); !strings.Contains(golden.Read(t, "../docs/hosting.md"), want) {
		t.Errorf("docs/hosting.md does not have %q", want)
	}
}
