// Package stepup is a host whose sessions know what they rest on: it asks again for what
// is missing or too old, and remembers devices.
package stepup

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// A Session is what a host keeps of a user who has signed in, under an ID that only the
// user's browser has.
type Session struct {
	ID     string
	User   string
	Proofs []authn.Proof // what was proved, and when
}

// A Need is what an act asks of the session, such as a transfer of money.
type Need struct {
	Within time.Duration // since the latest proof of a factor
	Accept []string      // the types of factors that count; nil is all
}

// Meets says whether the session has what the act needs. A remembered device is no proof,
// so it never makes a session fresher than it is.
func (s *Session) Meets(n Need, now time.Time) bool {
	return slices.ContainsFunc(s.Proofs, func(p authn.Proof) bool {
		return p.Factor != "" && now.Sub(p.At) < n.Within && (n.Accept == nil || slices.Contains(n.Accept, p.Type))
	})
}

// StepUp begins a sign-in that asks only for what the session lacks: the password was
// proved when the session was made.
func (s *Session) StepUp(ctx context.Context, svc *authn.Service, n Need, act string) (*authn.Answer, error) {
	own := s.Proofs[0]
	return svc.Begin(ctx, authn.Login{
		User: s.User, Methods: own.Methods, At: own.At,
		Accept: n.Accept, Fresh: true, Relay: s.ID, Purpose: act,
	})
}

// ErrOther is a sign-in that was not begun for this session and this act.
var ErrOther = errors.New("the sign-in belongs to another session")

// SteppedUp adds to the session what was proved for the act. The sign-in of another user,
// of another session in the same browser, or for another act is refused.
func (s *Session) SteppedUp(ctx context.Context, svc *authn.Service, token authn.SessionToken, act string) error {
	as, err := svc.Redeem(ctx, token)
	if err != nil {
		return err
	}
	if as.User != s.User || as.Relay != s.ID || as.Purpose != act {
		return ErrOther
	}
	s.Proofs = append(s.Proofs, as.Proofs[1:]...)
	return nil
}
