package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/httphost"
)

const (
	cookie      = "__Host-session"
	sessionLife = 12 * time.Hour
)

// cost is that of a password's hash; tests lower it.
var cost = bcrypt.DefaultCost

// users are the host's users and their sessions. It is an [authn.Directory].
type users struct {
	db    *sql.DB
	limit *limiter
	decoy []byte // the hash for a name that does not exist
}

func openUsers(ctx context.Context, db *sql.DB, limit *limiter) (*users, error) {
	// The lock is for nodes that start at the same time.
	_, err := db.ExecContext(ctx, `
		SELECT pg_advisory_xact_lock(1);
		CREATE TABLE IF NOT EXISTS users (
			id text PRIMARY KEY, name text UNIQUE NOT NULL, password bytea NOT NULL,
			email text NOT NULL, verified boolean NOT NULL DEFAULT false);
		CREATE TABLE IF NOT EXISTS sessions (
			hash bytea PRIMARY KEY, user_id text NOT NULL, expires timestamptz NOT NULL);
		CREATE TABLE IF NOT EXISTS attempts (
			client text, event text, hour timestamptz, n integer NOT NULL, PRIMARY KEY (client, event, hour))`)
	if err != nil {
		return nil, err
	}
	decoy, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
	return &users{db, limit, decoy}, err
}

// Add creates a user. Call it where users register, in a program of your own.
// An address is verified if the user has proved to read mail there.
func (u *users) Add(ctx context.Context, id, name, password, email string, verified bool) error {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return err
	}
	_, err = u.db.ExecContext(ctx, "INSERT INTO users VALUES ($1, $2, $3, $4, $5)", id, name, hash, email, verified)
	return err
}

// Check says who has this name and password. It does the same work for a name that does
// not exist.
func (u *users) Check(ctx context.Context, name string, password authn.Secret) (authn.Login, error) {
	retryAt, err := u.limit.Allow(ctx, authn.Attempt{Event: "password"})
	switch {
	case err != nil:
		return authn.Login{}, err
	case !retryAt.IsZero():
		return authn.Login{}, &authn.Refusal{Event: authn.EventPrimary, Err: authn.ErrTooSoon, RetryAt: retryAt}
	}
	user, hash := "", u.decoy
	err = u.db.QueryRowContext(ctx, "SELECT id, password FROM users WHERE name = $1", name).Scan(&user, &hash)
	wrong := bcrypt.CompareHashAndPassword(hash, []byte(password))
	if errors.Is(err, sql.ErrNoRows) || err == nil && wrong != nil {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: user}, err
}

// Factors implements [authn.Directory].
func (u *users) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	f := authn.Factor{ID: "email", Type: authn.Email, Status: authn.NotSetUp}
	var verified bool
	err := u.db.QueryRowContext(ctx, "SELECT email, verified FROM users WHERE id = $1", user).Scan(&f.Address, &verified)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("users: %w", authn.ErrNoUser)
	}
	if verified {
		f.Status = authn.Active
	}
	return []authn.Factor{f}, err
}

// Activated implements [authn.Directory]. If the address has changed in the
// meantime, the confirmation of the old one has no effect.
func (u *users) Activated(ctx context.Context, _, user string, f authn.Factor) error {
	_, err := u.db.ExecContext(ctx, "UPDATE users SET verified = true WHERE id = $1 AND email = $2", user, f.Address)
	return err
}

// StartSession creates a session from the assertion. The database holds a hash
// of its id.
func (u *users) StartSession(w http.ResponseWriter, r *http.Request, a *authn.Assertion) error {
	id := rand.Text()
	hash := sha256.Sum256([]byte(id))
	_, err := u.db.ExecContext(r.Context(), "INSERT INTO sessions VALUES ($1, $2, $3)", hash[:], a.User, time.Now().Add(sessionLife))
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return nil
}

// Home is a page for users who have signed in.
func (u *users) Home(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie(cookie)
	if err != nil {
		http.Error(w, "sign in", http.StatusUnauthorized)
		return
	}
	var user string
	hash := sha256.Sum256([]byte(c.Value))
	err = u.db.QueryRowContext(r.Context(), "SELECT user_id FROM sessions WHERE hash = $1 AND expires > now()", hash[:]).Scan(&user)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.Error(w, "sign in", http.StatusUnauthorized)
	case err != nil:
		http.Error(w, "try again", http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "signed in as", user)
	}
}

func (u *users) removeExpired(ctx context.Context) error {
	_, err := u.db.ExecContext(ctx, "DELETE FROM sessions WHERE expires <= now()")
	return err
}
