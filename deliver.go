package authn

import (
	"context"
	"encoding/hex"
	"errors"
)

// deliver carries out what the step asked for, after its save, and records
// what became of it by one more save. The caller's cancellation does not
// reach it: a request that ends must not swallow a mail.
func (s *Service) deliver(c *call, r *Result, rec Record) {
	var mine []Effect
	for _, e := range r.Account.owed() {
		if r.causes(e) {
			mine = append(mine, e)
		}
	}
	if len(mine) > 0 {
		s.attempt(context.WithoutCancel(c.ctx), c, &r.Account, rec, mine)
	}
}

// attempt makes one attempt at each effect and acknowledges them together. a,
// which was saved as rec, becomes the account as acknowledged, whether or not
// others have gone on from it meanwhile: the answer is about this step.
func (s *Service) attempt(ctx context.Context, c *call, a *Account, rec Record, es []Effect) {
	became := make([]Delivered, len(es))
	for i, e := range es {
		became[i] = s.carryOut(ctx, c, a, e)
	}
	next, changed, err := s.m.Acknowledge(a, es, became, s.cfg.Now())
	*a = next
	// The acknowledgement loses to any step, and is made again after it: a
	// lost one would only send a message twice, with the same key.
	for try := 1; err == nil && changed && try <= maxReruns; try++ {
		err = s.save(ctx, c.key, rec.Version, s.record(&next, c.key))
		if !errors.Is(err, ErrConflict) || rest(ctx, try) != nil {
			return
		}
		if rec, err = s.read(ctx, c.key, &next); err == nil {
			next, changed, err = s.m.Acknowledge(&next, es, became, s.cfg.Now())
		}
	}
}

// carryOut makes one attempt, within the delivery timeout.
func (s *Service) carryOut(ctx context.Context, c *call, a *Account, e Effect) Delivered {
	ctx, stop := context.WithTimeout(ctx, s.m.policy.DeliveryTimeout)
	defer stop()
	var err error
	switch e.Do {
	case SignedIn, FactorEnrolled, FactorDisabled:
		err = s.tell(ctx, c, e)
	default:
		var f Factor
		if f, err = s.addressee(ctx, c, a, e); err == nil {
			if e.Do == FactorActivated {
				err = guarded("directory", func() error { return s.cfg.Directory.Activated(ctx, e.Key, e.User, f) })
			} else {
				err = s.mail(ctx, a, e, f)
			}
		}
	}
	switch {
	case err == nil:
		return Accepted
	case errors.Is(err, errMoved):
		return Withdrawn
	case errors.Is(err, ErrUndeliverable):
		return GivenUp
	}
	return Retry
}

var errMoved = errors.New("the address has changed")

// addressee is the factor that an effect concerns, with the address that the
// Directory has now. A code, and a factor that was confirmed, belong to the
// address that was pinned; a notice goes to whatever the address is now.
func (s *Service) addressee(ctx context.Context, c *call, a *Account, e Effect) (Factor, error) {
	fs := c.factors
	if fs == nil {
		var err error
		if fs, err = s.factors(ctx, e.User); errors.Is(err, ErrNoUser) {
			return Factor{}, errMoved
		} else if err != nil {
			return Factor{}, err
		}
	}
	st := s.m.pool.Get().(*step)
	defer s.m.pool.Put(st)
	st.acct = a
	for i := range fs {
		p, err := st.pin(&fs[i])
		if err != nil {
			return Factor{}, err
		}
		if p.id == e.Factor && p.kind != 0 && (a.pinned(e.Key) == p.recipient || e.Do != SendCode && e.Do != FactorActivated) {
			return fs[i], nil
		}
	}
	return Factor{}, errMoved
}

// mail sends a code or a notice.
func (s *Service) mail(ctx context.Context, a *Account, e Effect, f Factor) error {
	m := Message{Key: e.Key, Tenant: s.cfg.Tenant, User: e.User, To: f.Address, Locale: f.Locale, Until: e.Until}
	switch e.Do {
	case NotifyActivated:
		m.Kind = ActivatedMessage
	case NotifyBackoff:
		m.Kind = BackoffMessage
	case NotifyLocked:
		m.Kind = LockedMessage
	case SendCode:
		code, ok := s.m.Code(a, e)
		if !ok {
			return errMoved
		}
		t := a.transaction(e.Transaction)
		if now, _ := s.m.clock(a, s.cfg.Now()); !t.code.good(now) {
			return ErrUndeliverable // too late to be of use
		}
		m.Kind, m.Code, m.Generation = CodeMessage, code, e.Generation
		m.Purpose, m.Expires = purposeOf(t.name()), unix(t.code.expires)
	}
	return guarded("mailer", func() error { return s.cfg.Mailer.Send(ctx, m) })
}

// auditMoves tells the Auditor of the rows that were taken, after the commit.
// What must not be lost is in the outbox besides.
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
	s.note(c.ctx, e)
}

func (s *Service) auditHost(ctx context.Context, key, user, event, reason string) {
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
