package authn

import (
	"fmt"
	"testing"
	"time"
)

// Breadth-first exploration of the real machine: every account that a small
// policy can lead to, every event on each of them, the invariants checked on
// every step, and what was found counted and pinned.

// beginning is a way to begin.
type beginning struct {
	how   string
	login Login
	view  int
}

// expedition says what is explored.
type expedition struct {
	name   string
	policy Policy
	others []Policy // other nodes may have already, or still
	views  []view   // the first is the usual one
	begins []beginning
	falls  int8
	leaps  []time.Duration
	live   int  // transactions at once
	single bool // one transaction, to its end
	crowd  bool // more may begin than may live
	once   bool // events may have an idempotency key
	moods  bool // the mailer has moods, and others tend
	deaf   bool // the directory does not take factors over
	hosts  bool // the host revokes and reinstates
	paths  bool // the shortest ways are written to internal/walks
	pin    pins
}

// pins are counts that change only if the machine does.
type pins struct{ spots, hops, cells int }

type explorer struct {
	*expedition
	t       *testing.T
	m       *Machine // of the node at work
	ms      []*Machine
	g       *graph
	limit   int      // that no exploration may come to
	prefix  int      // stop after so many spots; 0: do not
	cut     bool     // it did
	claimed []Effect // by Tend
	reached map[string]bool
	applied map[string]int        // how often each invariant had something to check
	cells   map[cellKey]int32     // the first hop, and so on a shortest way
	slots   map[int32]int         // by hop: the slot of a transaction that begins
	moved   map[int32][maxTx]int8 // by hop: in which slots the transactions were

	recipients map[string]id
	alike      map[string]int32 // at the spot that is visited: where codes that are alike lead
	tended     *Account         // the account of that spot, overdue transactions ended
}

var unmoved = [maxTx]int8{0, 1, 2}

func newExplorer(t *testing.T, e *expedition) *explorer {
	x := &explorer{
		expedition: e, t: t, m: newMachine(t, e.policy), g: newGraph(), limit: 100_000,
		reached: map[string]bool{}, applied: map[string]int{}, cells: map[cellKey]int32{},
		slots: map[int32]int{}, alike: map[string]int32{}, moved: map[int32][maxTx]int8{}, recipients: map[string]id{},
	}
	x.ms = []*Machine{x.m}
	for _, p := range e.others {
		x.ms = append(x.ms, newMachine(t, p))
	}
	return x
}

// explore visits every spot once.
func (x *explorer) explore() {
	x.g.add(spot{account: string((&Account{}).append(nil)), fall: x.falls}, -1, -1)
	for i := 0; i < len(x.g.spots); i++ {
		if x.prefix > 0 && i == x.prefix {
			x.cut = true
			return
		}
		if i > x.limit {
			x.t.Fatalf("more than %d spots: a bound is lost. The last one:%s", x.limit, x.g.story(int32(i)))
		}
		s := x.g.spots[i]
		a := x.open(s)
		x.visit(int32(i), s, &a)
		for _, c := range x.acts(&a, s.fall) {
			x.hop(int32(i), s, &a, c)
		}
		if string(a.append(nil)) != s.account {
			x.t.Fatalf("P3: an argument was changed, in %s", a.String())
		}
	}
}

func (x *explorer) open(s spot) (a Account) {
	r := reader{b: []byte(s.account)}
	if err := r.account(&a); err != nil {
		x.t.Fatalf("P4: %v: %x", err, s.account)
	}
	return a
}

// settle makes the spot of an account at a time, and says from which slot each
// of its transactions came.
func (x *explorer) settle(a Account, now time.Time, fall int8, mem *[maxTx]memory) (spot, [maxTx]int8) {
	after := *mem
	c := canon{m: x.m, now: now.UnixNano(), fall: int64(fall) * int64(tick), memory: &after, used: x.live > 1, from: unmoved}
	a = c.of(a)
	return spot{string(a.append(nil)), fall, after}, c.from
}

// hop lets one thing happen at a spot.
func (x *explorer) hop(from int32, s spot, a *Account, c act) {
	if c.by != 0 {
		fall := s.fall
		if c.by < 0 {
			fall--
		}
		x.link(from, x.arrive(from, *a, zero.Add(c.by), fall, &s.memory), &c, verdict{})
		return
	}
	x.m = x.ms[c.node]
	defer func() { x.m = x.ms[0] }()
	h := &trial{x: x, s: s, a: a, c: &c, e: x.env(a, &c, zero)}
	h.run()
	x.judge(from, h)
	if !h.sent || !x.moods {
		x.land(from, h)
		return
	}
	for c.mood = works; c.mood <= dies; c.mood++ {
		x.land(from, h)
	}
}

// land links the spot to where it led, after what was owed was delivered.
func (x *explorer) land(from int32, h *trial) {
	c := *h.c
	v := h.v
	if h.err != nil || !h.r.Changed && c.host != "tend" {
		x.link(from, from, &c, v)
		x.cell(h, v)
		x.judgeAlike(h, from)
		return
	}
	next := x.deliver(&h.r, &c, h.e)
	x.judgeDelivery(h, &next)
	if c.mood != works {
		c.text += " (mailer " + moodNames[c.mood] + ")"
		if c.mood == dies {
			v.text = "nothing"
		}
	}
	mem := x.remember(h, &next)
	to := x.arrive(from, next, zero, h.s.fall, &mem)
	if c.op == primary {
		x.slots[int32(len(x.g.hops))] = h.r.slot
	}
	x.link(from, to, &c, v)
	x.cell(h, v)
	x.judgeAlike(h, to)
}

// arrive returns the number of the spot of an account at a time, to which the
// next hop leads.
func (x *explorer) arrive(from int32, a Account, now time.Time, fall int8, mem *[maxTx]memory) int32 {
	s, slots := x.settle(a, now, fall, mem)
	if slots != unmoved {
		x.moved[int32(len(x.g.hops))] = slots
	}
	return x.g.add(s, int32(len(x.g.hops)), from)
}

func (x *explorer) link(from, to int32, c *act, v verdict) {
	g := x.g
	text := c.text
	if c.view > 0 {
		text += " (directory " + x.views[c.view].name + ")"
	}
	if c.node > 0 {
		text += [...]string{"", " (stricter node)", " (looser node)"}[c.node]
	}
	h := hop{from: from, to: to, act: g.intern(text), text: g.intern(v.text), row: g.intern(v.row + v.others)}
	g.hops = append(g.hops, h)
}

// cellKey is an event in a state, answered by a row. What nobody sends, such as
// a lock, is an event of the transaction that it befalls.
type cellKey struct {
	state State
	op    op
	row   string
}

func (k cellKey) String() string {
	st := k.state
	if st == "" {
		st = Unauthenticated
	}
	return fmt.Sprintf("%s, %s: %s", st, k.op, k.row)
}

// cell notes the first way to have an event answered by a row.
func (x *explorer) cell(h *trial, v verdict) {
	note := func(k cellKey) {
		if _, ok := x.cells[k]; !ok {
			x.cells[k] = int32(len(x.g.hops) - 1)
		}
	}
	if h.c.op != ops {
		k := cellKey{op: h.c.op, row: v.row}
		if h.c.slot >= 0 {
			k.state = h.tx().name()
		}
		note(k)
	}
	if h.err == nil && !h.hosted() {
		for _, m := range h.r.moves[:h.r.nmoves] {
			if m.edge.State != Unauthenticated {
				note(cellKey{m.edge.State, m.edge.op, m.edge.label})
			}
		}
	}
}
