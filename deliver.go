package authn

import (
	"context"
	"encoding/hex"
	"errors"
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
	next, changed, err := s.m.Acknowledge(a, es, errs, s.cfg.Now())
	*a = next
	// The acknowledgement loses to any step, and is made again after it: a
	// lost one would only send a message twice, with the same key.
	for try := 1; err == nil && changed && try <= maxReruns; try++ {
		err = s.save(ctx, c.key, rec.Version, s.record(&next, c.key))
		if !errors.Is(err, ErrConflict) || pause(ctx, try) != nil {
			return
		}
		if rec, err = s.read(ctx, c.key, &next); err == nil {
			next, changed, err = s.m.Acknowledge(&next, es, errs, s.cfg.Now())
		}
	}
}

// carryOut makes one attempt, within the delivery timeout.
func (s *Service) carryOut(ctx context.Context, c *call, a *Account, e Effect) error {
	ctx, stop := context.WithTimeout(ctx, s.m.policy.DeliveryTimeout)
	defer stop()
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
		return safely("sender", func() error { return s.cfg.sender(job.Message.Channel).Send(ctx, *job.Message) })
	case job.Activated != nil:
		return safely("directory", func() error { return s.cfg.Directory.Activated(ctx, e.Key, e.User, *job.Activated) })
	case s.cfg.Auditor != nil:
		return safely("auditor", func() error { return s.cfg.Auditor.Audit(ctx, *job.Report) })
	}
	return nil
}

// auditMoves tells the Auditor of the rows that were taken, after the commit.
// What must not be lost is in the outbox besides.
func (s *Service) auditMoves(ctx context.Context, key, user string, r *Result) {
	for i := range r.nmoves {
		m := &r.moves[i]
		s.note(ctx, AuditEvent{
			Account: key, User: user, Transaction: hex.EncodeToString(m.tx[:]), Event: m.edge.op.name(),
			From: m.edge.State, To: m.edge.to, Guard: m.edge.guard, Factor: m.factor, Outcome: m.edge.row.Outcome,
		})
	}
}

func (s *Service) auditRefusal(c *call, a *Account, r *Refusal) {
	if s.cfg.Auditor == nil {
		return
	}
	e := AuditEvent{Account: c.key, User: a.user, Event: r.Event, From: r.State, Guard: r.Guard, Err: r.Err.Error()}
	if i := a.find(c.hash); i >= 0 {
		e.Transaction = hex.EncodeToString(a.txs[i].id[:])
		e.From = a.txs[i].name()
	}
	s.note(c.ctx, e)
}

func (s *Service) auditHost(ctx context.Context, key, user string, event EventName, reason string) {
	s.note(ctx, AuditEvent{Account: key, User: user, Event: event, Guard: reason})
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
