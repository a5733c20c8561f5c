package authn

import (
	"context"
	"encoding/hex"
)

// audit tells the Auditor of the rows that were taken, after the commit. What
// must not be lost is in the outbox besides.
func (s *Service) audit(c *call, r *Result) {
	s.auditMoves(context.WithoutCancel(c.ctx), c.key, r.Account.user, r)
}

func (s *Service) auditMoves(ctx context.Context, key, user string, r *Result) {
	if s.cfg.Auditor == nil {
		return
	}
	for i := range r.nmoves {
		m := &r.moves[i]
		s.note(ctx, AuditEvent{
			Account: key, User: user, Transaction: hex.EncodeToString(m.tx[:]), Event: m.edge.op.String(),
			From: m.edge.State, To: m.edge.to, Guard: m.edge.guard, Factor: m.factor, Outcome: m.edge.row.Say,
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
	s.note(context.WithoutCancel(c.ctx), e)
}

func (s *Service) auditHost(ctx context.Context, key, user, event, reason string) {
	s.note(context.WithoutCancel(ctx), AuditEvent{Account: key, User: user, Event: event, Guard: reason})
}

// note makes one attempt that may be lost.
func (s *Service) note(ctx context.Context, e AuditEvent) {
	if s.cfg.Auditor == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, s.m.policy.DeliveryTimeout)
	defer stop()
	e.Time, e.Tenant = s.cfg.Now(), s.cfg.Tenant
	_ = guarded("auditor", func() error { return s.cfg.Auditor.Audit(ctx, e) })
}

// tell makes one attempt that is repeated until it succeeds.
func (s *Service) tell(ctx context.Context, c *call, e Effect) error {
	if s.cfg.Auditor == nil {
		return nil
	}
	return guarded("auditor", func() error {
		return s.cfg.Auditor.Audit(ctx, AuditEvent{
			Time: e.At, Tenant: s.cfg.Tenant, Account: c.key, User: e.User, Transaction: e.Transaction,
			Event: reports[e.Do], Factor: e.Factor, Key: e.Key,
		})
	})
}

// reports are the audit events that come through the outbox.
var reports = [effectKinds]string{SignedIn: "signed_in", FactorEnrolled: "factor_activated", FactorDisabled: "factor_disabled"}
