package authn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/looplab/fsm"
)

// step is the working memory of one step; instances come from a pool. Questions
// and updates see nothing else.
type step struct {
	m    *Machine
	fsm  *fsm.FSM
	macs [][keyUses]hash.Hash // by key of the ring, then purpose; made on first use
	buf  []byte
	sum  [32]byte

	ideal   bool  // what is allowed? assume an ideal payload
	fault   bool  // the mark of the record lies too far in the future
	now     int64 // the later of the clock and the record's mark
	rnd     [64]byte
	login   Login
	in      input
	noUser  bool     // the Directory has no such user
	limited int64    // from when the Limiter lets the event go on; 0: now
	dir     []pin    // what the Directory says now, at most maxFactors
	block   bool     // the Directory has a disabled factor
	r       *Result  // the result: the caller's, or own
	acct    *Account // the working copy, in r; the account itself where nothing is changed
	own     Result
	i       int // slot of the transaction at hand
	op      op
}

// move is a row that was taken.
type takenRow struct {
	edge   *edge
	tx     id
	rev    uint8
	factor string // at hand before it
}

// maxMoves is how many rows one step can take: one for each transaction there
// is, and one for a transaction that begins.
const maxMoves = maxTx + 1

// The clock must be between these Unix times: charges are kept as seconds in 32
// bits, and the end of every window has to fit.
const (
	earliest = 1e9 // 2001
	latest   = 4e9 // 2096
)

func (s *step) tx() *transaction { return &s.acct.txs[s.i] }

// load takes an instance from the pool that works on a copy of the account: in
// r, or of its own.
func (m *Machine) load(a *Account, r *Result, env *Env, in *input) (*step, error) {
	s, err := m.instance(a, env.Now, in)
	if err != nil {
		return nil, err
	}
	if r == nil || &r.Account == a {
		r = &s.own
	}
	s.copyTo(r)
	s.rnd, s.noUser, s.limited = env.Entropy, env.NoUser, 0
	if !env.Limited.IsZero() {
		s.limited = env.Limited.UnixNano()
	}
	if len(env.Factors) > 0 {
		if err := s.consult(env.Factors); err != nil {
			m.pool.Put(s)
			return nil, err
		}
	}
	return s, nil
}

// look takes an instance for reading: it works on the account itself, or after a
// clock fault on a corrected copy.
func (m *Machine) look(a *Account, now time.Time) (*step, error) {
	s, err := m.instance(a, now, new(input))
	if err == nil && s.fault {
		s.copyTo(&s.own)
	}
	return s, err
}

// instance takes one from the pool and gives it the account and what came with
// the event.
func (m *Machine) instance(a *Account, now time.Time, in *input) (*step, error) {
	if u := now.Unix(); u < earliest || u >= latest {
		return nil, fmt.Errorf("%w: the clock says %s", ErrUnavailable, now.UTC().Format(time.RFC3339))
	}
	s := m.pool.Get().(*step)
	s.acct = a
	s.now, s.fault = m.clock(a, now)
	s.ideal, s.block, s.i, s.noUser, s.limited = false, false, 0, false, 0
	s.in, s.login, s.dir = *in, Login{}, s.dir[:0]
	return s, nil
}

// copyTo makes the step work on a copy of its account.
func (s *step) copyTo(r *Result) {
	r.Account.copyFrom(s.acct)
	r.nmoves = 0
	s.r, s.acct = r, &r.Account
	if s.fault {
		s.acct.unskew(s.now, &s.m.policy)
	}
}

// clock returns the later of now and the account's mark, or, if the mark lies
// further ahead than clocks may differ, now and that there was a fault.
func (m *Machine) clock(a *Account, now time.Time) (ns int64, fault bool) {
	ns = now.UnixNano()
	if a.seen-ns > int64(MaxSkew) {
		return ns, true
	}
	return max(ns, a.seen), false
}

// unskew corrects what a clock that was ahead has written.
func (a *Account) unskew(now int64, p *Policy) {
	a.seen = now
	a.failures.at.clamp(now)
	a.sends.clamp(now)
	a.starts.clamp(now)
	a.notBefore = min(a.notBefore, now+int64(p.BackoffMax))
	a.lockedUntil = min(a.lockedUntil, now+int64(p.LockMax))
}

// begin takes primary in a slot of its own.
func (s *step) begin() error {
	if err := s.offerAll(opExpire); err != nil {
		return err
	}
	if err := s.vacate(); err != nil {
		return err
	}
	*s.tx() = transaction{state: 1, born: s.now}
	copy(s.tx().id[:], s.rnd[:16])
	s.op = opPrimary
	return s.decide()
}

// event takes the event on the transaction at hand, or expire in its place.
func (s *step) event() error {
	o, i := s.op, s.i
	var err error
	if s.fault {
		err = s.offerAll(opExpire)
	} else {
		err = s.offer(opExpire)
	}
	s.i = i
	if err != nil || s.took(i) {
		return err
	}
	s.op = o
	if done, err := s.repeated(); done || err != nil {
		return err
	}
	if n := s.tx().limits.digits; s.in.digits != 0 && n != 0 && s.in.digits != n && s.root() != 0 {
		return s.refuse("", ErrMalformed, 0)
	}
	first := s.r.nmoves
	if err := s.decide(); err != nil {
		return err
	}
	s.remember(o, s.r.moves[first].edge.row.Outcome)
	return nil
}

func (s *step) root() int16 { return s.m.roots[s.tx().state-1][s.op] }

// decide picks the one row that holds and takes it, or refuses.
func (s *step) decide() error {
	e := s.pick()
	switch {
	case e == nil:
		return s.m.noRow(s.acct, s.i, s.op)
	case e.row.Refuse != nil:
		return s.refuse(e.guard, e.row.Refuse, s.retryAt(e))
	}
	return s.take(e)
}

// pick walks the decision tree of the cell.
func (s *step) pick() *edge {
	n := s.root()
	if n == 0 {
		return nil
	}
	for n > 0 {
		n = s.m.after(n, questions[s.m.nodes[n].q].ask(s))
	}
	return &s.m.edges[^n]
}

// after is what follows an answer to the question of node n.
func (p *program) after(n int16, g guard) int16 {
	at := &p.nodes[n]
	return p.next[int(at.first)+int(g-questions[at.q].first)]
}

// offer takes an internal event (expire, lock, cancel), if a row has it and its
// guards hold.
func (s *step) offer(o op) error {
	if s.tx().state == 0 {
		return nil
	}
	s.op = o
	if e := s.pick(); e != nil && e.row.Refuse == nil {
		return s.take(e)
	}
	return nil
}

// took says that the transaction in slot i has taken a row in this step.
func (s *step) took(i int) bool {
	for _, m := range s.r.moves[:s.r.nmoves] {
		if m.tx == s.acct.txs[i].id {
			return true
		}
	}
	return false
}

// offerAll offers it to every transaction of the account.
func (s *step) offerAll(o op) error {
	for s.i = range s.acct.txs {
		if err := s.offer(o); err != nil {
			return err
		}
	}
	return nil
}

// take moves the transaction: the engine first, then the updates, then the
// effects; and then the other transactions of the account.
func (s *step) take(e *edge) error {
	if err := s.engine(e); err != nil {
		return err
	}
	t := s.tx()
	before := *t.factor()
	t.state = e.state
	t.rev++
	s.r.moves[s.r.nmoves] = takenRow{edge: e, tx: t.id, rev: t.rev, factor: before.id}
	s.r.nmoves++
	for _, u := range e.row.Then {
		updates[u].do(s)
	}
	if err := s.emit(e, &before); err != nil {
		return err
	}
	if e.row.Others == opPrimary {
		return nil
	}
	mine := s.i
	for s.i = range s.acct.txs {
		if s.i == mine {
			continue
		}
		if err := s.offer(e.row.Others); err != nil {
			return err
		}
	}
	s.i = mine
	return nil
}

// vacate chooses the slot for a new transaction. If Policy.Live are live, it
// cancels one: the oldest without a live code, else the oldest; one in SUCCESS
// last.
func (s *step) vacate() error {
	best, free, n := -1, -1, 0
	for i := range s.acct.txs {
		t := &s.acct.txs[i]
		if t.isLive() {
			n++
			if best < 0 || t.before(&s.acct.txs[best], s.now) {
				best = i
			}
		} else if free < 0 || t.expires < s.acct.txs[free].expires {
			free = i // an empty slot, which has no end, before the oldest finished one
		}
	}
	if n < s.m.policy.Live {
		s.i = free
		return nil
	}
	s.i = best
	return s.offer(opCancel)
}

// overdue says that the transaction has expired, without asking questions.
func (m *Machine) overdue(a *Account, i int, at time.Time) bool {
	t := &a.txs[i]
	now, fault := m.clock(a, at)
	return fault || now >= t.expires || t.rev >= maxSteps || t.tries >= min(t.limits.tries, m.limits.tries)
}

// noRow refuses an event that the table has no row for.
func (m *Machine) noRow(a *Account, i int, o op) error { return &m.refusals[a.txs[i].state-1][o] }

// refuse makes the refusal of the event at hand. If the transaction has ended, it
// looks like the refusal of an unknown token.
func (s *step) refuse(guard string, err error, retryAt int64) error {
	r := &Refusal{State: s.tx().name(), Event: s.op.name(), Guard: guard, Err: err, RetryAt: unix(retryAt)}
	switch {
	case errors.Is(err, ErrFinished):
		r.State, r.Guard = "", ""
	case errors.Is(err, ErrLocked):
		r.State = LockedOut
	}
	return r
}

// result completes the result and hands it over.
func (s *step) result(to *Result) {
	r := s.r
	r.Changed, r.Ended, r.Outcome, r.slot = r.nmoves > 0, false, Done, s.i
	if r.Changed {
		e := r.moves[r.nmoves-1].edge
		for i := range r.nmoves {
			if r.moves[i].tx == s.tx().id {
				e = r.moves[i].edge
			}
		}
		r.Outcome, r.Ended = e.row.Outcome, e.op == opExpire
		s.tidy()
	} else if l := s.tx().last; l.set {
		r.Outcome = outcomes[l.say]
	}
	if to != r {
		*to = *r
	}
}

// tidy sets the mark, and drops charges that have left every window.
func (s *step) tidy() {
	a := s.acct
	a.seen = s.now
	a.failures.trim(s.now, s.m.failureSpan())
	a.sends.trim(s.now, day)
	a.starts.trim(s.now, hour)
	if a.lockedUntil <= s.now {
		a.lockedUntil = 0
	}
	if a.notBefore <= s.now {
		a.notBefore = 0
	}
}

// A Move is a row that a step has taken.
type Move struct {
	Transaction string // public id
	Step        int    // of that transaction, counted from 1
	Factor      string // id of the factor at hand
	Row         Transition
}

// Moves lists the rows that the step has taken, the event's own and those of
// the account's other transactions.
func (r *Result) Moves() []Move {
	ms := make([]Move, r.nmoves)
	for i := range ms {
		m := &r.moves[i]
		ms[i] = Move{Transaction: hex.EncodeToString(m.tx[:]), Step: int(m.rev), Factor: m.factor, Row: m.edge.transition()}
	}
	return ms
}
