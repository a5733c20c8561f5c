package authn

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
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

// causes says that a row taken in this step asked for the effect.
func (r *Result) causes(e Effect) bool {
	for i := range r.nmoves {
		for n := range r.moves[i].edge.row.Emit {
			if effectKey(r.moves[i].tx, r.moves[i].rev, uint8(n)) == e.Key {
				return true
			}
		}
	}
	return false
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

func (s *Service) record(a *Account, key string) Record {
	r := Record{Version: newVersion(), Due: unix(s.m.nextDue(a))}
	if !a.idle() {
		r.Value = s.m.Seal(a, key)
	}
	return r
}

// Acknowledge returns the account with what became of attempts at effects,
// became[i] of es[i], and whether that changed anything. The account is not
// changed in place.
func (m *Machine) Acknowledge(a *Account, es []Effect, became []Delivered, now time.Time) (next Account, changed bool, err error) {
	s, err := m.load(a, nil, &Env{Now: now}, new(input))
	if err != nil {
		return *a, false, err
	}
	// After a clock fault the next step sets things right, not this.
	for i, e := range es {
		if !s.fault && s.acknowledge(e.Key, became[i]) {
			changed = true
		}
	}
	next, s.acct.seen = *a, s.now
	if changed {
		next = *s.acct
	}
	m.pool.Put(s)
	return next, changed, nil
}

// Code returns the live code that a SendCode effect asks to be mailed; false
// if it is dead by now.
func (m *Machine) Code(a *Account, e Effect) (Code, bool) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = a
	for s.i = range s.acct.txs {
		var code [maxDigits]byte
		if t := s.tx(); e.Do == SendCode && t.mail.state == mailPending && t.mailKey() == e.Key && s.derive(&code) {
			return Code(code[:t.limits.digits]), true
		}
	}
	return "", false
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

// pinned is the recipient of an effect.
func (a *Account) pinned(key string) id {
	for i := range a.txs {
		if t := &a.txs[i]; t.mail.state == mailPending && t.mailKey() == key {
			return t.factor().recipient
		}
	}
	for i := range a.outbox {
		if e := &a.outbox[i]; e.kind != 0 && e.key() == key {
			return e.recipient
		}
	}
	return id{}
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

func (a *Account) transaction(public string) *transaction {
	for i := range a.txs {
		if hex.EncodeToString(a.txs[i].id[:]) == public {
			return &a.txs[i]
		}
	}
	return &transaction{}
}

// Tended counts what [Service.Tend] did.
type Tended struct {
	Records    int // that were due
	Ended      int // transactions whose time was up
	Delivered  int // effects that were accepted
	Deleted    int // records that said nothing any more
	Unreadable int // records that could not be opened; they come back in an hour
}

const (
	tendBatch  = 100
	unreadable = time.Hour
)

// Tend does what is due: it sends again what was not acknowledged, ends
// transactions whose time is up and deletes records that say nothing any
// more. Call it every 10 seconds or so; any number of nodes may call it at
// once, and safety never depends on it. It returns when nothing is due, with
// the first fault that it met, or when ctx ends. The store must be a [Sweeper].
func (s *Service) Tend(ctx context.Context) (Tended, error) {
	var did Tended
	sweeper, ok := s.cfg.Store.(Sweeper)
	if !ok {
		return did, errors.New("authn: the Store is no Sweeper")
	}
	var first error
	seen := map[string]bool{}
	for {
		var keys []string
		err := guarded("due", func() (err error) {
			keys, err = sweeper.Due(ctx, s.cfg.Now(), tendBatch)
			return err
		})
		if err != nil {
			return did, errors.Join(first, err)
		}
		fresh := false
		for _, k := range keys {
			if seen[k] {
				continue
			}
			seen[k] = true
			fresh = true
			if err := s.tend(ctx, k, &did); err != nil && first == nil {
				first = err
			}
		}
		if !fresh || ctx.Err() != nil {
			return did, first
		}
	}
}

// tend does what is due for one record.
func (s *Service) tend(ctx context.Context, key string, did *Tended) error {
	var p id
	if n, err := hex.Decode(p[:], []byte(key)); err != nil || n != len(p) || p.key() != key {
		return fmt.Errorf("%w: due: key %.40q", ErrCorrupt, key)
	}
	did.Records++
	var a Account
	rec, err := s.read(ctx, key, &a)
	if errors.Is(err, ErrCorrupt) {
		did.Unreadable++
		return errors.Join(err, s.putOff(ctx, key, rec))
	}
	if err != nil || rec.Version == 0 {
		return err
	}
	var r Result
	es, err := s.m.Tend(&a, s.cfg.Now(), &r)
	if err != nil {
		return err
	}
	s.forgetUnheard(&r.Account)
	next := s.record(&r.Account, key)
	if err := s.save(ctx, key, rec.Version, next); errors.Is(err, ErrConflict) {
		return nil // somebody was faster
	} else if err != nil {
		return err
	}
	if next.Value == nil {
		did.Deleted++
	}
	did.Ended += r.nmoves
	c := &call{ctx: ctx, p: p, key: key, op: expire, user: a.user}
	s.auditMoves(ctx, key, r.Account.user, &r)
	if len(es) > 0 {
		n := len(r.Account.owed())
		s.attempt(ctx, c, &r.Account, next, es)
		did.Delivered += n - len(r.Account.owed())
	}
	return nil
}

// putOff lets an unreadable record come back later, so that it starves nobody.
// Its bytes are written back only if a second look finds the same ones: what
// was damaged on the way must not replace what is stored.
func (s *Service) putOff(ctx context.Context, key string, rec Record) error {
	var a Account
	again, err := s.read(ctx, key, &a)
	if !errors.Is(err, ErrCorrupt) || !bytes.Equal(again.Value, rec.Value) {
		return nil
	}
	old := rec.Version
	rec.Version, rec.Due = newVersion(), s.cfg.Now().Add(unreadable)
	return s.save(ctx, key, old, rec)
}
