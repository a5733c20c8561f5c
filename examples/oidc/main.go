// Command oidc is an OpenID provider whose sign-in is authn, and a small application
// that signs in with it.
//
//	go run ./examples/oidc
//
// The provider speaks the authorization code flow with PKCE, by
// github.com/zitadel/oidc. When an application asks who the user is, request.go says
// what the session has to have, signin.go runs the sign-in that is missing, and
// session.go says what the ID token tells of it.
//
// It is an example of a host, not a product: it keeps everything in memory, and whoever
// reaches it can read its inbox. Serve it on the loopback address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/authnfsm/authn/examples/oidc/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "oidc:", err)
		os.Exit(1)
	}
}

const (
	tendEvery   = 10 * time.Second
	readTimeout = 10 * time.Second
)

// run serves until ctx ends. It writes where to go to out once it listens.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	fs := flag.NewFlagSet("oidc", flag.ContinueOnError)
	fs.SetOutput(errs)
	addr := fs.String("addr", "127.0.0.1:8082", "where the provider listens")
	clientAddr := fs.String("client-addr", "127.0.0.1:8083", "where the application listens")
	issuer := fs.String("issuer", "", "the `URL` by which browsers reach the provider; by default http://localhost and its port")
	key := fs.String("key", "", "a PEM `file` with the RSA key, in PKCS #8, that signs ID tokens; by default one is made at each start")
	more := fs.String("clients", "", "a JSON `file` with further clients: see README.md")
	if err := fs.Parse(args); err != nil {
		return err
	}
	slog.SetDefault(logger(errs)) // the library of the provider logs there
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	appLn, err := net.Listen("tcp", *clientAddr)
	if err != nil {
		return err
	}
	defer appLn.Close()
	if *issuer == "" {
		// A passkey is made for a name and not for an IP address. It also keeps the cookies
		// of the two servers apart, which a port does not.
		*issuer = fmt.Sprintf("http://localhost:%d", ln.Addr().(*net.TCPAddr).Port)
	}
	app := client.New(*issuer, "http://"+appLn.Addr().String())
	p, err := newProvider(config{issuer: *issuer, keyFile: *key, clientsFile: *more, clients: []registration{{
		ID: app.ID, Secret: app.Secret, RedirectURIs: []string{app.RedirectURI()}, PostLogoutRedirectURIs: []string{app.Base + "/"},
	}}})
	if err != nil {
		return err
	}
	served := make(chan error, 2)
	for ln, h := range map[net.Listener]http.Handler{ln: p.handler(), appLn: app.Handler()} {
		srv := &http.Server{Handler: h, ReadTimeout: readTimeout, MaxHeaderBytes: 32 << 10}
		go func() { served <- srv.Serve(ln) }()
	}
	go p.tend(ctx)
	fmt.Fprint(out, welcome(*issuer, app.Base))
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return nil
	}
}

// tend does what is due: mail to send again, sign-ins and requests whose time is up.
func (p *provider) tend(ctx context.Context) {
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		if _, err := p.svc.Tend(ctx); err != nil && ctx.Err() == nil {
			slog.Error("tend", "err", err)
		}
		p.store.sweep()
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// logger leaves out what a log must not keep: the library adds the state of a request,
// and errors that may quote a token.
func logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case "state", "session_state", "parent", "url":
			return slog.Attr{}
		}
		return a
	}}))
}

func welcome(issuer, app string) string {
	return fmt.Sprintf(`An OpenID provider, and an application that signs in with it. All is in memory.

  Start here   %s/
  Inbox        %s/inbox
  Phone        %s/phone
  Provider     %s/.well-known/openid-configuration

%s
Press "Sign in" in the application, sign in as ada@example.com, and read her code in
the inbox. Then ask for more there: a fresh sign-in, or a passkey.

`, app, issuer, issuer, issuer, listAccounts())
}
