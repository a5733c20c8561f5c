// Production is a host for any number of nodes: records, users and sessions in
// PostgreSQL, mail through SMTP, keys from the environment.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/client"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/smtpmail"
	"github.com/authnfsm/authn/sqlstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("host stopped", "err", err)
		os.Exit(1)
	}
}

// run opens the database, the sender and the listener, and serves until ctx
// ends.
func run(ctx context.Context) error {
	sender, err := smtpmail.New(smtpmail.Config{
		Addr:     os.Getenv("SMTP_ADDR"),
		From:     os.Getenv("SMTP_FROM"),
		Service:  "Example",
		Username: os.Getenv("SMTP_USERNAME"),
		Password: authn.Secret(os.Getenv("SMTP_PASSWORD")),
		Keep:     4, // connections for the next messages
	})
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	h, err := newHost(ctx, db, sender)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), ":8080"))
	if err != nil {
		return err
	}
	slog.Info("listening", "addr", ln.Addr())
	return h.serve(ctx, ln)
}

// host is the service with its users.
type host struct {
	svc    *authn.Service
	signIn *httphost.Handler
	users  *users
	limit  *limiter
}

// newHost brings the tables up to date and makes the service.
func newHost(ctx context.Context, db *sql.DB, sender authn.Sender) (*host, error) {
	cfg := sqlstore.Config{Dialect: sqlstore.PostgreSQL}
	if err := sqlstore.Migrate(ctx, db, cfg); err != nil {
		return nil, err
	}
	store, err := sqlstore.New(ctx, db, cfg)
	if err != nil {
		return nil, err
	}
	limit := &limiter{db: db, perHour: 30}
	users, err := openUsers(ctx, db, limit)
	if err != nil {
		return nil, err
	}
	keys, pseudonym, err := keysFrom(os.Getenv)
	if err != nil {
		return nil, err
	}
	svc, err := authn.New(authn.Config{
		Keys:         keys,
		PseudonymKey: pseudonym,
		Store:        store,
		Mailer:       sender,
		Directory:    users,
		Auditor:      auditor{slog.Default()},
		Limiter:      limit,

		AcknowledgeLater: true, // tend and Wait are called
	})
	if err != nil {
		return nil, err
	}
	signIn, err := httphost.New(httphost.Config{
		Service: svc, Password: users.Check, Session: users.StartSession,
		Report: func(ctx context.Context, err error) { slog.ErrorContext(ctx, "sign-in", "err", err) },
	})
	return &host{svc, signIn, users, limit}, err
}

func (h *host) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/signin/", http.StripPrefix("/signin", h.signIn))
	mux.HandleFunc("GET /{$}", h.users.Home)
	return client.Handler(os.Getenv("CLIENT_ADDRESS_HEADER"), mux)
}

// serve answers requests and tends the store until ctx ends. Requests that are
// in progress then have 30 seconds to finish.
func (h *host) serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: h.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()

	tending, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { h.tend(tending) })
	defer background.Wait()
	defer stop()

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(srv.Shutdown(ctx), h.svc.Wait(ctx))
}

// tend retries deliveries and removes what has ended, every ten seconds. All
// nodes may do so at the same time.
func (h *host) tend(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		did, err := h.svc.Tend(ctx)
		err = errors.Join(err, h.users.removeExpired(ctx), h.limit.removeExpired(ctx))
		if err != nil && ctx.Err() == nil {
			slog.Error("tend", "did", did, "err", err)
		}
	}
}
