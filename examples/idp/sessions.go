package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

const (
	sessionCookie = "idp_session"
	sessionLife   = time.Hour
)

// session is what a cookie stands for. It is made from an assertion, and from
// nothing else.
type session struct {
	User, Transaction    string
	Methods, Channels    []string
	Remembered           bool // a device, in the place of a factor
	Began, Made, Expires time.Time
	Password             time.Time // when the password that counted was chosen; zero: it is everybody's
}

// proofs are what a session's methods are called on the page: RFC 8176 has their names.
// What is not here goes without saying.
var proofs = map[string]string{
	"pwd": "a password", "otp": "a one-time code", "pop": "a security key", "uv": "the PIN or the finger that it asked for",
	"swk": "a phone", "kba": "an answer",
}

// Proved says what the user has proved.
func (s *session) Proved() string {
	var list []string
	for _, m := range s.Methods {
		if p := proofs[m]; p != "" {
			list = append(list, p)
		}
	}
	text := strings.Join(list, " and ")
	if slices.Contains(s.Channels, authn.Email) {
		text += ", by email"
	}
	if s.Remembered {
		text += ", on a device that is remembered"
	}
	return text
}

// sessions keeps them. It is the okta.Sessions of the handler.
type sessions struct {
	kept kept
	now  func() time.Time
}

// StartSession implements okta.Sessions. The id goes into the cookie alone,
// which scripts cannot read; a session that the browser had before ends.
func (s *sessions) StartSession(w http.ResponseWriter, r *http.Request, a *authn.Assertion) (okta.Session, error) {
	if err := s.end(r); err != nil {
		return okta.Session{}, err
	}
	id := rand.Text()
	made := s.now()
	chosen, err := s.chosen(r.Context(), a.User)
	if err != nil {
		return okta.Session{}, err
	}
	v := session{a.User, a.Transaction, a.Methods, a.Channels, a.Remembered, a.Began, made, made.Add(sessionLife), chosen}
	if err := saveUntil(r.Context(), s.kept, sessionKind, hashed(id), v, v.Expires); err != nil {
		return okta.Session{}, err
	}
	http.SetCookie(w, cookie(sessionCookie, "/", id, int(sessionLife/time.Second)))
	return okta.Session{Expires: v.Expires}, nil
}

// of returns the session of a request; nil: there is none.
func (s *sessions) of(r *http.Request) (*session, error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil, nil
	}
	v, err := load[session](r.Context(), s.kept, sessionKind, hashed(c.Value))
	if err != nil || v == nil || !s.now().Before(v.Expires) {
		return nil, err
	}
	chosen, err := s.chosen(r.Context(), v.User)
	if err != nil || !chosen.Equal(v.Password) { // whoever knew the old password may have the session
		return nil, err
	}
	return v, nil
}

// chosen says when the user's password was: a new one ends all sessions from before.
func (s *sessions) chosen(ctx context.Context, user string) (time.Time, error) {
	own, err := load[ownPassword](ctx, s.kept, passwordKind, user)
	if err != nil || own == nil {
		return time.Time{}, err
	}
	return own.At, nil
}

func (s *sessions) end(r *http.Request) error {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	return s.kept.remove(r.Context(), sessionKind, hashed(c.Value))
}

// hashed is what is stored of a cookie: it cannot be turned back into one.
func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// cookie is one that scripts cannot read. A server with TLS would add Secure
// and the prefix __Host-.
func cookie(name, path, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: path, MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}
