package authn

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// deliver makes one attempt at each effect, after the save, and records what
// became of them by one more save. a, which was saved as rec, becomes the
// account as acknowledged, whether or not others have gone on from it meanwhile:
// the answer is about this step. The context is not the request's own: a request
// that ends must not swallow a message.
func (s *Service) deliver(ctx context.Context, c *call, a *Account, rec Record, es []Effect) {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = s.carryOut(ctx, c, a, e)
	}
	if c.op != opExpire && s.hold(c.key, a, es, errs) { // Tend has time
		s.withHeld(c.key, a)
		return
	}
	_ = s.acknowledge(ctx, c.key, a, rec, es, errs) // a lost one sends a message twice, with the same key
}

// acknowledge records what became of effects of an account that was saved as rec. It loses
// to any step, and is made again after it.
func (s *Service) acknowledge(ctx context.Context, key string, a *Account, rec Record, es []Effect, errs []error) error {
	m := s.m.of(a)
	next, changed, err := m.Acknowledge(a, es, errs, s.cfg.Now())
	*a = next
	for try := 1; err == nil && changed; try++ {
		mine := s.record(&next, key)
		mine.Relaxed = true
		if err = s.save(ctx, key, rec.Version, mine); !errors.Is(err, ErrConflict) || try == maxReruns {
			return err
		}
		if err = pause(ctx, try); err != nil {
			return err
		}
		if rec, err = s.read(ctx, key, &next); err == nil {
			next, changed, err = m.Acknowledge(&next, es, errs, s.cfg.Now())
		}
	}
	return err
}

// carryOut makes one attempt, within the delivery timeout.
func (s *Service) carryOut(ctx context.Context, c *call, a *Account, e Effect) error {
	ctx, stop := context.WithTimeout(ctx, s.m.policy.DeliveryTimeout)
	defer stop()
	if a.claim != "" {
		return s.sendClaimed(ctx, a, e)
	}
	if d, ok := s.cfg.Directory.(Contacts); ok {
		if i := a.findEffect(e.Key); i >= 0 && a.outbox[i].isNotice() {
			return s.notify(ctx, d, e, effectInfos[a.outbox[i].kind].message)
		}
	}
	fs := c.factors
	if fs == nil && a.needsFactors(e) {
		var err error
		if fs, err = s.factors(ctx, e.User); err != nil && !errors.Is(err, ErrNoUser) { // of nobody there are none
			return err
		}
	}
	job, err := s.m.Job(a, c.key, e, fs, s.cfg.Now())
	switch {
	case err != nil:
		return err
	case job.Message != nil:
		return s.send(ctx, job.Message)
	case job.Password != nil:
		if s.cfg.Passwords == nil {
			return errNoPasswords
		}
		return safely("passwords", func() error { return s.cfg.Passwords.Store(ctx, *job.Password) })
	case job.Gate != "":
		k := s.keeper(job.Gate)
		if k == nil {
			return fmt.Errorf("%w: no gate %s here", ErrUnavailable, job.Gate)
		}
		return safely("gatekeeper", func() error { return k.Passed(ctx, *job.Passed) })
	case job.Unlock:
		u, ok := s.cfg.Passwords.(Unlocker)
		if !ok {
			return errNoPasswords
		}
		return safely("passwords", func() error { return u.Unlock(ctx, e.Key, e.User) })
	case job.Activated != nil:
		err := safely("directory", func() error { return s.cfg.Directory.Activated(ctx, e.Key, e.User, *job.Activated) })
		if err == nil {
			c.took(job.Activated)
		}
		return err
	case s.cfg.Auditor != nil:
		return safely("auditor", func() error { return s.cfg.Auditor.Audit(ctx, *job.Report) })
	}
	return nil
}

// carries says that this service has what an effect takes. One that has not leaves it
// alone: an attempt of its own would only put off that of a service that has.
func (s *Service) carries(o *entry) bool {
	switch {
	case effectInfos[o.kind].report != "":
		return s.cfg.Auditor != nil
	case o.kind == storePassword:
		return s.cfg.Passwords != nil
	case o.kind == unlockUser:
		_, ok := s.cfg.Passwords.(Unlocker)
		return ok
	case o.kind == passGate:
		return s.keeper(State(o.gate)) != nil
	}
	return o.isNotice() || s.m.typeOf(o.factor.kind) != nil
}

// took lays what the Directory has just taken over what it said before the step, which
// the answer is made from: nothing else says any more what has changed.
func (c *call) took(f *Factor) {
	c.factors = slices.Clone(c.factors) // it may be the Directory's own
	for i := range c.factors {
		if g := &c.factors[i]; g.ID == f.ID && g.Type == f.Type && g.Revision < f.Revision {
			g.Status, g.Data, g.Revision = f.Status, f.Data, f.Revision
		}
	}
}

func (s *Service) send(ctx context.Context, m *Message) error {
	return safely("sender", func() error { return s.cfg.sender(m.Channel).Send(ctx, *m) })
}

// notify makes one attempt to send a notice to each of the user's contacts. As long as
// one of them can be tried again, all are, with the same keys.
func (s *Service) notify(ctx context.Context, d Contacts, e Effect, kind MessageKind) (failed error) {
	var to []Factor
	err := safely("directory", func() (err error) {
		to, err = d.Contacts(ctx, e.User)
		return err
	})
	if err != nil {
		return err
	}
	failed = ErrUndeliverable // nobody took it
	for i := range to[:min(len(to), maxFactors)] {
		m, err := s.m.notice(e, kind, to[i], i)
		if err == nil {
			err = s.send(ctx, m)
		}
		switch final := errors.Is(err, ErrUndeliverable); {
		case err == nil && errors.Is(failed, ErrUndeliverable):
			failed = nil
		case err != nil && !final:
			failed = err
		}
	}
	return failed
}

// auditMoves tells the Auditor of the rows that were taken, after the commit.
// What must not be lost is in the outbox besides.
func (s *Service) auditMoves(ctx context.Context, key, user string, r *Result) {
	for i := range r.nmoves {
		m := &r.moves[i]
		s.note(ctx, AuditEvent{
			Account: key, User: user, Transaction: hex.EncodeToString(m.tx[:]), Event: m.edge.op.name(),
			From: m.edge.State, To: m.edge.to, Guard: m.edge.guard, Factor: m.factor, Type: m.kind, Outcome: m.edge.row.Outcome,
		})
	}
}

// auditRefusal reports a refusal, but not that of a token that leads to no record, of
// which anybody can make up as many as they like, and not a poll.
func (s *Service) auditRefusal(c *call, a *Account, r *Refusal) {
	if s.cfg.Auditor == nil || a.user == "" && c.op != opPrimary || r.Err == ErrWaiting {
		return
	}
	e := AuditEvent{Account: c.key, User: cmp.Or(a.user, c.user), Event: r.Event, From: r.State, Guard: r.Guard, Err: r.Err.Error()}
	if i := a.find(c.hash); i >= 0 {
		e.Transaction = a.txs[i].publicID()
		e.From = s.m.stateOf(&a.txs[i])
	}
	s.note(c.ctx, e)
}

// note makes one attempt that may be lost. The caller's cancellation does not
// reach it.
func (s *Service) note(ctx context.Context, e AuditEvent) {
	if s.cfg.Auditor == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), s.m.policy.DeliveryTimeout)
	defer stop()
	e.Time, e.Tenant = s.cfg.Now(), s.cfg.Tenant
	_ = safely("auditor", func() error { return s.cfg.Auditor.Audit(ctx, e) })
}
