// Command idp is a small identity provider to try in a browser: a sign-in page
// on Okta's Authentication API, an inbox in which the demo's mail can be read,
// and the state machine, drawn from the table that runs, with the visitor's
// own sign-in lit.
//
//	go run ./examples/idp
//
// It has an account for each kind of factor: codes by mail, an authenticator app, a
// security key or passkey, a phone that approves (the inbox plays it), recovery codes
// and a question; one whose password has expired, and one whose password expires soon.
// A password that is forgotten is recovered, and an account that is locked is unlocked,
// by a mailed link, a text message or a call. A browser can be remembered. Browsers use a security key for a name and not for an IP address:
// open http://localhost:8080. At 127.0.0.1 everything else works.
//
// It is an example of a host, not a product: whoever reaches it can read its
// inbox, and approve what a phone is asked. Serve it on the loopback address. It
// answers to its own names only, so that no other site's page can read the inbox
// from a browser on this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/authnfsm/authn/examples/host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "idp:", err)
		os.Exit(1)
	}
}

const (
	tendEvery   = 10 * time.Second
	patience    = 5 * time.Second // with requests under way, at the end
	readTimeout = 10 * time.Second
)

// run serves until ctx ends. It writes where to go to out once it listens.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	st, err := host.Open(ctx, o.store)
	if err != nil {
		return fmt.Errorf("-store: %w", err)
	}
	defer st.Close()
	ln, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	base := baseURL(ln.Addr().(*net.TCPAddr))
	p, err := newProvider(ctx, o, st, base, log.New(errs, "", log.Ltime))
	if err != nil {
		ln.Close()
		return err
	}
	srv := &http.Server{Handler: p.handler(), ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, MaxHeaderBytes: 16 << 10, ErrorLog: p.log}
	var tending sync.WaitGroup
	tending.Go(func() { p.tend(ctx) })
	tending.Go(func() { laidOut() }) // before somebody waits for it
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	fmt.Fprint(out, welcome(base, st.Name, o.dev))
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
	}
	p.close()
	wait, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	err = errors.Join(srv.Shutdown(wait), p.svc.Wait(wait))
	tending.Wait()
	return err
}

// tend does what is due: mail to send again, transactions whose time is up.
func (p *provider) tend(ctx context.Context) {
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		_, err := p.svc.Tend(ctx)
		err = errors.Join(err, p.people.kept.sweep(ctx, p.clock.now()))
		if err != nil && ctx.Err() == nil {
			p.log.Printf("tend: %v", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// baseURL is where a browser on this machine finds the server: by its name if it has
// one, since security keys work for a name only.
func baseURL(a *net.TCPAddr) string {
	host := a.IP.String()
	if a.IP.IsUnspecified() || a.IP.Equal(net.IPv4(127, 0, 0, 1)) || a.IP.Equal(net.IPv6loopback) {
		host = keyDomain
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(a.Port))
}

func welcome(base, storage string, dev bool) string {
	s := fmt.Sprintf("A demo identity provider, %s.\n\n", storage)
	for _, l := range [][2]string{{"Sign in", "/"}, {"Inbox", "/inbox"}, {"Phone", "/phone"}, {"Machine", "/machine"}, {"Account", "/account"}} {
		s += fmt.Sprintf("  %-9s %s%s\n", l[0], base, l[1])
	}
	if dev {
		s += fmt.Sprintf("  %-9s POST %s/dev/clock?advance=5m\n", "Clock", base)
	}
	return s + "\n" + listAccounts() + "\n"
}
