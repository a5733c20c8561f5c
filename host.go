package authn

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Revoke ends every live transaction of a user, voids unredeemed session tokens and what
// was claimed before, and forgets the remembered devices. Call it when a password, a factor, an address or a
// status changes.
// A user without a record is no error.
func (s *Service) Revoke(ctx context.Context, user string) error {
	return s.host(ctx, user, EventRevoke, "", func(st *step) error {
		doForgetDevices(st)
		s.voidClaims(st, user)
		return st.offerAll(opCancel)
	})
}

// ForgetDevices forgets the remembered devices of a user, such as one that was lost: a
// factor is asked for on each of them again. A user without a record is no error.
func (s *Service) ForgetDevices(ctx context.Context, user string) error {
	return s.host(ctx, user, EventForgetDevices, "", func(st *step) error {
		doForgetDevices(st)
		return nil
	})
}

// Reinstate does what Revoke does and also clears locks, back-off, the disabled
// mark, and every count of wrong codes, of starts and of sends. The reason is
// audited. Each call grants one more yearly budget of guesses. A record that
// cannot be opened is deleted.
func (s *Service) Reinstate(ctx context.Context, user, reason string) error {
	return s.host(ctx, user, EventReinstate, reason, func(st *step) error {
		err := st.offerAll(opCancel)
		s.voidClaims(st, user)
		a := st.acct
		a.disabled, a.fails, a.notBefore, a.lockedUntil = false, 0, 0, 0
		a.failures, a.sends, a.starts, a.devices = failures{}, "", "", ""
		return err
	})
}

// Erase forgets a user: live transactions end, and what is owed is not
// delivered. A lock or a budget that is in force stays, under the pseudonym
// alone, until it ends, and so does a factor that is disabled. A record that cannot be
// opened is deleted.
func (s *Service) Erase(ctx context.Context, user string) error {
	return s.host(ctx, user, EventErase, "", func(st *step) error {
		err := st.offerAll(opCancel)
		s.voidClaims(st, user)
		a := st.acct
		a.user, a.recent, a.devices, a.txs, a.outbox = "", "", "", [maxTx]transaction{}, [maxOutbox]entry{}
		a.failures.by = strings.Repeat("\x00", len(a.failures.by))
		return err
	})
}

// Inspect returns the account of a user as it is stored, for operators: print
// it with String. It holds no secret and no address. A user without a record
// has the zero value. See [Account.View].
func (s *Service) Inspect(ctx context.Context, user string) (Account, error) {
	if !validUser(user) {
		return Account{}, &Refusal{Event: EventInspect, Err: ErrMalformed}
	}
	var a Account
	_, err := s.read(ctx, s.m.Key(user), &a)
	return a, err
}

// voidClaims lets no claim that was begun before be carried on, where there are any.
func (s *Service) voidClaims(st *step, user string) {
	if _, ok := s.cfg.Directory.(Finder); ok {
		st.voidClaims(user)
	}
}

// host runs one of the host's own operations, by the same loop as a step. The
// operation is audited even if there is nothing to do.
func (s *Service) host(ctx context.Context, user string, event EventName, reason string, f func(*step) error) error {
	if !validUser(user) {
		return &Refusal{Event: event, Err: ErrMalformed}
	}
	key := s.m.Key(user)
	_, finds := s.cfg.Directory.(Finder)
	for try := range maxReruns {
		if err := pause(ctx, try); err != nil {
			return err
		}
		var a Account
		rec, err := s.read(ctx, key, &a)
		e := AuditEvent{Account: key, User: user, Event: event, Guard: reason}
		switch {
		case err == nil && rec.Version == 0 && !(finds && event != EventForgetDevices):
			s.note(ctx, e)
			return nil
		case err == nil && rec.Version == 0:
			a.user = user // a claim may be under way, in a record of its own
		case errors.Is(err, ErrCorrupt) && (event == EventReinstate || event == EventErase):
			e.Err = err.Error() // a is a fresh account, which takes its place
		case err != nil:
			return err
		}
		var r Result
		if err := s.m.do(&r, &a, &Env{Now: s.cfg.Now()}, new(input), func(st *step) error {
			defer st.tidy()
			return f(st)
		}); err != nil {
			return err
		}
		err = s.save(ctx, key, rec.Version, s.record(&r.Account, key))
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		s.auditMoves(ctx, key, user, &r)
		s.note(ctx, e)
		return nil
	}
	return fmt.Errorf("%w: %d save conflicts in a row", ErrUnavailable, maxReruns)
}
