package authn

import (
	"context"
	"fmt"
	"io"
)

// A Verifier judges the responses that prove a factor of its [FactorType], such as a
// security key's assertion or the answer to a question. Implementations must be safe
// for concurrent use.
type Verifier interface {
	// Prompt returns what the client needs for a response, such as the options of a
	// browser's API, for [Prompt].Options. It is called for each answer in which the
	// factor is at hand or, if its type is AtOnce, can be chosen: then the check has no
	// Challenge, and what is returned goes into [Factor].Options. The same check must
	// give the same prompt.
	Prompt(ctx context.Context, c Check) ([]byte, error)
	// Verify judges c.Response. It is called after the account's record was loaded,
	// again on every re-run, and only for a response that counts: not during a
	// back-off, and not for a repeat. It keeps nothing: what is to be kept is in the
	// verdict. An error is "unavailable": no verdict.
	Verify(ctx context.Context, c Check) (Verdict, error)
}

// A Check is what a [Verifier] is asked about. It does not print.
type Check struct {
	Tenant, User string
	Purpose      Purpose
	// First says that nothing else was proved, and that the response names the user: the
	// factor must prove that it has verified the user. See [Service.RequestPasskey], whose
	// prompt has neither a User nor a Factor.
	First     bool
	Challenge [32]byte // to be responded to, good for one response; zero for a response that came without a challenge
	Response  []byte   // as the client sent it; nil for a prompt
	Factor    Factor   // at hand; its Data is plain
	Others    []Factor // the user's other active factors of the type, Data plain: they may respond as well, and must not be enrolled again
}

// Format writes "[secret]" for every verb: data may be.
func (Check) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText returns "[secret]"; encoding/json uses it too.
func (Check) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// check is what the Verifier is asked about a factor.
func (s *step) check(l *listed) *Check {
	t := s.tx()
	c := &Check{Tenant: s.m.tenant, User: s.acct.user, Purpose: t.info().Purpose, Factor: l.plainFactor()}
	if x := s.byPasskey(); x != nil {
		c.Purpose, c.First, c.User, c.Challenge = PurposeSignIn, true, s.owner(), x.challenge
	} else if t.info().AtHand && s.isPinned(l, &t.factor) { // not one that was left by previous
		c.Challenge, _ = s.seed()
	}
	for i := range s.dir {
		if o := &s.dir[i]; o.typ == l.typ && o.id != l.id && o.status == Active {
			c.Others = append(c.Others, o.plainFactor())
		}
	}
	return c
}

// plainFactor is the factor with its data plain.
func (l *listed) plainFactor() Factor {
	return Factor{ID: l.id, Type: l.kind, Address: l.address, Status: l.status, Required: l.required, Data: l.plain, Revision: l.revision}
}
