package authn

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
	"unicode"
)

// Times that the machine takes for possible: charges are kept as seconds in
// 32 bits, and the end of every window has to fit.
const (
	earliest = 1e9 // 2001
	latest   = 4e9 // 2096
)

var errOutbox = fmt.Errorf("%w: the outbox is full of what the Directory or the Auditor did not take", ErrUnavailable)

// load takes an instance from the pool and copies the account into it.
func (m *Machine) load(a *Account, env *Env) (*step, error) {
	if u := env.Now.Unix(); u < earliest || u >= latest {
		return nil, fmt.Errorf("%w: the clock says %s", ErrUnavailable, env.Now.UTC().Format(time.RFC3339))
	}
	s := m.pool.Get().(*step)
	s.acct, s.rnd = *a, env.Entropy
	s.now, s.fault = m.clock(a, env.Now)
	s.ideal, s.block, s.nmoves, s.i = false, false, 0, 0
	s.in, s.login, s.dir = input{}, Login{}, [maxFactors]pin{}
	if s.fault {
		s.acct.unskew(s.now, &m.policy)
	}
	if err := s.consult(env.Factors); err != nil {
		m.pool.Put(s)
		return nil, err
	}
	return s, nil
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

// unskew sets back what a clock that was ahead has written.
func (a *Account) unskew(now int64, p *Policy) {
	a.seen = now
	a.failures.at = a.failures.at.clamp(now)
	a.sends, a.starts = a.sends.clamp(now), a.starts.clamp(now)
	a.notBefore = min(a.notBefore, now+int64(p.BackoffMax))
	a.lockedUntil = min(a.lockedUntil, now+int64(p.LockMax))
}

// consult pins what the Directory says: the first factors that can be used.
func (s *step) consult(factors []Factor) error {
	n := 0
	for i := range factors {
		p, err := s.pin(&factors[i])
		if err != nil {
			return err
		}
		for j := range i {
			if factors[j].ID == p.id {
				return fmt.Errorf("%w: directory: two factors have the ID %q", ErrUnavailable, p.id)
			}
		}
		if p.status == Disabled {
			s.block = true
		} else if p.kind != 0 && n < maxFactors {
			s.dir[n] = p
			n++
		}
	}
	return nil
}

// pin checks a factor and replaces its address by a keyed pseudonym.
func (s *step) pin(f *Factor) (p pin, err error) {
	fault := func(what string) (pin, error) {
		return pin{}, fmt.Errorf("%w: directory: factor %.64q: %s", ErrUnavailable, f.ID, what)
	}
	if !validFactorID(f.ID) {
		return fault("its ID must be 1 to 64 printable ASCII bytes")
	}
	if f.Status < NotSetUp || f.Status > Disabled {
		return fault("it has no status")
	}
	p = pin{id: f.ID, status: f.Status, required: f.Required}
	for i := range factorTypes {
		typ := &factorTypes[i]
		if typ.name != f.Type {
			continue
		}
		addr, err := typ.canonical(f.Address)
		if err != nil {
			return fault(err.Error())
		}
		p.kind, p.masked = uint8(i+1), typ.mask(f.Address)
		sum := s.keyed(len(s.m.keys), forRecipient, s.m.tenant, f.Type, addr)
		copy(p.recipient[:], sum[:])
	}
	if p.status == NotSetUp && (f.Verified && !s.m.policy.NoAutoActivateEmail || s.handedOver(&p)) {
		p.status = Active
	}
	return p, nil
}

// handedOver says that a factor was activated here and the Directory has not
// taken it yet.
func (s *step) handedOver(p *pin) bool {
	for i := range s.acct.outbox {
		if e := &s.acct.outbox[i]; e.kind == FactorActivated && e.factor == p.id && e.recipient == p.recipient {
			return true
		}
	}
	return false
}

// payload checks and normalises what came with an event, before any look-up.
func (m *Machine) payload(ev Event) (in input, o op, err error) {
	if w, ok := ev.(once); ok {
		in.once, ev = w.key, w.Event
		if len(w.key) == 0 || len(w.key) > maxOnce {
			return in, o, &Refusal{Event: name(ev), Err: ErrMalformed}
		}
	}
	ok := true
	switch e := ev.(type) {
	case Enroll:
		in.factor = e.Type
		ok = e.Type != ""
	case Challenge:
		in.factor = e.Factor
		ok = e.Factor != ""
	case Resend:
		in.factor = e.Factor
	case Activate:
		in.factor = e.Factor
		ok = in.normalise(e.Code, m.least)
	case Verify:
		in.factor = e.Factor
		ok = in.normalise(e.Code, m.least)
	case Previous, Skip, Cancel:
	default:
		return in, o, &Refusal{Event: name(ev), Err: ErrMalformed}
	}
	if !ok || in.factor != "" && !validFactorID(in.factor) {
		return in, o, &Refusal{Event: name(ev), Err: ErrMalformed}
	}
	return in, ev.on(), nil
}

// name of an event that may be none of ours: a pointer, or nothing.
func name(ev Event) string {
	switch e := ev.(type) {
	case Enroll, Activate, Challenge, Verify, Resend, Previous, Skip, Cancel:
		return e.on().String()
	}
	return "event"
}

func validUser(s string) bool {
	if len(s) == 0 || len(s) > maxUser {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}

// begin takes primary in a slot of its own.
func (s *step) begin() error {
	if err := s.offerAll(expire); err != nil {
		return err
	}
	if err := s.vacate(); err != nil {
		return err
	}
	*s.tx() = transaction{state: 1, born: s.now}
	copy(s.tx().id[:], s.rnd[:16])
	s.op = primary
	return s.decide()
}

// event takes the event on the transaction at hand, or expire in its place.
func (s *step) event() error {
	o, i := s.op, s.i
	var err error
	if s.fault {
		err = s.offerAll(expire)
	} else {
		err = s.offer(expire)
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
	first := s.nmoves
	if err := s.decide(); err != nil {
		return err
	}
	s.remember(o, s.moves[first].edge.row.Say)
	return nil
}

func (s *step) root() int16 { return s.m.roots[s.tx().state-1][s.op] }

// decide picks the one row that holds and takes it, or refuses.
func (s *step) decide() error {
	e := s.pick()
	switch {
	case e == nil:
		return s.m.noRow(&s.acct, s.i, s.op)
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
		node := &s.m.nodes[n]
		q := &questions[node.q]
		n = node.next[q.ask(s)-q.first]
	}
	return &s.m.edges[^n]
}

// offer takes an event that nobody sends, if a row of the table has it and
// its guards hold.
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
	for _, m := range s.moves[:s.nmoves] {
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

// take moves the transaction: the engine first, then the effects as far as
// the updates may forget what they need, then the updates.
func (s *step) take(e *edge) error {
	if err := s.engine(e); err != nil {
		return err
	}
	if err := s.emit(e); err != nil {
		return err
	}
	t := s.tx()
	s.moves[s.nmoves] = move{edge: e, tx: t.id, rev: t.rev + 1, factor: t.factor().id}
	s.nmoves++
	t.state = uint8(e.to.index() + 1)
	t.rev++
	for _, u := range e.row.Then {
		updates[u].do(s)
	}
	s.settleEffects(e)
	if e.row.Others == primary {
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

// vacate chooses the slot for a new transaction, and cancels one if as many
// are live as may be: the oldest without a live code, then the oldest; an
// unredeemed SUCCESS last.
func (s *step) vacate() error {
	best, free, n := -1, -1, 0
	for i := range s.acct.txs {
		t := &s.acct.txs[i]
		if t.isLive() {
			n++
			if best < 0 || t.before(&s.acct.txs[best]) {
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
	return s.offer(cancel)
}

// isLive says that the transaction may still lead to a session.
func (t *transaction) isLive() bool {
	switch t.name() {
	case MFAEnroll, MFAEnrollActivate, MFARequired, MFAChallenge:
		return true
	}
	return t.session.live
}

// before says that t has to make room before o.
func (t *transaction) before(o *transaction) bool {
	if t.session.live != o.session.live {
		return o.session.live
	}
	if t.code.live != o.code.live {
		return o.code.live
	}
	return t.born < o.born
}

// due says that the transaction's time is up, as far as it can be told
// without asking.
func (m *Machine) due(a *Account, i int, at time.Time) bool {
	t := &a.txs[i]
	now, fault := m.clock(a, at)
	return fault || now >= t.expires || t.rev >= maxSteps || t.tries >= min(t.limits.tries, m.limits.tries)
}

// noRow refuses what the table has no row for.
func (m *Machine) noRow(a *Account, i int, o op) error {
	st := a.txs[i].name()
	if m.final[st.index()] {
		return &Refusal{Event: o.String(), Err: ErrFinished}
	}
	return &Refusal{State: st, Event: o.String(), Err: ErrNotAllowed}
}

// refuse makes the refusal of the event at hand. One that finds the
// transaction finished looks like one for a token that never was.
func (s *step) refuse(guard string, err error, retryAt int64) error {
	r := &Refusal{State: s.tx().name(), Event: s.op.String(), Guard: guard, Err: err, RetryAt: unix(retryAt)}
	switch {
	case errors.Is(err, ErrFinished):
		r.State, r.Guard = "", ""
	case errors.Is(err, ErrLocked):
		r.State = LockedOut
	}
	return r
}

// repeated says that the event is the last saved one again: nothing is
// evaluated then. The same key with anything else in the event is refused.
func (s *step) repeated() (bool, error) {
	l := &s.tx().last
	if s.in.once == "" || !l.set {
		return false, nil
	}
	k := s.m.keyIndex(l.key)
	if k < 0 || s.onceKey(k) != l.id {
		return false, nil
	}
	if s.oncePrint(k) != l.print {
		return false, s.refuse("", ErrKeyReused, 0)
	}
	return true, nil
}

// remember keeps the event if it has a key; one without forgets the last.
func (s *step) remember(o op, say Outcome) {
	l := &s.tx().last
	*l = lastEvent{}
	if s.in.once == "" {
		return
	}
	*l = lastEvent{set: true, key: s.m.keys[0].id, id: s.onceKey(0)}
	for i, x := range outcomes {
		if x == say {
			l.say = uint8(i)
		}
	}
	s.op = o
	l.print = s.oncePrint(0)
}

func (s *step) onceKey(k int) (x id) {
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), "key", s.in.once)
	copy(x[:], sum[:])
	return x
}

func (s *step) oncePrint(k int) (x id) {
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), s.op.String(), s.in.factor, string(s.in.code[:s.in.digits]))
	copy(x[:], sum[:])
	return x
}

// result makes the working copy what is to be saved.
func (s *step) result(r *Result) {
	r.Changed, r.Ended, r.Outcome = s.nmoves > 0, false, Done
	r.slot, r.nmoves = s.i, copy(r.moves[:], s.moves[:s.nmoves])
	if r.Changed {
		e := s.moves[s.nmoves-1].edge
		for i := range s.nmoves {
			if s.moves[i].tx == s.tx().id {
				e = s.moves[i].edge
			}
		}
		r.Outcome, r.Ended = e.row.Say, e.op == expire
		s.tidy()
	} else if l := s.tx().last; l.set {
		r.Outcome = outcomes[l.say]
	}
	r.Account = s.acct
}

// tidy sets the mark and forgets charges that have left every window.
func (s *step) tidy() {
	a := &s.acct
	a.seen = s.now
	a.failures = a.failures.trim(s.now, s.m.failureSpan())
	a.sends, a.starts = a.sends.trim(s.now, day), a.starts.trim(s.now, hour)
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
