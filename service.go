package authn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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
	Senders map[string]Sender // of other channels than "email", by name
	Now     func() time.Time  // nil: time.Now
}

// Format writes the tenant only, for every verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "authn.Config{Tenant: %q}", c.Tenant) }

// checkSenders wants one sender for each channel that a type of factor uses.
func (c *Config) checkSenders() error {
	used := map[string]bool{}
	for i := range factorTypes {
		channel := factorTypes[i].channel
		used[channel] = true
		if channel != mailChannel && c.Senders[channel] == nil {
			return fmt.Errorf("authn: Senders[%q] is required", channel)
		}
	}
	for channel := range c.Senders {
		if channel == mailChannel || !used[channel] {
			return fmt.Errorf("authn: Senders[%q]: no type of factor sends by it, or it is the Mailer's", channel)
		}
	}
	return nil
}

// mailChannel is the Mailer's.
const mailChannel = "email"

// sender is the one for a channel: New has checked that there is one.
func (c *Config) sender(channel string) Sender {
	if s := c.Senders[channel]; s != nil {
		return s
	}
	return c.Mailer
}

// Service runs a [Machine] on a [Store]: it loads, steps, saves, carries out the
// effects, and answers. It is safe for concurrent use; any number of services, in
// any number of processes, may share a store. It starts no goroutine.
type Service struct {
	cfg  Config
	m    *Machine
	pool sync.Pool // of *scratch: accounts are large, and calls are many
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
	case len(cfg.Tenant) > maxTenant:
		return nil, fmt.Errorf("authn: Tenant: %d bytes, at most %d", len(cfg.Tenant), maxTenant)
	case cfg.Store == nil:
		return nil, errors.New("authn: Store is required")
	case cfg.Mailer == nil:
		return nil, errors.New("authn: Mailer is required")
	case cfg.Directory == nil:
		return nil, errors.New("authn: Directory is required")
	}
	if err := cfg.checkSenders(); err != nil {
		return nil, err
	}
	m, err := NewMachine(cfg.Tenant, cfg.Keys, cfg.PseudonymKey, cfg.Policy)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Keys, cfg.PseudonymKey = nil, nil
	s := &Service{cfg: cfg, m: m}
	s.pool.New = func() any { return new(scratch) }
	return s, nil
}

// Now returns the time of the service's clock: [Config].Now.
func (s *Service) Now() time.Time { return s.cfg.Now() }

// Begin opens a transaction for a user whose password the host has checked.
// Errors are a [*Refusal], with [ErrLocked], [ErrTooSoon], [ErrNoFactor],
// [ErrNoUser] or [ErrMalformed], or wrap [ErrUnavailable].
func (s *Service) Begin(ctx context.Context, l Login) (*Answer, error) {
	if !validUser(l.User) || l.Require > RequireNothing {
		return nil, &Refusal{Event: EventPrimary, Err: ErrMalformed}
	}
	p := s.m.pseudonym(l.User)
	c := &call{ctx: ctx, p: p, key: p.key(), op: opPrimary, user: l.User}
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
	h, p, ok := s.m.parseToken(stateKind, string(token))
	if !ok {
		return nil, &Refusal{Event: o.name(), Err: ErrFinished}
	}
	c := &call{ctx: ctx, p: p, key: p.key(), h: h, token: token, hash: h.digest(), op: o}
	return s.run(c, func(a *Account, env Env, r *Result) error { return s.m.apply(a, c.hash, o, &in, &env, r) })
}

// Status describes the transaction of a state token. It changes nothing and
// reads once from the store. Only events are decisions: what Status shows may
// have changed by the next event.
func (s *Service) Status(ctx context.Context, token StateToken) (*Answer, error) {
	h, p, ok := s.m.parseToken(stateKind, string(token))
	if !ok {
		return nil, &Refusal{Event: EventStatus, Err: ErrFinished}
	}
	c := &call{p: p, h: h, token: token, hash: h.digest()}
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	if _, err := s.read(ctx, p.key(), &w.a); err != nil {
		return nil, err
	}
	ans, err := s.m.Status(&w.a, h, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	s.tokens(c, ans, &w.a, w.a.find(c.hash))
	return ans, nil
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
	var as *Assertion
	c := &call{ctx: ctx, p: p, key: p.key(), op: opRedeem}
	_, err := s.run(c, func(a *Account, env Env, r *Result) (err error) {
		as, err = s.m.Redeem(a, h, env, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return as, nil
}

// call is one call of the service, over all its re-runs.
type call struct {
	ctx     context.Context
	p       id     // the account
	key     string // of its record
	h       TokenSecret
	token   StateToken // of h, as it came; "" in Begin, which makes one
	hash    digest     // of h; zero, which no transaction has, in Begin
	op      op
	user    string    // known before the load only to Begin
	factors []Factor  // as the Directory said after the last load
	asked   bool      // the Limiter has answered:
	limited time.Time // until when to wait; zero: go on
}

// run runs the step, delivers what it asks for, and describes the result.
func (s *Service) run(c *call, f func(*Account, Env, *Result) error) (*Answer, error) {
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	r := &w.r
	r.faulty = false
	rec, err := s.commit(c, &w.a, r, f)
	if r.faulty && s.cfg.Auditor != nil {
		for _, e := range s.m.Faults(c.key, c.user, c.factors) {
			s.note(c.ctx, e)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.cfg.Auditor != nil {
		s.auditMoves(c.ctx, c.key, r.Account.user, r)
	}
	if r.Ended {
		return nil, s.refused(c, &r.Account, &Refusal{Event: c.op.name(), Err: ErrFinished})
	}
	if owed := r.Effects(); len(owed) > 0 {
		s.deliver(context.WithoutCancel(c.ctx), c, &r.Account, rec, owed)
	}
	ans, err := s.m.describe(&r.Account, r.slot, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	ans.Outcome = r.Outcome
	s.tokens(c, ans, &r.Account, r.slot)
	return ans, nil
}

// tokens adds those that still lead somewhere.
func (s *Service) tokens(c *call, ans *Answer, a *Account, slot int) {
	if len(ans.Allowed) > 0 {
		if ans.Token = c.token; ans.Token == "" {
			ans.Token = StateToken(s.m.mint(stateKind, c.h, c.p))
		}
	}
	if ans.State == Success {
		st := s.m.pool.Get().(*step)
		secret, ok := st.sessionSecret(&a.txs[slot])
		s.m.pool.Put(st)
		if ok {
			ans.Session = SessionToken(s.m.mint(sessionKind, secret, c.p))
		}
	}
}

// env asks for what the step has to know. The Limiter is asked once a call.
func (s *Service) env(c *call, a *Account) (Env, error) {
	env := Env{Now: s.cfg.Now()}
	rand.Read(env.Entropy[:])
	i := a.find(c.hash)
	if i >= 0 && s.m.roots[a.txs[i].state-1][c.op] == 0 {
		return env, nil // refused in any case: nobody need be asked
	}
	if c.user == "" {
		c.user = a.user
	}
	if opInfos[c.op].limiter && s.cfg.Limiter != nil && i >= 0 {
		if err := s.limit(c, c.user); err != nil {
			return env, err
		}
		env.Limited = c.limited
	}
	if c.user == "" || !opInfos[c.op].directory {
		return env, nil // without a user there is no record: the step finds no transaction either
	}
	var err error
	c.factors, err = s.factors(c.ctx, c.user)
	env.Factors = c.factors
	if errors.Is(err, ErrNoUser) {
		env.NoUser, err = true, nil
	}
	return env, err
}

// limit asks the host's Limiter before a step that may send, once a call.
func (s *Service) limit(c *call, user string) error {
	if c.asked {
		return nil
	}
	err := safely("limiter", func() (err error) {
		c.limited, err = s.cfg.Limiter.Allow(c.ctx, Attempt{Tenant: s.cfg.Tenant, User: user, Event: c.op.name()})
		return err
	})
	c.asked = err == nil
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
		r.State = a.txs[i].name()
		if ans, err := s.m.describe(a, i, s.cfg.Now()); err == nil {
			s.tokens(c, ans, a, i)
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
