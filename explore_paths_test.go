package authn

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// The shortest way to every event in every state answered by every row, as
// scripts that anybody can read, and that are replayed through a whole service
// (TestPaths). Together they are what the machine does.

// writePaths writes internal/walks: for each cell the shortest way that any of
// the explorations found, but none that another one begins with.
func writePaths(t *testing.T, xs []*explorer) (cells, paths int) {
	type way struct {
		x    *explorer
		hop  int32
		cell cellKey
	}
	best := map[cellKey]way{}
	for _, x := range xs {
		if !x.paths {
			continue
		}
		for k, h := range x.cells {
			if old, ok := best[k]; !ok || x.length(h) < old.x.length(old.hop) {
				best[k] = way{x, h, k}
			}
		}
	}
	for _, x := range xs {
		var ways []way
		for _, w := range best {
			if w.x == x {
				ways = append(ways, w)
			}
		}
		if len(ways) == 0 {
			continue
		}
		slices.SortFunc(ways, func(a, b way) int { return cmp.Or(int(a.hop-b.hop), cmp.Compare(a.cell.String(), b.cell.String())) })
		leads := map[string][]string{} // script to cells
		for _, w := range ways {
			s := x.script(w.hop)
			leads[s] = append(leads[s], w.cell.String())
		}
		var scripts []string
		for s := range leads {
			scripts = append(scripts, s)
		}
		slices.SortFunc(scripts, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
		var b strings.Builder
		b.WriteString(x.header())
		for i, s := range scripts {
			// What a longer one begins with is not written twice.
			longer := slices.IndexFunc(scripts[i+1:], func(l string) bool { return strings.HasPrefix(l, s) })
			if longer >= 0 {
				l := scripts[i+1+longer]
				leads[l] = append(leads[l], leads[s]...)
				continue
			}
			slices.Sort(leads[s])
			fmt.Fprintf(&b, "\n# %s\nnew\n%s", strings.Join(leads[s], "\n# "), s)
			paths++
		}
		golden(t, filepath.Join("internal", "walks", x.name+".txt"), b.String())
	}
	files, err := filepath.Glob("internal/walks/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // no file of an exploration that is no more
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !slices.ContainsFunc(xs, func(x *explorer) bool { return x.name == name }) {
			if *rewrite {
				_ = os.Remove(f)
			} else {
				t.Errorf("%s: nothing writes it any more", f)
			}
		}
	}
	return len(best), paths
}

func (x *explorer) length(h int32) int { return x.g.depth[x.g.hops[h].from] }

// header says in what world the scripts of an exploration happen.
func (x *explorer) header() string {
	var b strings.Builder
	b.WriteString(`# Written by the explorer: the shortest ways to every event in every state,
# answered by every row. Each begins with "new", in a world of its own. After
# an answer stand the rows that were taken, or the one that refused.

policy`)
	v := reflect.ValueOf(x.policy)
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.IsZero():
		case f.Kind() == reflect.Slice:
			var ds []string
			for _, d := range f.Interface().([]time.Duration) {
				ds = append(ds, d.String())
			}
			fmt.Fprintf(&b, " %s=%s", v.Type().Field(i).Name, strings.Join(ds, ","))
		default:
			fmt.Fprintf(&b, " %s=%v", v.Type().Field(i).Name, f.Interface())
		}
	}
	b.WriteString("\n")
	mood := "fixed" // what is handed over to it changes nothing in it
	if x.deaf {
		mood = "deaf"
	}
	fmt.Fprintf(&b, "directory %s\nuser ada:%s\n", mood, x.views[0].factors())
	return b.String()
}

// factors is how a script says what the directory has.
func (v view) factors() string {
	var list []string
	for _, f := range v.fs {
		s := fmt.Sprintf(" %s %s %s", f.ID, f.Status, f.Address)
		if f.Required {
			s += " required"
		}
		list = append(list, s)
	}
	switch {
	case v.closed:
		return " closed"
	case list == nil:
		return " no factors"
	}
	return strings.Join(list, ",")
}

// script writes the way to a hop, and the hop.
func (x *explorer) script(last int32) string {
	var b strings.Builder
	directory, mailer, limit := x.views[0].name, moodNames[works], time.Duration(0)
	var tabs [maxTx]int
	begun := 0
	ways := append(x.g.path(x.g.hops[last].from), last)
	for _, n := range ways {
		h := x.g.hops[n]
		text, mood := option(x.g.words[h.act], "mailer", moodNames[works])
		text, name := option(text, "directory", x.views[0].name)
		passes := strings.HasPrefix(text, "wait") || strings.HasPrefix(text, "clock")
		if name != directory && !passes {
			i := slices.IndexFunc(x.views, func(v view) bool { return v.name == name })
			fmt.Fprintf(&b, "user ada:%s\n", x.views[i].factors())
			if d := x.views[i].limit; d != limit {
				fmt.Fprintf(&b, "limiter %v\n", d)
				limit = d
			}
			directory = name
		}
		if mood != mailer && !passes {
			fmt.Fprintf(&b, "mailer %s\n", mood)
			mailer = mood
		}
		if slot, ok := x.slots[n]; ok {
			begun++
			tabs[slot] = begun
		}
		if rest, ok := strings.CutPrefix(text, "tab "); ok {
			text = fmt.Sprintf("tab %d%s", tabs[rest[0]-'0'], rest[1:])
		}
		b.WriteString(text + "\n")
		if told := x.g.words[h.text]; told != "" {
			fmt.Fprintf(&b, "=> %s", told)
			if row := x.g.words[h.row]; !strings.HasSuffix(told, row) {
				fmt.Fprintf(&b, " | %s", row)
			}
			b.WriteString("\n")
		}
		if from, ok := x.moved[n]; ok {
			old := tabs
			for i, f := range from {
				tabs[i] = old[f]
			}
		}
	}
	return b.String()
}

// option takes " (name value)" from the end of a text.
func option(text, name, usual string) (rest, value string) {
	if i := strings.Index(text, " ("+name+" "); i >= 0 {
		return text[:i], strings.TrimSuffix(text[i+len(name)+3:], ")")
	}
	return text, usual
}
