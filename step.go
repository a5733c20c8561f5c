package authn

import (
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
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

	aeads [][keyUses]cipher.AEAD // like macs

	ideal    bool  // what is allowed? assume an ideal payload
	fault    bool  // the mark of the record lies too far in the future
	wall     int64 // what the clock says, which may lag behind now
	now      int64 // the later of the clock and the record's mark
	rnd      [64]byte
	in       input
	noUser   bool           // the Directory has no such user
	limited  int64          // from when the Limiter lets the event go on; 0: now
	noLimit  bool           // what the Limiter says is not known yet
	noList   bool           // nor what the Directory says
	dir      []listed       // what the Directory says now, at most maxFactors
	block    bool           // the Directory has a disabled factor
	unusable bool           // the Directory has an active factor that cannot be proved here
	faulty   bool           // the Directory has a factor that cannot be used
	needed   map[State]bool // which gates are needed, as far as is known
	verdict  *Verdict       // on the response; nil: not known yet
	subject  *Subject       // whose name is claimed; nil: not known yet
	question *string        // that the user is asked; nil: not known yet
	judged   judged
	lack     *Lack    // what a question without an answer lacks
	r        *Result  // the result: the caller's, or own
	acct     *Account // the working copy, in r; the account itself where nothing is changed
	own      Result
	cand     *listed // ideal: only this factor is to be chosen
	i        int     // slot of the transaction at hand
	op       op
}

// The clock must be between these Unix times: charges are kept as seconds in 32
// bits, and the end of every window has to fit.
const (
	earliest = 1e9 // 2001
	latest   = 4e9 // 2096
)

// owner is the user that the account is of; an account without a record is of the
// one who begins.
func (s *step) owner() string {
	if s.acct.user == "" && s.in.login != nil {
		return s.in.login.User
	}
	return s.acct.user
}

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
	if env.Verdict != nil && !env.Verdict.valid() {
		m.pool.Put(s)
		return nil, errVerdict
	}
	s.copyTo(r)
	s.rnd, s.noUser, s.limited, s.noLimit, s.noList = env.Entropy, env.NoUser, 0, env.LimitLater, env.ListLater
	s.verdict, s.needed, s.subject, s.question = env.Verdict, env.Needed, env.Subject, env.Question
	if !env.Limited.IsZero() {
		s.limited = env.Limited.UnixNano()
	}
	if len(env.Factors) > 0 {
		s.consult(env.Factors)
		if slices.ContainsFunc(s.dir, func(l listed) bool { return l.stale }) {
			m.pool.Put(s)
			return nil, errStale
		}
	}
	return s, nil
}

var errStale = fmt.Errorf("%w: directory: it lists a factor as it was before what it has taken", ErrUnavailable)

// look takes an instance for reading: it works on the account itself, or after a
// clock fault on a corrected copy.
func (m *Machine) look(a *Account, env *Env) (*step, error) {
	s, err := m.instance(a, env.Now, new(input))
	if err != nil {
		return nil, err
	}
	if s.fault {
		s.copyTo(&s.own)
	}
	s.consult(env.Factors)
	return s, nil
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
	s.wall = now.UnixNano()
	s.ideal, s.block, s.i, s.noUser, s.limited, s.noLimit, s.noList = false, false, 0, false, 0, false, false
	s.unusable, s.faulty, s.verdict, s.needed, s.judged, s.lack, s.cand = false, false, nil, nil, judged{}, nil, nil
	s.subject, s.question = nil, nil
	s.in, s.dir = *in, s.dir[:0]
	return s, nil
}

// copyTo makes the step work on a copy of its account.
func (s *step) copyTo(r *Result) {
	r.Account.copyFrom(s.acct)
	r.nmoves, r.Assertion = 0, nil
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
	a.devices.trim(now, p)
	a.used.upTo(now + int64(usedKept)) // it may be this clock that is behind; later steps would refuse codes for too long
	a.kept.clamp(now + int64(day))
	a.notBefore = min(a.notBefore, now+int64(p.BackoffMax))
	a.lockedUntil = min(a.lockedUntil, now+int64(p.LockMax))
	for i := range a.outbox {
		a.outbox[i].next = min(a.outbox[i].next, now)
	}
}

// begin takes primary in a slot of its own.
func (s *step) begin(o op) error {
	if err := s.offerAll(opExpire); err != nil {
		return err
	}
	if err := s.vacate(); err != nil {
		return err
	}
	*s.tx() = transaction{state: 1, born: s.now}
	copy(s.tx().id[:], s.rnd[:16])
	s.op = o
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
	if o != opOpen { // which is another client's
		if done, err := s.repeated(); done || err != nil {
			return err
		}
	}
	first := s.r.nmoves
	if err := s.decide(); err != nil {
		return err
	}
	if o != opRespond && o != opOpen { // the last event of the client stays the last
		s.remember(o, s.r.moves[first].edge.row.Outcome)
	}
	return nil
}

func (s *step) root() int16 { return s.m.roots[s.m.place(s.tx())][s.op] }

// decide picks the one row that holds and takes it, or refuses.
func (s *step) decide() error {
	if s.noList && opInfos[s.op].directory && s.root() != 0 && !s.m.claiming {
		return &Lack{Factors: true}
	}
	e, lack := s.pick()
	switch {
	case lack != nil:
		return lack
	case e == nil:
		return s.m.noRow(s.acct, s.i, s.op)
	case e.row.Refuse != nil:
		return s.refuse(e.guard, e.row.Refuse, s.retryAt(e))
	}
	return s.take(e)
}

// pick walks the decision tree of the cell, as far as the facts are known.
func (s *step) pick() (*edge, *Lack) {
	n := s.root()
	if n == 0 {
		return nil, nil
	}
	for n > 0 {
		g := questions[s.m.nodes[n].q].ask(s)
		if g == noAnswer {
			return nil, s.lack
		}
		n = s.m.after(n, g)
	}
	return &s.m.edges[^n], nil
}

// attempt is what the Limiter is asked about.
func (s *step) attempt() Attempt {
	a := Attempt{Tenant: s.m.tenant, User: s.acct.user, Event: s.op.name()}
	f := s.tx().factor
	switch s.op {
	case opPrimary:
		a.User = s.in.login.User
		if l := s.firstChallenged(); l != nil {
			f = s.pin(l)
		}
	case opPasskey:
		a.User, f.kind = s.in.login.User, s.in.login.claim.by
	case opChangePassword, opResetPassword, opPass, opAnswer:
		f = pin{}
	case opEnroll, opChallenge, opResend:
		f = s.pin(s.chosen())
	case opVerify:
		if l := s.submitted(); !s.tx().info().AtHand && l != nil {
			f = s.pin(l)
		}
	}
	if s.m.claiming {
		a.Account, a.Type = s.claimKey(), f.kind
		return a
	}
	if f != (pin{}) {
		a.Factor, a.Type, a.Recipient = f.id, f.kind, hex.EncodeToString(f.recipient[:])
	}
	a.Account = s.m.Key(a.User)
	return a
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
	if e, _ := s.pick(); e != nil && e.row.Refuse == nil {
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
	before, tried := t.factor, s.tried(e)
	t.state = e.state
	t.rev++
	for _, u := range e.row.Then {
		updates[u].do(s)
	}
	f := &t.factor
	switch {
	case tried != nil:
		f = tried
	case f.id == "":
		f = &before
	}
	s.r.moves[s.r.nmoves] = takenRow{edge: e, tx: t.id, rev: t.rev, factor: f.id, kind: f.kind}
	s.r.nmoves++
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

// tried is the factor that a code was submitted for in MFA_REQUIRED; else nil.
func (s *step) tried(e *edge) *pin {
	if e.op != opVerify || s.tx().info().AtHand {
		return nil
	}
	p := s.pin(s.submitted())
	return &p
}

// vacate chooses the slot for a new transaction. If Policy.Live are
// live, which are never more than that, it cancels one: the oldest without a live
// code, else the oldest; one in SUCCESS last.
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

// noRow refuses an event that the table has no row for.
func (m *Machine) noRow(a *Account, i int, o op) error { return &m.refusals[m.place(&a.txs[i])][o] }

// refuse makes the refusal of the event at hand. If the transaction has ended, it
// looks like the refusal of an unknown token.
func (s *step) refuse(guard string, err error, retryAt int64) error {
	r := &Refusal{State: s.m.stateOf(s.tx()), Event: s.op.name(), Guard: guard, Err: err, RetryAt: unix(retryAt)}
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
	a.starts.trim(s.now, s.m.startSpan())
	a.used.trim(s.now - int64(usedKept))
	a.kept.trim(s.now)
	a.devices.trim(s.now, &s.m.policy)
	if a.lockedUntil <= s.now {
		a.lockedUntil = 0
	}
	if a.notBefore <= s.now {
		a.notBefore = 0
	}
}
