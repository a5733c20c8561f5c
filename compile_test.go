package authn

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/looplab/fsm"
)

// T1: New rejects mistakes in the table that the engine would ignore.
func TestBadTables(t *testing.T) {
	for name, c := range map[string]struct {
		change func(rows []row) []row
		want   string
	}{
		"two rows for one leaf": {func(rs []row) []row { return append(rs, rs[2]) }, "2 rows"},
		"an answer left out":    {func(rs []row) []row { return slices.Delete(rs, 3, 4) }, "0 rows"},
		"a guard too few": {func(rs []row) []row {
			rs[5].When = nil
			return rs
		}, "2 rows"},
		"a wait without an end": {func(rs []row) []row { rs[2].Refuse = ErrNoFactor; return rs }, "a refusal has a time"},
		"unknown state":         {func(rs []row) []row { rs[5].To = "NOWHERE"; return rs }, "unknown state"},
		"neither to nor refuse": {func(rs []row) []row {
			rs[5].To = ""
			return rs
		}, "either To, Onward or Refuse"},
		"both": {func(rs []row) []row {
			rs[2].To = Success
			return rs
		}, "either To, Onward or Refuse"},
		"a refusal that changes": {func(rs []row) []row { rs[2].Then = do{begin}; return rs }, "a refusal changes nothing"},
		"an end with a way out": {func(rs []row) []row {
			return append(rs, row{At: in(opVerify, Canceled), To: Success, Why: "x"})
		}, "is terminal and has rows"},
	} {
		_, err := compile(c.change(slices.Clone(table)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := slices.Clone(table)
	for i := range gone {
		if gone[i].To == Canceled {
			gone[i].To = stay
		}
	}
	if _, err := compile(gone); err == nil || !strings.Contains(err.Error(), "CANCELED is not reachable") {
		t.Errorf("an unreachable state: %v", err)
	}
}

// If any one row is removed, New reports the missing case.
func TestEveryRowIsNeeded(t *testing.T) {
	for i := range table {
		rest := slices.Delete(slices.Clone(table), i, i+1)
		if _, err := compile(rest, Gate{State: "TERMS"}); err != nil {
			continue
		}
		// A row without guards is a whole cell, whose loss changes the matrix.
		if len(table[i].When) > 0 {
			t.Errorf("New does not report that row %d (%s) is missing", i, table[i].Why)
		}
	}
}

// T5: the engine's drawing has exactly the edges of the table.
func TestEngineHasTheTable(t *testing.T) {
	p, err := compile(table)
	if err != nil {
		t.Fatal(err)
	}
	f := fsm.NewFSM(string(Unauthenticated), p.events(), nil)
	drawn := strings.Split(fsm.Visualize(f), "\n")
	var got []string
	for _, l := range drawn {
		if strings.Contains(l, "->") {
			got = append(got, strings.TrimSpace(l))
		}
	}
	var want []string
	for _, e := range p.edges {
		if e.to != "" {
			want = append(want, fmt.Sprintf(`"%s" -> "%s" [ label = "%s" ];`, e.State, e.to, e.label))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the engine draws\n%s\nthe table is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
