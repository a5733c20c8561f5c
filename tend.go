package authn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Tended counts what one call of [Service.Tend] did.
type Tended struct {
	Records    int `json:"records"`    // of this tenant that were due
	Ended      int `json:"ended"`      // transactions whose time was up
	Delivered  int `json:"delivered"`  // effects that were accepted
	Deleted    int `json:"deleted"`    // records that held no limit, lock or pending delivery
	Foreign    int `json:"foreign"`    // records whose key or schema this service does not have
	Unreadable int `json:"unreadable"` // records that were altered or moved
}

const tendBatch = 100

// Tend does what is due: it retries deliveries, ends expired transactions, seals
// records anew at least every 90 days, and deletes records that hold no limit, lock
// or pending delivery. Call it every 10 seconds or so, on any number of nodes at
// once; safety never depends on it. It returns when nothing more can be done or ctx
// ends, with the first error that it met. The store must be a [Sweeper].
//
// If the store is a [Clock], Tend asks it for the time first. If [Config].Now is more
// than [MaxSkew] ahead of that, or the store does not say, Tend changes nothing and
// returns an error that wraps [ErrUnavailable].
//
// It leaves alone what it cannot open, and the records of other tenants: they stay
// due. A service without an [Auditor] leaves alone the reports that others owe to
// theirs.
func (s *Service) Tend(ctx context.Context) (Tended, error) {
	var did Tended
	sweeper, ok := s.cfg.Store.(Sweeper)
	if !ok {
		return did, errors.New("authn: the Store is no Sweeper")
	}
	if err := s.checkClock(ctx); err != nil {
		return did, err
	}
	first := s.saveHeld(ctx, s.cfg.Now())
	seen := map[string]bool{}
	for {
		var keys []string
		err := safely("due", func() (err error) {
			// What was left alone is due again: go on behind it.
			keys, err = sweeper.Due(ctx, s.cfg.Now(), tendBatch+len(seen))
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
			seen[k], fresh = true, true
			if !s.m.owns(k) {
				continue
			}
			did.Records++
			if err := s.tend(ctx, k, &did); err != nil && first == nil {
				first = err
			}
		}
		if !fresh || ctx.Err() != nil {
			return did, first
		}
	}
}

// checkClock returns an error if the clock of this node is too far ahead of the
// store's. To such a node everything looks overdue, as after an outage, and no record
// tells the two apart: it would end live sign-ins and forget charges. A clock that is
// behind is harmless: less is due by it, and what it leaves is done by others or later.
func (s *Service) checkClock(ctx context.Context) error {
	clock, ok := s.cfg.Store.(Clock)
	if !ok {
		return nil
	}
	here := s.cfg.Now() // before the store is asked: a slow answer must not look like a clock that is ahead
	var there time.Time
	err := safely("clock", func() (err error) {
		there, err = clock.Now(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if ahead := here.Sub(there); ahead > MaxSkew {
		return fmt.Errorf("%w: this node's clock is %v ahead of the store's", ErrUnavailable, ahead.Truncate(time.Second))
	}
	return nil
}

// tend does what is due for one record: one effect after the other, each on the
// account as it is at that moment, so that nothing goes out that was superseded or
// revoked while another was on its way.
func (s *Service) tend(ctx context.Context, key string, did *Tended) error {
	for {
		var a Account
		rec, err := s.read(ctx, key, &a)
		switch {
		case errors.Is(err, errForeign):
			did.Foreign++
			return err
		case errors.Is(err, ErrCorrupt):
			did.Unreadable++
			return err
		case err != nil:
			return err
		case rec.Version == 0: // only an entry of the store's index: clear it
			if err := s.save(ctx, key, 0, Record{Version: newVersion()}); !errors.Is(err, ErrConflict) {
				return err
			}
			return nil
		}
		if more, err := s.tendOne(ctx, key, &a, rec, s.cfg.Now(), did); err != nil || !more {
			return err
		}
	}
}

// tendOne saves what is over, and makes the attempt at one effect. It says whether
// there may be another one.
func (s *Service) tendOne(ctx context.Context, key string, a *Account, rec Record, now time.Time, did *Tended) (more bool, err error) {
	var r Result
	taken := 0
	es, err := s.m.of(a).tend(a, now, &r, func(o *entry) bool {
		if taken == 1 || !s.carries(o) {
			return false
		}
		taken++
		return true
	})
	if err != nil {
		return false, err
	}
	s.forgetUnheard(&r)
	next := s.record(&r.Account, key)
	if r.nmoves == 0 && len(es) == 0 && next.Value != nil && !next.Due.After(now) {
		return false, nil // nothing is this service's to do
	}
	if err := s.save(ctx, key, rec.Version, next); errors.Is(err, ErrConflict) {
		return false, nil // somebody was faster
	} else if err != nil {
		return false, err
	}
	if next.Value == nil {
		did.Deleted++
	}
	did.Ended += r.nmoves
	s.auditMoves(ctx, key, r.Account.user, &r)
	if len(es) == 0 {
		return false, nil
	}
	c := &call{ctx: ctx, key: key, op: opExpire, user: a.user}
	n := len(r.Account.owed())
	s.deliver(ctx, c, &r.Account, next, es)
	did.Delivered += n - len(r.Account.owed())
	return true, nil
}

// Tend fills r with the account, its overdue transactions ended and its overdue
// effects claimed, and returns those effects: once r is saved they are to be
// carried out and acknowledged, in this order. The account is not changed in place.
func (m *Machine) Tend(a *Account, now time.Time, r *Result) (es []Effect, err error) {
	return m.tend(a, now, r, func(*entry) bool { return true })
}

// tend is Tend, but claims only what it is told to.
func (m *Machine) tend(a *Account, now time.Time, r *Result, claims func(*entry) bool) (es []Effect, err error) {
	err = m.do(r, a, &Env{Now: now}, new(input), func(s *step) error {
		for i := range s.acct.txs {
			if t := &s.acct.txs[i]; t.state != 0 && !t.isLive() && t.forgotten() <= s.now {
				*t = transaction{}
			}
		}
		if err := s.offerAll(opExpire); err != nil {
			return err
		}
		es = s.claimOwed(claims)
		if s.acct.claim != "" && s.acct.rests() {
			s.acct.claim = unnamed
		}
		s.i = 0
		s.tidy()
		return nil
	})
	return es, err
}
