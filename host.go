package authn

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Revoke ends every live transaction of a user and voids unredeemed session
// tokens. Call it when a password, a factor, an address or a status changes.
// A user without a record is no error.
func (s *Service) Revoke(ctx context.Context, user string) error {
	return s.host(ctx, user, EventRevoke, "", func(st *step) error { return st.offerAll(opCancel) })
}

// Reinstate does what Revoke does and also clears locks, back-off, the
// disabled mark and every count of wrong codes. The reason is audited. Each
// call grants one more yearly budget of guesses.
func (s *Service) Reinstate(ctx context.Context, user, reason string) error {
	return s.host(ctx, user, EventReinstate, reason, func(st *step) error {
		err := st.offerAll(opCancel)
		a := st.acct
		a.disabled, a.fails, a.notBefore, a.lockedUntil, a.failures = false, 0, 0, 0, failures{}
		return err
	})
}

// Erase forgets a user: live transactions end, and what is owed is not
// delivered. A lock or a budget that is in force stays, under the pseudonym
// alone, until it ends.
func (s *Service) Erase(ctx context.Context, user string) error {
	return s.host(ctx, user, EventErase, "", func(st *step) error {
		err := st.offerAll(opCancel)
		a := st.acct
		a.user, a.txs, a.outbox = "", [maxTx]transaction{}, [maxOutbox]entry{}
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
	_, err := s.read(ctx, s.m.pseudonym(user).key(), &a)
	return a, err
}

// host runs one of the host's own operations, by the same loop as a step.
func (s *Service) host(ctx context.Context, user string, event EventName, reason string, f func(*step) error) error {
	if !validUser(user) {
		return &Refusal{Event: event, Err: ErrMalformed}
	}
	key := s.m.pseudonym(user).key()
	for try := range maxReruns {
		if err := pause(ctx, try); err != nil {
			return err
		}
		var a Account
		rec, err := s.read(ctx, key, &a)
		if err != nil || rec.Version == 0 {
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
		s.auditHost(ctx, key, user, event, reason)
		return nil
	}
	return fmt.Errorf("%w: %d save conflicts in a row", ErrUnavailable, maxReruns)
}
