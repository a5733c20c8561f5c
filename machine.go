package authn

import (
	"cmp"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"hash"
	"slices"
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
	tenant    string
	mark      string    // of the tenant's records: their keys begin with it
	ring      []ringKey // the keys, and last the pseudonym key
	keys      []ringKey
	types     []FactorType
	gatePrint uint32 // of the list of gates; 0: there are none
	policy    Policy
	limits    limits
	claims    *Machine  // that of claims, which has none
	claiming  bool      // it is one of claims
	inputs    sync.Pool // of *input
	pool      sync.Pool // of *step: an engine of looplab/fsm is built for each, never for a step
	least     int       // digits and letters of a code
	issuer    string    // as apps show it
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
	// Factors is the Directory's whole list, asked for after the account was
	// loaded. Previous, Cancel and Verify of a code that was sent do not look at
	// it; every other step and Status do. The first 32 count.
	Factors []Factor
	// NoUser says that the Directory has no such user, or that the user may
	// not sign in.
	NoUser bool
	// Verdict is what the [Verifier] says of the response, or [Passwords] or a
	// [Gatekeeper] of what was handed in; nil: not known yet, and the
	// step returns a [*Lack] if it depends on it.
	Verdict *Verdict
	// Needed says which gates the user has to pass, as far as that is known: a step that
	// comes to another one returns a [*Lack].
	Needed map[State]bool
	// Subject says whose the claimed name is, the zero Subject that it is nobody's; nil:
	// not known yet.
	Subject *Subject
	// Question is the host's question in recovery, "" that there is none; nil: not known
	// yet.
	Question *string
	// Limited is the time from which the host's Limiter lets the event go on;
	// zero, or a time that has come: now.
	Limited time.Time
	// LimitLater says that the host asks its Limiter only for a step that depends
	// on it, which then returns a [*Lack]; ListLater, that Factors is not known: so
	// with a step that depends on it, and an answer without it shows no addresses,
	// and assumes the best.
	LimitLater, ListLater bool
}

// A Lack is the error of a step that depends on what [Env] says comes later. Nothing
// is decided: the host finds it out, and takes the step again with it, at the same
// time and with the same entropy.
type Lack struct {
	Factors  bool           // the Directory is asked for the list
	Check    *Check         // what the Verifier of its factor's type is asked
	Password *PasswordInput // what Passwords is asked
	Input    *GateInput     // what the Keeper of Gate is asked
	Gate     State          // without Input: whether it is needed
	Claimed  *Claimed       // the Finder is asked whose the name is
	Question bool           // Questions is asked for the user's question
	Reply    *QuestionInput // what Questions is asked about the answer
	Owed     *Effect        // a new password, which is to be stored and acknowledged first; then load the account again
	Attempt  Attempt        // else: what the Limiter is asked about
}

// Format writes what Error returns: what is asked holds names, passwords and answers,
// which a verb that does not suit a pointer would print.
func (l Lack) Format(f fmt.State, verb rune) {
	fmt.Fprintf(f, fmt.FormatString(f, verb), l.Error())
}

// Error says what is lacking.
func (l *Lack) Error() string {
	port := "Limiter"
	switch {
	case l.Owed != nil:
		return "authn: the new password is not stored yet"
	case l.Factors:
		port = "Directory"
	case l.Check != nil:
		port = "Verifier"
	case l.Password != nil:
		port = "Passwords"
	case l.Claimed != nil:
		port = "Finder"
	case l.Question, l.Reply != nil:
		port = "Questions"
	case l.Gate != "":
		port = "Gatekeeper"
	}
	return "authn: what the " + port + " says is not known yet"
}

// Unwrap returns [ErrUnavailable].
func (l *Lack) Unwrap() error { return ErrUnavailable }

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
	// Assertion is what a redeemed session token was exchanged for; else nil.
	Assertion *Assertion

	faulty bool // a factor of Env.Factors cannot be used
	slot   int
	moves  [maxMoves]takenRow
	nmoves int
}

// NewMachine returns the pure core, without a store and without effects. Use
// [New] unless you run the loop of load, step, save and effects yourself. Of the
// configuration it reads Tenant, Keys, PseudonymKey, Policy, Types, Gates and Issuer.
// It knows the built-in types of factors, whether or not their channel has a sender. It
// checks the whole table and walks every row through the engine once.
func NewMachine(cfg Config) (*Machine, error) {
	return machineOf(&cfg, slices.Concat(builtIn[:], cfg.Types))
}

// machineOf is NewMachine for exactly these types.
func machineOf(cfg *Config, types []FactorType) (*Machine, error) {
	if len(cfg.Tenant) > maxTenant {
		return nil, fmt.Errorf("authn: Tenant: %d bytes, at most %d", len(cfg.Tenant), maxTenant)
	}
	if err := checkTypes(types); err != nil {
		return nil, err
	}
	if err := checkGates(cfg.Gates); err != nil {
		return nil, err
	}
	policy, err := cfg.Policy.withDefaults()
	if err != nil {
		return nil, err
	}
	ring, err := newRing(cfg.Keys, cfg.PseudonymKey)
	if err != nil {
		return nil, err
	}
	prog, err := compile(table, slices.Clone(cfg.Gates)...)
	if err != nil {
		return nil, err
	}
	m := &Machine{
		program: prog, tenant: cfg.Tenant, ring: ring, keys: ring[:len(cfg.Keys)], types: slices.Clone(types), policy: policy, limits: policy.limits(),
		issuer: cmp.Or(cfg.Issuer, cfg.Tenant), least: minDigits,
	}
	if len(cfg.Gates) > 0 {
		m.gatePrint = gatePrint(cfg.Gates)
	}
	m.mark = m.tenantMark()
	evs := prog.events()
	m.engines(evs)
	m.claims = m.forClaims()
	m.claims.engines(evs)
	return m, m.walk()
}

// engines makes the pools: of inputs, and of working memory, with an engine each.
func (m *Machine) engines(evs fsm.Events) {
	m.inputs.New = func() any { return new(input) }
	m.pool.New = func() any {
		s := m.fresh()
		s.fsm = fsm.NewFSM(string(Unauthenticated), evs, nil)
		return s
	}
}

// fresh is working memory without an engine.
func (m *Machine) fresh() *step {
	return &step{m: m, buf: make([]byte, 0, 512), macs: make([][keyUses]hash.Hash, len(m.ring)), aeads: make([][keyUses]cipher.AEAD, len(m.keys)), dir: make([]listed, 0, 4)}
}

// of is the machine of the account's record.
func (m *Machine) of(a *Account) *Machine {
	if a.claim != "" {
		return m.claims
	}
	return m
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
	if !m.canBegin(&l) {
		return &Refusal{Event: EventPrimary, Err: ErrMalformed}
	}
	if env.Entropy == [64]byte{} {
		return errEntropy
	}
	return m.do(r, a, &env, &input{login: &l, atOnce: l.RedeemAtOnce}, func(s *step) error {
		return s.begin(opPrimary)
	})
}

// canBegin says that a login is well-formed, and accepts only types that are known.
func (m *Machine) canBegin(l *Login) bool {
	return l.valid() && !slices.ContainsFunc(l.Accept, func(kind string) bool { return m.typeOf(kind) == nil })
}

// Device returns the token of the device on which the transaction has succeeded, if it
// is to be remembered, the same one each time until the session token is redeemed.
func (m *Machine) Device(a *Account, h TokenSecret) (Secret, bool) {
	i := a.find(h.digest())
	if i < 0 {
		return "", false
	}
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	secret, ok := s.deviceSecret(&a.txs[i])
	if !ok {
		return "", false
	}
	return Secret(m.mint(deviceKind, secret, m.pseudonym(a.user))), true
}

// Step applies ev to the transaction with this handle and fills r if the error
// is nil. It is pure: a is not changed, and the same arguments always give the
// same result; a may be &r.Account. (A result is some 4 KiB: filling it in
// place costs a third less than returning it.) Errors are a [*Refusal],
// [ErrUnavailable] or [ErrEngine].
func (m *Machine) Step(a *Account, h TokenSecret, ev Event, env Env, r *Result) error {
	in, o, err := m.payload(ev)
	if err != nil {
		return err
	}
	defer m.inputs.Put(in)
	if env.Entropy == [64]byte{} {
		return errEntropy
	}
	return m.apply(a, h.digest(), o, in, &env, r)
}

// apply is Step after its arguments were read.
func (m *Machine) apply(a *Account, token digest, o op, in *input, env *Env, r *Result) error {
	i := a.find(token)
	if i < 0 {
		return &Refusal{Event: o.name(), Err: ErrFinished}
	}
	// What the table has no row for is refused before anything is copied.
	if m.roots[m.place(&a.txs[i])][o] == 0 && in.once == "" && !m.overdue(a, i, env.Now) {
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
	r.faulty = s.faulty
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

// Status describes the transaction with this handle, to a user with the factors
// that env has; nothing changes and nothing is promised: only events are decisions.
func (m *Machine) Status(a *Account, h TokenSecret, env Env) (*Answer, error) {
	i := m.unfinished(a, h.digest(), env.Now)
	if i < 0 {
		return nil, &Refusal{Event: EventStatus, Err: ErrFinished}
	}
	return m.describe(a, i, &env)
}

// unfinished is the slot of the transaction with this token, or -1 if nothing is
// left to say of it.
func (m *Machine) unfinished(a *Account, token digest, now time.Time) int {
	i := a.find(token)
	if i >= 0 && (a.txs[i].ended() || m.overdue(a, i, now)) {
		return -1
	}
	return i
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
	defer m.inputs.Put(in)
	s, err := m.load(a, nil, &env, in)
	if err != nil {
		return nil, row, err
	}
	defer m.pool.Put(s)
	if s.i = a.find(h.digest()); s.i < 0 {
		return nil, row, &Refusal{Event: o.name(), Err: ErrFinished}
	}
	s.op = o
	if m.overdue(a, s.i, env.Now) && m.roots[m.place(s.tx())][opExpire] != 0 {
		s.op = opExpire
	}
	n := s.root()
	if n == 0 {
		return nil, row, m.noRow(a, s.i, o)
	}
	for n > 0 {
		q := &questions[m.nodes[n].q]
		g := q.ask(s)
		if g == noAnswer {
			return asked, row, s.lack
		}
		if questions[m.nodes[n].q].first >= codeUsed && g <= judgedDenied {
			return append(asked, [2]string{q.text, "not told"}), row, nil
		}
		asked = append(asked, [2]string{q.text, m.name(g)})
		n = m.after(n, g)
	}
	return asked, m.edges[^n].transition(), nil
}
