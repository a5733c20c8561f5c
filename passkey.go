package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// A Discoverer is a [Verifier] whose responses name their user, as those of passkeys do
// (discoverable credentials, in WebAuthn). With its type, users sign in who have not said
// who they are: see [Service.RequestPasskey]. Both methods are pure.
type Discoverer interface {
	Verifier
	// Handle returns the handle that a response names its user by, "" if it names none. It
	// proves nothing yet.
	Handle(response []byte) string
	// HandleOf returns the handle in the plain data of a factor, for [Factor].Handle: up to
	// 254 bytes, without control characters.
	HandleOf(data []byte) string
}

// A PasskeyRequest asks a client for any passkey of the site, whoever's it is.
type PasskeyRequest struct {
	// Token goes back in [PasskeyLogin].Request. Keep it with the browser, in a cookie that
	// only this host reads: a response is then of no use in another browser. It is good
	// once, until Expires.
	Token   Secret
	Options []byte // for the client, such as those of navigator.credentials.get
	Expires time.Time
}

// A PasskeyLogin is the response to a [PasskeyRequest].
type PasskeyLogin struct {
	Type     string // of factor, as in the request
	Request  Secret // the token of the request
	Response Code   // as the client sent it: 1 byte to 16 KiB
	Relay    string // comes back in [Assertion].Relay: see [Login]
	Key      string // the client's idempotency key, "" or up to 64 bytes
	// RedeemAtOnce asks for the assertion in place of a session token: see [RedeemAtOnce].
	RedeemAtOnce bool
}

// RequestPasskey asks for a passkey, of a type of factor whose Verifier is a [Discoverer].
// Nothing is read or stored, so it may be called for each page that has a sign-in form; it
// is good for [Policy].Life.
//
// Errors are a [*Refusal] with [ErrNotAllowed], if the type is another or the Directory is
// no [Finder]; or wrap [ErrUnavailable].
func (s *Service) RequestPasskey(ctx context.Context, kind string) (*PasskeyRequest, error) {
	d := s.discoverer(kind)
	if d == nil {
		return nil, &Refusal{Event: EventPasskey, Err: ErrNotAllowed}
	}
	var h TokenSecret
	now := s.cfg.Now()
	rand.Read(h[8:])
	binary.BigEndian.PutUint64(h[:], uint64(now.UnixNano()))
	r := &PasskeyRequest{
		Token:   Secret(s.m.mint(passkeyKind, h, s.m.requestSeal(kind, h))),
		Expires: now.Add(s.m.policy.Life).UTC(),
	}
	err := safely("verifier", func() (err error) {
		r.Options, err = d.Prompt(ctx, Check{Tenant: s.cfg.Tenant, Purpose: PurposeSignIn, Challenge: s.m.requestChallenge(kind, h), First: true})
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// BeginPasskey begins a transaction for the user whose passkey has responded. The
// authenticator must have verified the user, so the passkey is two factors in one: no
// further one is asked for, unless the Directory lists one as Required that is not set up.
// The assertion has the methods of the passkey alone. The [Finder] is asked once whose the
// handle is.
//
// A request is good for one sign-in. If the answer is lost, only the same response with
// the same Key is answered again; else request anew.
//
// Errors are a [*Refusal]; or wrap [ErrUnavailable]. It is [ErrFinished] for a request that
// is used, over, forged or older than a revocation or a new password of the user, and alike
// for a passkey that is nobody's, was removed, or does not sign: request anew. None of these
// counts, and nothing is stored: a stranger must not lock an account. Otherwise it is
// [ErrLocked], [ErrTooSoon], [ErrNoUser], [ErrMalformed] or [ErrNotAllowed], as of Begin.
func (s *Service) BeginPasskey(ctx context.Context, l PasskeyLogin) (*Answer, error) {
	refusal := func(why error) (*Answer, error) { return nil, &Refusal{Event: EventPasskey, Err: why} }
	d := s.discoverer(l.Type)
	switch {
	case d == nil:
		return refusal(ErrNotAllowed)
	case l.Response == "" || len(l.Response) > maxResponse || len(l.Relay) > maxRelay || len(l.Key) > maxOnce:
		return refusal(ErrMalformed)
	}
	x, ok := s.m.requested(l.Type, l.Request, s.cfg.Now())
	if !ok {
		return refusal(ErrFinished)
	}
	var handle string
	if err := safely("verifier", func() error { handle = d.Handle([]byte(l.Response)); return nil }); err != nil {
		return nil, err
	}
	if !validName(handle) {
		return refusal(ErrMalformed)
	}
	sub, err := s.find(ctx, Claimed{Name: Secret(handle), By: l.Type, For: PurposeSignIn})
	switch {
	case err != nil:
		return nil, err
	case sub.User == "":
		return refusal(ErrFinished)
	}
	in := &input{login: &Login{User: sub.User, Relay: l.Relay, Methods: []string{noMethods}, claim: &x}, code: string(l.Response), atOnce: l.RedeemAtOnce}
	p := s.m.pseudonym(sub.User)
	c := &call{ctx: ctx, p: p, key: s.m.key(p), op: opPasskey, user: sub.User, h: s.m.passkeyHandle(&x, &l), atOnce: l.RedeemAtOnce}
	return s.run(c, func(a *Account, env Env, r *Result) error { return s.m.carryOn(a, opPasskey, in, c.h, env, r) })
}

// discoverer is the Verifier of a type of factor that signs in by itself; nil if there is
// none, or nobody to say whose a handle is.
func (s *Service) discoverer(kind string) Discoverer {
	if _, finds := s.cfg.Directory.(Finder); !finds {
		return nil
	}
	typ := s.m.typeOf(kind)
	if typ == nil {
		return nil
	}
	d, _ := typ.Verifier.(Discoverer)
	return d
}

// requestSeal shows that a request was made here, for a type of factor.
func (m *Machine) requestSeal(kind string, h TokenSecret) id {
	return m.named(forPasskey, kind+string(h[:]))
}

// requestChallenge is what is to be responded to.
func (m *Machine) requestChallenge(kind string, h TokenSecret) digest {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	return s.keyed(len(m.keys), forPasskey, m.tenant, kind, "challenge", string(h[:]))
}

// requested reads the token of a request that is not over.
func (m *Machine) requested(kind string, token Secret, now time.Time) (x claimFacts, ok bool) {
	h, p, ok := m.parseToken(passkeyKind, string(token))
	seal := m.requestSeal(kind, h)
	if subtle.ConstantTimeCompare(p[:], seal[:]) != 1 || !ok {
		return x, false
	}
	x = claimFacts{by: kind, once: sha256.Sum256(h[:]), challenge: m.requestChallenge(kind, h), born: int64(binary.BigEndian.Uint64(h[:]))}
	x.until = x.born + int64(m.policy.Life)
	return x, x.born <= now.Add(MaxSkew).UnixNano()
}

// passkeyHandle is the handle of the transaction that a response begins: with a key of the
// client, the same one for the same event.
func (m *Machine) passkeyHandle(x *claimFacts, l *PasskeyLogin) (h TokenSecret) {
	if l.Key == "" {
		rand.Read(h[:])
		return h
	}
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	return TokenSecret(s.keyed(len(m.keys), forHandOver, m.tenant, string(x.once[:]), l.Type, string(l.Response), l.Relay, l.Key))
}

// byPasskey is what a passkey that begins a transaction responds to; else nil.
func (s *step) byPasskey() *claimFacts {
	if s.op != opPasskey {
		return nil
	}
	return s.in.login.claim
}

// handleOf is by what responses of the factor name its user; "" if by nothing.
func (l *listed) handleOf() string {
	if d, ok := l.typ.Verifier.(Discoverer); ok && l.plain != nil {
		return d.HandleOf(l.plain)
	}
	return ""
}

// noMethods, in a transaction, are those of one that began by a proof of a factor: there
// is no other part.
const noMethods = " "
