package authn

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Breadth-first exploration of the machine: every account that a small policy can
// lead to, and every event on each. The invariants are checked on every step, and
// the counts are recorded.

// beginning is one way to begin a transaction.
type beginning struct {
	how   string
	login Login
	view  int
}

// expedition has the settings of an exploration.
type expedition struct {
	name   string
	policy Policy
	types  []FactorType
	others []Policy // newer or older policies of other nodes
	views  []view   // the first is the default
	begins []beginning
	falls  int8
	leaps  []time.Duration
	live   int  // concurrent transactions
	single bool // one transaction, to its end
	crowd  bool // more transactions may begin than may live
	once   bool // events may have an idempotency key
	gates  []Gate
	device bool // one is remembered
	owes   bool // Passwords.Store fails, except when a session is redeemed
	moods  bool // the mailer may fail, and other nodes tend
	deaf   bool // Activated, Passwords.Store and Passed fail
	hosts  bool // the host revokes and reinstates
	paths  bool // write the shortest paths to internal/walks
}

// pins are counts that change only if the machine does.
type pins struct{ spots, hops, cells int }

type explorer struct {
	*expedition
	t       *testing.T
	m       *Machine // of the current node
	ms      []*Machine
	g       *graph
	limit   int      // fail at this number of spots
	prefix  int      // stop after this number of spots; 0 for never
	cut     bool     // stopped early
	claimed []Effect // by Tend
	reached map[string]bool
	applied map[string]int        // how often each invariant applied
	cells   map[cellKey]int32     // the first hop, which is on a shortest path
	slots   map[int32]int         // by hop: the slot of a transaction that begins
	moved   map[int32][maxTx]int8 // by hop: the previous slots of the transactions
	read    map[*Machine]map[cell][]reading

	recipients map[string]id
	alike      map[string]int32 // at the current spot: where equivalent codes lead
	tended     *Account         // the account of that spot after overdue transactions have ended
}

var unmoved = [maxTx]int8{0, 1, 2}

func newExplorer(t *testing.T, e *expedition) *explorer {
	m := e.machine(t, e.policy)
	x := &explorer{
		expedition: e.sealed(m), t: t, m: m, g: newGraph(), limit: 100_000,
		reached: map[string]bool{}, applied: map[string]int{}, cells: map[cellKey]int32{},
		slots: map[int32]int{}, alike: map[string]int32{}, moved: map[int32][maxTx]int8{}, recipients: map[string]id{}, read: map[*Machine]map[cell][]reading{},
	}
	x.ms = []*Machine{x.m}
	for _, p := range e.others {
		x.ms = append(x.ms, e.machine(t, p))
	}
	return x
}

// explore visits every spot once.
func (x *explorer) explore() {
	first := x.start()
	x.g.add(spot{account: string(first.append(nil)), fall: x.falls}, -1, -1)
	for i := 0; i < len(x.g.spots); i++ {
		if x.prefix > 0 && i == x.prefix {
			x.cut = true
			return
		}
		if i > x.limit {
			x.t.Fatalf("more than %d spots: the exploration is not bounded. The last spot:%s", x.limit, x.g.story(int32(i)))
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

// settle returns the spot of an account at a time, and the previous slot of each of
// its transactions.
func (x *explorer) settle(a Account, now time.Time, fall int8, mem *[maxTx]memory) (spot, [maxTx]int8) {
	after := *mem
	c := canon{m: x.m, now: now.UnixNano(), fall: int64(fall) * int64(tick), memory: &after, used: x.live > 1, from: unmoved}
	a = c.of(a)
	return spot{string(a.append(nil)), fall, after}, c.from
}

// hop performs one act at a spot.
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

// land links the spot to the next one, after effects were delivered.
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
	to := x.arrive(from, next, h.e.Now, h.s.fall, &mem)
	if c.op == opPrimary {
		x.slots[int32(len(x.g.hops))] = h.r.slot
	}
	x.link(from, to, &c, v)
	x.cell(h, v)
	x.judgeAlike(h, to)
}

// arrive returns the number of the spot of an account at a time. The next hop leads
// to it.
func (x *explorer) arrive(from int32, a Account, now time.Time, fall int8, mem *[maxTx]memory) int32 {
	s, slots := x.settle(a, now, fall, mem)
	if slots != unmoved {
		x.moved[int32(len(x.g.hops))] = slots
	}
	known := len(x.g.spots)
	n := x.g.add(s, int32(len(x.g.hops)), from)
	if int(n) == known { // it is new
		x.survives(&a)
	}
	return n
}

// survives checks P4: an account reads back as it was stored.
func (x *explorer) survives(a *Account) {
	if back := x.open(spot{account: string(a.append(nil))}); back != *a {
		x.t.Fatalf("P4: it reads back as another account:\n%+v\n%+v", back.txs, a.txs)
	}
	x.applied["P4"]++
}

func (x *explorer) link(from, to int32, c *act, v verdict) {
	g := x.g
	text := c.text
	if c.view > 0 {
		text += " (directory " + x.views[c.view].name + ")"
	}
	if c.later {
		text += fmt.Sprintf(" (after %v)", x.pause())
	}
	if c.node > 0 {
		text += [...]string{"", " (stricter node)", " (looser node)"}[c.node]
	}
	h := hop{from: from, to: to, act: g.intern(text), text: g.intern(v.text), row: g.intern(v.row + v.others)}
	g.hops = append(g.hops, h)
}

// cellKey is an event in a state, answered by a row. An event that no client sends,
// such as lock, is an event of the transaction that it changes.
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

// cell records the first path to an event that is answered by a row.
func (x *explorer) cell(h *trial, v verdict) {
	note := func(k cellKey) {
		if _, ok := x.cells[k]; !ok {
			x.cells[k] = int32(len(x.g.hops) - 1)
		}
	}
	if h.c.op != ops {
		k := cellKey{op: h.c.op, row: v.row}
		if h.c.slot >= 0 {
			k.state = x.m.stateOf(h.tx())
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

// trial is one event on one account, and its result.
type trial struct {
	x *explorer
	s spot
	a *Account
	c *act
	e Env

	r     Result
	err   error
	v     verdict
	now   int64 // the later of the clock and the saved time
	fault bool
	sent  bool // a code is sent
}

func (h *trial) run() {
	x := h.x
	h.now, h.fault = x.m.clock(h.a, h.e.Now)
	h.err = x.do(h.a, h.c, h.e, &h.r)
	h.v = x.verdict(h.c, &h.r, h.err)
	if h.c.host == "tend" {
		h.sent = slices.ContainsFunc(x.claimed, func(e Effect) bool { return e.Name == sendCode.String() })
	} else if h.err == nil {
		for i := range h.r.nmoves {
			h.sent = h.sent || slices.Contains(h.r.moves[i].edge.row.Emit, sendCode)
		}
	}
}

// tx returns the transaction before the step, and after that after it.
func (h *trial) tx() *transaction    { return &h.a.txs[h.c.slot] }
func (h *trial) after() *transaction { return &h.r.Account.txs[h.c.slot] }

// hosted reports whether the act was an operation of the host, of which only the
// outcome is known.
func (h *trial) hosted() bool { return h.c.host == "revoke" || h.c.host == "reinstate" }

// taken reports whether the event was accepted, on a transaction.
func (h *trial) taken() bool {
	return h.err == nil && h.r.Changed && !h.r.Ended && h.c.slot >= 0
}

func (h *trial) refused(err error) bool { return h.err != nil && errors.Is(h.err, err) }

// due reports whether the transaction is past its deadline.
func (h *trial) due() bool {
	t := h.tx()
	return t.state != 0 && !t.ended() && (h.fault || h.now >= t.expires || t.name() != Success && t.tries >= h.limits().tries)
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

// here reports whether this state allows a code with this event.
func (h *trial) here() bool {
	st := h.tx().name()
	return st == MFAChallenge && h.c.op == opVerify || st == MFAEnrollActivate && h.c.op == opActivate
}

// factor returns the factor that the event names.
func (h *trial) factor() string { return factorOf(h.c.ev) }

func factorOf(ev Event) string {
	if o, ok := ev.(options); ok {
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

// again reports whether the event may be a repeat of the last one.
func (h *trial) again() bool {
	_, ok := h.c.ev.(options)
	return ok && h.tx().last.set
}

// evaluated reports whether everything but the code itself is valid, so that the
// code may be evaluated.
func (h *trial) evaluated() bool {
	if h.c.slot < 0 || h.c.op == opRedeem || h.due() || h.isMalformed() {
		return false
	}
	if opInfos[h.c.op].judged {
		return h.asksHost()
	}
	if h.direct() || h.c.op == opRespond {
		return h.provable()
	}
	if !h.here() || !h.stands() {
		return false
	}
	t, l := h.tx(), h.limits()
	named := h.factor()
	return (named == "" || named == t.factor.id) && h.now >= h.a.notBefore && !h.limited() &&
		t.code.live && t.code.tries < l.codeTries && h.now < t.code.expires && (h.c.op == opVerify || h.offersEnrollment())
}

// limited reports whether the host's Limiter says to wait.
func (h *trial) limited() bool { return h.now < h.e.Limited.UnixNano() && !h.e.Limited.IsZero() }

// acceptable reports whether the event must be accepted.
func (h *trial) acceptable() bool {
	return h.c.op != opRespond && h.evaluated() && h.worth() == right
}

// status returns the status of a factor in the directory, including a pending
// activation; 0 if there is no factor with that address.
func (h *trial) status(p *pin) Status {
	for i := range h.e.Factors {
		f := &h.e.Factors[i]
		if f.ID != p.id || h.x.recipient(f) != p.recipient {
			continue
		}
		for j := range h.a.outbox {
			if o := &h.a.outbox[j]; o.kind == handOver && o.factor.id == f.ID && o.factor.recipient == p.recipient {
				return Active
			}
		}
		return f.Status
	}
	return 0
}

// offersEnrollment reports whether the current factor may still be enrolled, at the
// address to which the code was sent.
func (h *trial) offersEnrollment() bool {
	t := h.tx()
	if h.status(&t.factor) != NotSetUp {
		return false
	}
	return t.hasProof() || !h.active()
}

// missing returns the number of factors that are still demanded of a transaction,
// if this event proves the one at hand.
func (h *trial) missing(t *transaction) (n int) {
	proved := t.proved()
	if h.c.op != opSkip {
		proved = append(slices.Clone(proved), t.factor.proof())
	}
	if h.c.op == opVerify {
		if t.owing || t.adding {
			return 1
		}
		return 0
	}
	for i := range h.e.Factors {
		f := &h.e.Factors[i]
		p := pin{id: f.ID, kind: f.Type, recipient: h.x.recipient(f)}
		if (f.Required || t.offersMore && h.c.op == opActivate) && h.status(&p) == NotSetUp && !slices.Contains(proved, p.proof()) {
			n++
		}
	}
	if t.require == RequireFactor && len(proved) == 0 {
		n = max(n, 1)
	}
	return n
}

// active reports whether the user has an active factor, with any address.
func (h *trial) active() bool {
	for i := range h.e.Factors {
		f := &h.e.Factors[i]
		if p := (pin{id: f.ID, recipient: h.x.recipient(f)}); h.status(&p) == Active {
			return true
		}
	}
	return false
}

// recipient returns the pseudonym of a factor's address.
func (x *explorer) recipient(f *Factor) id {
	key := f.Address
	if key == "" {
		key = f.ID
	}
	if r, ok := x.recipients[key]; ok {
		return r
	}
	s := x.m.fresh()
	s.acct = &s.own.Account
	bare := *f
	bare.Status = NotSetUp // else its data would be opened
	p, fault := s.checked(&bare)
	if fault != "" {
		x.t.Fatal(fault)
	}
	x.recipients[key] = s.pin(&p).recipient
	return p.recipient
}

// remember updates what the checks need later.
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
	x.rememberInputs(h, next, &mem)
	return mem
}

// rivals reports whether the cell has a row that answers the question, and that no
// answer to an earlier one sets apart from this row.
func (m *Machine) rivals(e *edge, q int) bool {
	return slices.ContainsFunc(m.edges, func(o edge) bool {
		if o.cell != e.cell || o.row.answerTo(q) == 0 {
			return false
		}
		for p := range q {
			if a, b := e.row.answers(p), o.row.answers(p); len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(g guard) bool { return slices.Contains(b, g) }) {
				return false
			}
		}
		return true
	})
}

// answers are those that the row gives to the question.
func (r *row) answers(q int) (gs []guard) {
	for _, g := range r.When {
		if g >= questions[q].first && g <= questions[q].last {
			gs = append(gs, g)
		}
	}
	return gs
}

// meant reports whether a row that is silent about a question means its usual answer.
func (m *Machine) meant(e *edge, q int) bool {
	judges := m.rivals(e, slices.IndexFunc(questions[:], func(q question) bool { return q.first == codeRight })) && !opInfos[e.op].judged
	switch questions[q].usual {
	case 0:
		return false
	case userKnown:
		return opInfos[e.op].directory
	case withinLimits:
		return opInfos[e.op].limiter
	case codeFormed, thisChallenge:
		return judges && e.op != opRespond
	case answered:
		return judges && e.op != opRespond && e.State != MFARequired
	case codeUnused:
		return judges && e.op == opVerify
	case mayReply:
		return judges && e.op == opRespond
	case mayJudge:
		return opInfos[e.op].judged
	}
	return m.rivals(e, q)
}

// A reading is a row with the answers that it wants of each question; none: any.
type reading struct {
	edge *edge
	said [len(questions)][]guard
}

// readings are those of the rows of a cell.
func (x *explorer) readings(c cell) []reading {
	of := x.read[x.m]
	if of == nil {
		of = map[cell][]reading{}
		for i := range x.m.edges {
			r := reading{edge: &x.m.edges[i]}
			for q := range questions {
				r.said[q] = r.edge.row.answers(q)
				if m := r.edge.row.means(q); len(r.said[q]) == 0 && m != 0 && x.m.meant(r.edge, q) {
					r.said[q] = []guard{m}
				}
			}
			of[r.edge.cell] = append(of[r.edge.cell], r)
		}
		x.read[x.m] = of
	}
	return of[c]
}

// only evaluates every guard of every row of the cell. It fails unless exactly one
// row applies and the decision tree picks it.
func (x *explorer) only(s *step) *edge {
	var found *edge
	var asked [len(questions)]guard
	says := func(q int) guard {
		if asked[q] == 0 {
			asked[q] = questions[q].ask(s)
		}
		return asked[q]
	}
	st := s.m.stateOf(s.tx())
	rows := x.readings(cell{st, s.op})
	for _, r := range rows {
		fits := true
		for q, said := range r.said {
			fits = fits && (len(said) == 0 || slices.Contains(said, says(q)))
		}
		if fits {
			if found != nil {
				x.t.Fatalf("T4: %s and %s both apply in %s", found.label, r.edge.label, st)
			}
			found = r.edge
		}
	}
	if len(rows) > 0 && found == nil {
		x.t.Fatalf("T4: no row applies in %s, %s", st, s.op)
	}
	if p, _ := s.pick(); p != found {
		x.t.Fatalf("T4: the tree picks another row than %s", found.label)
	}
	if found != nil {
		x.reached[string(found.State)+": "+found.label] = true
	}
	return found
}

// row returns the row that must answer the event; nil if there is none.
func (h *trial) row() (e *edge, asked bool) {
	x := h.x
	if h.c.slot < 0 || h.again() || h.c.op == opRedeem && (!h.tx().session.live || h.owesPassword()) || h.c.op == opRespond && !h.tx().info().AtHand {
		return nil, false
	}
	if x.m.roots[h.tx().state-1][h.c.op] == 0 && !x.m.overdue(h.a, h.c.slot, h.e.Now) {
		return nil, true
	}
	var in input
	if h.c.op == opRespond {
		reply := x.replyOf(h.a, h.c)
		in.reply = &reply
	} else if h.c.op != opRedeem {
		p, _, err := x.m.payload(h.c.ev)
		if err != nil {
			x.t.Fatal(err)
		}
		in = *p
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
	e = x.only(s)
	if e != nil && e.row.Others != opPrimary { // the questions of the other transactions
		s.op = e.row.Others
		for s.i = range s.acct.txs {
			if s.i != h.c.slot && s.tx().state != 0 {
				x.only(s)
			}
		}
	}
	return e, true
}
