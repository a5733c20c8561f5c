package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"

	"rsc.io/qr"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/examples/keys"
	"github.com/authnfsm/authn/okta"
)

// provider is the host: everything around the library.
type provider struct {
	svc      *authn.Service
	api      *okta.Handler
	people   *people
	sessions *sessions
	inbox    *inbox
	relay    string // takes the mail in the place of the inbox, unless it is ""
	tracer   *tracer
	clock    clock
	changes  changes
	dev      bool
	base     string
	site     string // where security keys work
	addr     string // as -addr has it
	log      *log.Logger
	closing  chan struct{}
}

func newProvider(ctx context.Context, o options, st *host.Storage, base string, logger *log.Logger) (*provider, error) {
	p := &provider{dev: o.dev, base: base, addr: o.addr, relay: o.smtp, log: logger, closing: make(chan struct{})}
	kept, err := newKept(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("-store: %w", err)
	}
	if p.people, err = newPeople(kept, o.cost, p.clock.now); err != nil {
		return nil, err
	}
	p.sessions = &sessions{kept, p.clock.now}
	p.tracer = &tracer{kept: kept, now: p.clock.now, say: logger.Printf}
	if p.inbox, err = newInbox(kept, p.clock.now, p.changes.tell); err != nil {
		return nil, err
	}
	p.site = keySite(portOf(base))
	known, err := types(p.site)
	if err != nil {
		return nil, err
	}
	cfg := authn.Config{
		Tenant: "idp", Issuer: serviceName,
		Store: st.Store, Directory: p.people, Passwords: p.people, Auditor: p.tracer, Policy: o.policy(), Now: p.clock.now,
		AcknowledgeLater: true,
		Types:            known, Senders: map[string]authn.Sender{pushType: phone{p.inbox}, authn.SMS: texts{p.inbox}, authn.Call: texts{p.inbox}},
	}
	if cfg.Questions, err = newAsker(p.people); err != nil {
		return nil, err
	}
	if o.dev {
		cfg.Store = clockless{st.Store, st.Store.(authn.Sweeper)}
	}
	var mailer authn.Sender = p.inbox
	if o.smtp != "" {
		if mailer, err = relay(o.smtp, p.clock.now); err != nil {
			return nil, err
		}
	}
	cfg.Mailer = letters{p.inbox, base, mailer}
	k, err := keys.Open(o.keys) // at last: a start that fails makes no file
	if err != nil {
		return nil, fmt.Errorf("-keys: %w", err)
	}
	cfg.Keys, cfg.PseudonymKey = k.KeyRing(), k.Pseudonym
	if p.svc, err = authn.New(cfg); err != nil {
		return nil, err
	}
	p.people.imports = p.svc.Import
	p.api, err = okta.New(okta.Config{
		Service: p.svc, Passwords: p.people, Sessions: p.sessions, Profile: p.people.profile,
		Types: wire, Questions: questions, QR: qrCode, Recovery: true,
		PasswordPolicy: p.people.passwordPolicy, Remember: o.policy().Remember,
		Trusted: trusting(o.serverKey), RedirectURLs: ownURLs(base, "/account", billingPath), CookieKey: k.Cookie, InsecureCookie: true,
		Report: func(_ context.Context, id string, err error) { logger.Printf("request %s: %v", id, err) },
	})
	return p, err
}

// qrCode is a picture of text, as a PNG.
func qrCode(_ authn.Factor, text authn.Secret) ([]byte, error) {
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		return nil, errors.New("the text is too long for a QR code") // err may have it
	}
	return code.PNG(), nil
}

// ownURLs are where a sign-in may end, by each name of this machine.
func ownURLs(base string, paths ...string) (urls []string) {
	sites := []string{base}
	if u, err := url.Parse(base); err == nil && u.Hostname() == "localhost" {
		for _, ip := range []string{"127.0.0.1", "::1"} {
			sites = append(sites, "http://"+net.JoinHostPort(ip, u.Port()))
		}
	}
	for _, site := range sites {
		for _, path := range paths {
			urls = append(urls, site+path)
		}
	}
	return urls
}

func portOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Port()
}

// close ends what would else never end.
func (p *provider) close() { close(p.closing) }

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", p.watched(p.phoned(p.api)))
	mux.Handle("/login/", p.watched(p.api))
	mux.HandleFunc("GET /{$}", p.signInPage)
	mux.HandleFunc("GET "+recoverPath, p.recoverPage("password"))
	mux.HandleFunc("GET "+unlockPath, p.recoverPage("unlock"))
	mux.HandleFunc("POST "+passkeyPath+"/request", p.requestPasskey)
	mux.HandleFunc("POST "+passkeyPath, p.signInByPasskey)
	mux.HandleFunc("GET /machine", p.machinePage)
	mux.HandleFunc("GET /machine/part", p.part("view", func(r *http.Request) (any, error) { return p.look(r) }))
	mux.HandleFunc("GET /inbox", p.inboxPage)
	mux.HandleFunc("GET /inbox/part", p.part("mails", func(r *http.Request) (any, error) { return p.readInbox(r) }))
	mux.HandleFunc("GET /inbox.json", p.inboxJSON)
	mux.HandleFunc("GET /inbox/mail/{id}", p.inboxMail)
	mux.HandleFunc("POST /inbox/scan", p.scan)
	mux.HandleFunc("POST /inbox/reply/{id}", p.reply)
	mux.HandleFunc("GET /phone", p.phonePage)
	mux.HandleFunc("GET /phone/part", p.part("handset", func(r *http.Request) (any, error) { return p.handset(r.Context(), r.URL.Query().Get("of")) }))
	mux.HandleFunc("GET /phone.json", p.phoneJSON)
	mux.HandleFunc("POST /phone/push/{id}", p.press)
	mux.HandleFunc("GET /live", p.live)
	mux.HandleFunc("GET /account", p.accountPage)
	mux.HandleFunc("GET "+billingPath, p.billingPage)
	mux.HandleFunc("POST /sign-out", p.signOut)
	mux.Handle("GET /assets/", assets())
	if p.dev {
		mux.HandleFunc("POST /dev/clock", p.advance)
	}
	return headers(ownHosts(p.addr, http.NewCrossOriginProtection().Handler(known(mux))))
}

// headers are those of every answer. No page has a script or a style of its
// own, and none loads anything from elsewhere; a QR code is part of an answer.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
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
		if visitor(r.Context()) == "" || r.URL.Path != "/api/v1/authn" && !strings.HasPrefix(r.URL.Path, "/api/v1/authn/recovery/") {
			next.ServeHTTP(w, r)
			return
		}
		b := &buffered{ResponseWriter: w, status: http.StatusOK}
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

// buffered is an answer that has not left yet.
type buffered struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *buffered) WriteHeader(status int)      { h.status = status }
func (h *buffered) Write(b []byte) (int, error) { return h.body.Write(b) }

// stateToken is the one in a cookie, behind the mark that package okta puts before it.
func stateToken(r *http.Request) authn.StateToken {
	c, err := r.Cookie(stateCookie)
	if err != nil {
		return ""
	}
	return unmarked(c.Value)
}

// What package okta puts before tokens.
const (
	stateMark   = "00"
	sessionMark = "20"
)

// marked is a token as package okta takes it; "" is none.
func marked[T authn.StateToken | authn.SessionToken](mark string, token T) string {
	if token == "" {
		return ""
	}
	return mark + string(token)
}

func unmarked(token string) authn.StateToken {
	return authn.StateToken(strings.TrimPrefix(token, stateMark))
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
