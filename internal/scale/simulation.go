package main

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
)

// What is simulated. Times are in seconds.
const (
	accounts = 100_000_000
	load     = 20_000 // steps a second, on all databases
	warmUp   = 60.0   // before anything is counted: sign-ins are under way from then on
	counted  = 60.0
	patience = 5.0 // of a caller: then the call leaves its queue, and is made again
	tries    = 3   // of a call, at most
)

var never = math.Inf(1)

// A sign-in is a few calls, with the time that a person takes in between: begin,
// challenge, the acknowledgement of the message, the code, of which one in twenty is
// wrong, and the session. One call in a hundred comes twice at once.
var signIn = []struct {
	pause float64 // before the call, on average; 0: at once
}{{0}, {2}, {0.05}, {20}, {0.05}}

const (
	wrong   = 0.05
	correct = 5.0 // pause before the next code
	twice   = 0.01
	codeAt  = 3
	// stepsEach is how many steps a sign-in takes, on average.
	stepsEach = (5 + wrong) * (1 + twice)
)

// A step is one call of an account under way.
type step struct {
	account int32
	call    int     // index in signIn; -1: of Tend, which makes the next one at once
	at      float64 // when it is called
	first   float64 // when it was called first
	copy    bool    // of another one: nothing follows
}

// A scenario is what differs between runs.
type scenario struct {
	databases int
	surge     float64 // for as long as is counted, so many times the load
	down      float64 // for so long, from the beginning of what is counted, one database answers nothing
	tending   int     // nodes that seal records anew, without a pause
	after     float64 // how much longer it is watched
}

// A result is what was counted.
type result struct {
	took      []float64 // of each call that was answered, in order of size
	failed    int       // calls that were given up
	calls     int
	conflicts int // calls of one account at once
	answered  int
	busy      float64
	most      int     // steps under way on one database, at most
	resealed  float64 // a second
	calm      float64 // seconds from the end of the trouble until steps are fast again
}

// A world is one run.
type world struct {
	scenario
	r       *rand.Rand
	now     float64
	dbs     []*database
	pending events
	open    map[int32]int // steps under way, by account
	result
	slow float64 // when a step was last completed late
}

// events are calls in order of time, which is beside each of them: there are hundreds
// of thousands.
type events []event

type event struct {
	at float64
	*step
}

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { s := x.(*step); *e = append(*e, event{s.at, s}) }
func (e *events) Pop() any {
	old := *e
	s := old[len(old)-1].step
	*e = old[:len(old)-1]
	return s
}

// late is what a person notices.
const late = 0.1

func simulate(ms []measurement, sc scenario) result {
	w := &world{scenario: sc, r: rand.New(rand.NewPCG(1, 2)), open: map[int32]int{}}
	for range sc.databases {
		w.dbs = append(w.dbs, newDatabase(ms))
	}
	heap.Push(&w.pending, w.begins(0))
	for i := range sc.tending {
		w.dbs[i%sc.databases].add(&step{call: -1}, 0, w.r)
	}
	end := warmUp + counted + sc.after
	for w.now < end {
		w.step()
	}
	slices.Sort(w.took)
	w.busy = float64(w.answered) / counted / (float64(sc.databases) * ms[len(ms)-1].rate)
	w.resealed /= counted
	w.calm = max(0, w.slow-warmUp-counted)
	if sc.down > 0 {
		w.calm = max(0, w.slow-warmUp-sc.down)
	}
	return w.result
}

// begins is the next sign-in, of any account.
func (w *world) begins(after float64) *step {
	rate := load / stepsEach
	if w.counting(after) && w.surge > 0 {
		rate *= w.surge
	}
	return &step{account: w.r.Int32N(accounts), at: after + w.r.ExpFloat64()/rate}
}

func (w *world) counting(at float64) bool { return at >= warmUp && at < warmUp+counted }

// step lets the next thing happen: a call comes, or a step is completed.
func (w *world) step() {
	first := -1
	at := w.pending[0].at
	for i, d := range w.dbs {
		if d.next < at {
			first, at = i, d.next
		}
	}
	w.now = at
	if down := w.down > 0 && at >= warmUp && at < warmUp+w.down; down != w.dbs[0].down {
		w.dbs[0].down = down
		w.dbs[0].draw(at, w.r)
		return
	}
	if first < 0 {
		w.call(heap.Pop(&w.pending).(*step))
		return
	}
	d := w.dbs[first]
	for d.waiting() > 0 {
		if s := d.take(at, w.r); !w.expires(s, d) {
			w.complete(s, d)
			return
		}
	}
}

// expires reports whether nobody waits for a step any more. The caller has called again
// by then, or given up.
func (w *world) expires(s *step, d *database) bool {
	if s.call < 0 || w.now-s.at <= patience {
		return false
	}
	w.closes(s)
	w.slow = w.now
	switch called := int((w.now - s.first) / patience); {
	case s.copy:
	case called < tries:
		s.at = s.first + float64(called)*patience
		w.open[s.account]++
		d.add(s, w.now, w.r)
	case w.counting(s.first):
		w.failed++
	}
	return true
}

func (w *world) closes(s *step) {
	if w.open[s.account]--; w.open[s.account] == 0 {
		delete(w.open, s.account)
	}
}

// call lets a call reach its database.
func (w *world) call(s *step) {
	if s.call == 0 && !s.copy {
		heap.Push(&w.pending, w.begins(s.at))
	}
	s.first = s.at
	if !s.copy && w.r.Float64() < twice {
		again := *s
		again.copy = true
		heap.Push(&w.pending, &again)
	}
	if w.counting(s.at) {
		w.calls++
	}
	if w.open[s.account] > 0 && w.counting(s.at) {
		w.conflicts++
	}
	w.open[s.account]++
	d := w.dbs[w.home(s.account)]
	d.add(s, w.now, w.r)
	w.most = max(w.most, d.waiting())
}

// home is the database of an account, by a hash of it.
func (w *world) home(account int32) int {
	h := uint64(account)*0x9e3779b97f4a7c15 + 1
	h ^= h >> 31
	h *= 0xbf58476d1ce4e5b9
	return int((h >> 33) % uint64(w.databases))
}

// complete is the end of a step, which the next call of the sign-in follows.
func (w *world) complete(s *step, d *database) {
	if s.call < 0 {
		if w.counting(w.now) {
			w.resealed++
		}
		d.add(s, w.now, w.r)
		return
	}
	w.closes(s)
	if w.counting(w.now) {
		w.answered++
	}
	if w.counting(s.first) {
		w.took = append(w.took, w.now-s.first)
	}
	if w.now-s.first > late {
		w.slow = w.now
	}
	if s.copy {
		return
	}
	next := step{account: s.account, call: s.call + 1}
	if s.call == codeAt && w.r.Float64() < wrong {
		next.call = codeAt
		next.at = w.now + w.r.ExpFloat64()*correct
	} else if next.call < len(signIn) {
		next.at = w.now + w.r.ExpFloat64()*signIn[next.call].pause
	} else {
		return
	}
	heap.Push(&w.pending, &next)
}
