package authn

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/looplab/fsm"
)

// Format writes the time only, for every verb: entropy makes tokens and codes,
// and factors hold addresses.
func (e Env) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "authn.Env{Now: %s}", e.Now.UTC().Format(time.RFC3339Nano))
}

// Machine decides. It does no I/O, reads no clock and keeps nothing between
// calls. It is immutable and safe for concurrent use.
type Machine struct {
	*program
	tenant string
	ring   []ringKey // the keys, and last the pseudonym key
	keys   []ringKey
	policy Policy
	limits limits
	pool   sync.Pool // of *step: an engine of looplab/fsm is built for each, never for a step
	least  uint8     // digits of a code, at least
}

// Format writes the tenant only, for every verb: a machine holds keys.
func (m *Machine) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "authn.Machine{Tenant: %q}", m.tenant)
}

// Env is everything that a step learns from outside.
type Env struct {
	Now time.Time
	// Entropy is 64 fresh random bytes, never zero: 16 for the id of a transaction, 32
	// for its handle, 16 for the nonce of a code or a session token.
	Entropy [64]byte
	// Factors is what the Directory says, asked after the account was loaded.
	// Begin, Enroll, Activate, Challenge and Resend need it.
	Factors []Factor
	// NoUser says that the Directory has no such user, or that the user may
	// not sign in.
	NoUser bool
	// Limited is the time from which the host's Limiter lets the event go on;
	// zero, or a time that has come: now. Enroll, Challenge and Resend need it.
	Limited time.Time
}

var errEntropy = fmt.Errorf("%w: Env.Entropy is zero, not 64 fresh random bytes", ErrUnavailable)

// Result is the result of a step. If it has Changed, the host must save Account
// before it does anything else with it.
type Result struct {
	Account Account
	Changed bool // save it; false only for a repeated event
	// Ended says that the transaction had expired: the table's expire was taken
	// in place of the event. Answer as for an unknown token.
	Ended   bool
	Outcome Outcome // of the event

	slot   int
	moves  [maxMoves]takenRow
	nmoves int
}

// NewMachine returns the pure core, without a store and without effects. Use
// [New] unless you run the loop of load, step, save and effects yourself. The
// first key is the one in use, the others are still accepted; pseudonymKey
// never changes. It checks the whole table and walks every row through the
// engine once.
func NewMachine(tenant string, keys []Key, pseudonymKey []byte, p Policy) (*Machine, error) {
	policy, err := p.withDefaults()
	if err != nil {
		return nil, err
	}
	ring, err := newRing(keys, pseudonymKey)
	if err != nil {
		return nil, err
	}
	prog, err := compile(table)
	if err != nil {
		return nil, err
	}
	m := &Machine{program: prog, tenant: tenant, ring: ring, keys: ring[:len(keys)], policy: policy, least: minDigits}
	m.limits = limits{
		digits: uint8(policy.Digits), codeTries: uint8(policy.CodeTries), tries: uint8(policy.Tries), sends: uint8(policy.Sends),
		codeLife: int64(policy.CodeLife),
	}
	for i := range m.limits.cooldowns {
		m.limits.cooldowns[i] = int64(policy.Cooldowns[min(i, len(policy.Cooldowns)-1)])
	}
	evs := prog.events()
	m.pool.New = func() any {
		s := m.fresh()
		s.fsm = fsm.NewFSM(string(Unauthenticated), evs, nil)
		return s
	}
	return m, m.walk()
}

// fresh is working memory without an engine.
func (m *Machine) fresh() *step {
	return &step{m: m, buf: make([]byte, 0, 512), macs: make([][keyUses]hash.Hash, len(m.ring)), dir: make([]pin, 0, maxFactors)}
}

// walk takes every row through the engine once.
func (m *Machine) walk() error {
	s := m.pool.Get().(*step)
	for i := range m.edges {
		if e := &m.edges[i]; e.to != "" {
			if err := s.engine(e); err != nil {
				return fmt.Errorf("%s: %w", e.label, err)
			}
		}
	}
	m.pool.Put(s)
	return nil
}

var background = context.Background()

// engine makes looplab take the row and checks that it went where the table
// says. The context is never the caller's: one that is canceled would wedge
// the instance for ever.
func (s *step) engine(e *edge) error {
	s.fsm.SetState(string(e.State))
	if err := s.fsm.Event(background, e.label); err != nil {
		// A self-loop is reported as an error that holds none.
		loop, ok := err.(fsm.NoTransitionError)
		if !ok || loop.Err != nil || e.State != e.to {
			return fmt.Errorf("%w: %s: %w", ErrEngine, e.label, err)
		}
	}
	if at := s.fsm.Current(); at != string(e.to) {
		return fmt.Errorf("%w: %s led to %s", ErrEngine, e.label, at)
	}
	return nil
}

// Begin opens a transaction for a user whose password was right. Its handle is
// env.Entropy[16:48]. As with Step, a is not changed, and r is filled only if
// the error is nil; a may be &r.Account.
func (m *Machine) Begin(a *Account, l Login, env Env, r *Result) error {
	if !validUser(l.User) || l.Require > RequireNothing {
		return &Refusal{Event: EventPrimary, Err: ErrMalformed}
	}
	if env.Entropy == [64]byte{} {
		return errEntropy
	}
	return m.do(r, a, &env, new(input), func(s *step) error {
		s.op, s.login = opPrimary, l
		return s.begin()
	})
}

// Step applies ev to the transaction with this handle and fills r if the error
// is nil. It is pure: a is not changed, and the same arguments always give the
// same result; a may be &r.Account. (A result is some 2 KiB: filling it in
// place costs a third less than returning it.) Errors are a [*Refusal],
// [ErrUnavailable] or [ErrEngine].
func (m *Machine) Step(a *Account, h TokenSecret, ev Event, env Env, r *Result) error {
	in, o, err := m.payload(ev)
	if err != nil {
		return err
	}
	if env.Entropy == [64]byte{} {
		return errEntropy
	}
	return m.apply(a, h.digest(), o, &in, &env, r)
}

// apply is Step after its arguments were read.
func (m *Machine) apply(a *Account, token digest, o op, in *input, env *Env, r *Result) error {
	i := a.find(token)
	if i < 0 {
		return &Refusal{Event: o.name(), Err: ErrFinished}
	}
	// What the table has no row for is refused before anything is copied.
	if m.roots[a.txs[i].state-1][o] == 0 && in.once == "" && !m.overdue(a, i, env.Now) {
		return m.noRow(a, i, o)
	}
	return m.do(r, a, env, in, func(s *step) error {
		s.op, s.i = o, i
		return s.event()
	})
}

// do runs f on a working copy of the account. It fills the result in place, since
// copies of it cost a third of a step.
func (m *Machine) do(r *Result, a *Account, env *Env, in *input, f func(*step) error) error {
	s, err := m.load(a, r, env, in)
	if err != nil {
		return err
	}
	if err = f(s); err == nil {
		s.result(r)
		m.pool.Put(s)
		return nil
	}
	s.r.Changed, s.r.nmoves = false, 0
	if !errors.Is(err, ErrEngine) { // else the instance is dropped, as after a panic
		m.pool.Put(s)
	}
	return err
}

// Session returns the secret of the session token of a transaction that has
// succeeded, the same one each time, until it is redeemed; else false.
func (m *Machine) Session(a *Account, h TokenSecret) (TokenSecret, bool) {
	i := a.find(h.digest())
	if i < 0 {
		return TokenSecret{}, false
	}
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	return s.sessionSecret(&a.txs[i])
}

// Redeem uses up the session token with this secret, and fills r as Step does.
// If the token's time was up, r.Ended says so and the assertion is nil.
func (m *Machine) Redeem(a *Account, h TokenSecret, env Env, r *Result) (as *Assertion, err error) {
	err = m.do(r, a, &env, new(input), func(s *step) error {
		if s.i = s.findSession(h); s.i < 0 {
			return &Refusal{Event: EventRedeem, Err: ErrFinished}
		}
		s.op = opRedeem
		was := *s.acct
		if err := s.event(); err != nil {
			return err
		}
		as = assertion(&was, s.i)
		return nil
	})
	if err != nil || r.Ended {
		return nil, err
	}
	return as, nil
}

// Status describes the transaction with this handle; nothing changes and
// nothing is promised: only events are decisions.
func (m *Machine) Status(a *Account, h TokenSecret, now time.Time) (*Answer, error) {
	i := a.find(h.digest())
	if i < 0 || a.txs[i].ended() || m.overdue(a, i, now) {
		return nil, &Refusal{Event: EventStatus, Err: ErrFinished}
	}
	return m.describe(a, i, now)
}

// Explain lists the questions that Step would ask about an event, each with
// its answer, and the row they lead to. Nothing changes. It never says whether
// a code is right: where the answer depends on that, it stops, and the row is
// the zero Transition.
func (m *Machine) Explain(a *Account, h TokenSecret, ev Event, env Env) (asked [][2]string, row Transition, err error) {
	in, o, err := m.payload(ev)
	if err != nil {
		return nil, row, err
	}
	s, err := m.load(a, nil, &env, &in)
	if err != nil {
		return nil, row, err
	}
	defer m.pool.Put(s)
	if s.i = a.find(h.digest()); s.i < 0 {
		return nil, row, &Refusal{Event: o.name(), Err: ErrFinished}
	}
	s.op = o
	if m.overdue(a, s.i, env.Now) && m.roots[s.tx().state-1][opExpire] != 0 {
		s.op = opExpire
	}
	n := s.root()
	if n == 0 {
		return nil, row, m.noRow(a, s.i, o)
	}
	for n > 0 {
		q := &questions[m.nodes[n].q]
		g := q.ask(s)
		if g == codeRight || g == codeWrong {
			return append(asked, [2]string{q.text, "not told"}), row, nil
		}
		asked = append(asked, [2]string{q.text, g.String()})
		n = m.after(n, g)
	}
	return asked, m.edges[^n].transition(), nil
}
