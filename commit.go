package authn

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"
)

// commit runs load, step and save until a save does not conflict. It returns the
// record as saved. No result leaves before that.
func (s *Service) commit(c *call, a *Account, r *Result, f stepFunc) (next Record, err error) {
	for try := range maxReruns {
		if err := pause(c.ctx, try); err != nil {
			return next, err
		}
		rec, err := s.read(c.ctx, c.key, a)
		if err != nil {
			return next, err
		}
		if next.Version != 0 && rec.Version == next.Version {
			return next, nil // the save that was lost was our own
		}
		held := s.withHeld(c.key, a)
		err = s.step(c, a, r, f)
		if lack, ok := err.(*Lack); ok && !c.settled {
			c.settled = true
			s.deliver(context.WithoutCancel(c.ctx), c, a, rec, []Effect{*lack.Owed})
			next = Record{}
			continue
		}
		if err == nil && r.Changed {
			err = s.dryRun(c, r)
		}
		if err != nil || !r.Changed {
			return rec, s.refused(c, a, err)
		}
		s.forgetUnheard(r)
		next = s.record(&r.Account, c.key)
		err = s.save(c.ctx, c.key, rec.Version, next)
		if err != nil && !errors.Is(err, ErrConflict) {
			err = s.confirm(c, next, err)
		}
		if err == nil {
			s.release(c.key, held)
		}
		if !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return next, fmt.Errorf("%w: %d save conflicts in a row", ErrUnavailable, maxReruns)
}

// step runs the step, and finds out what it lacks, but for what is owed.
func (s *Service) step(c *call, a *Account, r *Result, f stepFunc) error {
	env, err := s.env(c, a)
	if err == nil {
		err = f(a, env, r)
	}
	for lack, ok := err.(*Lack); ok && lack.Owed == nil; lack, ok = err.(*Lack) {
		if err = s.supply(c, &env, lack); err == nil {
			err = f(a, env, r)
		}
	}
	return err
}

// confirm finds out whether a save that returned an error took place: it did if
// the record carries its version.
func (s *Service) confirm(c *call, next Record, cause error) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.ctx), s.m.policy.DeliveryTimeout)
	defer stop()
	var a Account
	if rec, err := s.read(ctx, c.key, &a); err == nil && rec.Version == next.Version {
		return nil
	}
	return cause
}

// forgetUnheard drops what the step owes to the Auditor, or to an Unlocker, if this
// service has none. What other services owe to theirs is not its business.
func (s *Service) forgetUnheard(r *Result) {
	_, unlocks := s.cfg.Passwords.(Unlocker)
	if s.cfg.Auditor != nil && unlocks {
		return
	}
	a := &r.Account
	for i := maxOutbox - 1; i >= 0; i-- {
		e := &a.outbox[i]
		if (e.isReport() && s.cfg.Auditor == nil || e.kind == unlockUser && !unlocks) && r.causes(e) {
			a.drop(i)
		}
	}
}

func (s *Service) record(a *Account, key string) Record {
	return s.m.of(a).Record(a, key, newVersion())
}

// read loads an account; one that has no record is a fresh one.
func (s *Service) read(ctx context.Context, key string, a *Account) (rec Record, err error) {
	*a = Account{}
	err = safely("load", func() (err error) {
		rec, err = s.cfg.Store.Load(ctx, key)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return Record{}, nil
	}
	if err != nil {
		return rec, err
	}
	if err = s.m.open(a, rec.Value, key); err != nil {
		return rec, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return rec, nil
}

// save keeps a conflict apart from every other error.
func (s *Service) save(ctx context.Context, key string, old uint64, r Record) error {
	return safely("save", func() error { return s.cfg.Store.Save(ctx, key, old, r) })
}

// safely calls a port: an error and a panic are both "unavailable", so that
// whatever a port does, the service fails closed.
func safely(port string, f func() error) (err error) {
	defer func() {
		if recover() != nil { // its value may hold a secret
			err = fmt.Errorf("%w: %s: panic", ErrUnavailable, port)
		}
	}()
	switch err := f(); {
	case errors.Is(err, ErrSuperseded), errors.As(err, new(*Refusal)): // which are not for a port to say
		return fmt.Errorf("%w: %s: %v", ErrUnavailable, port, err)
	case err != nil:
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, port, err)
	}
	return nil
}

// pause waits a little before a re-run, within the caller's deadline.
func pause(ctx context.Context, try int) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if try == 0 {
		return nil
	}
	d := min(firstPause<<min(try-1, 10), maxPause)
	t := time.NewTimer(mathrand.N(d) + 1)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// newVersion is never 0, which stands for "no record".
func newVersion() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:])
		if v := binary.LittleEndian.Uint64(b[:]); v != 0 {
			return v
		}
	}
}
