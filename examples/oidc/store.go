package main

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const (
	codeLife    = time.Minute
	tokenLife   = 5 * time.Minute
	maxRequests = 10_000 // kept at a time: anybody can send one
)

// store is what the library asks for: op.Storage. It keeps requests, codes, access tokens
// and sessions in memory.
type store struct {
	refusals
	people  *people
	clients map[string]*registered
	key     *signingKey
	now     func() time.Time

	mu       sync.Mutex // guards the maps and what they hold
	requests map[string]*request
	codes    map[string]*code    // by hash
	tokens   map[string]*token   // by id
	sessions map[string]*session // by the hash of the cookie
}

// code is an authorization code. It stays known when it is used, so that a second use
// ends the access token of the first.
type code struct {
	request *request
	ends    time.Time
	uses    int
}

// token is an access token, good for the userinfo endpoint.
type token struct {
	code   *code
	user   string
	scopes []string
	ends   time.Time
}

// CreateAuthRequest implements op.Storage: user is that of a valid id_token_hint.
func (s *store) CreateAuthRequest(ctx context.Context, in *oidc.AuthRequest, user string) (op.AuthRequest, error) {
	r := &request{AuthRequest: in, id: rand.Text(), browser: browserOf(ctx), hint: user, accept: accepted(in.ACRValues), ends: s.now().Add(requestLife)}
	if err := r.check(s.clients[in.ClientID]); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) >= maxRequests {
		return nil, &oidc.Error{ErrorType: "temporarily_unavailable", Description: "Too many sign-ins are under way."}
	}
	s.requests[r.id] = r
	return r, nil
}

func (s *store) request(id string) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[id]
}

// answer answers a request, once: from then on it is done. It returns nil if it was
// answered before. The session is nil if the answer is an error.
func (s *store) answer(id string, with *session) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[id]
	if r == nil || r.done {
		return nil
	}
	if with == nil {
		refused := *r
		refused.done = true
		s.requests[id] = &refused
	} else {
		s.requests[id] = r.answered(with)
	}
	return s.requests[id]
}

// SaveAuthCode implements op.Storage.
func (s *store) SaveAuthCode(_ context.Context, id, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[id]
	if r == nil || r.user == "" {
		return errUnknown
	}
	s.codes[hashed(secret)] = &code{request: r, ends: s.now().Add(codeLife)}
	return nil
}

// AuthRequestByCode implements op.Storage. It uses the code up, whatever comes of it: also
// for a wrong verifier or another client. A second use ends what the first has brought.
func (s *store) AuthRequestByCode(_ context.Context, secret string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.codes[hashed(secret)]
	if c == nil || !s.now().Before(c.ends) {
		return nil, errUnknown
	}
	if c.uses++; c.uses > 1 {
		maps.DeleteFunc(s.tokens, func(_ string, t *token) bool { return t.code == c })
		return nil, errors.New("the code was used before")
	}
	return &exchange{c.request, c}, nil
}

// exchange is a request whose code is being exchanged.
type exchange struct {
	*request
	code *code
}

// CreateAccessToken implements op.Storage.
func (s *store) CreateAccessToken(_ context.Context, r op.TokenRequest) (id string, ends time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := r.(*exchange)
	if !ok || x.code.uses > 1 {
		return "", ends, oidc.ErrInvalidGrant()
	}
	id, ends = rand.Text(), s.now().Add(tokenLife)
	s.tokens[id] = &token{x.code, x.user, x.Scopes, ends}
	return id, ends, nil
}

// DeleteAuthRequest implements op.Storage. A request and its code stay until they are
// swept, to know them again.
func (s *store) DeleteAuthRequest(context.Context, string) error { return nil }

// SetUserinfoFromScopes implements op.Storage, for ID tokens: they say who, and the
// userinfo endpoint says the rest.
func (s *store) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, user, _ string, _ []string) error {
	info.Subject = user
	return nil
}

// SetUserinfoFromToken implements op.Storage.
func (s *store) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, user, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tokens[id]
	if t == nil || t.user != user || !s.now().Before(t.ends) {
		return errUnknown
	}
	who := s.people.all[t.user]
	info.Subject = t.user
	if slices.Contains(t.scopes, oidc.ScopeProfile) {
		info.GivenName, info.FamilyName, info.Name = who.Given, who.Family, who.Given+" "+who.Family
		info.PreferredUsername = t.user + domain
	}
	if slices.Contains(t.scopes, oidc.ScopeEmail) {
		info.Email, info.EmailVerified = t.user+domain, true
	}
	return nil
}

// TerminateSessionFromRequest ends the session of the browser, if the ID token of its
// user asks for it. Without one the user is asked: any site can link to this.
func (s *store) TerminateSessionFromRequest(ctx context.Context, in *op.EndSessionRequest) (string, error) {
	switch at := sessionOf(ctx); {
	case at == nil:
	case in.IDTokenHintClaims == nil || in.UserID != at.user:
		return "/sign-out", nil
	default:
		s.endSession(at)
	}
	return in.RedirectURI, nil
}

func (s *store) endSession(x *session) {
	if x != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, x.key)
	}
}

func (s *store) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	maps.DeleteFunc(s.requests, func(_ string, r *request) bool { return now.After(r.ends.Add(requestLife)) })
	maps.DeleteFunc(s.codes, func(_ string, c *code) bool { return now.After(c.ends.Add(tokenLife)) })
	maps.DeleteFunc(s.tokens, func(_ string, t *token) bool { return now.After(t.ends) })
	maps.DeleteFunc(s.sessions, func(_ string, x *session) bool { return now.After(x.ends) })
}

var errUnknown = errors.New("unknown or expired")
