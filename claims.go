package authn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Finder is a [Directory] that knows whose a name is. [Service.Claim] needs it, but for
// PurposeSignUp.
type Finder interface {
	Directory
	// Find returns whose a name is and where a code by the type goes, or an error that wraps
	// [ErrNoUser] if the name is nobody's, the user has no such address, or may not sign in
	// or recover. It should do the same work for all of them. It is never called before a
	// claim is answered, unless its link is handed over; it is called after that, again for
	// each attempt to send, and for each code that is handed in. If different names of one
	// user have one address, it may be found by each.
	Find(ctx context.Context, c Claimed) (Subject, error)
}

// laterAtOnce is how many messages of claims a service sends at a time, when nobody waits
// for them. Those beyond are left to Tend.
const laterAtOnce = 64

// later runs what follows an answer.
type later struct {
	places chan struct{}
	under  sync.WaitGroup
}

// Claim begins a sign-in, a recovery, an unlock or a sign-up of somebody who has proved
// nothing yet, in RECOVERY_CHALLENGE or FACTOR_CHALLENGE. Nobody is looked up before the
// answer: it is the same, after the same work, whoever is named. The code goes out after
// it; [Service.Do] takes it as Verify, without a factor. Then the answer is about a
// transaction of the user, with a token of its own, as if it had begun with
// [Service.Begin]; or of PurposeSignUp it is SUCCESS. A proved recovery leads to
// PASSWORD_RESET, after another factor if the user has an active one elsewhere; without
// one it ends without a session. An unlock never has one.
//
// The code is good once, and stays good where the user's account or the Limiter refuses
// what it leads to: with [ErrLocked], [ErrTooSoon] or [ErrNoFactor]; not if that comes
// about by another request, between the two records that are saved. If the answer to it
// is lost, only the same event with the same key ([WithKey]) is answered again, for
// [Policy].SessionLife; else claim anew.
//
// Give the service a [Limiter] for clients: whoever may claim can have mail sent, and
// each name costs a record of some 100 bytes for a day.
//
// Errors are a [*Refusal], with [ErrTooSoon], [ErrMalformed] or, where the Directory is no
// [Finder] or there are no Passwords to reset, [ErrNotAllowed], or where nobody has a name
// whose link is handed over, [ErrNoUser]; or wrap [ErrUnavailable].
func (s *Service) Claim(ctx context.Context, c Claim) (*Answer, error) {
	x, ok := s.m.canClaim(&c)
	if !ok {
		return nil, &Refusal{Event: EventClaim, Err: ErrMalformed}
	}
	_, finds := s.cfg.Directory.(Finder)
	if flow := flows[x.flow]; !finds && flow != PurposeSignUp || flow == PurposeRecover && s.cfg.Passwords == nil {
		return nil, &Refusal{Event: EventClaim, Err: ErrNotAllowed}
	}
	p := s.m.claimID(x.name)
	k := &call{ctx: ctx, p: p, key: s.m.key(p), op: opClaim}
	l := Login{Require: c.Require, Relay: c.Relay, claim: &x}
	var link Secret
	ans, err := s.run(k, func(a *Account, env Env, r *Result) error {
		k.h = TokenSecret(env.Entropy[16:48])
		err := s.m.claims.do(r, a, &env, &input{login: &l}, func(st *step) error { return st.begin(opClaim) })
		if err == nil && x.handOver {
			link = s.m.claims.linkOf(&r.Account, r.slot, env.Subject)
		}
		return err
	})
	if err == nil {
		ans.Link = link
	}
	return ans, err
}

// Open takes the link of a claim, from [Message].Link, and goes on as [Service.Do] does
// with the right code, for whoever opens it: with a token of their own. Who began the
// claim gets nothing by it, and sees no difference: a link that finished their sign-in
// would be a trap for whom it was sent to. Let the page of the link say what it is for and
// call Open by POST: programs follow links. To sign in prefer the code: a link signs in as
// whoever asked for it.
//
// A link is good once, until its code expires ([Answer].CodeExpires), if no newer one was
// requested. key is the client's idempotency key, "" or up to 64 bytes: if the answer is
// lost, Open with the same key is answered again. Otherwise, as for a link that is unknown,
// it is [ErrFinished]. A link of PurposeSignUp is not taken: the code is.
func (s *Service) Open(ctx context.Context, link Secret, key string) (*Answer, error) {
	h, p, ok := s.m.parseToken(linkKind, string(link))
	if !ok || len(key) > maxOnce {
		return nil, &Refusal{Event: EventOpen, Err: ErrFinished}
	}
	c := &call{ctx: ctx, p: p, key: s.m.key(p), op: opOpen}
	return s.run(c, func(a *Account, env Env, r *Result) error {
		for i := range a.txs {
			asked, ok := s.m.claims.claimedBy(a, i)
			if !ok || asked.For == PurposeSignUp || !a.txs[i].code.live {
				continue
			}
			sub, err := s.find(ctx, asked)
			if err != nil {
				return err
			}
			if s.m.claims.leadsTo(h, a, i, &sub) {
				c.subject, env.Subject = &sub, &sub
				return s.m.claims.openLink(a, i, h, key, env, r)
			}
		}
		return &Refusal{Event: EventOpen, Err: ErrFinished}
	})
}

// Wait waits until the messages of answered claims have been sent, saves the
// acknowledgements that wait (see [Config].AcknowledgeLater), or returns when ctx ends.
// Call it at shutdown, after the last request was answered; what is not sent by then is
// sent by [Service.Tend]. It does not wait for what [Config].Go was given.
func (s *Service) Wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.later.under.Wait()
		close(done)
	}()
	select {
	case <-done:
		return s.saveHeld(ctx, time.Time{})
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliverLater makes the first attempt at the message of a claim when its answer is out.
func (s *Service) deliverLater(c *call, a Account, rec Record, owed []Effect) {
	mine := &call{key: c.key, op: c.op}
	f := func() { s.deliver(context.WithoutCancel(c.ctx), mine, &a, rec, owed) }
	if s.cfg.Go != nil {
		s.cfg.Go(f)
		return
	}
	select {
	case s.later.places <- struct{}{}:
		s.later.under.Go(func() {
			defer func() { <-s.later.places }()
			f()
		})
	default: // left to Tend
	}
}

// find asks whose a claimed name is; nobody's is the zero Subject.
func (s *Service) find(ctx context.Context, c Claimed) (sub Subject, err error) {
	if c.For == PurposeSignUp {
		sub = Subject{User: string(c.Name), Address: string(c.Name)}
	} else if f, ok := s.cfg.Directory.(Finder); ok {
		err = safely("finder", func() (err error) {
			sub, err = f.Find(ctx, c)
			return err
		})
	}
	if errors.Is(err, ErrNoUser) {
		return Subject{}, nil
	}
	if err != nil {
		return Subject{}, err
	}
	typ := s.m.typeOf(c.By)
	if typ == nil || c.For != PurposeSignUp && !validUser(sub.User) {
		return Subject{}, nil
	}
	if sub.Address = trimmed(sub.Address); typ.Canonical != nil {
		if sub.Address, err = typ.Canonical(sub.Address); err != nil {
			return Subject{}, nil // nothing can be sent there
		}
	}
	return sub, nil
}

// sendClaimed makes one attempt to send the code of a claim, if the name is somebody's and
// the mailbox has not had its share.
func (s *Service) sendClaimed(ctx context.Context, a *Account, e Effect) error {
	m := s.m.claims
	i := a.findEffect(e.Key)
	if i < 0 {
		return ErrSuperseded
	}
	c, ok := m.claimedBy(a, i)
	if !ok {
		return ErrSuperseded
	}
	sub, err := s.find(ctx, c)
	if err != nil || sub.User == "" || a.txs[i].opened {
		return err
	}
	msg, err := m.claimMessage(a, i, sub, s.cfg.Now())
	if err != nil {
		return err
	}
	refund, err := s.chargeMailbox(ctx, m.mailboxID(sub.Address))
	if err != nil || refund == nil {
		return err
	}
	if err = s.send(ctx, msg); err != nil && !errors.Is(err, ErrUndeliverable) {
		refund()
	}
	return err
}

// chargeMailbox charges a message to the mailbox, whatever name led to it. A nil refund
// says that it has had its share: nobody is told.
func (s *Service) chargeMailbox(ctx context.Context, p id) (refund func(), err error) {
	key, m := s.m.key(p), s.m.claims
	var at int64
	change := func(f func(*Account) bool) (bool, error) {
		for try := range maxReruns {
			if err := pause(ctx, try); err != nil {
				return false, err
			}
			var a Account
			rec, err := s.read(ctx, key, &a)
			if err != nil {
				return false, err
			}
			now, fault := m.clock(&a, s.cfg.Now())
			if a.seen = now; fault {
				a.unskew(now, &m.policy)
			}
			a.sends.trim(now, day)
			changed := f(&a)
			if !changed && !fault { // what a wrong clock has written is set right in any case
				return false, nil
			}
			err = s.save(ctx, key, rec.Version, m.Record(&a, key, newVersion()))
			if !errors.Is(err, ErrConflict) {
				return changed && err == nil, err
			}
		}
		return false, fmt.Errorf("%w: %d save conflicts in a row", ErrUnavailable, maxReruns)
	}
	charged, err := change(func(a *Account) bool {
		at = a.seen
		if max(a.sends.freeAt(m.policy.SendsPerHour, hour), a.sends.freeAt(m.policy.SendsPerDay, day)) > at {
			return false
		}
		a.sends.add(at)
		return true
	})
	if !charged {
		return nil, err
	}
	return func() {
		_, _ = change(func(a *Account) bool { a.sends.remove(at); return true }) // else it stays charged
	}, nil
}

// continuation is what a claim that is proved leads to, in the user's own record; nil if nothing.
// Two records cannot be saved as one: the claim's is saved first, and the handle of what
// begins derives from it, so that the same event again finds it.
func (s *Service) continuation(c *call, r *Result) (*call, stepFunc, error) {
	if r.Account.claim == "" {
		return nil, nil, nil
	}
	h, ok := s.m.claims.handOverOf(&r.Account, r.slot, c.op == opOpen)
	if !ok {
		return nil, nil, nil
	}
	asked, _ := s.m.claims.claimedBy(&r.Account, r.slot)
	if c.subject == nil { // a repeat: nothing was judged
		sub, err := s.find(c.ctx, asked)
		if err != nil {
			return nil, nil, err
		}
		c.subject = &sub
	}
	sub := c.subject
	if sub.User == "" {
		return nil, nil, &Refusal{Event: c.op.name(), Err: ErrFinished}
	}
	t := &r.Account.txs[r.slot]
	x := claimFacts{flow: t.flow, by: asked.By, born: t.born, until: t.expires, came: s.m.recipientOf(sub.Address), once: h.digest(), subject: t.came}
	l := Login{User: sub.User, Require: t.require, Relay: t.relay, Methods: s.m.typeOf(asked.By).Methods, claim: &x}
	o := opPrimary
	switch asked.For {
	case PurposeRecover:
		o, l.Require, l.Password = opRecover, RequireIfActive, PasswordNeedsReset
	case PurposeUnlock:
		o, l.Require = opUnlock, RequireNothing
	}
	p := s.m.pseudonym(sub.User)
	k := &call{ctx: c.ctx, p: p, key: s.m.key(p), op: o, user: sub.User, h: h, atOnce: c.atOnce}
	if tried := c.next; tried != nil && tried.user == k.user {
		k.allowed, k.limited, k.question = tried.allowed, tried.limited, tried.question
	}
	c.next = k
	return k, func(a *Account, env Env, r *Result) error {
		return s.m.carryOn(a, o, &input{login: &l, atOnce: c.atOnce}, h, env, r)
	}, nil
}

// dryRun tries what a claim that is proved leads to, before the proof is saved: where the
// account refuses it, the code stays good. One that is void ends.
func (s *Service) dryRun(c *call, r *Result) error {
	k, f, err := s.continuation(c, r)
	if k == nil {
		return err
	}
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	w.r.faulty = false
	if _, err := s.read(k.ctx, k.key, &w.a); err != nil {
		return err
	}
	s.withHeld(k.key, &w.a)
	err = s.step(k, &w.a, &w.r, f)
	if s.cfg.Now().UnixNano() >= r.Account.txs[r.slot].expires {
		return fmt.Errorf("%w: the ports took too long", ErrUnavailable)
	}
	if _, owed := err.(*Lack); owed || err == nil {
		return nil // what is owed is handed over first
	}
	if x, ok := err.(*Refusal); ok && x.Err == ErrFinished {
		return nil // it is void, which is said after the save
	}
	s.noteFaults(k, &w.r)
	return c.sent(s.refused(k, &w.a, err))
}
