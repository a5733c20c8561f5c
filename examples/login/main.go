// Login is a host with PostgreSQL, SMTP, apps and metrics, behind a proxy that ends TLS.
package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/otelauthn"
	"github.com/authnfsm/authn/smtpmail"
	"github.com/authnfsm/authn/sqlstore"
)

const schema = `
	CREATE TABLE IF NOT EXISTS users (id text PRIMARY KEY, name text UNIQUE NOT NULL, password bytea NOT NULL);
	CREATE TABLE IF NOT EXISTS factors (
		owner text REFERENCES users, id text, type text NOT NULL, address text NOT NULL, status smallint NOT NULL,
		required boolean NOT NULL, data bytea, revision bigint NOT NULL DEFAULT 0, PRIMARY KEY (owner, id));
	CREATE TABLE IF NOT EXISTS sessions (token text PRIMARY KEY, data bytea NOT NULL, expiry timestamptz NOT NULL)`

// users is the host's table of users, and an [authn.Directory].
type users struct{ db *sql.DB }

// Factors implements [authn.Directory].
func (u users) Factors(ctx context.Context, user string) (fs []authn.Factor, err error) {
	rows, err := u.db.QueryContext(ctx, "SELECT id, type, address, status, required, data, revision FROM factors WHERE owner = $1 ORDER BY id", user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for err == nil && rows.Next() {
		var f authn.Factor
		err = rows.Scan(&f.ID, &f.Type, &f.Address, &f.Status, &f.Required, &f.Data, &f.Revision)
		fs = append(fs, f)
	}
	return fs, errors.Join(err, rows.Err())
}

// Activated implements [authn.Directory]: newer data take the place of older.
func (u users) Activated(ctx context.Context, _, user string, f authn.Factor) error {
	_, err := u.db.ExecContext(ctx, `UPDATE factors SET status = $4, data = $5, revision = $6
		WHERE owner = $1 AND id = $2 AND address = $3 AND (revision < $6 OR $6 = 0)`, user, f.ID, f.Address, authn.Active, f.Data, f.Revision)
	return err
}

// decoy is the hash for a name that does not exist: it costs the same work.
var decoy, _ = bcrypt.GenerateFromPassword([]byte("nobody's"), bcrypt.DefaultCost)

func (u users) check(ctx context.Context, name string, password authn.Secret) (authn.Login, error) {
	user, hash := "", decoy
	err := u.db.QueryRowContext(ctx, "SELECT id, password FROM users WHERE name = $1", name).Scan(&user, &hash)
	wrong := bcrypt.CompareHashAndPassword(hash, []byte(password))
	if errors.Is(err, sql.ErrNoRows) || err == nil && wrong != nil {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: user}, err
}

// must ends the program that cannot start.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	ctx, env := context.Background(), os.Getenv
	db, tables := must(sql.Open("pgx", env("DATABASE_URL"))), sqlstore.Config{Dialect: sqlstore.PostgreSQL}
	must(db.ExecContext(ctx, schema))
	must(tables, sqlstore.Migrate(ctx, db, tables))
	tel := must(otelauthn.New(otelauthn.Config{MeterProvider: metric.NewMeterProvider(metric.WithReader(must(prometheus.New())))}))
	svc := tel.Service(must(authn.New(tel.Ports(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: must(hex.DecodeString(env("AUTHN_KEY")))}},
		PseudonymKey: must(hex.DecodeString(env("AUTHN_PSEUDONYM_KEY"))),
		Store:        must(sqlstore.New(ctx, db, tables)),
		Mailer: must(smtpmail.New(smtpmail.Config{
			Addr: env("SMTP_ADDR"), From: env("SMTP_FROM"), Service: "Example", Username: env("SMTP_USERNAME"), Password: authn.Secret(env("SMTP_PASSWORD")),
		})),
		Directory: users{db}, Issuer: "Example",
	}))))
	go func() {
		for range time.Tick(10 * time.Second) {
			svc.Tend(ctx) // deliveries that failed, and what has ended; metrics tell of errors
		}
	}()

	sessions := scs.New()
	sessions.Store, sessions.Cookie.Name, sessions.Cookie.Secure = postgresstore.New(db), "__Host-session", true
	mux := http.NewServeMux()
	mux.Handle("/signin/", http.StripPrefix("/signin", must(httphost.New(httphost.Config{
		Service: svc, Password: users{db}.check,
		Session: func(_ http.ResponseWriter, r *http.Request, a *authn.Assertion) error {
			sessions.Put(r.Context(), "user", a.User)
			return sessions.RenewToken(r.Context()) // a new ID
		},
	}))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "signed in as %q\n", sessions.GetString(r.Context(), "user"))
	})
	go func() { log.Fatal(http.ListenAndServe(env("METRICS"), promhttp.Handler())) }()
	log.Fatal((&http.Server{Addr: env("LISTEN"), Handler: sessions.LoadAndSave(mux), ReadTimeout: 10 * time.Second}).ListenAndServe())
}
