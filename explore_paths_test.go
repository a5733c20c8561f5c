package authn

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/internal/golden"
)

// The shortest paths to every event in every state, answered by every row, as
// readable scripts. TestPaths replays them with a service.

// writePaths writes internal/walks: for each cell the shortest path that any
// exploration found, except paths that are the start of another one.
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
			// Do not write a script that is the start of a longer one.
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
		golden.Same(t, filepath.Join("internal", "walks", x.name+".txt"), b.String())
	}
	files, err := filepath.Glob("internal/walks/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // no file may be left of a removed exploration
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !slices.ContainsFunc(xs, func(x *explorer) bool { return x.name == name }) {
			if golden.Updating() {
				_ = os.Remove(f)
			} else {
				t.Errorf("%s: no exploration writes it", f)
			}
		}
	}
	return len(best), paths
}

func (x *explorer) length(h int32) int { return x.g.depth[x.g.hops[h].from] }

// header returns the lines that set up the scripts of an exploration.
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
	mood := "fixed" // Activated does not change it
	if x.deaf {
		mood = "deaf"
	}
	if len(x.gates) > 0 {
		b.WriteString("gates")
		for _, g := range x.gates {
			fmt.Fprintf(&b, " %s", g.State)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "directory %s\nuser ada:%s\n", mood, x.views[0].factors())
	if x.device { // it has been remembered for a while
		fmt.Fprintf(&b, "begin\nchallenge mail\nverify right remember\nwait %v\n", x.policy.Remember-untilSoon)
	}
	return b.String()
}

// needing returns the gates that are needed as the text of a script.
func (v view) needing() string {
	if v.needs == nil {
		return "nothing"
	}
	return strings.Trim(fmt.Sprint(v.needs), "[]")
}

// factors returns the factors of the directory as the text of a script.
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

// script returns the path to a hop, and the hop, as a script.
func (x *explorer) script(last int32) string {
	var b strings.Builder
	directory, mailer, limit := x.views[0].name, moodNames[works], time.Duration(0)
	var tabs [maxTx]int
	begun := 0
	ways := append(x.g.path(x.g.hops[last].from), last)
	for _, n := range ways {
		h := x.g.hops[n]
		text, mood := option(x.g.words[h.act], "mailer", moodNames[works])
		text, after := option(text, "after", "")
		text, name := option(text, "directory", x.views[0].name)
		passes := strings.HasPrefix(text, "wait") || strings.HasPrefix(text, "clock")
		if name != directory && !passes {
			i := slices.IndexFunc(x.views, func(v view) bool { return v.name == name })
			fmt.Fprintf(&b, "user ada:%s\n", x.views[i].factors())
			if d := x.views[i].limit; d != limit {
				fmt.Fprintf(&b, "limiter %v\n", d)
				limit = d
			}
			if len(x.gates) > 0 {
				fmt.Fprintf(&b, "needs %s\n", x.views[i].needing())
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
		if after != "" {
			b.WriteString("wait " + after + "\n")
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

// spot is a node of an exploration. It has the account in its stored form, which is
// read for each step, so that a step cannot depend on anything that is not stored.
type spot struct {
	account string
	fall    int8 // ticks by which the clock may still go back
	memory  [maxTx]memory
}

// hop is an edge of an exploration: indices of spots and of words.
type hop struct{ from, to, act, text, row int32 }

// graph has the spots and hops that an exploration has found.
type graph struct {
	spots []spot
	index map[spot]int32
	via   []int32 // the hop that reached a spot first, on a shortest path
	depth []int
	hops  []hop
	words []string
	word  map[string]int32
}

func newGraph() *graph { return &graph{index: map[spot]int32{}, word: map[string]int32{}} }

// add returns the number of a spot, and adds the spot if it is new. Then the hop
// via, which the caller adds next, leads to it from another spot.
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

// path returns a shortest path to a spot, as numbers of hops.
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

// canReach reports for each spot whether a path of selected hops leads to a spot
// for which ok is true.
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

// Liveness, by reverse reachability: every spot has a path to a terminal state, and
// one to SUCCESS unless a budget or the clock forbids it. testdata/hopeless.txt
// lists what forbids it, and for how many spots.

// forbidden counts the spots where one reason forbids SUCCESS, and has a shortest
// path to one.
type forbidden struct {
	spots int
	way   string
}

// liveness checks what is reachable from every spot. It returns the spots from
// which the current transaction cannot succeed, by the reason.
func (x *explorer) liveness() map[string]forbidden {
	hopeless := map[string]forbidden{}
	accounts := make([]Account, len(x.g.spots))
	for i := range accounts {
		accounts[i] = x.open(x.g.spots[i])
	}
	same := func(h hop) bool { return !strings.HasPrefix(x.g.words[h.act], "begin") }
	ends := x.g.canReach(same, func(i int) bool { return accounts[i].alive() == 0 })
	wins := x.g.canReach(same, func(i int) bool {
		return slices.ContainsFunc(accounts[i].txs[:], func(t transaction) bool { return t.name() == Success })
	})
	for i := range accounts {
		a := &accounts[i]
		if !ends[i] {
			x.t.Fatalf("L1: the transaction never ends:%s\n%s", x.g.story(int32(i)), a.String())
		}
		t := &a.txs[0]
		if a.alive() != 1 || x.live > 1 || t.name() == Success || x.apps() || x.types != nil { // obstacle knows only codes that are sent
			continue
		}
		why := x.obstacle(a, x.g.spots[i].fall)
		if !wins[i] {
			k := fmt.Sprintf("%s: %s", x.m.stateOf(t), why)
			f, ok := hopeless[k]
			if f.spots++; !ok {
				f.way = x.way(int32(i))
			}
			hopeless[k] = f
		}
		if why == "" && !wins[i] || why != "" && wins[i] {
			x.t.Fatalf("L2: SUCCESS is reachable: %t, but the obstacle is %q:%s\n%s", wins[i], why, x.g.story(int32(i)), a.String())
		}
		x.applied["L2"]++
	}
	x.applied["L1"] = len(accounts)
	return hopeless
}

// way returns a shortest path to a spot, in one line.
func (x *explorer) way(n int32) string {
	var acts []string
	for _, h := range x.g.path(n) {
		acts = append(acts, x.g.words[x.g.hops[h].act])
	}
	return strings.Join(acts, ", ")
}

// alive returns the number of transactions that have not ended.
func (a *Account) alive() (n int) {
	for i := range a.txs {
		if t := &a.txs[i]; t.state != 0 && !t.ended() {
			n++
		}
	}
	return n
}

// obstacle returns what forbids SUCCESS, or "". It knows codes, sends, waits and what
// the directory may say, but no rows: at every remaining time it does what is
// allowed.
func (x *explorer) obstacle(a *Account, fall int8) (why string) {
	t := &a.txs[0]
	p := prospect{x: x, p: &x.m.policy, l: t.limits.tightened(&x.m.limits), t: *t, signing: t.signsIn(), mailbox: a.sends, backoff: a.notBefore}
	if len(x.ms) > 1 {
		p.l = t.limits // another node's policy is more lenient
	}
	p.proved = slices.Clone(t.proved())
	p.useful = t.code.live && t.code.tries < p.l.codeTries && (p.signing || p.helps(t.factor))
	why = "its time is up"
	for k := -int64(fall); k < int64(x.m.policy.Life/tick); k++ {
		now := zero.UnixNano() + k*int64(tick)
		if a.seen-now > int64(MaxSkew) || max(now, a.seen) >= t.expires || t.tries >= p.l.tries {
			continue
		}
		if why = p.at(max(now, a.seen)); why == "" {
			return ""
		}
	}
	return why
}

// prospect is the future of a transaction without faults or wrong codes.
type prospect struct {
	x       *explorer
	p       *Policy
	l       limits
	t       transaction
	proved  []proof
	signing bool // an active factor is still to be proved
	useful  bool // its live code is for a factor that is to be proved
	mailbox window
	backoff int64
}

// at does everything that is allowed at a time, and returns what forbids the rest.
func (p *prospect) at(now int64) string {
	t := &p.t
	for !p.enough() {
		switch {
		case now < p.backoff:
			return "the back-off lasts longer than it"
		case p.useful && now < t.code.expires && (t.name() != MFARequired || !p.sendable(now)):
			p.useful, t.state = false, uint8(MFAChallenge.index()+1)
			p.prove()
		case t.sends >= p.l.sends:
			return "no live code, and no sends left"
		case now < t.sendAt:
			return "no live code, and the cool-down lasts longer than it"
		case p.mailbox.freeAt(p.p.SendsPerHour, hour) > now, p.mailbox.freeAt(p.p.SendsPerDay, day) > now:
			return "no live code, and the mailbox is full for longer than it lasts"
		default:
			p.choose()
			p.useful, t.code.expires, t.state = true, now+p.l.codeLife, uint8(MFAChallenge.index()+1)
			t.sendAt = now + p.l.cooldowns[min(int(t.sends), maxCooldown-1)]
			t.sends++
			p.mailbox.add(now)
		}
	}
	if p.asksInput() && now < p.backoff {
		return "the back-off lasts longer than it"
	}
	return ""
}

// asksInput reports whether the host has to judge something before SUCCESS: the user may
// skip a password that expires soon, and a gate may be needed no more until it is come to.
func (p *prospect) asksInput() bool {
	return p.t.password == PasswordHasExpired || p.t.password == PasswordNeedsReset || p.t.gate() >= 0
}

// sendable reports whether another code can be sent at once: then a factor that is
// chosen again gets one, in place of the code that it has.
func (p *prospect) sendable(now int64) bool {
	return p.t.sends < p.l.sends && now >= p.t.sendAt && p.mailbox.freeAt(p.p.SendsPerHour, hour) <= now && p.mailbox.freeAt(p.p.SendsPerDay, day) <= now
}

// enough reports whether nothing more has to be proved: the user may skip the rest
// as soon as the directory demands nothing.
func (p *prospect) enough() bool {
	if p.signing {
		return false
	}
	if t := &p.t; t.name() != MFAEnroll && t.name() != MFAEnrollActivate && !t.signsIn() {
		return true // it has proved all that it has to
	}
	if p.t.signsIn() && len(p.proved) > len(p.t.proved()) && !p.t.owing {
		return true
	}
	return p.least(p.proved) == 0
}

// least is how many factors are missing at least, whatever the directory says.
func (p *prospect) least(proved []proof) int {
	least := 9
	for i := range p.x.views {
		v := &p.x.views[i]
		n := 0
		active := false
		for j := range v.fs {
			f := &v.fs[j]
			active = active || f.Status == Active
			if f.Required && f.Status == NotSetUp && !slices.ContainsFunc(proved, func(q proof) bool { return q.id == f.ID && q.recipient == p.x.recipient(f) }) {
				n++
			}
		}
		if len(proved) == 0 && (p.t.require == RequireFactor || active) {
			n = max(n, 1)
		}
		if !v.closed {
			least = min(least, n)
		}
	}
	return least
}

// helps reports whether a proof of the factor brings the transaction nearer to
// SUCCESS.
func (p *prospect) helps(f pin) bool {
	return p.least(append(slices.Clone(p.proved), f.proof())) < p.least(p.proved)
}

// choose puts at hand what is best proved next, in the best of all directories.
func (p *prospect) choose() {
	if p.signing {
		p.t.owing = !slices.ContainsFunc(p.x.views, func(v view) bool {
			active, owing := false, false
			for _, f := range v.fs {
				active, owing = active || f.Status == Active, owing || f.Required && f.Status == NotSetUp
			}
			return active && !owing
		})
		return
	}
	for _, v := range p.x.views {
		for i := range v.fs {
			if f := (pin{id: v.fs[i].ID, kind: Email, recipient: p.x.recipient(&v.fs[i])}); v.fs[i].Status == NotSetUp && p.helps(f) {
				p.t.factor = f
			}
		}
	}
}

// prove proves the factor at hand.
func (p *prospect) prove() {
	p.signing, p.backoff = false, 0
	p.proved = append(p.proved, p.t.factor.proof())
}

func (t *transaction) signsIn() bool { return t.name() == MFARequired || t.name() == MFAChallenge }

// hopelessIsListed compares the reasons that forbid SUCCESS, in each exploration,
// with the list.
func hopelessIsListed(t *testing.T, xs []*explorer, found []map[string]forbidden) {
	var b strings.Builder
	b.WriteString(`# From where a sign-in cannot succeed any more, and why: in how many states of
# each exploration, and a shortest way to one. Found by going back from every
# SUCCESS; from everywhere else it can. Written by go run ./internal/regen.
`)
	for i, x := range xs {
		if len(found[i]) > 0 {
			fmt.Fprintf(&b, "\n%s\n", x.name)
		}
		for _, why := range slices.Sorted(maps.Keys(found[i])) {
			f := found[i][why]
			fmt.Fprintf(&b, "%6d  %s\n        %s\n", f.spots, why, f.way)
		}
	}
	golden.Same(t, "testdata/hopeless.txt", b.String())
}
