package httphost

import (
	"maps"
	"slices"
	"testing"

	"github.com/authnfsm/authn"
)

// Each event of the table that clients send has a path, and no other has one.
func TestEventsHavePaths(t *testing.T) {
	paths := map[string]*operation{}
	for _, op := range operations() {
		if paths[op.path] != nil {
			t.Errorf("two operations at %q", op.path)
		}
		paths[op.path] = op
	}
	own := []string{"", "begin", "claim", "open", "passkey", "passkey/request"}
	for _, e := range authn.NewReference().Events {
		_, err := authn.ParseEvent(e.Name, authn.Fields{})
		if op := paths[e.Name]; (op != nil) != (err == nil || slices.Contains(own, e.Name)) {
			t.Errorf("%s: path %v, %v", e.Name, op, err)
		}
		delete(paths, e.Name)
	}
	for _, path := range own {
		delete(paths, path)
	}
	if len(paths) > 0 {
		t.Errorf("paths without an event: %v", slices.Collect(maps.Keys(paths)))
	}
}

// Each refusal of the table has a word of its own.
func TestRefusalsHaveWords(t *testing.T) {
	words := map[string]bool{}
	for _, r := range refusals {
		if words[r.word] || r.word == "" || r.doc == "" {
			t.Errorf("%v: the word %q", r.err, r.word)
		}
		words[r.word] = true
	}
	for _, r := range authn.Transitions() {
		if r.Refuse != nil && problemOf(r.Refuse) == unavailable {
			t.Errorf("%s has no word", r.Label())
		}
	}
}
