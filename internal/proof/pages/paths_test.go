package pages

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// A walk is a recorded script up to one of its answers.
type walk struct {
	steps []string // "`verify right` → SUCCESS"
	told  string   // the last answer
	rows  []string // the rows that were taken for it, or that refused
}

// allWalks returns a walk to each answer of the recorded paths and scenarios, the
// shortest first.
func allWalks(t *testing.T) (ws []walk) {
	for _, dir := range []string{"internal/walks", "internal/proof/scenarios/testdata"} {
		files, err := filepath.Glob(dir + "/*.txt")
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", dir, err)
		}
		for _, f := range files {
			head, rest, _ := strings.Cut(read(t, f), "\nnew\n")
			for script := range strings.SplitSeq(rest, "\nnew\n") {
				ws = append(ws, walksOf(head+"\n"+script)...)
			}
		}
	}
	ws = append(ws, kinds(t)...)
	size := func(w walk) int { return len(strings.Join(w.steps, "")) }
	slices.SortStableFunc(ws, func(a, b walk) int {
		return cmp.Or(cmp.Compare(len(a.steps), len(b.steps)), cmp.Compare(size(a), size(b)))
	})
	return ws
}

// walksOf returns a walk to each answer of a script.
func walksOf(script string) (ws []walk) {
	var steps []string
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		last := max(0, len(steps)-1)
		told, isAnswer := strings.CutPrefix(line, "=> ")
		switch word, rest, _ := strings.Cut(line, " "); {
		case isAnswer:
			told, row, _ := strings.Cut(told, " | ")
			steps[last] += " → " + told
			ws = append(ws, walk{slices.Clone(steps), told, strings.Split(row, "; ")})
		case line == "", line[0] == '#', line[0] == ' ', word == "policy", word == "directory":
		case word == "user" && last < len(steps) && strings.HasPrefix(steps[last], "`user "):
			steps[last] = "`" + line + "`" // replaces the earlier step
		case word == "wait" && last < len(steps) && strings.HasPrefix(steps[last], "`wait "):
			steps[last] = "`wait " + (span(steps[last][len("`wait "):len(steps[last])-1]) + span(rest)).String() + "`"
		default:
			steps = append(steps, "`"+line+"`")
		}
	}
	return ws
}

func span(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

// pathsPage shows the shortest walk to every outcome: every row that leads to a
// terminal state, and every refusal.
func pathsPage(t *testing.T) string {
	ws := allWalks(t)
	var b strings.Builder
	b.WriteString("# Paths\n\nThe shortest sequence of events to every outcome, with the answer to each, found by exhaustive exploration. The policies have small limits, so that\neach limit is a few steps away. `internal/walks` holds these sequences and many more for codes that are sent, and `authntest.Walks` finds those for other\nkinds of factor. The tests of every store replay all of them through a complete service.\nAn event that asks for the assertion goes the same way, and takes the row that says “redeemed at once”.\n")
	for _, end := range ends() {
		fmt.Fprintf(&b, "\n## %s\n\n", end)
		for _, label := range labels(func(r authn.Transition) bool {
			return r.To == end && r.From != authn.OtherGate && !ofClaims(r) && !slices.Contains(r.When, "redeemed at once")
		}) {
			i := slices.IndexFunc(ws, func(w walk) bool {
				return slices.ContainsFunc(w.rows, func(r string) bool { return quietly(r) == label })
			})
			if i < 0 {
				t.Errorf("no walk takes %s: it is not reachable, or internal/walks is out of date", label)
				continue
			}
			fmt.Fprintf(&b, "* **%s** — %s\n", label, strings.Join(ws[i].steps, ", "))
		}
	}
	b.WriteString("\n## Claims\n\nWhat a claim leads to is played, answer by answer, in the scenarios `claim-*`, `recovery*`, `unlock` and `sign-up` of `internal/proof/scenarios/testdata`.\n")
	b.WriteString("\n## Refusals\n\n")
	told := map[string]walk{}
	for _, w := range slices.Backward(ws) { // the shortest last
		if why, ok := strings.CutPrefix(w.told, "refused: "); ok && !slices.Contains(w.rows, "expire [time up]") {
			told[why] = w
		}
	}
	for _, why := range slices.Sorted(maps.Keys(told)) {
		fmt.Fprintf(&b, "* **%s** — %s\n", why, strings.Join(told[why].steps, ", "))
	}
	for _, s := range sentinels {
		if s.err == authn.ErrUnavailable {
			break // the rest are faults
		}
		if !strings.Contains(b.String(), "* **"+s.err.Error()) {
			t.Errorf("no walk to %s", s.name)
		}
	}
	return b.String()
}

// ofClaims reports whether the row is one of a claim, or of what only a claim leads to.
func ofClaims(r authn.Transition) bool {
	return slices.Contains([]authn.State{authn.RecoveryChallenge, authn.FactorChallenge, authn.Recovery}, r.From) ||
		slices.Contains([]authn.EventName{authn.EventClaim, authn.EventRecover, authn.EventUnlock, authn.EventPasskey}, r.Event) || slices.Contains(r.When, "without a session") || slices.Contains(r.When, "void claim")
}

// labels returns the labels of the rows to keep, each once.
func labels(keep func(authn.Transition) bool) (ls []string) {
	for _, r := range rowsOf(keep) {
		if l := quietly(r.Label()); !slices.Contains(ls, l) {
			ls = append(ls, l)
		}
	}
	return ls
}

// quietly removes from a label whether the owner is notified.
func quietly(label string) string {
	return strings.NewReplacer(", no new back-off", "", ", first failure with back-off", "").Replace(label)
}

// ends returns the terminal states.
func ends() (list []authn.State) {
	for _, st := range authn.NewReference().States {
		if st.Terminal {
			list = append(list, st.State)
		}
	}
	return list
}
