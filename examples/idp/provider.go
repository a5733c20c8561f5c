package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/okta"
)

// provider is the host: everything around the library.
type provider struct {
	svc      *authn.Service
	api      *okta.Handler
	people   *people
	sessions *sessions
	inbox    *inbox // nil: mail goes to a relay
	relay    string
	tracer   *tracer
	clock    clock
	changes  changes
	dev      bool
	base     string
	log      *log.Logger
	closing  chan struct{}
}

func newProvider(ctx context.Context, o options, st *host.Storage, base string, logger *log.Logger) (*provider, error) {
	p := &provider{dev: o.dev, base: base, relay: o.smtp, log: logger, closing: make(chan struct{})}
	k, err := host.OpenKeys(o.keys)
	if err != nil {
		return nil, fmt.Errorf("-keys: %w", err)
	}
	kept, err := newKept(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("-store: %w", err)
	}
	if p.people, err = newPeople(kept, o.cost); err != nil {
		return nil, err
	}
	p.sessions = &sessions{kept, p.clock.now}
	p.tracer = &tracer{kept: kept, now: p.clock.now, say: logger.Printf}
	cfg := authn.Config{
		Tenant: "idp", Keys: k.KeyRing(), PseudonymKey: k.Pseudonym,
		Store: st.Store, Directory: p.people, Auditor: p.tracer, Policy: o.policy(), Now: p.clock.now,
	}
	if o.smtp == "" {
		if p.inbox, err = newInbox(kept, p.clock.now); err != nil {
			return nil, err
		}
		cfg.Mailer = p.inbox
	} else if cfg.Mailer, err = relay(o.smtp, p.clock.now); err != nil {
		return nil, err
	}
	if p.svc, err = authn.New(cfg); err != nil {
		return nil, err
	}
	p.api, err = okta.New(okta.Config{
		Service: p.svc, Passwords: p.people, Sessions: p.sessions, Profile: p.people.profile,
		RedirectURLs: accountURLs(base), CookieKey: k.Cookie, InsecureCookie: true,
		Report: func(_ context.Context, id string, err error) { logger.Printf("request %s: %v", id, err) },
	})
	return p, err
}

// accountURLs are where a sign-in may end, by each name of this machine.
func accountURLs(base string) []string {
	urls := []string{base + "/account"}
	if u, err := url.Parse(base); err == nil && net.ParseIP(u.Hostname()).IsLoopback() {
		urls = append(urls, "http://localhost:"+u.Port()+"/account")
	}
	return urls
}

// close ends what would else never end.
func (p *provider) close() { close(p.closing) }

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", p.watched(p.api))
	mux.Handle("/login/", p.watched(p.api))
	mux.HandleFunc("GET /{$}", p.signInPage)
	mux.HandleFunc("GET /machine", p.machinePage)
	mux.HandleFunc("GET /machine/part", p.part("view", func(r *http.Request) (any, error) { return p.look(r) }))
	mux.HandleFunc("GET /inbox", p.inboxPage)
	mux.HandleFunc("GET /inbox/part", p.part("mails", func(r *http.Request) (any, error) { return p.readInbox(r) }))
	mux.HandleFunc("GET /inbox.json", p.inboxJSON)
	mux.HandleFunc("GET /inbox/mail/{id}", p.inboxMail)
	mux.HandleFunc("GET /live", p.live)
	mux.HandleFunc("GET /account", p.accountPage)
	mux.HandleFunc("POST /sign-out", p.signOut)
	mux.Handle("GET /assets/", assets())
	if p.dev {
		mux.HandleFunc("POST /dev/clock", p.advance)
	}
	return headers(http.NewCrossOriginProtection().Handler(known(mux)))
}

// headers are those of every answer. No page has a script or a style of its
// own, and none loads anything from elsewhere.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// watched tells the pages that something has happened, and gives the browser's
// state token to /machine, in a cookie that goes nowhere else.
func (p *provider) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer p.changes.tell()
		if visitor(r.Context()) == "" || r.URL.Path != "/api/v1/authn" {
			next.ServeHTTP(w, r)
			return
		}
		b := &held{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(b, r)
		var answer struct{ StateToken string }
		if b.status == http.StatusOK && json.Unmarshal(b.body.Bytes(), &answer) == nil {
			c := cookie(stateCookie, "/machine", answer.StateToken, 0)
			if answer.StateToken == "" { // the sign-in was over at once
				c.MaxAge = -1
			}
			http.SetCookie(w, c)
		}
		w.WriteHeader(b.status)
		w.Write(b.body.Bytes())
	})
}

// held is an answer that has not left yet.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

// stateToken is the one behind the mark that package okta puts before it.
func stateToken(r *http.Request) authn.StateToken {
	c, err := r.Cookie(stateCookie)
	if err != nil {
		return ""
	}
	return authn.StateToken(strings.TrimPrefix(c.Value, "00"))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
