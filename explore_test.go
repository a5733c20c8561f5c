package authn

import (
	"errors"
	"fmt"
	"slices"
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
	r := reader{b: []byte(s.account), schema: schema}
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
	if c.op == opPrimary {
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

// trial is one event on one account, and what came of it.
type trial struct {
	x *explorer
	s spot
	a *Account
	c *act
	e Env

	r     Result
	err   error
	v     verdict
	now   int64 // the later of the clock and the mark
	fault bool
	sent  bool // a code is to be mailed
}

func (h *trial) run() {
	x := h.x
	h.now, h.fault = x.m.clock(h.a, h.e.Now)
	h.err = x.do(h.a, h.c, h.e, &h.r)
	h.v = x.verdict(h.c, &h.r, h.err)
	if h.c.host == "tend" {
		h.sent = slices.ContainsFunc(x.claimed, func(e Effect) bool { return e.Do == SendCode })
	} else if h.err == nil {
		for i := range h.r.nmoves {
			h.sent = h.sent || slices.Contains(h.r.moves[i].edge.row.Emit, SendCode)
		}
	}
}

// tx is the transaction before, and after the same one after.
func (h *trial) tx() *transaction    { return &h.a.txs[h.c.slot] }
func (h *trial) after() *transaction { return &h.r.Account.txs[h.c.slot] }

// hosted says that it was an operation of the host, of which only the outcome
// is known.
func (h *trial) hosted() bool { return h.c.host == "revoke" || h.c.host == "reinstate" }

// taken says that the event itself was, on a transaction.
func (h *trial) taken() bool {
	return h.err == nil && h.r.Changed && !h.r.Ended && h.c.slot >= 0
}

func (h *trial) refused(err error) bool { return h.err != nil && errors.Is(h.err, err) }

// overdue says that the transaction's time is up, by its own account of it.
func (h *trial) due() bool {
	t := h.tx()
	return t.state != 0 && !t.ended() && (h.fault || h.now >= t.expires || t.tries >= h.limits().tries)
}

// tightened returns the stricter of the pinned limits and those in force now.
func (l *limits) tightened(now *limits) limits {
	t := limits{
		digits:    l.digits,
		codeTries: min(l.codeTries, now.codeTries), tries: min(l.tries, now.tries), sends: min(l.sends, now.sends),
		codeLife: min(l.codeLife, now.codeLife),
	}
	for i := range t.cooldowns {
		t.cooldowns[i] = max(l.cooldowns[i], now.cooldowns[i])
	}
	return t
}

func (h *trial) limits() limits { return h.tx().limits.tightened(&h.x.m.limits) }

// here says that a code may be handed in in this state, with this event.
func (h *trial) here() bool {
	st := h.tx().name()
	return st == MFAChallenge && h.c.op == opVerify || st == MFAEnrollActivate && h.c.op == opActivate
}

// factor is what the event names.
func (h *trial) factor() string {
	ev := h.c.ev
	if o, ok := ev.(keyed); ok {
		ev = o.Event
	}
	switch e := ev.(type) {
	case Enroll:
		return e.Type
	case Challenge:
		return e.Factor
	case Resend:
		return e.Factor
	case Activate:
		return e.Factor
	case Verify:
		return e.Factor
	}
	return ""
}

// again says that the event may be the last one again.
func (h *trial) again() bool {
	_, ok := h.c.ev.(keyed)
	return ok && h.tx().last.set
}

// evaluated says that the event may have its code looked at: everything but
// the code itself is as it should be.
func (h *trial) evaluated() bool {
	if h.c.slot < 0 || h.c.op == opRedeem || !h.here() || h.due() || h.c.code == longText {
		return false
	}
	t, l := h.tx(), h.limits()
	named := h.factor()
	return (named == "" || named == t.factor().id) && h.now >= h.a.notBefore &&
		t.code.live && t.code.tries < l.codeTries && h.now < t.code.expires && (h.c.op == opVerify || h.offersEnrollment())
}

// acceptable says that the event has to be accepted.
func (h *trial) acceptable() bool { return h.c.code == rightText && h.evaluated() }

// status is what the directory says of a factor, or what it will say once it
// has taken what is owed to it; 0 if it has none with that address.
func (h *trial) status(p *pin) Status {
	for i := range h.e.Factors {
		f := &h.e.Factors[i]
		if f.ID != p.id || h.x.recipient(f) != p.recipient {
			continue
		}
		for j := range h.a.outbox {
			if o := &h.a.outbox[j]; o.kind == FactorActivated && o.factor == f.ID && o.recipient == p.recipient {
				return Active
			}
		}
		return f.Status
	}
	return 0
}

// offersEnrollment says that the factor at hand may still be enrolled, at the
// address that the code went to.
func (h *trial) offersEnrollment() bool {
	t := h.tx()
	if h.status(t.factor()) != NotSetUp {
		return false
	}
	return t.proved != 0 || !h.active()
}

// active says that the user has an active factor, of whatever address.
func (h *trial) active() bool {
	for i := range h.e.Factors {
		f := &h.e.Factors[i]
		if p := (pin{id: f.ID, recipient: h.x.recipient(f)}); h.status(&p) == Active {
			return true
		}
	}
	return false
}

// recipient is the pseudonym of a factor's address.
func (x *explorer) recipient(f *Factor) id {
	if r, ok := x.recipients[f.Address]; ok {
		return r
	}
	s := x.m.fresh()
	s.acct = &s.own.Account
	p, err := s.pin(f)
	if err != nil {
		x.t.Fatal(err)
	}
	x.recipients[f.Address] = p.recipient
	return p.recipient
}

// remember keeps what the checks need to know later.
func (x *explorer) remember(h *trial, next *Account) [maxTx]memory {
	mem := h.s.memory
	if h.err != nil || !h.r.Changed {
		return mem
	}
	if h.c.op == opPrimary {
		mem[h.r.slot] = memory{}
	}
	for i := range mem {
		t, u := &h.a.txs[i], &next.txs[i]
		m := &mem[i]
		switch {
		case u.state == 0 || u.ended():
			*m = memory{}
		case h.c.op == opPrimary && i == h.r.slot:
		default:
			if u.sends != t.sends {
				m.late = false
			}
			if t.delivery == deliveryPending || u.sends != t.sends {
				if u.delivery == deliverySent && m.mails < 9 {
					m.mails++
				}
			}
		}
	}
	if h.taken() && !next.txs[h.c.slot].ended() {
		m := &mem[h.c.slot]
		switch {
		case h.r.Outcome == LateCode:
			m.late = true
		case h.c.op == opRedeem:
			m.redeemed++
		case (h.c.op == opVerify || h.c.op == opActivate) && h.r.Outcome == Done:
			m.won = h.tx().sends
		}
	}
	return mem
}

// only finds the row whose guards all hold, by asking every guard of every row
// of the cell, and fails unless there is exactly one, and the one that the
// decision tree picks.
func (x *explorer) only(s *step) *edge {
	var found *edge
	n := 0
	var asked [len(questions)]guard
	holds := func(g guard) bool {
		for q := range questions {
			if g < questions[q].first || g > questions[q].last {
				continue
			}
			if asked[q] == 0 {
				asked[q] = questions[q].ask(s)
			}
			return asked[q] == g
		}
		panic("a guard of no question")
	}
	st := s.tx().name()
	for i := range x.m.edges {
		e := &x.m.edges[i]
		if e.State != st || e.op != s.op {
			continue
		}
		n++
		said := slices.Clone(e.row.When)
		for q := range questions {
			if u := questions[q].usual; u == userKnown && opInfos[s.op].directory || u == withinLimits && opInfos[s.op].limiter {
				if m := e.row.means(q); m != 0 {
					said = append(said, m)
				}
			}
		}
		if !slices.ContainsFunc(said, func(g guard) bool { return !holds(g) }) {
			if found != nil {
				x.t.Fatalf("T4: %s and %s both hold in %s", found.label, e.label, st)
			}
			found = e
		}
	}
	if n > 0 && found == nil {
		x.t.Fatalf("T4: no row holds in %s, %s", st, s.op)
	}
	if p := s.pick(); p != found {
		x.t.Fatalf("T4: the tree picks another row than %s", found.label)
	}
	if found != nil {
		x.reached[string(found.State)+": "+found.label] = true
	}
	return found
}

// row finds the row that has to answer the event; nil if there is none.
func (h *trial) row() (e *edge, asked bool) {
	x := h.x
	if h.c.slot < 0 || h.again() || h.c.op == opRedeem && !h.tx().session.live {
		return nil, false
	}
	if x.m.roots[h.tx().state-1][h.c.op] == 0 && !x.m.overdue(h.a, h.c.slot, h.e.Now) {
		return nil, true
	}
	var in input
	if h.c.op != opRedeem {
		var err error
		if in, _, err = x.m.payload(h.c.ev); err != nil {
			x.t.Fatal(err)
		}
	}
	s, err := x.m.load(h.a, nil, &h.e, new(input))
	if err != nil {
		x.t.Fatal(err)
	}
	defer x.m.pool.Put(s)
	s.i, s.in, s.op = h.c.slot, in, opExpire
	if e := x.only(s); e != nil && e.row.Refuse == nil {
		return e, true
	}
	s.op = h.c.op
	if h.c.code == longText {
		return nil, false
	}
	e = x.only(s)
	if e != nil && e.row.Others != opPrimary { // what the others are asked
		s.op = e.row.Others
		for s.i = range s.acct.txs {
			if s.i != h.c.slot && s.tx().state != 0 {
				x.only(s)
			}
		}
	}
	return e, true
}
