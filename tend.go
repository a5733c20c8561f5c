package authn

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Tended counts what one call of [Service.Tend] did.
type Tended struct {
	Records    int // that were due
	Ended      int // transactions whose time was up
	Delivered  int // effects that were accepted
	Deleted    int // records that held no limit, lock or pending delivery
	Unreadable int // records that could not be opened; they come back in an hour
}

const (
	tendBatch  = 100
	unreadable = time.Hour
)

// Tend does what is due: it retries deliveries, ends expired transactions, and
// deletes records that hold no limit, lock or pending delivery. Call it every 10
// seconds or so, on any number of nodes at once; safety never depends on it. It
// returns when nothing is due or ctx ends, with the first error that it met. The
// store must be a [Sweeper].
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
		err := safely("due", func() (err error) {
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
	c := &call{ctx: ctx, p: p, key: key, op: opExpire, user: a.user}
	s.auditMoves(ctx, key, r.Account.user, &r)
	if len(es) > 0 {
		n := len(r.Account.owed())
		s.deliver(ctx, c, &r.Account, next, es)
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

// Tend fills r with the account, its overdue transactions ended and its overdue
// effects claimed, and returns those effects: once r is saved they are to be
// carried out and acknowledged. The account is not changed in place.
func (m *Machine) Tend(a *Account, now time.Time, r *Result) (es []Effect, err error) {
	err = m.do(r, a, &Env{Now: now}, new(input), func(s *step) error {
		if err := s.offerAll(opExpire); err != nil {
			return err
		}
		for i := range s.acct.txs {
			if t := &s.acct.txs[i]; t.ended() && t.expires <= s.now {
				*t = transaction{}
			}
		}
		es = s.claimOwed()
		s.i = 0
		s.tidy()
		return nil
	})
	return es, err
}
