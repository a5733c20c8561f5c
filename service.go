package authn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config is what [New] makes a [Service] of. New does not change it, and the host
// must not change it afterwards.
type Config struct {
	// Tenant separates the accounts, codes and tokens of services that share
	// a store or keys. At most 64 bytes; "" is a tenant like any other.
	Tenant string
	// Keys derive codes, session tokens and seals. The first is in use, the
	// others are still accepted. To rotate, append the new key on every node,
	// then move it to the front; remove the old one after 366 days, when no
	// record can name it.
	Keys []Key
	// PseudonymKey is at least 32 random bytes and never changes: the keys of
	// records derive from it. Without it every budget and lock is lost.
	PseudonymKey []byte

	Store     Store     // required
	Mailer    Sender    // required: sends what goes by the channel "email"
	Directory Directory // required

	Policy  Policy            // the zero value is the recommended policy
	Auditor Auditor           // nil: nothing is audited
	Limiter Limiter           // nil: only the limits of accounts hold
	Senders map[string]Sender // of other channels than "email", by name: "sms", "call", and those of Types
	// Passwords judges and keeps new passwords. Without it no [Login].Password but
	// PasswordFine is taken.
	Passwords Passwords
	Questions Questions    // nil: nothing is asked in recovery
	Gates     []Gate       // states of the host's own before SUCCESS, in this order; at most 8
	Types     []FactorType // the host's own; [TOTP] and [RecoveryCodes] are known, and [Email], [SMS] and [Call] if their channel has a Sender
	Issuer    string       // the service's name, as authenticator apps show it; "" is the Tenant
	// AcknowledgeLater spares a save for each message and report that is taken: that it was
	// is saved by the next step of the account in this process, or by Tend, 20 seconds before
	// another node would take the attempt for lost. Call Tend on every node then, and Wait at
	// shutdown; a process that dies before repeats a message, with the same key. It keeps at
	// most 10,000 records in mind, some 3 MB. Until it is saved, other nodes answer with the
	// [Delivery] Pending.
	AcknowledgeLater bool
	Now              func() time.Time // nil: time.Now
	// Go runs what follows the answer to a [Claim], such as sending its code, and must not
	// wait for it. Nil: a goroutine of its own for each, at most 64 at a time, for which
	// [Service.Wait] waits; the rest is left to [Service.Tend].
	Go func(func())
}

// Format writes the tenant only, for every verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "authn.Config{Tenant: %q}", c.Tenant) }

// types are the types of factors that the service knows: the host's own, and those
// built in whose channel has a sender.
func (c *Config) types() ([]FactorType, error) {
	var types []FactorType
	for _, t := range builtIn {
		if !t.sends() || c.sender(t.Channel) != nil {
			types = append(types, t)
		}
	}
	types = append(types, c.Types...)
	if err := checkTypes(types); err != nil {
		return nil, err
	}
	for _, t := range c.Types {
		if t.sends() && c.sender(t.Channel) == nil {
			return nil, fmt.Errorf("authn: Types: %s: Senders[%q] is required", t.Name, t.Channel)
		}
	}
	for channel, s := range c.Senders {
		if channel == mailChannel || s == nil || !slices.ContainsFunc(types, func(t FactorType) bool { return t.Channel == channel }) {
			return nil, fmt.Errorf("authn: Senders[%q]: it is nil or the Mailer's, or no type of factor sends by it", channel)
		}
	}
	return types, nil
}

// mailChannel is the Mailer's.
const mailChannel = "email"

// sender is the one for a channel; nil if there is none.
func (c *Config) sender(channel string) Sender {
	if channel == mailChannel {
		return c.Mailer
	}
	return c.Senders[channel]
}

// Service runs a [Machine] on a [Store]: it loads, steps, saves, carries out the
// effects, and answers. It is safe for concurrent use; any number of services, in
// any number of processes, may share a store. It starts no goroutine.
type Service struct {
	cfg  Config
	m    *Machine
	pool sync.Pool // of *scratch: accounts are large, and calls are many
	later
	acks acks
}

// Format writes the tenant only, for every verb.
func (s *Service) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "authn.Service{Tenant: %q}", s.cfg.Tenant)
}

// scratch is what a call works on.
type scratch struct {
	a Account // as loaded
	r Result
}

const (
	maxTenant  = 64
	maxReruns  = 16                   // of a step whose save was lost to another
	firstPause = 2 * time.Millisecond // before the first of them, at most; it doubles up to maxPause
	maxPause   = 50 * time.Millisecond
)

// New checks the configuration and the table and returns a service. Errors
// name the field.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("authn: Store is required")
	case cfg.Mailer == nil:
		return nil, errors.New("authn: Mailer is required")
	case cfg.Directory == nil:
		return nil, errors.New("authn: Directory is required")
	}
	types, err := cfg.types()
	if err != nil {
		return nil, err
	}
	for i, g := range cfg.Gates {
		if g.Keeper == nil {
			return nil, fmt.Errorf("authn: Gates[%d]: Keeper is required", i)
		}
	}
	m, err := machineOf(&cfg, types)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Keys, cfg.PseudonymKey = nil, nil
	s := &Service{cfg: cfg, m: m, later: later{places: make(chan struct{}, laterAtOnce)}}
	s.pool.New = func() any { return new(scratch) }
	return s, nil
}

// Now returns the time of the service's clock: [Config].Now.
func (s *Service) Now() time.Time { return s.cfg.Now() }

// Begin opens a transaction for a user whose password the host has checked.
// Errors are a [*Refusal], with [ErrLocked], [ErrTooSoon], [ErrNoFactor],
// [ErrNoUser] or [ErrMalformed], or wrap [ErrUnavailable].
func (s *Service) Begin(ctx context.Context, l Login) (*Answer, error) {
	if !s.m.canBegin(&l) || l.Password != PasswordFine && s.cfg.Passwords == nil {
		return nil, &Refusal{Event: EventPrimary, Err: ErrMalformed}
	}
	p := s.m.pseudonym(l.User)
	c := &call{ctx: ctx, p: p, key: s.m.key(p), op: opPrimary, user: l.User, atOnce: l.RedeemAtOnce}
	return s.run(c, func(a *Account, env Env, r *Result) error {
		c.h = TokenSecret(env.Entropy[16:48])
		return s.m.Begin(a, l, env, r)
	})
}

// Do applies an event to the transaction of a state token. The answer of a
// wrong or late code has that Outcome and a nil error: its state is not
// SUCCESS. Errors are a [*Refusal], which says what is allowed instead, or
// wrap [ErrUnavailable]: then the outcome is unknown, and the same event may be
// sent again. An unknown, foreign, expired or finished token is [ErrFinished].
func (s *Service) Do(ctx context.Context, token StateToken, ev Event) (*Answer, error) {
	in, o, err := s.m.payload(ev)
	if err != nil {
		return nil, err
	}
	defer s.m.inputs.Put(in)
	h, p, ok := s.m.parseToken(stateKind, string(token))
	if !ok {
		return nil, &Refusal{Event: o.name(), Err: ErrFinished}
	}
	c := &call{ctx: ctx, p: p, key: s.m.key(p), h: h, token: token, hash: h.digest(), op: o, atOnce: in.atOnce}
	return s.run(c, func(a *Account, env Env, r *Result) error { return s.m.of(a).apply(a, c.hash, o, in, &env, r) })
}

// Status describes the transaction of a state token. It changes nothing and
// reads once from the store. Only events are decisions: what Status shows may
// have changed by the next event.
func (s *Service) Status(ctx context.Context, token StateToken) (*Answer, error) {
	h, p, ok := s.m.parseToken(stateKind, string(token))
	if !ok {
		return nil, &Refusal{Event: EventStatus, Err: ErrFinished}
	}
	c := &call{ctx: ctx, p: p, key: s.m.key(p), h: h, token: token, hash: h.digest()}
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	if _, err := s.read(ctx, c.key, &w.a); err != nil {
		return nil, err
	}
	s.withHeld(c.key, &w.a)
	i := s.m.of(&w.a).unfinished(&w.a, c.hash, s.cfg.Now())
	if i < 0 {
		return nil, &Refusal{Event: EventStatus, Err: ErrFinished}
	}
	return s.describe(c, &w.a, i)
}

// Redeem exchanges a session token for the assertion, once. It asks the
// Directory again: an account that was closed, or a factor that was removed
// meanwhile, is refused ([ErrNoUser], [ErrNotOffered]). A token that is
// unknown, used, late or void is [ErrFinished].
func (s *Service) Redeem(ctx context.Context, session SessionToken) (*Assertion, error) {
	h, p, ok := s.m.parseToken(sessionKind, string(session))
	if !ok {
		return nil, &Refusal{Event: EventRedeem, Err: ErrFinished}
	}
	c := &call{ctx: ctx, p: p, key: s.m.key(p), op: opRedeem}
	ans, err := s.run(c, func(a *Account, env Env, r *Result) error {
		_, err := s.m.of(a).Redeem(a, h, env, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ans.Assertion, nil
}

// Respond takes what the user's other device says, by the token that its message or,
// to be paired, [Prompt].Pairing has. The answer of a rejection, or of another number,
// has the Outcome [WrongCode]: it counts like a wrong code. The answer names the user and
// the factor; it has no tokens and no prompt. A token that is unknown, or whose challenge
// is over, is [ErrFinished] or [ErrNoCode].
func (s *Service) Respond(ctx context.Context, approval Secret, reply Reply) (*Answer, error) {
	h, p, ok := s.m.parseToken(approvalKind, string(approval))
	if !ok {
		return nil, &Refusal{Event: EventRespond, Err: ErrFinished}
	}
	c := &call{ctx: ctx, p: p, key: s.m.key(p), op: opRespond}
	ans, err := s.run(c, func(a *Account, env Env, r *Result) error { return s.m.respond(a, h, reply, env, r) })
	if err != nil {
		return nil, err
	}
	return &Answer{State: ans.State, Outcome: ans.Outcome, User: ans.User, Factor: ans.Factor, Expires: ans.Expires, Now: ans.Now}, nil
}

// call is one call of the service, over all its re-runs.
type call struct {
	ctx      context.Context
	p        id     // the account
	key      string // of its record
	h        TokenSecret
	token    StateToken // of h, as it came; "" in Begin, which makes one
	hash     digest     // of h; zero, which no transaction has, in Begin
	op       op
	user     string         // known before the load only to Begin
	factors  []Factor       // as the Directory said after the last load,
	listed   bool           // if it was asked,
	noUser   bool           // and whether it has no such user
	allowed  bool           // the Limiter was asked,
	limited  time.Time      // and said this; zero: go on
	verdict  *Verdict       // of Passwords or a Gatekeeper: one for all re-runs
	needed   map[State]bool // which gates are
	subject  *Subject       // whose the claimed name is
	question *string        // that the user is asked
	settled  bool           // an owed password was tried to be handed over
	atOnce   bool           // the session token is to be redeemed
	next     *call          // in the user's own record: what a proved claim leads to
}

// stepFunc is the machine's part of a call.
type stepFunc func(*Account, Env, *Result) error

// run runs the step, delivers what it asks for, and describes the result.
func (s *Service) run(c *call, f stepFunc) (*Answer, error) {
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	r := &w.r
	r.faulty = false
	rec, err := s.commit(c, &w.a, r, f)
	s.noteFaults(c, r)
	if err != nil {
		return nil, err
	}
	if s.cfg.Auditor != nil {
		s.auditMoves(c.ctx, c.key, r.Account.user, r)
	}
	if r.Ended {
		return nil, s.refused(c, &r.Account, &Refusal{Event: c.op.name(), Err: ErrFinished})
	}
	claims := r.Account.claim != ""
	if owed := r.Effects(); len(owed) > 0 && claims {
		s.deliverLater(c, r.Account, rec, owed)
	} else if len(owed) > 0 {
		s.deliver(context.WithoutCancel(c.ctx), c, &r.Account, rec, owed)
	}
	if k, f, err := s.continuation(c, r); k != nil || err != nil {
		if err != nil {
			return nil, err
		}
		ans, err := s.run(k, f)
		return ans, c.sent(err)
	}
	ans, err := s.describe(c, &r.Account, r.slot)
	if err != nil {
		return nil, err
	}
	if ans.Outcome = r.Outcome; ans.Outcome == Rejected && c.verdict != nil {
		ans.Reasons = c.verdict.Reasons
	}
	ans.Assertion = r.Assertion
	s.sessionToken(c, ans, &r.Account, r.slot)
	if !c.atOnce || ans.State != Success || ans.Assertion != nil {
		return ans, nil
	}
	if !r.Changed && ans.Session == "" && ans.For == "" {
		return nil, s.refused(c, &r.Account, &Refusal{Event: c.op.name(), Err: ErrFinished})
	}
	return s.redeemed(c.ctx, ans)
}

// noteFaults tells the Auditor of factors that cannot be used.
func (s *Service) noteFaults(c *call, r *Result) {
	if r.faulty && s.cfg.Auditor != nil {
		for _, e := range s.m.Faults(c.key, c.user, c.factors) {
			s.note(c.ctx, e)
		}
	}
}

// sent has a refusal of the call that goes on name the event that the client has sent.
func (c *call) sent(err error) error {
	if r, ok := err.(*Refusal); ok && r.Event == c.next.op.name() {
		r.Event = c.op.name()
	}
	return err
}

// redeemed is an answer in SUCCESS with the assertion in place of the session token.
func (s *Service) redeemed(ctx context.Context, ans *Answer) (*Answer, error) {
	if ans.Session == "" { // SUCCESS without a session
		return ans, nil
	}
	as, err := s.Redeem(ctx, ans.Session)
	if err != nil {
		return nil, err
	}
	ans.Assertion, ans.Session, ans.Token, ans.Allowed = as, "", "", nil
	return ans, nil
}

// describe describes the transaction in slot i. Where the answer shows factors, or how
// many codes of a list are left, or an event is not for a closed account, the Directory
// is asked, unless the step has asked it;
// if it fails, the answer does without, since what has happened has happened.
func (s *Service) describe(c *call, a *Account, i int) (*Answer, error) {
	env := Env{Now: s.cfg.Now(), Factors: c.factors, NoUser: c.noUser}
	if t := &a.txs[i]; !c.listed && a.user != "" && (s.m.asksUser(t) || t.info().AtHand || t.info().Offers != 0 || s.m.counts(t.factor.kind)) {
		var err error
		env.Factors, err = s.factors(c.ctx, a.user)
		env.NoUser = errors.Is(err, ErrNoUser)
		env.ListLater = err != nil && !env.NoUser
	}
	ans, err := s.m.of(a).describe(a, i, &env)
	if err != nil {
		return nil, err
	}
	if ans.State == Recovery {
		ans.Question = s.questionOf(c, a.user)
	}
	s.addOptions(c, ans, a, i, &env)
	s.stateToken(c, ans)
	return ans, nil
}

// addOptions adds what Verifiers have for the client: of the factor at hand, or of those
// to choose from. If one fails, the answer does without, and the Auditor is told.
func (s *Service) addOptions(c *call, ans *Answer, a *Account, i int, env *Env) {
	checks, err := s.m.of(a).checksAt(a, i, env)
	if err != nil {
		return
	}
	for _, check := range checks {
		options := &ans.Prompt.Options
		if at := slices.IndexFunc(ans.Factors, func(f Factor) bool { return f.ID == check.Factor.ID }); at >= 0 {
			options = &ans.Factors[at].Options
		}
		err := safely("verifier", func() (err error) {
			*options, err = s.m.typeOf(check.Factor.Type).Verifier.Prompt(c.ctx, check)
			return err
		})
		if err != nil {
			s.note(c.ctx, AuditEvent{Account: s.m.key(c.p), User: a.user, Event: EventFactorUnusable, Factor: check.Factor.ID, Type: check.Factor.Type, Err: err.Error()})
		}
	}
}

// stateToken adds it while it still leads somewhere.
func (s *Service) stateToken(c *call, ans *Answer) {
	if len(ans.Allowed) == 0 {
		return
	}
	if ans.Token = c.token; ans.Token == "" {
		ans.Token = StateToken(s.m.mint(stateKind, c.h, c.p))
	}
}

// sessionToken adds it to the answer of an event that was taken, or was repeated
// exactly. Whoever merely has the state token does not learn it: a sign-in that
// somebody began in another's browser must not be redeemed by its beginner.
func (s *Service) sessionToken(c *call, ans *Answer, a *Account, slot int) {
	if ans.State != Success {
		return
	}
	st := s.m.pool.Get().(*step)
	secret, ok := st.sessionSecret(&a.txs[slot])
	device, remembered := st.deviceSecret(&a.txs[slot])
	s.m.pool.Put(st)
	if ok {
		ans.Session = SessionToken(s.m.mint(sessionKind, secret, c.p))
	}
	if remembered {
		ans.Device = Secret(s.m.mint(deviceKind, device, c.p))
	}
}

// env asks for what the step has to know, but for what comes later.
func (s *Service) env(c *call, a *Account) (Env, error) {
	env := Env{Now: s.cfg.Now(), Limited: c.limited, LimitLater: s.cfg.Limiter != nil && !c.allowed, ListLater: true, Verdict: c.verdict, Needed: c.needed, Subject: c.subject, Question: c.question}
	rand.Read(env.Entropy[:])
	c.factors, c.listed, c.noUser = nil, false, false
	i := a.find(c.hash)
	if i >= 0 && s.m.roots[s.m.place(&a.txs[i])][c.op] == 0 {
		return env, nil // refused in any case: nobody need be asked
	}
	if c.user == "" {
		c.user = a.user
	}
	if c.user == "" || !opInfos[c.op].directory {
		return env, nil // without a user there is no record: the step finds no transaction either
	}
	return env, s.list(c, &env)
}

// list asks the Directory.
func (s *Service) list(c *call, env *Env) (err error) {
	c.factors, err = s.factors(c.ctx, c.user)
	env.Factors, env.ListLater = c.factors, false
	if c.noUser = errors.Is(err, ErrNoUser); c.noUser {
		env.NoUser, err = true, nil
	}
	c.listed = err == nil
	return err
}

// refused adds to a refusal where the transaction stands and what it allows.
func (s *Service) refused(c *call, a *Account, err error) error {
	var r *Refusal
	if err == nil || !errors.As(err, &r) {
		return err
	}
	mine := *r // the machine's may be in many hands
	r = &mine
	if i := a.find(c.hash); i >= 0 && !errors.Is(err, ErrFinished) {
		r.State = s.m.stateOf(&a.txs[i])
		if ans, err := s.describe(c, a, i); err == nil {
			r.Answer = ans
		}
	}
	s.auditRefusal(c, a, r)
	return r
}

func (s *Service) factors(ctx context.Context, user string) (fs []Factor, err error) {
	err = safely("directory", func() (err error) {
		fs, err = s.cfg.Directory.Factors(ctx, user)
		return err
	})
	return fs, err
}
