package authn

import (
	"fmt"
	"slices"
	"strings"
)

// spot is where an exploration stands. Accounts are kept as they are stored,
// and read again for each step: nothing that a reload loses can matter.
type spot struct {
	account string
	fall    int8 // ticks that the clock may still fall
	memory  [maxTx]memory
}

// hop is one thing that happened: indices of spots and of words.
type hop struct{ from, to, act, text, row int32 }

// graph is what an exploration has found.
type graph struct {
	spots []spot
	index map[spot]int32
	via   []int32 // the hop by which a spot was reached first, on a shortest path
	depth []int
	hops  []hop
	words []string
	word  map[string]int32
}

func newGraph() *graph { return &graph{index: map[spot]int32{}, word: map[string]int32{}} }

// add returns the number of a spot, and gives it one if it is new: then the
// hop via, which is still to be added, leads there from another one.
func (g *graph) add(s spot, via, from int32) int32 {
	n, ok := g.index[s]
	if ok {
		return n
	}
	n = int32(len(g.spots))
	g.index[s] = n
	g.spots, g.via = append(g.spots, s), append(g.via, via)
	d := 0
	if via >= 0 {
		d = g.depth[from] + 1
	}
	g.depth = append(g.depth, d)
	return n
}

func (g *graph) intern(s string) int32 {
	n, ok := g.word[s]
	if !ok {
		n = int32(len(g.words))
		g.word[s], g.words = n, append(g.words, s)
	}
	return n
}

// path is a shortest way to a spot, as numbers of hops.
func (g *graph) path(n int32) (hops []int32) {
	for via := g.via[n]; via >= 0; via = g.via[g.hops[via].from] {
		hops = append(hops, via)
	}
	slices.Reverse(hops)
	return hops
}

func (g *graph) story(n int32) string {
	var b strings.Builder
	for _, h := range g.path(n) {
		fmt.Fprintf(&b, "\n  %s => %s", g.words[g.hops[h].act], g.words[g.hops[h].text])
	}
	return b.String()
}

// canReach says for each spot whether some path by these hops leads to one
// with ok.
func (g *graph) canReach(by func(hop) bool, ok func(i int) bool) []bool {
	back := make([][]int32, len(g.spots))
	for _, h := range g.hops {
		if by(h) {
			back[h.to] = append(back[h.to], h.from)
		}
	}
	in := make([]bool, len(g.spots))
	var todo []int32
	for i := range g.spots {
		if ok(i) {
			in[i], todo = true, append(todo, int32(i))
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for _, p := range back[todo[0]] {
			if !in[p] {
				in[p], todo = true, append(todo, p)
			}
		}
	}
	return in
}
