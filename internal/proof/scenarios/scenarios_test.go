package scenarios

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/authnfsm/authn/internal/golden"
	"github.com/authnfsm/authn/internal/script"
	"github.com/authnfsm/authn/memstore"
)

// TestScenarios plays the scenarios in testdata and compares every answer. After
// an intended change, -update records the new answers: read the difference.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			text := golden.Read(t, f)
			got, err := script.Record(t.Context(), text, new(memstore.Store))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(text, "# ") || strings.Count(got, "\n=> ") < 3 {
				t.Error("the scenario has no title, or too few answers")
			}
			if n, was, is := firstChange(text, got); n > 0 {
				t.Logf("line %d: got %[3]q, want %[2]q", n, was, is)
			}
			golden.Same(t, f, got)
		})
	}
}

// firstChange returns the first line in which two texts differ; 0 if there is none.
func firstChange(a, b string) (line int, was, is string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return i + 1, as[i], bs[i]
		}
	}
	return 0, "", ""
}

// A wrong answer anywhere in a scenario is detected.
func TestScenarioEdited(t *testing.T) {
	text := golden.Read(t, "testdata/sign-in.txt")
	lines := strings.SplitAfter(text, "\n")
	edited := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "=> ") && !strings.HasPrefix(line, "   ") {
			continue
		}
		lines[i] = line[:3] + "edited " + line[3:]
		wrong := strings.Join(lines, "")
		lines[i] = line
		got, err := script.Record(t.Context(), wrong, new(memstore.Store))
		if err != nil || got == wrong || got != text {
			t.Errorf("line %d: an edited answer is not replaced: %v", i+1, err)
		}
		edited++
	}
	if edited < 10 {
		t.Errorf("%d answers were edited: too few", edited)
	}
}
